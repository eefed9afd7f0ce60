/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CONFINE_OPTIONS_H
#define BROOD__CONFINE_OPTIONS_H

/*
 * The options by which brood run and brood map confine their workers: a part of
 * a table of options.h.
 *
 *	const struct option_spec options[] = {
 *		...
 *		CONFINE_OPTIONS(&confine),
 *		{ .name = NULL },
 *	};
 */

#include "command/options.h"

#include <brood/confine.h>
#include <limits.h>

enum {
	CONFINE_PATHS = 64,		/* of each kind */
	CONFINE_RLIMITS = 16,
	CONFINE_CALLS = 64,
};

/* Zeroed, nothing is asked for. */
struct confine_options {
	struct brood_confine confine;	/* points into what follows */
	const char *ro[CONFINE_PATHS + 1];
	const char *rw[CONFINE_PATHS + 1];
	const char *calls[CONFINE_CALLS + 1];
	struct brood_rlimit rlimits[CONFINE_RLIMITS];
	struct brood_cgroup cgroup;
	char directory[PATH_MAX];	/* of cgroup, if none was given */
};

/*
 * Before the first worker is started: complete what was asked for.  A control
 * group needs a directory, and by default it is this process's own group, which
 * that may have to leave.  Exits if that cannot be.
 */
void	confine_complete(struct confine_options *options);

/* Functions of the table; arg is a struct confine_options. */
const char *confine_set_level(void *arg, const char *value);
const char *confine_set_user(void *arg, const char *value);
const char *confine_set_group(void *arg, const char *value);
const char *confine_set_chroot(void *arg, const char *value);
const char *confine_set_rlimit(void *arg, const char *value);
const char *confine_set_ro(void *arg, const char *value);
const char *confine_set_rw(void *arg, const char *value);
const char *confine_set_call(void *arg, const char *value);
const char *confine_set_cgroup(void *arg, const char *value);
const char *confine_set_memory(void *arg, const char *value);
const char *confine_set_cpus(void *arg, const char *value);
const char *confine_set_pids(void *arg, const char *value);

#define CONFINE_OPTIONS(options) \
	{ .name = "confine", .argument = "LEVEL", \
	    .help = "confine workers to this level, 0 to 4, or fail; 0-2:\n" \
	    "as far as level 2, if possible; \"learn\": say which system\n" \
	    "calls level 2 would deny.  See brood doctor", \
	    .set = confine_set_level, .set_arg = (options) }, \
	{ .name = "user", .argument = "USER", \
	    .help = "run workers as this user, and as its group", \
	    .set = confine_set_user, .set_arg = (options) }, \
	{ .name = "group", .argument = "GROUP", \
	    .help = "run workers with this group", \
	    .set = confine_set_group, .set_arg = (options) }, \
	{ .name = "chroot", .argument = "DIRECTORY", \
	    .help = "make this the root directory of workers", \
	    .set = confine_set_chroot, .set_arg = (options) }, \
	{ .name = "rlimit", .argument = "NAME=VALUE", \
	    .help = "limit workers, setrlimit(2): --rlimit as=1G; may be\n" \
	    "repeated", \
	    .set = confine_set_rlimit, .set_arg = (options) }, \
	{ .name = "ro", .argument = "PATH", \
	    .help = "from level 1 on, let workers read below PATH; may be\n" \
	    "repeated", .set = confine_set_ro, .set_arg = (options) }, \
	{ .name = "rw", .argument = "PATH", \
	    .help = "the same, and write", \
	    .set = confine_set_rw, .set_arg = (options) }, \
	{ .name = "allow-call", .argument = "NAME", \
	    .help = "from level 2 on, allow this system call too; may be\n" \
	    "repeated", .set = confine_set_call, .set_arg = (options) }, \
	{ .name = "memory", .argument = "BYTES", \
	    .help = "limit the memory of each worker, by a control group;\n" \
	    "K, M, G and T are units", \
	    .set = confine_set_memory, .set_arg = (options) }, \
	{ .name = "cpus", .argument = "N[.N]", \
	    .help = "the same for processors: 0.5 is a half of one", \
	    .set = confine_set_cpus, .set_arg = (options) }, \
	{ .name = "pids", .argument = "N", \
	    .help = "the same for processes and threads", \
	    .set = confine_set_pids, .set_arg = (options) }, \
	{ .name = "cgroup", .argument = "DIRECTORY", \
	    .help = "make these groups there, and kill what workers leave;\n" \
	    "default: in the command's own group, with a limit", \
	    .set = confine_set_cgroup, .set_arg = (options) }

#endif
