/* SPDX-License-Identifier: ISC */

/*
 * The lists of seccomp_calls.h.  What a C library needs to compute, wait, tell
 * the time, start threads and use the descriptors that a process has; nothing
 * that opens a way to other processes, to the network or to files by name.
 */

#include "process/seccomp_calls.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <fcntl.h>

const char *const brood__calls_allowed[] = {
	/* Descriptors that it has. */
	"close", "close_range", "copy_file_range", "dup", "dup2", "dup3",
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "fadvise64",
	"fadvise64_64", "fallocate", "fdatasync", "flock", "fstat", "fstat64",
	"fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64",
	"getdents", "getdents64", "_llseek", "lseek", "_newselect", "pipe",
	"pipe2", "poll", "ppoll", "ppoll_time64", "pread64", "preadv",
	"preadv2", "pselect6", "pselect6_time64", "pwrite64", "pwritev",
	"pwritev2", "read", "readv", "select", "sendfile", "sendfile64",
	"sync_file_range", "timerfd_create", "timerfd_gettime",
	"timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "write",
	"writev",
	/* Its channel. */
	"getpeername", "getsockname", "getsockopt", "recv", "recvfrom",
	"recvmsg", "send", "shutdown",
	/* Memory and threads. */
	"brk", "exit", "exit_group", "futex", "futex_time64",
	"futex_waitv", "madvise", "membarrier", "mlock",
	"mlock2", "mremap", "msync", "munlock", "munmap", "rseq",
	"sched_getaffinity", "sched_getparam", "sched_getscheduler",
	"sched_get_priority_max", "sched_get_priority_min", "sched_yield",
	"set_robust_list", "set_tid_address",
	/* Signals and waiting. */
	"pause", "restart_syscall", "rt_sigpending", "rt_sigprocmask",
	"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"rt_sigtimedwait_time64", "sigaltstack", "sigreturn", "wait4",
	"waitid", "waitpid",
	/* Time. */
	"alarm", "clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
	"getitimer", "gettimeofday", "nanosleep", "setitimer", "time",
	"timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
	"timer_gettime64", "timer_settime", "timer_settime64", "times",
	/* What it is. */
	"getcpu", "getcwd", "getegid", "getegid32", "geteuid", "geteuid32",
	"getgid", "getgid32", "getgroups", "getgroups32", "getpgid",
	"getpgrp", "getpid", "getppid", "getpriority", "getrandom",
	"getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit",
	"getrusage", "getsid", "gettid", "getuid", "getuid32", "sysinfo",
	"ugetrlimit", "uname",
	NULL,
};

/* A program that is not hostile may try these, and goes on without. */
const char *const brood__calls_refused[] = {
	"accept", "accept4", "bind", "connect", "fchmod", "fchown",
	"fchown32", "fork", "inotify_init", "inotify_init1", "ioprio_set",
	"listen", "sched_setaffinity", "sched_setattr", "sched_setparam",
	"sched_setscheduler", "sendmmsg", "setpriority", "setrlimit", "socket",
	"socketpair", "vfork",
	NULL,
};

const char *const brood__calls_deadly[] = {
	/* Other processes. */
	"kcmp", "migrate_pages", "move_pages", "pidfd_getfd", "pidfd_open",
	"pidfd_send_signal", "process_madvise", "process_mrelease",
	"process_vm_readv", "process_vm_writev", "ptrace", "rt_sigqueueinfo",
	"rt_tgsigqueueinfo", "tkill",
	/* New programs, more rights. */
	"add_key", "capset", "execve", "execveat", "keyctl", "personality",
	"request_key", "setfsgid", "setfsuid", "setgid", "setgroups",
	"setns", "setregid", "setresgid", "setresuid", "setreuid", "setuid",
	"unshare",
	/* The kernel's insides. */
	"bpf", "delete_module", "finit_module", "init_module", "ioperm",
	"iopl", "kexec_file_load", "kexec_load", "lookup_dcookie",
	"modify_ldt", "perf_event_open", "userfaultfd",
	/* The system as a whole. */
	"acct", "adjtimex", "chroot", "clock_adjtime", "clock_settime",
	"fsconfig", "fsmount", "fsopen", "fspick", "mknod", "mknodat",
	"mount", "mount_setattr", "move_mount", "name_to_handle_at",
	"open_by_handle_at", "open_tree", "pivot_root", "quotactl",
	"quotactl_fd", "reboot", "sethostname", "setdomainname",
	"settimeofday", "swapoff", "swapon", "syslog", "umount", "umount2",
	"vhangup",
	NULL,
};

const char *const brood__calls_files[] = {
	"access", "chdir", "creat", "faccessat", "faccessat2", "fchdir",
	"link", "linkat", "lstat", "lstat64", "mkdir", "mkdirat", "open",
	"openat", "openat2", "readlink", "readlinkat", "rename", "renameat",
	"renameat2", "rmdir", "stat", "stat64", "statfs", "statfs64",
	"symlink", "symlinkat", "truncate", "truncate64", "unlink",
	"unlinkat",
	NULL,
};

#define LENGTH(list)	(sizeof(list) / sizeof((list)[0]))

/* Not F_SETOWN and F_SETSIG: they have the kernel send signals. */
const unsigned long brood__calls_fcntl[] = {
	F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK,
	F_SETLK, F_SETLKW, F_GETPIPE_SZ, F_GET_SEALS,
};
const size_t brood__calls_n_fcntl = LENGTH(brood__calls_fcntl);

/* TCGETS is isatty(3). */
const unsigned long brood__calls_ioctl[] = {
	FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, TCGETS,
};
const size_t brood__calls_n_ioctl = LENGTH(brood__calls_ioctl);

#ifndef PR_SET_VMA
#define PR_SET_VMA	0x53564d41
#endif

const unsigned long brood__calls_prctl[] = {
	PR_GET_DUMPABLE, PR_GET_NAME, PR_SET_NAME, PR_SET_VMA,
};
const size_t brood__calls_n_prctl = LENGTH(brood__calls_prctl);

/*
 * Not SO_LINGER: a socket that the host holds too would block it when it closes
 * that.
 */
const unsigned long brood__calls_setsockopt[] = {
	SO_OOBINLINE, SO_PEEK_OFF, 83 /* SO_PASSRIGHTS */,
};
const size_t brood__calls_n_setsockopt = LENGTH(brood__calls_setsockopt);
