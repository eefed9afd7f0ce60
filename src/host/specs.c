/* SPDX-License-Identifier: ISC */

/*
 * From the options of a supervisor to the configuration of its process; see
 * specs.h.  Owns three arrays, for as long as the fork takes.
 */

#include "host/specs.h"

#include "base/reserved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct brood__config_child
specs_child(const struct brood_child_spec *spec)
{
	return (struct brood__config_child) {
		.name = spec->name,
		.fn = spec->fn,
		.setup = spec->setup,
		.setup_arg = spec->arg,
		.fn_arg = spec->arg,
		.argv = spec->argv,
		.options = &spec->options,
		.takes_fds = spec->options.channel.max_fds > 0,
		.restart = spec->restart,
		.boot_ms = spec->boot_ms,
		.shutdown_ms = spec->shutdown_ms,
	};
}

int
brood__specs_check_child(const struct brood_child_spec *spec, char *text)
{
	struct brood__config_child child = specs_child(spec);

	if (spec->name == NULL || spec->name[0] == '\0')
		return brood__config_refuse(text, "a child has no name");
	if (spec->restart > BROOD_TEMPORARY)
		return brood__config_refuse(text,
		    "%s: restart is %u, which is unknown", spec->name,
		    spec->restart);
	if (spec->reserved_1 != 0 || !BROOD__RESERVED_IS_ZERO(spec))
		return brood__config_refuse(text,
		    "%s: a reserved field is not 0", spec->name);
	return brood__config_check_child(&child, text);
}

static bool
specs_is_linked(const struct brood_supervisor_options *options,
    const char *name)
{
	for (size_t i = 0; i < options->n_links; i++)
		if (strcmp(options->links[i].a, name) == 0 ||
		    strcmp(options->links[i].b, name) == 0)
			return true;
	return false;
}

/*
 * A linked child accepts the socket that LINK brings, whatever its options say
 * of descriptors; the host's end of its channel does not.
 */
static void
specs_set_specs(struct brood__specs *specs,
    const struct brood_supervisor_options *options)
{
	for (size_t i = 0; i < options->n_children; i++) {
		const struct brood_child_spec *spec = &options->children[i];
		struct brood__config_child child = specs_child(spec);

		specs->options[i] = spec->options;
		if (spec->options.channel.max_fds == 0 &&
		    specs_is_linked(options, spec->name))
			specs->options[i].channel.max_fds = 1;
		child.options = &specs->options[i];
		brood__config_set_spec(&specs->specs[i], &child);
	}
}

/* The supervisor process keeps what any child keeps; a child only its own. */
static int
specs_set_fds(struct brood__specs *specs,
    const struct brood_supervisor_options *options, size_t *ret_n_fds)
{
	size_t n = 0;

	for (size_t i = 0; i < options->n_children; i++)
		n += options->children[i].options.n_keep_fds;
	specs->fds = reallocarray(NULL, n + 1, sizeof(*specs->fds));
	if (specs->fds == NULL)
		return -ENOMEM;
	*ret_n_fds = n;
	n = 0;
	for (size_t i = 0; i < options->n_children; i++) {
		const struct brood_child_options *child =
		    &options->children[i].options;

		for (size_t j = 0; j < child->n_keep_fds; j++)
			specs->fds[n++] = child->keep_fds[j];
	}
	return 0;
}

int
brood__specs_init(struct brood__specs *specs,
    const struct brood_supervisor_options *options,
    struct brood__supervisor_config *config, char *text)
{
	int r;

	*config = (struct brood__supervisor_config) {
		.n_specs = options->n_children,
		.is_ordered = true,
		.strategy = (enum brood_strategy)options->strategy,
	};
	memset(specs, 0, sizeof(*specs));
	r = brood__config_set_limits(config, options->intensity,
	    options->period_ms, text);
	if (r == 0)
		r = brood__config_set_sink(config, options->stderr_fd,
		    options->prefix_stderr, text);
	if (r == 0)
		r = specs_set_fds(specs, options, &config->n_keep_fds);
	if (r < 0)
		return r;
	specs->options = reallocarray(NULL, options->n_children,
	    sizeof(*specs->options));
	specs->specs = reallocarray(NULL, options->n_children,
	    sizeof(*specs->specs));
	if (specs->options == NULL || specs->specs == NULL)
		return -ENOMEM;
	specs_set_specs(specs, options);
	config->specs = specs->specs;
	config->keep_fds = specs->fds;
	return 0;
}

void
brood__specs_fini(struct brood__specs *specs)
{
	free(specs->specs);
	free(specs->options);
	free(specs->fds);
}
