/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CONFIG_H
#define BROOD__CONFIG_H

/*
 * What the options of a pool and those of a supervisor have in common: the
 * checks and the defaults, and how the supervisor process is told of them.
 *
 * text is that of the program, NULL or BROOD_TEXT_SIZE bytes: each check that
 * fails says there what is wrong.
 */

#include "supervisor/main.h"

#include <brood/pool.h>
#include <brood/supervisor.h>

enum { BROOD__CONFIG_SPARE_FDS = 8 };	/* of the host, besides two for each
					   child */

/* A child as either kind of options describes it. */
struct brood__config_child {
	const char *name;
	brood_child_fn fn;		/* a function, or ... */
	brood_setup_fn setup;
	void *setup_arg;
	void *fn_arg;
	const char *const *argv;	/* ... a program */
	const struct brood_child_options *options;
	bool takes_fds;			/* the host does, from the child */
	bool has_last_words;
	uint32_t restart;		/* enum brood_restart */
	int boot_ms;			/* 0: the default */
	int shutdown_ms;
};

/* Say what is wrong, as printf(3) does.  Gives -EINVAL. */
int	brood__config_refuse(char *text, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/* Is an option in its range?  0 or -EINVAL. */
int	brood__config_check_max(const char *name, size_t value, size_t max,
	    char *text);
int	brood__config_check_time(const char *name, int32_t value_ms,
	    char *text);

/* After an error: unless text says something already, say what r means. */
void	brood__config_explain(char *text, int r);

/*
 * -EINVAL: neither or both of fn and argv, or what the other one of them has
 * not: setup is for functions, env and chdir are for programs; a negative time;
 * a descriptor to keep that is a standard one.  -EBADF: one that is not open.
 */
int	brood__config_check_child(const struct brood__config_child *child,
	    char *text);

/* For the supervisor process; points into child. */
void	brood__config_set_spec(struct brood__slot_spec *spec,
	    const struct brood__config_child *child);

/* The restart limits, 0 being the defaults: 0 or -EINVAL. */
int	brood__config_set_limits(struct brood__supervisor_config *config,
	    int intensity, int period_ms, char *text);

/* Where what children print goes: 0 or -EINVAL. */
int	brood__config_set_sink(struct brood__supervisor_config *config,
	    int stderr_fd, uint32_t prefix_stderr, char *text);

#endif
