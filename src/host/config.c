/* SPDX-License-Identifier: ISC */

/*
 * Checks and defaults that pools and supervisors share.  Owns nothing.
 */

#include "host/config.h"

#include <errno.h>

enum {
	CONFIG_BOOT_MS = 60000,
	CONFIG_SHUTDOWN_MS = 5000,
	CONFIG_INTENSITY = 5,
	CONFIG_PERIOD_MS = 30000,
};

int
brood__config_check_child(const struct brood__config_child *child)
{
	bool is_program = child->argv != NULL;

	if (is_program == (child->fn != NULL))
		return -EINVAL;
	if (is_program && (child->argv[0] == NULL || child->setup != NULL))
		return -EINVAL;
	if (!is_program && (child->options->env != NULL ||
	    child->options->chdir != NULL))
		return -EINVAL;
	return child->boot_ms < 0 || child->shutdown_ms < 0 ? -EINVAL : 0;
}

void
brood__config_set_spec(struct brood__slot_spec *spec,
    const struct brood__config_child *child)
{
	*spec = (struct brood__slot_spec) {
		.spawn.name = child->name,
		.spawn.fn = child->fn,
		.spawn.setup = child->setup,
		.spawn.setup_arg = child->setup_arg,
		.spawn.arg = child->fn_arg,
		.spawn.says_hello = true,
		.spawn.argv = child->argv,
		.spawn.options = child->options,
		.restart = child->restart,
		.boot_ms = child->boot_ms != 0 ? child->boot_ms :
		    CONFIG_BOOT_MS,
		.shutdown_ms = child->shutdown_ms != 0 ? child->shutdown_ms :
		    CONFIG_SHUTDOWN_MS,
	};
}

int
brood__config_set_limits(struct brood__supervisor_config *config,
    unsigned intensity, int period_ms)
{
	if (intensity > BROOD__RESTART_INTENSITY_MAX || period_ms < 0)
		return -EINVAL;
	config->intensity = intensity != 0 ? intensity : CONFIG_INTENSITY;
	config->period_ms = period_ms != 0 ? period_ms : CONFIG_PERIOD_MS;
	return 0;
}

int
brood__config_set_sink(struct brood__supervisor_config *config, int stderr_fd,
    bool has_prefix)
{
	if (stderr_fd < -1)
		return -EINVAL;
	config->sink_fd = stderr_fd;
	config->has_prefix = has_prefix;
	return 0;
}
