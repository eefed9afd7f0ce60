/* SPDX-License-Identifier: ISC */

/*
 * Checks and defaults that pools and supervisors share.  Owns nothing.
 */

#include "host/config.h"

#include "base/names.h"
#include "base/reserved.h"
#include "process/confine.h"
#include "wire/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	CONFIG_BOOT_MS = 60000,
	CONFIG_SHUTDOWN_MS = 5000,
	CONFIG_INTENSITY = 5,
	CONFIG_PERIOD_MS = 30000,
};

int
brood__config_refuse(char *text, const char *format, ...)
{
	va_list ap;

	if (text != NULL) {
		va_start(ap, format);
		(void)vsnprintf(text, BROOD_TEXT_SIZE, format, ap);
		va_end(ap);
	}
	return -EINVAL;
}

int
brood__config_check_max(const char *name, size_t value, size_t max, char *text)
{
	return value <= max ? 0 : brood__config_refuse(text,
	    "%s is %zu, at most %zu is possible", name, value, max);
}

int
brood__config_check_time(const char *name, int32_t value_ms, char *text)
{
	return value_ms >= -1 ? 0 : brood__config_refuse(text,
	    "%s is %d, not -1 or more", name, value_ms);
}

static const char *
config_words(int r)
{
	switch (r) {
	case -EMFILE:
		return "two descriptors for each process are more than "
		    "RLIMIT_NOFILE permits";
	case -EBADF:
		return "stderr_fd is not open";
	case -EAGAIN:
		return "fork: no more processes are permitted";
	default:
		return brood__error_words(-r);
	}
}

void
brood__config_explain(char *text, int r)
{
	if (text != NULL && text[0] == '\0')
		(void)strlcpy(text, config_words(r), BROOD_TEXT_SIZE);
}

static int
config_check_fds(const struct brood__config_child *child, char *text)
{
	const struct brood_child_options *options = child->options;
	int fd;

	if (options->n_keep_fds > 0 && options->keep_fds == NULL)
		return brood__config_refuse(text, "%s: keep_fds is not set",
		    child->name);
	for (size_t i = 0; i < options->n_keep_fds; i++) {
		fd = options->keep_fds[i];
		if (fd <= STDERR_FILENO)
			return brood__config_refuse(text,
			    "%s: keep_fds: %d is not above 2", child->name, fd);
		if (fcntl(fd, F_GETFD) < 0) {
			(void)brood__config_refuse(text,
			    "%s: keep_fds: %d is not open", child->name, fd);
			return -EBADF;
		}
	}
	return 0;
}

static int
config_check_program(const struct brood__config_child *child, char *text)
{
	if (child->fn != NULL)
		return brood__config_refuse(text,
		    "%s: a function and argv are set", child->name);
	if (child->argv[0] == NULL)
		return brood__config_refuse(text, "%s: argv is empty",
		    child->name);
	if (child->setup != NULL)
		return brood__config_refuse(text,
		    "%s: setup is set, but a program has none", child->name);
	return 0;
}

static int
config_check_function(const struct brood__config_child *child, char *text)
{
	if (child->fn == NULL)
		return brood__config_refuse(text,
		    "%s: neither a function nor argv is set", child->name);
	if (child->options->env != NULL || child->options->chdir != NULL)
		return brood__config_refuse(text,
		    "%s: env and chdir are for argv only", child->name);
	return 0;
}

static int
config_check_confine(const struct brood__config_child *child, char *text)
{
	struct brood__failure report;
	int r;

	r = brood__confine_check(child->options->confine, child->argv != NULL,
	    &report);
	return r < 0 ? brood__config_refuse(text, "%s: confine: %s",
	    child->name, report.text) : 0;
}

int
brood__config_check_child(const struct brood__config_child *child, char *text)
{
	int r;

	r = child->argv != NULL ? config_check_program(child, text) :
	    config_check_function(child, text);
	if (r < 0)
		return r;
	if (child->boot_ms < 0 || child->shutdown_ms < 0)
		return brood__config_refuse(text,
		    "%s: boot_ms or shutdown_ms is negative", child->name);
	if (!BROOD__RESERVED_IS_ZERO(child->options) ||
	    brood__channel_check_options(&child->options->channel) < 0)
		return brood__config_refuse(text,
		    "%s: an option of the child or its channel is out of range",
		    child->name);
	r = config_check_confine(child, text);
	return r < 0 ? r : config_check_fds(child, text);
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
		.spawn.takes_fds = child->takes_fds,
		.spawn.has_last_words = child->has_last_words,
		.restart = child->restart,
		.boot_ms = child->boot_ms != 0 ? child->boot_ms :
		    CONFIG_BOOT_MS,
		.shutdown_ms = child->shutdown_ms != 0 ? child->shutdown_ms :
		    CONFIG_SHUTDOWN_MS,
	};
}

int
brood__config_set_limits(struct brood__supervisor_config *config,
    int intensity, int period_ms, char *text)
{
	if (intensity < -1 || intensity > BROOD__RESTART_INTENSITY_MAX)
		return brood__config_refuse(text, "intensity is %d, not -1 "
		    "to %d", intensity, BROOD__RESTART_INTENSITY_MAX);
	if (period_ms < 0)
		return brood__config_refuse(text, "period_ms is negative");
	config->intensity = intensity < 0 ? 0 :
	    intensity > 0 ? (unsigned)intensity : CONFIG_INTENSITY;
	config->period_ms = period_ms != 0 ? period_ms : CONFIG_PERIOD_MS;
	return 0;
}

int
brood__config_set_sink(struct brood__supervisor_config *config, int stderr_fd,
    uint32_t prefix_stderr, char *text)
{
	if (stderr_fd < -1)
		return brood__config_refuse(text, "stderr_fd is %d", stderr_fd);
	if (prefix_stderr > 1)
		return brood__config_refuse(text,
		    "prefix_stderr is neither 0 nor 1");
	config->sink_fd = stderr_fd;
	config->has_prefix = prefix_stderr != 0;
	return 0;
}
