/* SPDX-License-Identifier: ISC */

/*
 * Attacks on other processes: signals, tracing, reading their memory, using
 * their descriptors.
 */

#include "attack.h"

#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
result(long r)
{
	return r < 0 ? -errno : 0;
}

static void
fill(siginfo_t *info)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = SIGUSR1;
	info->si_code = SI_QUEUE;
	info->si_pid = getpid();
	info->si_uid = getuid();
}

TRY(try_kill)
{
	(void)answer;
	return result(kill(world->host, SIGUSR1));
}

TRY(try_tkill_sibling)
{
	(void)answer;
	return result(syscall(SYS_tkill, world->sibling, SIGUSR1));
}

TRY(try_tgkill)
{
	(void)answer;
	return result(syscall(SYS_tgkill, world->host, world->host, SIGUSR1));
}

TRY(try_sigqueue)
{
	siginfo_t info;

	(void)answer;
	fill(&info);
	return result(syscall(SYS_rt_sigqueueinfo, world->host, SIGUSR1,
	    &info));
}

TRY(try_tgsigqueue)
{
	siginfo_t info;

	(void)answer;
	fill(&info);
	return result(syscall(SYS_rt_tgsigqueueinfo, world->host, world->host,
	    SIGUSR1, &info));
}

TRY(try_pidfd_signal)
{
	int fd = (int)syscall(SYS_pidfd_open, world->host, 0);

	(void)answer;
	return fd < 0 ? -errno :
	    result(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
}

/* Have the kernel send the signal as soon as the inherited socket has input. */
TRY(try_setown)
{
	int fd = world->datagram_fd, flags = fcntl(fd, F_GETFL);
	struct f_owner_ex owner = { F_OWNER_PID, world->host };

	(void)answer;
	if (flags < 0 || fcntl(fd, F_SETOWN_EX, &owner) < 0 ||
	    fcntl(fd, F_SETSIG, SIGUSR1) < 0)
		return -errno;
	return result(fcntl(fd, F_SETFL, flags | O_ASYNC));
}

WORKED(worked_setown)
{
	situation_send(host, "inherited");
	return host_signals > 0;
}

WORKED(worked_signal)
{
	(void)host;
	return host_signals > 0;
}

/* If the signal was sent, the sibling takes it when it runs next. */
WORKED(worked_signal_sibling)
{
	for (int i = 0; i < 5000 && host->answer.result == 0 &&
	    host->world->sibling_signals == 0; i++)
		(void)poll(NULL, 0, 1);
	return host->world->sibling_signals > 0;
}

TRY(try_kill_supervisor)
{
	(void)answer;
	return result(kill(world->supervisor, SIGKILL));
}

/*
 * If the signal was sent, it ends soon; and with it the attacker, perhaps before
 * that could answer.
 */
WORKED(worked_kill_supervisor)
{
	struct pollfd pfd = { host->supervisor_fd, POLLIN, 0 };
	int timeout_ms = host->answer.result == 0 ? 5000 :
	    host->answer.result == -EIO ? 300 : 0;

	return poll(&pfd, 1, timeout_ms) == 1;
}

/* Tracing and memory */

TRY(try_ptrace)
{
	(void)answer;
	return result(ptrace(PTRACE_SEIZE, world->host, NULL, NULL));
}

WORKED(worked_ptrace)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	int tracer = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (file != NULL)
		(void)fclose(file);
	return tracer != 0 && tracer == host->attacker;
}

static int
copy_from(pid_t pid, const char *from, char *to)
{
	struct iovec local = { to, SECRET_LEN }, remote = {
		.iov_len = SECRET_LEN,
	};

	memcpy(&remote.iov_base, &from, sizeof(from));
	return result(process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

TRY(try_readv)
{
	return copy_from(world->host, attack_secret, answer->stolen);
}

TRY(try_readv_sibling)
{
	return copy_from(world->sibling, sibling_secret, answer->stolen);
}

TRY(try_writev)
{
	char junk[SECRET_LEN] = "written";
	struct iovec local = { junk, SECRET_LEN };
	struct iovec remote = { attack_secret, SECRET_LEN };

	(void)answer;
	return result(process_vm_writev(world->host, &local, 1, &remote, 1,
	    0));
}

WORKED(worked_write)
{
	(void)host;
	return strcmp(attack_secret, "written") == 0;
}

/* Memory that the host shares with others of its user, shmget(2). */
TRY(try_shm)
{
	char *memory = shmat(world->shm_id, NULL, SHM_RDONLY);

	if (memory == (void *)-1)
		return -errno;
	memcpy(answer->stolen, memory, SECRET_LEN);
	return 0;
}

static int
open_proc(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

TRY(try_mem)
{
	int fd = open_proc(world->host, "mem");

	return fd < 0 ? fd : result(pread(fd, answer->stolen, SECRET_LEN,
	    (off_t)(uintptr_t)attack_secret));
}

/* Look for what stands behind a mark. */
static int
search(int fd, const char *mark, struct answer *answer)
{
	static char bytes[1 << 20];
	size_t len = 0;
	ssize_t n;
	char *place;

	if (fd < 0)
		return fd;
	while (len < sizeof(bytes) - 1 &&
	    (n = read(fd, bytes + len, sizeof(bytes) - 1 - len)) > 0)
		len += (size_t)n;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '\0')
			bytes[i] = '\n';
	bytes[len] = '\0';
	place = strstr(bytes, mark);
	if (place == NULL)
		return -ENOENT;
	memcpy(answer->stolen, place + strlen(mark), SECRET_LEN);
	return 0;
}

TRY(try_maps)
{
	return search(open_proc(world->host, "maps"), "secret=", answer);
}

TRY(try_environ)
{
	return search(open_proc(world->host, "environ"), "ATTACK_SECRET=",
	    answer);
}

TRY(try_fd)
{
	char name[32];
	int fd;

	(void)snprintf(name, sizeof(name), "fd/%d", world->secret_fd);
	fd = open_proc(world->host, name);
	return fd < 0 ? fd : result(pread(fd, answer->stolen, SECRET_LEN, 0));
}

TRY(try_getfd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, world->host, 0), fd;

	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, world->secret_fd, 0);
	return fd < 0 ? -errno :
	    result(pread(fd, answer->stolen, SECRET_LEN, 0));
}

WORKED(worked_steal)
{
	return strcmp(host->answer.stolen, attack_secret) == 0;
}

/* An address in the host: where the kernel finds the locks of its thread. */
TRY(try_robust_list)
{
	struct robust_list_head *head = NULL;
	size_t len = 0;

	if (syscall(SYS_get_robust_list, world->host, &head, &len) < 0)
		return -errno;
	(void)snprintf(answer->stolen, sizeof(answer->stolen), "%jx",
	    (uintmax_t)(uintptr_t)head);
	return 0;
}

WORKED(worked_robust_list)
{
	struct robust_list_head *head = NULL;
	char text[32];
	size_t len = 0;

	(void)syscall(SYS_get_robust_list, 0, &head, &len);
	(void)snprintf(text, sizeof(text), "%jx", (uintmax_t)(uintptr_t)head);
	return strcmp(host->answer.stolen, text) == 0;
}

/*
 * Catch the signal that ends it, and go on.  The kernel looks at the lower half
 * of the signal's number only.
 */

#ifdef __x86_64__

static sigjmp_buf caught;

static void
catch_signal(int sig)
{
	siglongjmp(caught, sig);
}

TRY(try_catch)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(int);
		unsigned long mask;
	} action = { catch_signal, 0x04000000 /* SA_RESTORER */, catch_signal,
	    0 };

	(void)syscall(SYS_rt_sigaction, 1UL << 32 | SIGSYS, &action, NULL,
	    sizeof(action.mask));
	if (sigsetjmp(caught, 1) != 0)
		return -EINTR;
	return try_tkill_sibling(world, answer);
}

#else

TRY(try_catch)
{
	return try_tkill_sibling(world, answer);
}

#endif

/* The numbers of other interfaces of the same processor. */

TRY(try_x32)
{
	(void)answer;
#ifdef __x86_64__
	return result(syscall(0x40000000 | SYS_kill, world->host, SIGUSR1));
#else
	(void)world;
	return -ENOSYS;
#endif
}

TRY(try_int80)
{
	int r = -ENOSYS;

	(void)answer;
#ifdef __x86_64__
	/* kill is 37 there. */
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(37), "b"(world->host),
	    "c"(SIGUSR1) : "memory", "r8", "r9", "r10", "r11");
#else
	(void)world;
#endif
	return r;
}
