/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_ATTACK_H
#define BROOD_TESTS_ATTACK_H

/*
 * Attacks of a worker on its host and on a sibling, the other worker of its
 * pool.
 *
 * An attack has two halves.  `try' runs in the worker.  `worked' runs in the
 * host afterwards and says whether the attack has had its effect: whether the
 * host got the signal, the file is gone, the secret is known.  Only that
 * counts, not what the worker believes.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define SECRET_LEN	16

enum {
	N_LEVELS = 5,
	REGION_SIZE = 65536,
	BOMB = 400,			/* processes or threads that it tries */
	LINGER_S = 3,
	MEMORY_LIMIT = 1 << 30,		/* RLIMIT_AS */
};

/* What the host tells its workers, in memory that they share. */
struct world {
	pid_t host;
	pid_t supervisor;
	_Atomic pid_t sibling;
	_Atomic unsigned sibling_signals;
	_Atomic unsigned n_bombs;	/* of a bomb's processes and threads */
	_Atomic pid_t left_behind;
	char dir[64];
	char abstract[32];		/* an abstract address, without its 0 */
	uint16_t tcp_port;
	uint16_t udp_port;
	int secret_fd;			/* its number in the host */
	int shm_id;			/* shared memory of System V */
	/* What the worker has inherited. */
	int evidence_fd;		/* a pipe to the host */
	int datagram_fd;		/* an AF_UNIX socket without a peer */
	int region_fd;			/* of a ring that the host writes */
	int given_fd;			/* of the request, or -1 */
	int hostile_fd;			/* a file that is slow to close, or
					   -1: there is none */
};

/* What the worker gives back. */
struct answer {
	int result;			/* 0, or a negative errno */
	char stolen[SECRET_LEN + 1];
};

/* The host's side, in one process for each level. */
struct host {
	struct world *world;
	unsigned level;
	uid_t uid;			/* of the host */
	bool was_root;			/* so nobody else is this user */
	struct answer answer;		/* of the worker that attacks */
	pid_t attacker;
	int supervisor_fd;		/* a pidfd */
	int stream_fd, abstract_fd, tcp_fd;	/* these listen */
	int datagram_fd, udp_fd;
	int evidence_fd;
	char *region;
	/* What it was like before the attack. */
	struct rlimit limit;
	int priority, policy, io_priority, n_cpus;
	off_t size;			/* of the file "sized" */
	/* What has happened to the pool. */
	bool is_harmed;			/* an answer was not what was asked */
	long worst_ms;			/* the longest turn */
};

/* What an attack needs besides. */
enum attack_need {
	NEEDS_PROCESS_LIMIT = 1,	/* RLIMIT_NPROC */
	NEEDS_MEMORY_LIMIT = 2,		/* RLIMIT_AS */
	NEEDS_SOCKET = 4,		/* a TCP connection with the request */
	NEEDS_BYTES = 8,		/* a pool without shared memory */
	NEEDS_ROOT = 16,		/* a user that nobody else is */
	NEEDS_TWO_CPUS = 32,
	NEEDS_X86 = 64,
	NEEDS_LEFT_BEHIND = 128,	/* looked at when the pool is gone */
	NEEDS_RUN_LIMIT = 512,		/* its request does not end by itself */
	NEEDS_TURNS = 1024,		/* that can be measured */
	NEEDS_HOSTILE_FILE = 2048,
	BREAKS_POOL = 256,		/* where it is allowed */
};

struct attack {
	const char *name;
	int (*try)(const struct world *world, struct answer *answer);
	bool (*worked)(struct host *host);
	/*
	 * A letter for each level: `a' allowed, `d' denied, `k' the worker is
	 * ended for it.  What depends on the kernel:
	 *	n	as for any process of that user
	 *	f t u s	denied if Landlock has files, TCP, truncate, signals and
	 *		abstract sockets; else `n'
	 *	r	denied if sockets can refuse descriptors; else `a'
	 *	q	denied if they can, or Landlock has TCP; else `a'
	 */
	const char *expected;
	const char *call;		/* that the worker is ended for */
	unsigned needs;			/* of enum attack_need */
};

extern const struct attack attacks[];
extern const size_t n_attacks;

/* In the host's own memory, new for each attack. */
extern char attack_secret[SECRET_LEN + 1];
/* In that of the sibling: a copy. */
extern char sibling_secret[SECRET_LEN + 1];
/* How often the host got the signal that attacks send. */
extern volatile int host_signals;

/* host.c: all attacks at one level, and what came of them. */
struct outcome {
	bool is_wanted;
	char found;			/* a, d, k, 0: not tried */
	char expected;
	char text[200];			/* of what is wrong, or why not tried */
};
int	host_run(unsigned level, uid_t uid, uid_t worker_uid,
	    struct world *world, struct outcome *outcomes);

/* pool.c: one attack, by a worker of a pool. */
int	pool_attack(struct host *host, const struct attack *attack,
	    uid_t worker_uid, struct outcome *outcome);
/* In the sibling: from now on it counts signals, and can be attacked. */
void	sibling_open(struct world *world);

/*
 * situation.c: what there is to attack.  What workers must not know is made
 * when they are there.
 */
int	situation_open(struct host *host);
int	situation_hide(struct host *host);
void	situation_close(struct host *host);
/* Send a datagram to a socket of this name in the directory. */
void	situation_send(struct host *host, const char *name);
/* How many processes and threads has this user? */
unsigned situation_n_processes(uid_t uid);

/*
 * hostile_file.c: open a file that is slow to close for processes that is_host
 * knows, and for nobody else.  Gives -1 if that cannot be had.
 */
int	hostile_file_open(bool (*is_host)(const void *arg, pid_t pid),
	    const void *arg, pid_t *ret_server);

/* features.c: is there what this letter of a table stands for? */
bool	features_has(char letter);
bool	features_has_rings(void);
int	features_n_cpus(void);
unsigned features_n_levels(void);

/* The halves of the attacks, by file; the host's half where it is special. */
#define TRY(name)							\
	int name(const struct world *world, struct answer *answer)
#define WORKED(name)							\
	bool name(struct host *host)

WORKED(worked_steal);		/* the secret came back */
WORKED(worked_signal);		/* the host was signalled */
WORKED(worked_evidence);	/* the secret's place in the pipe has a byte */

/* sockets.c: the socket that brood gave the worker. */
int	channel_fd(const struct world *world);

TRY(try_kill); TRY(try_tkill_sibling); TRY(try_tgkill); TRY(try_sigqueue);
TRY(try_tgsigqueue); TRY(try_pidfd_signal); TRY(try_setown);
TRY(try_kill_supervisor); TRY(try_ptrace); TRY(try_readv);
TRY(try_readv_sibling); TRY(try_writev); TRY(try_mem); TRY(try_maps);
TRY(try_environ); TRY(try_fd); TRY(try_getfd); TRY(try_robust_list);
TRY(try_catch); TRY(try_shm); TRY(try_chmod); WORKED(worked_chmod);
 TRY(try_x32); TRY(try_int80);
WORKED(worked_setown); WORKED(worked_signal_sibling);
WORKED(worked_kill_supervisor);
WORKED(worked_ptrace); WORKED(worked_write); WORKED(worked_robust_list);

TRY(try_prlimit); TRY(try_priority); TRY(try_scheduler); TRY(try_affinity);
TRY(try_ioprio); TRY(try_fork); TRY(try_fork_bomb); TRY(try_thread_bomb);
TRY(try_memory_bomb); TRY(try_leave_behind); TRY(try_exec);
WORKED(worked_prlimit); WORKED(worked_priority); WORKED(worked_scheduler);
WORKED(worked_affinity); WORKED(worked_ioprio); WORKED(worked_bomb);
WORKED(worked_memory_bomb); WORKED(worked_leave_behind); WORKED(worked_fork);

TRY(try_open); TRY(try_stat); TRY(try_rename); TRY(try_link);
TRY(try_truncate); TRY(try_create); TRY(try_mount);
WORKED(worked_stat); WORKED(worked_rename); WORKED(worked_link);
WORKED(worked_truncate); WORKED(worked_create); WORKED(worked_mount);

TRY(try_connect_path); TRY(try_connect_abstract); TRY(try_connect_tcp);
TRY(try_socket_udp); TRY(try_sendto_path); TRY(try_sendto_inherited);
TRY(try_sendmsg_inherited); TRY(try_connect_inherited); TRY(try_listen_tcp);
TRY(try_netlink); TRY(try_linger); TRY(try_linger_given); TRY(try_in_flight);
TRY(try_hostile_file);
WORKED(worked_listen_tcp);
WORKED(worked_connect_path); WORKED(worked_connect_abstract);
WORKED(worked_connect_tcp); WORKED(worked_udp); WORKED(worked_datagram);
WORKED(worked_linger); WORKED(worked_in_flight);

TRY(try_io_uring); TRY(try_new_user); TRY(try_clone3_user);
TRY(try_unshare_user); TRY(try_key); TRY(try_perf); TRY(try_bpf);
TRY(try_userfaultfd); TRY(try_code);
WORKED(worked_unshare_user); WORKED(worked_key); WORKED(worked_result);

TRY(try_ring_shrink); TRY(try_ring_punch); TRY(try_ring_write);
TRY(try_ring_map); TRY(try_close); TRY(try_shutdown); TRY(try_hello);
TRY(try_goodbye); TRY(try_pong); TRY(try_forge); TRY(try_options);
WORKED(worked_ring); WORKED(worked_channel);

#endif
