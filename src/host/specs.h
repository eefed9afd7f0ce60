/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SPECS_H
#define BROOD__SPECS_H

/*
 * The options of a supervisor, as the supervisor process wants them: one slot
 * spec for each child, and all descriptors to keep in one list.
 */

#include "host/config.h"

struct brood__specs {
	struct brood__slot_spec *specs;
	struct brood_child_options *options;	/* what specs point to */
	int *fds;
};

/* Of one child alone: the errors of brood__config_check_child(). */
int	brood__specs_check_child(const struct brood_child_spec *spec,
	    char *text);

/*
 * Fill in config, which points into specs and options.  specs is to be freed by
 * brood__specs_fini(), after an error too.
 *
 *   -EINVAL	a number of the options makes no sense
 *   -ENOMEM
 */
int	brood__specs_init(struct brood__specs *specs,
	    const struct brood_supervisor_options *options,
	    struct brood__supervisor_config *config, char *text);
void	brood__specs_fini(struct brood__specs *specs);

#endif
