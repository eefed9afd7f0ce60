/* SPDX-License-Identifier: ISC */
#ifndef BROOD_CONFINE_H
#define BROOD_CONFINE_H

/*
 * Confinement: what a worker, or another child, may still do to the rest of the
 * system.  It is asked for in the options of a pool, of a supervisor's child or
 * of a single child.
 *
 * A process is confined when its own set-up is done, before it is given the
 * first byte of a request.  So setup may open files, read its configuration and
 * load libraries; what it has open stays usable.  A program that calls
 * brood_worker_main() is confined there.  Another program is confined before it
 * begins, and reaches level 1.
 *
 * If something that was asked for cannot be had, the start has failed:
 * BROOD_EVENT_NOT_STARTED names the step and the cause.  Nothing is left out
 * silently.  What a system allows is what `brood doctor' prints, by trying.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How much a process is confined.  Each level contains the ones before it.  The
 * first one that holds against a hostile process is BROOD_CONFINE_CALLS.
 */
enum brood_confine_level {
	/*
	 * What every child has: no descriptor but its own, default signals, and
	 * it ends with its supervisor.
	 */
	BROOD_CONFINE_NONE = 0,
	/*
	 * Hardened: no program it executes gets more rights than it has
	 * (PR_SET_NO_NEW_PRIVS), nobody of the same user can trace it or read
	 * its memory, and it leaves no core file.  And as far as the kernel has
	 * Landlock, landlock(7): no files but those below ro and rw, no TCP, no
	 * new ioctl(2) of devices, no abstract sockets and no signals to
	 * processes outside.
	 */
	BROOD_CONFINE_FILES,
	/*
	 * Confined: of system calls only those that a program needs which
	 * computes and answers, seccomp(2).  No sockets, no other processes, no
	 * new program, no executable memory.  A call that only an attack makes
	 * ends the process, and its report names the call; others fail.
	 * Threads can still be started.  Root has no capabilities any more,
	 * capabilities(7).  Needs libseccomp.
	 */
	BROOD_CONFINE_CALLS,
	/*
	 * Separated: as another user, uid, without any capability, below chroot
	 * or else in an empty directory.  Needs root.
	 */
	BROOD_CONFINE_USER,
	/*
	 * In namespaces of its own: user, network, IPC, mounts, host name and
	 * cgroups, namespaces(7).  A process namespace is not among them: the
	 * process cannot start another one anyway.
	 */
	BROOD_CONFINE_SPACES,
};

/* How a process is scheduled, sched(7).  0: as the program is. */
enum brood_scheduling {
	BROOD_SCHEDULING_BATCH = 1,
	BROOD_SCHEDULING_IDLE,
};

/* A limit of a resource, setrlimit(2). */
struct brood_rlimit {
	int32_t		 resource;	/* RLIMIT_... */
	uint32_t	 reserved_1;
	uint64_t	 soft;		/* UINT64_MAX: none */
	uint64_t	 hard;
	uint64_t	 reserved[2];
};

/*
 * A control group of version 2 for each process, cgroups(7): what it and all
 * that it starts may use together.  When the process has ended, what is left in
 * the group is killed; for a child of brood/child.h that is when it is waited
 * for or freed, and if the supervisor process was killed, when the pool or the
 * supervisor is freed.  If the program was killed too, the next one that uses
 * the directory does it.  So a single child there may not outlive the program.
 *
 * The groups are made in directory, in which the user must be allowed to make
 * them and move processes; systemd gives such ones to programs by Delegate=,
 * systemd.resource-control(5).  For a limit it must have the controller of that,
 * cpu, memory or pids, and no process itself.  Only processes of one process
 * namespace may use a directory.  Needs Linux; before 5.14 a process that
 * goes on to fork may escape the kill.
 *
 * A process that may write below /sys/fs/cgroup can leave its group:
 * BROOD_CONFINE_FILES denies that.
 */
struct brood_cgroup {
	const char	*directory;	/* an absolute path */
	/*
	 * Bytes of memory; and none is moved to a disk.  If they do not
	 * suffice, the kernel kills the group, from Linux 4.19 on as a whole,
	 * and the report of the end says so.
	 */
	uint64_t	 memory_max;	/* 0: no limit */
	uint32_t	 pids_max;	/* processes and threads, up to 2^22;
					   0: no limit */
	uint32_t	 cpu_percent;	/* 100: one processor; 0: no limit */
	uint64_t	 reserved[4];
};

/*
 * What to confine a process to.  All zeros change nothing.  Lists of strings
 * end with a NULL; a list may be NULL.
 */
struct brood_confine {
	/* The level that must be reached, or the start fails. */
	uint32_t	 level;		/* of enum brood_confine_level */
	/*
	 * Go on to this level as far as the system allows, and tell in
	 * BROOD_EVENT_READY which was reached.  0: level.
	 */
	uint32_t	 up_to;

	/* The paths below which files may be read; and read and written. */
	const char *const *ro;
	const char *const *rw;
	/* From BROOD_CONFINE_CALLS on: system calls that are allowed too. */
	const char *const *syscalls;
	/*
	 * 1: deny no system call, but print the name of each call that
	 * BROOD_CONFINE_CALLS would deny to standard error, once for each
	 * process.  To find out what to put into syscalls.  level is 0 then.
	 */
	uint32_t	 learn;
	uint32_t	 reserved_1;

	/*
	 * The user and group to be, without any supplementary group but these.
	 * 0: unchanged.
	 */
	uint32_t	 uid;
	uint32_t	 gid;
	const gid_t	*groups;
	size_t		 n_groups;

	/* The root directory, chroot(2), and then the working directory. */
	const char	*chroot;
	const char	*directory;

	const struct brood_rlimit *rlimits;
	size_t		 n_rlimits;
	/* The processors it may use, counted from 0.  NULL: unchanged. */
	const uint32_t	*cpus;
	size_t		 n_cpus;
	int32_t		 nice;		/* added to the program's, nice(2) */
	uint32_t	 scheduling;	/* of enum brood_scheduling */
	uint32_t	 umask;		/* 0: unchanged */
	/*
	 * Only for a program: how many threads it should use.  Sets the
	 * variables that OpenMP and its like read, unless they are set.  0:
	 * nothing is set.
	 */
	uint32_t	 threads;
	const struct brood_cgroup *cgroup;	/* NULL: its parent's */
	uint64_t	 reserved[7];
};

/*
 * Confine the calling process, now and for good: for a program that is started
 * by no pool, or that does not call brood_worker_main().  The process must have
 * one thread.  program: NULL; or the path of the program that the process will
 * execute next, which then can be executed.  A program reaches level 1, unless
 * it calls this function itself.
 *
 * text has room for BROOD_TEXT_SIZE bytes, or is NULL: after an error it names
 * the step and the cause.  What was done before that step stays done.
 *
 * Returns the level that was reached.
 *
 *   -EINVAL	options that are not possible; cgroup must be NULL
 *   -EPERM, -ENOSYS, -ENOENT, ...	what the step gave
 */
int	brood_confine_self(const struct brood_confine *confine,
	    const char *program, char *text);

/*
 * The name of a level: "none", "files", "calls", "user", "spaces"; "unknown"
 * for any other number.  A string in static memory.
 */
const char *
	brood_confine_level_name(uint32_t level);

#ifdef __cplusplus
}
#endif

#endif
