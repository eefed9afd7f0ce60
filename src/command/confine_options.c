/* SPDX-License-Identifier: ISC */

/*
 * Confinement on the command line.  Each function gives NULL, or what is wrong
 * with its argument.
 */

#include "command/confine_options.h"

#include "command/delegation.h"

#include <sys/resource.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int resource;
} confine_rlimits[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
#ifdef RLIMIT_MEMLOCK
	{ "memlock", RLIMIT_MEMLOCK },
#endif
	{ "nofile", RLIMIT_NOFILE },
#ifdef RLIMIT_NPROC
	{ "nproc", RLIMIT_NPROC },
#endif
	{ "stack", RLIMIT_STACK },
};

const char *
confine_set_level(void *arg, const char *value)
{
	struct confine_options *options = arg;

	if (strcmp(value, "learn") == 0) {
		options->confine.learn = 1;
		return NULL;
	}
	if (value[0] < '0' || value[0] > '0' + BROOD_CONFINE_SPACES ||
	    (value[1] != '\0' && (value[1] != '-' || value[2] < value[0] ||
	    value[2] > '0' + BROOD_CONFINE_SPACES || value[3] != '\0')))
		return "not a level (0 to 4), a range of levels, or \"learn\"";
	options->confine.level = (uint32_t)(value[0] - '0');
	options->confine.up_to = value[1] == '\0' ? 0 :
	    (uint32_t)(value[2] - '0');
	return NULL;
}

/* A number of a user or group; 0 and less are none. */
static uint32_t
confine_number(const char *value)
{
	const char *error;
	long long number = strtonum(value, 1, UINT32_MAX - 1, &error);

	return error == NULL ? (uint32_t)number : 0;
}

const char *
confine_set_user(void *arg, const char *value)
{
	struct confine_options *options = arg;
	uint32_t number = confine_number(value);
	const struct passwd *user = number != 0 ? getpwuid(number) :
	    getpwnam(value);

	if (user == NULL && number == 0)
		return "no such user";
	options->confine.uid = user != NULL ? user->pw_uid : number;
	if (options->confine.gid == 0)
		options->confine.gid = user != NULL ? user->pw_gid : number;
	return options->confine.uid == 0 ? "root is not confined" : NULL;
}

const char *
confine_set_group(void *arg, const char *value)
{
	struct confine_options *options = arg;
	uint32_t number = confine_number(value);
	const struct group *group = number != 0 ? NULL : getgrnam(value);

	if (group == NULL && number == 0)
		return "no such group";
	options->confine.gid = group != NULL ? group->gr_gid : number;
	return options->confine.gid == 0 ? "root's group is not confined" :
	    NULL;
}

const char *
confine_set_chroot(void *arg, const char *value)
{
	struct confine_options *options = arg;

	options->confine.chroot = value;
	return value[0] == '/' ? NULL : "not an absolute path";
}

const char *
confine_set_rlimit(void *arg, const char *value)
{
	struct confine_options *options = arg;
	const size_t n = sizeof(confine_rlimits) / sizeof(confine_rlimits[0]);
	const char *equal = strchr(value, '='), *error;
	struct brood_rlimit *limit;
	size_t i = 0;

	if (equal == NULL)
		return "not NAME=VALUE";
	while (i < n && (strlen(confine_rlimits[i].name) !=
	    (size_t)(equal - value) || strncmp(confine_rlimits[i].name, value,
	    (size_t)(equal - value)) != 0))
		i++;
	if (i == n)
		return "not as, core, cpu, data, fsize, memlock, nofile, nproc "
		    "or stack";
	if (options->confine.n_rlimits == CONFINE_RLIMITS)
		return "too many limits";
	limit = &options->rlimits[options->confine.n_rlimits];
	error = options_read_size(equal + 1, &limit->soft);
	if (error != NULL)
		return error;
	limit->resource = confine_rlimits[i].resource;
	limit->hard = limit->soft;
	options->confine.rlimits = options->rlimits;
	options->confine.n_rlimits++;
	return NULL;
}

/* Add to a list that ends with a NULL, and has room for max. */
static const char *
confine_add(const char **list, size_t max, const char *value)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	if (n == max)
		return "too many of these";
	list[n] = value;
	return NULL;
}

const char *
confine_set_ro(void *arg, const char *value)
{
	struct confine_options *options = arg;

	options->confine.ro = options->ro;
	return confine_add(options->ro, CONFINE_PATHS, value);
}

const char *
confine_set_rw(void *arg, const char *value)
{
	struct confine_options *options = arg;

	options->confine.rw = options->rw;
	return confine_add(options->rw, CONFINE_PATHS, value);
}

const char *
confine_set_call(void *arg, const char *value)
{
	struct confine_options *options = arg;

	options->confine.syscalls = options->calls;
	return confine_add(options->calls, CONFINE_CALLS, value);
}

/* Control groups */

const char *
confine_set_cgroup(void *arg, const char *value)
{
	struct confine_options *options = arg;

	options->cgroup.directory = value;
	return value[0] == '/' ? NULL : "not an absolute path";
}

const char *
confine_set_memory(void *arg, const char *value)
{
	struct confine_options *options = arg;
	const char *error = options_read_size(value,
	    &options->cgroup.memory_max);

	if (error != NULL)
		return error;
	return options->cgroup.memory_max == 0 ||
	    options->cgroup.memory_max == UINT64_MAX ?
	    "not a limit" : NULL;
}

const char *
confine_set_cpus(void *arg, const char *value)
{
	struct confine_options *options = arg;
	char *end;
	double cpus = strtod(value, &end);

	if (value[strspn(value, "0123456789.")] != '\0' || *end != '\0' ||
	    !(cpus >= 0.01) || cpus > 10000)
		return "not a number of processors, 0.01 to 10000";
	options->cgroup.cpu_percent = (uint32_t)(cpus * 100 + 0.5);
	return NULL;
}

const char *
confine_set_pids(void *arg, const char *value)
{
	struct confine_options *options = arg;
	const char *error;

	options->cgroup.pids_max = (uint32_t)strtonum(value, 1, 4 << 20,
	    &error);
	return error != NULL ? "not a number of processes" : NULL;
}

void
confine_complete(struct confine_options *options)
{
	char *directory = options->directory;
	int r;

	if (options->cgroup.directory == NULL &&
	    options->cgroup.memory_max == 0 && options->cgroup.pids_max == 0 &&
	    options->cgroup.cpu_percent == 0)
		return;
	options->confine.cgroup = &options->cgroup;
	if (options->cgroup.directory != NULL)
		return;
	r = delegation_find(directory, sizeof(options->directory));
	if (r < 0)
		command_die(COMMAND_UNUSABLE, 0, "there is no control group of "
		    "version 2 for --memory, --cpus or --pids");
	r = delegation_vacate(directory);
	if (r == -EBUSY)
		command_die(COMMAND_UNUSABLE, 0, "%s has other processes: "
		    "start brood in a control group of its own (systemd-run "
		    "--scope -p Delegate=yes brood ..., with --user if not as "
		    "root), or give it one by --cgroup", directory);
	if (r < 0)
		command_die(COMMAND_UNUSABLE, -r, "%s, the control group of "
		    "this process", directory);
	options->cgroup.directory = directory;
}
