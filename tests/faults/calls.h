/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FAULTS_CALLS_H
#define BROOD_TESTS_FAULTS_CALLS_H

/*
 * Included before each source file of the library, as it is built for this
 * test: every call that can fail becomes a call of calls.c, which is told the
 * site, and may let it fail.
 *
 * The headers that declare these functions come first, so that no macro here
 * touches a declaration.
 */

#include "faults/inject.h"

#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#endif

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_LIBSECCOMP
#include <seccomp.h>
#endif

/* Memory */
void	*fault_calloc(FAULT_AT, size_t n, size_t size);
void	 fault_free(void *memory);
void	*fault_malloc(FAULT_AT, size_t size);
void	*fault_realloc(FAULT_AT, void *memory, size_t size);
void	*fault_reallocarray(FAULT_AT, void *memory, size_t n, size_t size);
void	*fault_recallocarray(FAULT_AT, void *memory, size_t n_before, size_t n,
	    size_t size);
char	*fault_strdup(FAULT_AT, const char *text);
char	*fault_strndup(FAULT_AT, const char *text, size_t len);
int	 fault_asprintf(FAULT_AT, char **ret_text, const char *format, ...)
	    __attribute__((format(printf, 3, 4)));
int	 fault_madvise(FAULT_AT, void *memory, size_t size, int advice);
void	*fault_mmap(FAULT_AT, void *address, size_t size, int protection,
	    int flags, int fd, off_t offset);
int	 fault_munmap(void *memory, size_t size);

/* Descriptors and files */
int	 fault_access(FAULT_AT, const char *path, int mode);
int	 fault_chdir(FAULT_AT, const char *path);
int	 fault_close(FAULT_AT, int fd);
int	 fault_dup2(FAULT_AT, int fd, int to);
int	 fault_dup3(FAULT_AT, int fd, int to, int flags);
int	 fault_fchmod(FAULT_AT, int fd, mode_t mode);
int	 fault_fchmodat(FAULT_AT, int dir, const char *path, mode_t mode,
	    int flags);
int	 fault_fcntl(FAULT_AT, int fd, int command, ...);
int	 fault_fflush(FAULT_AT, FILE *file);
char	*fault_fgets(FAULT_AT, char *line, int size, FILE *file);
int	 fault_flock(FAULT_AT, int fd, int operation);
FILE	*fault_fopen(FAULT_AT, const char *path, const char *mode);
int	 fault_fscanf(FAULT_AT, FILE *file, const char *format, ...)
	    __attribute__((format(scanf, 3, 4)));
int	 fault_fstat(FAULT_AT, int fd, struct stat *ret_stat);
int	 fault_ftruncate(FAULT_AT, int fd, off_t size);
char	*fault_getcwd(FAULT_AT, char *path, size_t size);
int	 fault_lchown(FAULT_AT, const char *path, uid_t uid, gid_t gid);
int	 fault_lstat(FAULT_AT, const char *path, struct stat *ret_stat);
int	 fault_memfd_create(FAULT_AT, const char *name, unsigned flags);
int	 fault_open(FAULT_AT, const char *path, int flags, ...);
int	 fault_pipe2(FAULT_AT, int fds[2], int flags);
ssize_t	 fault_read(FAULT_AT, int fd, void *bytes, size_t len);
int	 fault_unlink(FAULT_AT, const char *path);
ssize_t	 fault_write(FAULT_AT, int fd, const void *bytes, size_t len);

/* Waiting */
#ifdef __linux__
int	 fault_epoll_create1(FAULT_AT, int flags);
int	 fault_epoll_ctl(FAULT_AT, int epoll, int operation, int fd,
	    struct epoll_event *event);
int	 fault_epoll_wait(FAULT_AT, int epoll, struct epoll_event *events,
	    int n, int timeout_ms);
int	 fault_timerfd_create(FAULT_AT, int clock, int flags);
#endif
int	 fault_poll(FAULT_AT, struct pollfd *fds, nfds_t n, int timeout_ms);

/* Sockets */
int	 fault_accept4(FAULT_AT, int fd, struct sockaddr *address,
	    socklen_t *len, int flags);
int	 fault_bind(FAULT_AT, int fd, const struct sockaddr *address,
	    socklen_t len);
int	 fault_connect(FAULT_AT, int fd, const struct sockaddr *address,
	    socklen_t len);
int	 fault_getpeereid(FAULT_AT, int fd, uid_t *ret_uid, gid_t *ret_gid);
int	 fault_getpeername(FAULT_AT, int fd, struct sockaddr *address,
	    socklen_t *len);
int	 fault_getsockname(FAULT_AT, int fd, struct sockaddr *address,
	    socklen_t *len);
int	 fault_getsockopt(FAULT_AT, int fd, int level, int name, void *value,
	    socklen_t *len);
int	 fault_listen(FAULT_AT, int fd, int backlog);
ssize_t	 fault_recv(FAULT_AT, int fd, void *bytes, size_t len, int flags);
ssize_t	 fault_recvmsg(FAULT_AT, int fd, struct msghdr *msg, int flags);
ssize_t	 fault_send(FAULT_AT, int fd, const void *bytes, size_t len, int flags);
ssize_t	 fault_sendmsg(FAULT_AT, int fd, const struct msghdr *msg, int flags);
ssize_t	 fault_sendto(FAULT_AT, int fd, const void *bytes, size_t len,
	    int flags, const struct sockaddr *address, socklen_t address_len);
int	 fault_setsockopt(FAULT_AT, int fd, int level, int name,
	    const void *value, socklen_t len);
int	 fault_shutdown(FAULT_AT, int fd, int how);
int	 fault_socket(FAULT_AT, int domain, int type, int protocol);
int	 fault_socketpair(FAULT_AT, int domain, int type, int protocol,
	    int fds[2]);

/* Processes */
int	 fault_execvp(FAULT_AT, const char *path, char *const *argv);
pid_t	 fault_fork(FAULT_AT);
#ifdef __linux__
int	 fault_prctl(FAULT_AT, int option, ...);
int	 fault_sched_getaffinity(FAULT_AT, pid_t pid, size_t size,
	    cpu_set_t *set);
long	 fault_syscall(FAULT_AT, long number, ...);
#endif
int	 fault_setpgid(FAULT_AT, pid_t pid, pid_t group);
int	 fault_setrlimit(FAULT_AT, int resource, const struct rlimit *limit);
int	 fault_waitid(FAULT_AT, idtype_t type, id_t id, siginfo_t *info,
	    int flags);
pid_t	 fault_waitpid(FAULT_AT, pid_t pid, int *ret_status, int flags);

/* Confinement */
int	 fault_chroot(FAULT_AT, const char *path);
int	 fault_fchdir(FAULT_AT, int fd);
char	*fault_mkdtemp(FAULT_AT, char *path);
int	 fault_nice(FAULT_AT, int change);
int	 fault_pipe(FAULT_AT, int fds[2]);
int	 fault_pthread_create(FAULT_AT, pthread_t *ret_thread,
	    const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int	 fault_mkdir(FAULT_AT, const char *path, mode_t mode);
DIR	*fault_opendir(FAULT_AT, const char *path);
#ifdef __linux__
int	 fault_statfs(FAULT_AT, const char *path, struct statfs *ret_kind);
#endif
int	 fault_rmdir(FAULT_AT, const char *path);
int	 fault_setgroups(FAULT_AT, size_t n, const gid_t *groups);
int	 fault_setresgid(FAULT_AT, gid_t real, gid_t effective, gid_t saved);
int	 fault_setresuid(FAULT_AT, uid_t real, uid_t effective, uid_t saved);
#ifdef __linux__
int	 fault_sched_setaffinity(FAULT_AT, pid_t pid, size_t size,
	    const cpu_set_t *set);
int	 fault_sched_setscheduler(FAULT_AT, pid_t pid, int policy,
	    const struct sched_param *param);
int	 fault_unshare(FAULT_AT, int flags);
#endif
#ifdef HAVE_LIBSECCOMP
int	 fault_seccomp_attr_set(FAULT_AT, scmp_filter_ctx filter,
	    enum scmp_filter_attr name, uint32_t value);
scmp_filter_ctx
	 fault_seccomp_init(FAULT_AT, uint32_t action);
int	 fault_seccomp_load(FAULT_AT, const scmp_filter_ctx filter);
int	 fault_seccomp_notify_alloc(FAULT_AT, struct seccomp_notif **ret_call,
	    struct seccomp_notif_resp **ret_answer);
int	 fault_seccomp_rule_add_array(FAULT_AT, scmp_filter_ctx filter,
	    uint32_t action, int number, unsigned n,
	    const struct scmp_arg_cmp *args);
#endif

/* The same list once more: what the library calls so is one of those above. */
#define free(memory)		fault_free(memory)
#define munmap(memory, size)	fault_munmap(memory, size)

#define accept4(...)	fault_accept4(FAULT_SITE("accept4"), __VA_ARGS__)
#define access(...)	fault_access(FAULT_SITE("access"), __VA_ARGS__)
#define asprintf(...)	fault_asprintf(FAULT_SITE("asprintf"), __VA_ARGS__)
#define bind(...)	fault_bind(FAULT_SITE("bind"), __VA_ARGS__)
#define calloc(...)	fault_calloc(FAULT_SITE("calloc"), __VA_ARGS__)
#define chdir(...)	fault_chdir(FAULT_SITE("chdir"), __VA_ARGS__)
#define chroot(...)	fault_chroot(FAULT_SITE("chroot"), __VA_ARGS__)
#define close(...)	fault_close(FAULT_SITE("close"), __VA_ARGS__)
#define connect(...)	fault_connect(FAULT_SITE("connect"), __VA_ARGS__)
#define dup2(...)	fault_dup2(FAULT_SITE("dup2"), __VA_ARGS__)
#define dup3(...)	fault_dup3(FAULT_SITE("dup3"), __VA_ARGS__)
#define epoll_create1(...)	\
	fault_epoll_create1(FAULT_SITE("epoll_create1"), __VA_ARGS__)
#define epoll_ctl(...)	fault_epoll_ctl(FAULT_SITE("epoll_ctl"), __VA_ARGS__)
#define epoll_wait(...)	fault_epoll_wait(FAULT_SITE("epoll_wait"), __VA_ARGS__)
#define execvp(...)	fault_execvp(FAULT_SITE("execvp"), __VA_ARGS__)
#define fchdir(...)	fault_fchdir(FAULT_SITE("fchdir"), __VA_ARGS__)
#define fchmod(...)	fault_fchmod(FAULT_SITE("fchmod"), __VA_ARGS__)
#define fchmodat(...)	fault_fchmodat(FAULT_SITE("fchmodat"), __VA_ARGS__)
#define fcntl(fd, ...)	\
	fault_fcntl(FAULT_SITE("fcntl " #__VA_ARGS__), fd, __VA_ARGS__)
#define fflush(...)	fault_fflush(FAULT_SITE("fflush"), __VA_ARGS__)
#define fgets(...)	fault_fgets(FAULT_SITE("fgets"), __VA_ARGS__)
#define flock(...)	fault_flock(FAULT_SITE("flock"), __VA_ARGS__)
#define fopen(...)	fault_fopen(FAULT_SITE("fopen"), __VA_ARGS__)
#define fork()		fault_fork(FAULT_SITE("fork"))
#define fscanf(...)	fault_fscanf(FAULT_SITE("fscanf"), __VA_ARGS__)
#define fstat(...)	fault_fstat(FAULT_SITE("fstat"), __VA_ARGS__)
#define ftruncate(...)	fault_ftruncate(FAULT_SITE("ftruncate"), __VA_ARGS__)
#define getcwd(...)	fault_getcwd(FAULT_SITE("getcwd"), __VA_ARGS__)
#define getpeereid(...)	fault_getpeereid(FAULT_SITE("getpeereid"), __VA_ARGS__)
#define getpeername(...)	\
	fault_getpeername(FAULT_SITE("getpeername"), __VA_ARGS__)
#define getsockname(...)	\
	fault_getsockname(FAULT_SITE("getsockname"), __VA_ARGS__)
#define getsockopt(...)	fault_getsockopt(FAULT_SITE("getsockopt"), __VA_ARGS__)
#define lchown(...)	fault_lchown(FAULT_SITE("lchown"), __VA_ARGS__)
#define listen(...)	fault_listen(FAULT_SITE("listen"), __VA_ARGS__)
#define lstat(...)	fault_lstat(FAULT_SITE("lstat"), __VA_ARGS__)
#define madvise(...)	fault_madvise(FAULT_SITE("madvise"), __VA_ARGS__)
#define malloc(...)	fault_malloc(FAULT_SITE("malloc"), __VA_ARGS__)
#define memfd_create(name, flags)	\
	fault_memfd_create(FAULT_SITE("memfd_create " #flags), name, flags)
#define mkdtemp(...)	fault_mkdtemp(FAULT_SITE("mkdtemp"), __VA_ARGS__)
#define mkdir(...)	fault_mkdir(FAULT_SITE("mkdir"), __VA_ARGS__)
#define mmap(...)	fault_mmap(FAULT_SITE("mmap"), __VA_ARGS__)
#define nice(...)	fault_nice(FAULT_SITE("nice"), __VA_ARGS__)
#define open(...)	fault_open(FAULT_SITE("open"), __VA_ARGS__)
#define opendir(...)	fault_opendir(FAULT_SITE("opendir"), __VA_ARGS__)
#define pipe(...)	fault_pipe(FAULT_SITE("pipe"), __VA_ARGS__)
#define pipe2(...)	fault_pipe2(FAULT_SITE("pipe2"), __VA_ARGS__)
#define poll(...)	fault_poll(FAULT_SITE("poll"), __VA_ARGS__)
#define prctl(option, ...)	\
	fault_prctl(FAULT_SITE("prctl " #option), option, __VA_ARGS__)
#define pthread_create(...)	\
	fault_pthread_create(FAULT_SITE("pthread_create"), __VA_ARGS__)
#define read(...)	fault_read(FAULT_SITE("read"), __VA_ARGS__)
#define realloc(...)	fault_realloc(FAULT_SITE("realloc"), __VA_ARGS__)
#define reallocarray(...)	\
	fault_reallocarray(FAULT_SITE("reallocarray"), __VA_ARGS__)
#define recallocarray(...)	\
	fault_recallocarray(FAULT_SITE("recallocarray"), __VA_ARGS__)
#define recv(...)	fault_recv(FAULT_SITE("recv"), __VA_ARGS__)
#define recvmsg(...)	fault_recvmsg(FAULT_SITE("recvmsg"), __VA_ARGS__)
#define rmdir(...)	fault_rmdir(FAULT_SITE("rmdir"), __VA_ARGS__)
#define sched_getaffinity(...)	\
	fault_sched_getaffinity(FAULT_SITE("sched_getaffinity"), __VA_ARGS__)
#define sched_setaffinity(...)	\
	fault_sched_setaffinity(FAULT_SITE("sched_setaffinity"), __VA_ARGS__)
#define sched_setscheduler(...)	\
	fault_sched_setscheduler(FAULT_SITE("sched_setscheduler"), __VA_ARGS__)
#define seccomp_attr_set(...)	\
	fault_seccomp_attr_set(FAULT_SITE("seccomp_attr_set"), __VA_ARGS__)
#define seccomp_init(...)	\
	fault_seccomp_init(FAULT_SITE("seccomp_init"), __VA_ARGS__)
#define seccomp_load(...)	\
	fault_seccomp_load(FAULT_SITE("seccomp_load"), __VA_ARGS__)
#define seccomp_notify_alloc(...)	\
	fault_seccomp_notify_alloc(FAULT_SITE("seccomp_notify_alloc"),	\
	    __VA_ARGS__)
#define seccomp_rule_add_array(...)	\
	fault_seccomp_rule_add_array(FAULT_SITE("seccomp_rule_add_array"), \
	    __VA_ARGS__)
#define send(...)	fault_send(FAULT_SITE("send"), __VA_ARGS__)
#define sendmsg(...)	fault_sendmsg(FAULT_SITE("sendmsg"), __VA_ARGS__)
#define sendto(...)	fault_sendto(FAULT_SITE("sendto"), __VA_ARGS__)
#define setgroups(...)	fault_setgroups(FAULT_SITE("setgroups"), __VA_ARGS__)
#define setpgid(...)	fault_setpgid(FAULT_SITE("setpgid"), __VA_ARGS__)
#define setresgid(...)	fault_setresgid(FAULT_SITE("setresgid"), __VA_ARGS__)
#define setresuid(...)	fault_setresuid(FAULT_SITE("setresuid"), __VA_ARGS__)
#define setrlimit(...)	fault_setrlimit(FAULT_SITE("setrlimit"), __VA_ARGS__)
#define setsockopt(fd, level, option, ...)	\
	fault_setsockopt(FAULT_SITE("setsockopt " #option), fd, level,	\
	    option, __VA_ARGS__)
#define shutdown(...)	fault_shutdown(FAULT_SITE("shutdown"), __VA_ARGS__)
#define socket(...)	fault_socket(FAULT_SITE("socket"), __VA_ARGS__)
#define socketpair(...)	fault_socketpair(FAULT_SITE("socketpair"), __VA_ARGS__)
#define statfs(...)	fault_statfs(FAULT_SITE("statfs"), __VA_ARGS__)
#define strdup(...)	fault_strdup(FAULT_SITE("strdup"), __VA_ARGS__)
#define strndup(...)	fault_strndup(FAULT_SITE("strndup"), __VA_ARGS__)
#define syscall(number, ...)	\
	fault_syscall(FAULT_SITE("syscall " #number), number, __VA_ARGS__)
#define timerfd_create(...)	\
	fault_timerfd_create(FAULT_SITE("timerfd_create"), __VA_ARGS__)
#define unlink(...)	fault_unlink(FAULT_SITE("unlink"), __VA_ARGS__)
#define unshare(...)	fault_unshare(FAULT_SITE("unshare"), __VA_ARGS__)
#define waitid(type, ...)	\
	fault_waitid(FAULT_SITE("waitid " #type), type, __VA_ARGS__)
#define waitpid(...)	fault_waitpid(FAULT_SITE("waitpid"), __VA_ARGS__)
#define write(...)	fault_write(FAULT_SITE("write"), __VA_ARGS__)

#endif
