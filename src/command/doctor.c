/* SPDX-License-Identifier: ISC */

/*
 * brood doctor: what can workers be confined to here?  Nothing is looked up:
 * for each level a child confines itself and tells how far it came, and at
 * level 1 what it then tried to do.
 */

#include "base/passrights.h"
#include "command/delegation.h"
#include "command/options.h"

#include <brood.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	DOCTOR_WAIT_MS = 10000,
	DOCTOR_NOBODY = 65534,	/* where the system names no such user */
	DOCTOR_DISCARD = 9,	/* a port where hardly anyone listens */
};

/* What one child is to try. */
struct doctor_trial {
	struct brood_confine confine;
	const struct sockaddr_un *abstract;	/* somebody listens there */
	socklen_t abstract_len;
};

/* What it has found. */
struct doctor_finding {
	int result;		/* of brood_confine_self() */
	char text[BROOD_TEXT_SIZE];
	bool has_files;		/* at level 1: what it could still reach */
	bool has_tcp;
	bool has_abstract;
	bool has_signals;
};

/* In the child */

/* A file may also be out of reach for want of a permission: not the root. */
static bool
doctor_reaches_files(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static bool
doctor_reaches(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_denied;

	if (fd < 0)
		return false;
	is_denied = connect(fd, address, len) < 0 &&
	    (errno == EACCES || errno == EPERM);
	(void)close(fd);
	return !is_denied;
}

static void
doctor_try(const struct doctor_trial *trial, struct doctor_finding *finding)
{
	const struct sockaddr_in discard = {
		.sin_family = AF_INET,
		.sin_port = htons(DOCTOR_DISCARD),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	finding->has_files = doctor_reaches_files();
	finding->has_tcp = doctor_reaches((const struct sockaddr *)&discard,
	    sizeof(discard));
	finding->has_abstract = doctor_reaches(
	    (const struct sockaddr *)trial->abstract, trial->abstract_len);
	finding->has_signals = kill(getppid(), 0) == 0;
}

static int
doctor_child(struct brood_channel *channel, void *arg)
{
	const struct doctor_trial *trial = arg;
	struct doctor_finding finding = { .result = 0 };
	struct brood_message msg = { .data = &finding, .len = sizeof(finding) };

	finding.result = brood_confine_self(&trial->confine, NULL,
	    finding.text);
	if (finding.result == BROOD_CONFINE_FILES)
		doctor_try(trial, &finding);
	return brood_channel_send(channel, &msg) < 0;
}

/* In the parent */

static void
doctor_find(struct doctor_trial *trial, struct doctor_finding *ret_finding)
{
	struct brood_child *child;
	struct brood_message msg;
	int r;

	r = brood_child_fork(&child, NULL, doctor_child, trial);
	if (r < 0)
		command_die(COMMAND_UNUSABLE, -r, "fork");
	r = brood_channel_recv(brood_child_channel(child), DOCTOR_WAIT_MS,
	    &msg);
	if (r == 1 && msg.len == sizeof(*ret_finding))
		memcpy(ret_finding, msg.data, sizeof(*ret_finding));
	else
		*ret_finding = (struct doctor_finding) {
			.result = -EIO,
			.text = "the process that tried has ended",
		};
	(void)brood_child_free(child);
}

/* An abstract socket of this process, for a child to connect to. */
static int
doctor_listen(struct sockaddr_un *ret_address, socklen_t *ret_len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_address = (struct sockaddr_un) { .sun_family = AF_UNIX };
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)snprintf(ret_address->sun_path + 1,
	    sizeof(ret_address->sun_path) - 1, "brood-doctor-%d",
	    (int)getpid()));
	if (fd >= 0 && (bind(fd, (const struct sockaddr *)ret_address,
	    *ret_len) < 0 || listen(fd, 1) < 0)) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* What would have the step succeed that this text begins with? */
static const char *
doctor_advice(const char *text)
{
	static const struct {
		const char *step;
		const char *advice;
	} all[] = {
		{ "confine", "Linux is needed" },
		{ "landlock", "Linux 5.13 is needed, with landlock in its "
		    "list of security modules (lsm=)" },
		{ "seccomp", "build brood with libseccomp" },
		{ "setgroups", "run as root" },
		{ "setresgid", "run as root" },
		{ "setresuid", "run as root" },
		{ "chroot", "run as root" },
		{ "namespaces", "have the system allow user namespaces "
		    "(sysctl user.max_user_namespaces and others)" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strncmp(text, all[i].step, strlen(all[i].step)) == 0)
			return all[i].advice;
	return "";
}

static void
doctor_print(const char *what, bool is_so, const char *why, const char *advice)
{
	printf("%-12s %-4s %s%s%s\n", what, is_so ? "yes" : "no", why,
	    advice[0] != '\0' ? ": " : "", advice);
}

static void
doctor_print_reach(const struct doctor_finding *finding)
{
	doctor_print("  files", !finding->has_files, "out of reach, but for "
	    "--ro and --rw", finding->has_files ?
	    "Linux 5.13 would do it" : "");
	doctor_print("  TCP", !finding->has_tcp, "out of reach",
	    finding->has_tcp ? "Linux 6.7 would do it" : "");
	doctor_print("  sockets", !finding->has_abstract,
	    "abstract ones out of reach", finding->has_abstract ?
	    "Linux 6.12 would do it" : "");
	doctor_print("  signals", !finding->has_signals,
	    "to others denied", finding->has_signals ?
	    "Linux 6.12 would do it" : "");
}

static const char *
doctor_level_words(unsigned level)
{
	static const char *const words[] = {
		[BROOD_CONFINE_NONE] = "no descriptor but its own",
		[BROOD_CONFINE_FILES] = "hardened: files, network, signals",
		[BROOD_CONFINE_CALLS] = "few calls, against a hostile worker",
		[BROOD_CONFINE_USER] = "another user, an empty root directory",
		[BROOD_CONFINE_SPACES] = "namespaces of its own",
	};

	return words[level];
}

/* Gives the highest level that can be reached. */
static int
doctor_levels(struct doctor_trial *trial)
{
	const struct passwd *nobody = getpwnam("nobody");
	struct doctor_finding finding;
	int highest = -1;
	char name[] = "level 0";

	trial->confine.uid = nobody != NULL ? nobody->pw_uid : DOCTOR_NOBODY;
	trial->confine.gid = nobody != NULL ? nobody->pw_gid : DOCTOR_NOBODY;
	for (unsigned level = 0; level <= BROOD_CONFINE_SPACES; level++) {
		struct doctor_trial one = *trial;

		one.confine.level = level;
		if (level < BROOD_CONFINE_USER)
			one.confine.uid = one.confine.gid = 0;
		doctor_find(&one, &finding);
		name[sizeof(name) - 2] = (char)('0' + level);
		if (finding.result >= 0)
			doctor_print(name, true, doctor_level_words(level),
			    "");
		else
			doctor_print(name, false, finding.text,
			    doctor_advice(finding.text));
		if (finding.result >= 0 && highest == (int)level - 1)
			highest = (int)level;
		if (finding.result == BROOD_CONFINE_FILES)
			doctor_print_reach(&finding);
	}
	return highest;
}

/* Are descriptors that nobody asked for kept off by the kernel? */
static void
doctor_descriptors(void)
{
	int value = -1;
#if defined(HAVE_SO_PASSRIGHTS)
	socklen_t len = sizeof(value);
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0) {
		brood__passrights_set(fds[0], false);
		if (getsockopt(fds[0], SOL_SOCKET, BROOD__SO_PASSRIGHTS,
		    &value, &len) < 0)
			value = -1;
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
#endif
	doctor_print("descriptors", value == 0, "those that nobody asked for "
	    "are kept off", value == 0 ? "" : "Linux 6.16 would do it");
}

static int
doctor_nothing(struct brood_channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return 0;
}

/* 0, or why a process cannot be started so. */
static int
doctor_start(const struct brood_confine *confine)
{
	const struct brood_child_options options = { .confine = confine };
	struct brood_child *child;
	int r;

	r = brood_child_fork(&child, &options, doctor_nothing, NULL);
	if (r == 0)
		(void)brood_child_free(child);
	return r;
}

static const char *
doctor_group_advice(int r)
{
	switch (r) {
	case 0:
		return "";
	case -ENOENT:
	case -EINVAL:
		return "the system has to give this controller to groups of "
		    "version 2";
	default:
		return "systemd-run --scope -p Delegate=yes would do it, with "
		    "--user if not as root";
	}
}

/* What can control groups limit? */
static void
doctor_groups(void)
{
	char directory[PATH_MAX];
	struct brood_cgroup limits[] = {
		{ .directory = directory },
		{ .directory = directory, .memory_max = 1 << 30 },
		{ .directory = directory, .pids_max = 100 },
		{ .directory = directory, .cpu_percent = 50 },
	};
	static const char *const names[] = {
		"groups", "  memory", "  pids", "  cpus",
	};
	int r = delegation_find(directory, sizeof(directory));

	if (r < 0) {
		doctor_print(names[0], false, "what workers leave is killed",
		    "a mounted cgroup2 is needed");
		return;
	}
	(void)delegation_vacate(directory);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct brood_confine confine = { .cgroup = &limits[i] };

		r = doctor_start(&confine);
		doctor_print(names[i], r == 0, i == 0 ?
		    "what workers leave is killed, by control groups" :
		    "limited", doctor_group_advice(r));
		if (r < 0 && i == 0)
			return;
	}
}

static int
doctor_run(const struct command *command, int argc, char **argv)
{
	static const struct option_spec options[] = { { .name = NULL } };
	struct sockaddr_un abstract;
	struct doctor_trial trial = { .abstract = &abstract };
	int fd, highest;

	(void)options_parse(command, options, argc, argv);
	fd = doctor_listen(&abstract, &trial.abstract_len);
	highest = doctor_levels(&trial);
	if (fd >= 0)
		(void)close(fd);
	doctor_descriptors();
	doctor_groups();
	return highest >= BROOD_CONFINE_CALLS ? COMMAND_OK : COMMAND_FAILED;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "Try what workers can be confined to here",
	.operands = "",
	.help = "Exit status: 0 if level 2 can be reached, which holds "
	    "against a hostile\nworker; 1 if not.\n",
	.run = doctor_run,
};
