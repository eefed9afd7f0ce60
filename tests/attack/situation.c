/* SPDX-License-Identifier: ISC */

/*
 * What there is to attack: secrets, files, sockets and the host's settings.  It
 * is made anew for each attack.
 */

#include "attack.h"

#include "wire/region.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *situation_map;	/* of the secret, under its own name */
static const char *const situation_sockets[] = {
	"datagram", "inherited", "stream",
};

static const char *
situation_path(const struct host *host, const char *name)
{
	static char path[100];

	(void)snprintf(path, sizeof(path), "%s/%s", host->world->dir, name);
	return path;
}

/* Secrets */

static int
situation_write(const struct host *host, const char *name, const char *text)
{
	int fd = open(situation_path(host, name),
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

static int
situation_new_secret(struct host *host)
{
	unsigned char random[SECRET_LEN / 2];
	char *environment = getenv("ATTACK_SECRET"), name[64], *shared;

	if (environment == NULL || strlen(environment) != SECRET_LEN ||
	    getrandom(random, sizeof(random), 0) < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(attack_secret + 2 * i, 3, "%02x", random[i]);
	memcpy(environment, attack_secret, SECRET_LEN);
	memcpy(sibling_secret, attack_secret, sizeof(attack_secret));
	(void)snprintf(name, sizeof(name), "secret=%s", attack_secret);
	host->world->secret_fd = memfd_create(name, MFD_CLOEXEC);
	if (host->world->secret_fd < 0 || write(host->world->secret_fd,
	    attack_secret, SECRET_LEN) != SECRET_LEN)
		return -errno;
	host->world->shm_id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	shared = shmat(host->world->shm_id, NULL, 0);
	if (shared == (void *)-1)
		return -errno;
	memcpy(shared, attack_secret, SECRET_LEN);
	(void)shmdt(shared);
	situation_map = mmap(NULL, 4096, PROT_READ, MAP_SHARED,
	    host->world->secret_fd, 0);
	return situation_map == MAP_FAILED ? -errno : 0;
}

static int
situation_make_files(struct host *host)
{
	int r = situation_write(host, "secret", attack_secret);

	if (r == 0)
		r = situation_write(host, "sized", "");
	host->size = (off_t)strtol(attack_secret + SECRET_LEN - 6, NULL, 16);
	if (r == 0 && (mkdir(situation_path(host, "out"), 0700) < 0 ||
	    truncate(situation_path(host, "sized"), host->size) < 0))
		r = -errno;
	return r;
}

/* Sockets */

static int
situation_bind(const struct host *host, const char *name, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(un);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (name != NULL)
		(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s",
		    situation_path(host, name));
	else {
		size_t n = strlen(host->world->abstract);

		memcpy(un.sun_path + 1, host->world->abstract, n);
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		    n);
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 8) < 0))
		return -errno;
	return fd;
}

static int
situation_bind_inet(int type, uint16_t *ret_port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 8) < 0) ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		return -errno;
	*ret_port = ntohs(in.sin_port);
	return fd;
}

static int
situation_make_sockets(struct host *host)
{
	struct world *world = host->world;
	int fds[2];

	host->stream_fd = situation_bind(host, "stream", SOCK_STREAM);
	host->abstract_fd = situation_bind(host, NULL, SOCK_STREAM);
	host->datagram_fd = situation_bind(host, "datagram", SOCK_DGRAM);
	world->datagram_fd = situation_bind(host, "inherited", SOCK_DGRAM);
	host->tcp_fd = situation_bind_inet(SOCK_STREAM, &world->tcp_port);
	host->udp_fd = situation_bind_inet(SOCK_DGRAM, &world->udp_port);
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	host->evidence_fd = fds[0];
	world->evidence_fd = fds[1];
	return host->stream_fd < 0 || host->abstract_fd < 0 ||
	    host->datagram_fd < 0 || world->datagram_fd < 0 ||
	    host->tcp_fd < 0 || host->udp_fd < 0 ? -EIO : 0;
}

void
situation_send(struct host *host, const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s",
	    situation_path(host, name));
	(void)sendto(host->datagram_fd, "x", 1, MSG_NOSIGNAL,
	    (struct sockaddr *)&un, sizeof(un));
}

/* Settings */

static int
situation_note_settings(struct host *host)
{
	cpu_set_t set;

	if (getrlimit(RLIMIT_MSGQUEUE, &host->limit) < 0 ||
	    sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	host->n_cpus = CPU_COUNT(&set);
	host->priority = getpriority(PRIO_PROCESS, 0);
	host->policy = sched_getscheduler(0);
	host->io_priority = (int)syscall(SYS_ioprio_get, 1, 0);
	return 0;
}

int
situation_open(struct host *host)
{
	void *memory;
	int r;

	host->world->given_fd = host->world->region_fd = -1;
	host->world->sibling = host->world->left_behind = 0;
	host->world->sibling_signals = host->world->n_bombs = 0;
	host_signals = 0;
	host->region = NULL;
	host->world->secret_fd = host->world->shm_id = -1;
	situation_map = MAP_FAILED;
	r = situation_make_sockets(host);
	/* A system without such memory has no such attack. */
	if (r == 0 && brood__region_new(REGION_SIZE, &memory,
	    &host->world->region_fd) == 0) {
		host->region = memory;
		memset(memory, 'r', REGION_SIZE);
	}
	return r;
}

int
situation_hide(struct host *host)
{
	int r = situation_new_secret(host);

	if (r == 0)
		r = situation_make_files(host);
	return r < 0 ? r : situation_note_settings(host);
}

void
situation_close(struct host *host)
{
	static const char *const files[] = {
		"out/created", "out/linked", "out/renamed", "secret", "sized",
	};
	const int fds[] = {
		host->stream_fd, host->abstract_fd, host->datagram_fd,
		host->tcp_fd, host->udp_fd, host->evidence_fd,
		host->world->datagram_fd, host->world->evidence_fd,
		host->world->region_fd, host->world->secret_fd,
	};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlink(situation_path(host, files[i]));
	for (size_t i = 0; i < sizeof(situation_sockets) /
	    sizeof(situation_sockets[0]); i++)
		(void)unlink(situation_path(host, situation_sockets[i]));
	(void)rmdir(situation_path(host, "out"));
	if (host->world->shm_id >= 0)
		(void)shmctl(host->world->shm_id, IPC_RMID, NULL);
	if (situation_map != MAP_FAILED)
		(void)munmap(situation_map, 4096);
	brood__region_unmap(host->region, REGION_SIZE);
}

/* The user's processes */

static unsigned
situation_n_threads(const char *name, uid_t uid)
{
	char path[300];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%s/task", name);
	/* A directory has a link for each of its own. */
	return stat(path, &st) == 0 && st.st_uid == uid && st.st_nlink > 2 ?
	    (unsigned)st.st_nlink - 2 : 0;
}

unsigned
situation_n_processes(uid_t uid)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			n += situation_n_threads(entry->d_name, uid);
	if (dir != NULL)
		(void)closedir(dir);
	return n;
}
