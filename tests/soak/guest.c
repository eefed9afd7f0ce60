/* SPDX-License-Identifier: ISC */

/*
 * A pool in hosts of every kind, and whether it leaves them as they were.
 *
 *	guest		every combination, each in a process of its own
 *	guest --one	one pool, in this very process: for strace(1)
 *
 * What the host does with SIGCHLD, whether threads run in it, how many
 * descriptors it has open or may open, whether it blocks signals, and what it
 * is: an ordinary process, a child subreaper, in a user namespace, or process 1
 * of a pid namespace.  What the system does not allow is left out, and said;
 * and threads with AddressSanitizer, whose malloc(3) does not survive a fork.
 */

#include "soak/soak.h"
#include "support/asan.h"

#include <brood.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

enum { MANY_FDS = 10000, FEW_FDS = 64, PATIENCE_MS = 20000 };

enum sigchld { DEFAULT, IGNORED, WAIT_LOOP, SIGCHLDS };
enum fds { USUAL, MANY, FEW, FDS };
enum role { ORDINARY, SUBREAPER, IN_USER_NAMESPACE, PROCESS_1, ROLES };

static const char *const sigchlds[] = { "default", "ignored", "wait loop" };
static const char *const fdss[] = { "usual", "many", "few" };
static const char *const roles[] = {
	"ordinary", "subreaper", "user namespace", "process 1",
};

struct guest {
	enum sigchld sigchld;
	bool has_threads;
	enum fds fds;
	bool blocks_signals;
	enum role role;
};

enum method { ECHO, ABORT, HANG, FAIL, NEST };

static _Atomic bool is_over;

/* Why a host fails: the line, as status of the process. */
#define REQUIRE(fact) do {						\
	if (!(fact)) {							\
		(void)fprintf(stderr, "guest: line %d: %s (%s)\n",	\
		    __LINE__, #fact, strerror(errno));			\
		_exit(1);						\
	}								\
} while (0)

static int	use_pool(bool is_nested);

static int
handle(struct brood_request *request, void *arg)
{
	(void)arg;
	switch (brood_request_code(request)) {
	case ABORT:
		(void)raise(SIGABRT);
		break;
	case HANG:
		for (;;)
			(void)pause();
	case FAIL:
		return brood_request_fail(request, ENOENT, "as asked");
	case NEST:
		if (use_pool(true) != 0)
			return -EIO;
		break;
	default:
		break;
	}
	return brood_request_reply(request, 0, brood_request_data(request),
	    brood_request_len(request));
}

static int
call(struct brood_pool *pool, uint32_t method, struct brood_completion *done)
{
	struct brood_message msg = { .code = method, .data = "x", .len = 1 };
	struct brood_request_options options = {
		.expire_ms = method == HANG ? 5 : PATIENCE_MS,
	};

	return brood_pool_call(pool, &msg, &options, done);
}

static void
expect(struct brood_pool *pool, uint32_t method, enum brood_fate fate,
    enum brood_ran ran)
{
	struct brood_completion done;

	REQUIRE(call(pool, method, &done) == 0);
	if (done.fate != fate)
		(void)fprintf(stderr, "guest: method %u: fate %d: %s\n",
		    method, (int)done.fate, done.text);
	REQUIRE(done.fate == fate);
	REQUIRE(done.ran == ran);
	brood_completion_fini(&done);
}

/* The same in every host. */
static int
use_pool(bool is_nested)
{
	struct brood_pool_options options = {
		.handler = handle,
		.workers = 2,
		.shutdown_ms = 300,
		.stderr_fd = -1,
	};
	struct brood_pool *pool;

	if (brood_pool_new(&pool, &options, NULL) < 0)
		return -1;
	expect(pool, ECHO, BROOD_DONE, BROOD_RAN);
	expect(pool, ABORT, BROOD_CRASHED, BROOD_MAY_HAVE_RUN);
	expect(pool, FAIL, BROOD_FAILED, BROOD_RAN);
	expect(pool, HANG, BROOD_EXPIRED, BROOD_MAY_HAVE_RUN);
	if (!is_nested)
		expect(pool, NEST, BROOD_DONE, BROOD_RAN);
	expect(pool, ECHO, BROOD_DONE, BROOD_RAN);
	return brood_pool_free(pool) == NULL ? 0 : -1;
}

/* Making the host what it should be */

static void *
be_busy(void *arg)
{
	void *volatile memory;

	for (size_t i = 0; !is_over; i++) {
		memory = malloc(i % 5000 + 1);
		free(memory);
		(void)sched_yield();
	}
	return arg;
}

static void *
wait_for_all(void *arg)
{
	while (!is_over)
		if (waitpid(-1, NULL, WNOHANG) <= 0)
			nap_us(500);
	return arg;
}

/* Gives the number of descriptors that were opened, from *ret_first on. */
static int
set_fds(enum fds fds, int *ret_first)
{
	struct rlimit limit;
	int n = 0;

	REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = fds == FEW ? FEW_FDS : limit.rlim_max;
	REQUIRE(fds == USUAL || setrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (fds != MANY)
		return 0;
	*ret_first = open("/dev/null", O_RDONLY | O_CLOEXEC);
	REQUIRE(*ret_first >= 0);
	for (n = 1; n < MANY_FDS; n++)
		REQUIRE(fcntl(*ret_first, F_DUPFD_CLOEXEC, 0) >= 0);
	return n;
}

static int
open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 2 * MANY_FDS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* What the pool must leave as it is. */
struct state {
	struct sigaction actions[NSIG];
	sigset_t mask;
	int n_fds;
};

static void
look(struct state *state)
{
	memset(state, 0, sizeof(*state));
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, NULL, &state->actions[sig]);
	REQUIRE(sigprocmask(SIG_BLOCK, NULL, &state->mask) == 0);
	state->n_fds = open_fds();
}

static void
compare(const struct state *one, const struct state *other)
{
	for (int sig = 1; sig < NSIG; sig++) {
		REQUIRE(one->actions[sig].sa_handler ==
		    other->actions[sig].sa_handler);
		REQUIRE(one->actions[sig].sa_flags ==
		    other->actions[sig].sa_flags);
		REQUIRE(sigismember(&one->mask, sig) ==
		    sigismember(&other->mask, sig));
	}
	REQUIRE(one->n_fds == other->n_fds);
}

static int
be_host(const struct guest *guest)
{
	static struct state before, after;
	pthread_t threads[2], reaper;
	pid_t child = -1;
	int status, first;
	sigset_t all;

	if (guest->sigchld == IGNORED)
		(void)signal(SIGCHLD, SIG_IGN);
	(void)set_fds(guest->fds, &first);
	if (guest->blocks_signals) {
		(void)sigfillset(&all);
		REQUIRE(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	}
	if (guest->role == SUBREAPER)
		REQUIRE(adopt_orphans());
	if (guest->sigchld == DEFAULT) {
		child = fork();
		REQUIRE(child >= 0);
		if (child == 0) {
			(void)alarm(PATIENCE_MS / 1000);
			nap_us(20000);
			_exit(7);
		}
	}
	for (int i = 0; guest->has_threads && i < 2; i++)
		REQUIRE(pthread_create(&threads[i], NULL, be_busy, NULL) == 0);
	if (guest->sigchld == WAIT_LOOP)
		REQUIRE(pthread_create(&reaper, NULL, wait_for_all, NULL) ==
		    0);
	look(&before);
	REQUIRE(use_pool(false) == 0);
	look(&after);
	compare(&before, &after);
	if (child > 0) {
		REQUIRE(waitpid(child, &status, 0) == child);
		REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
	is_over = true;
	for (int i = 0; guest->has_threads && i < 2; i++)
		(void)pthread_join(threads[i], NULL);
	if (guest->sigchld == WAIT_LOOP)
		(void)pthread_join(reaper, NULL);
	return 0;
}

static int
join(pid_t pid)
{
	int status;

	REQUIRE(pid > 0);
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return status;
}

/* 0, or -errno of what the system does not allow. */
static int
take_role(enum role role)
{
#ifdef __linux__
	if (role == IN_USER_NAMESPACE)
		return unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
	if (role == PROCESS_1 && unshare(CLONE_NEWPID) < 0)
		return unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0 ? -errno : 0;
	return 0;
#else
	return role >= IN_USER_NAMESPACE ? -ENOSYS : 0;
#endif
}

enum { LEFT_OUT = 77 };

static int
be_process(const struct guest *guest)
{
	pid_t pid;
	int status;

	if (take_role(guest->role) < 0)
		return LEFT_OUT;
	if (guest->role != PROCESS_1)
		return be_host(guest);
	pid = fork();
	if (pid == 0)
		_exit(be_host(guest));
	status = join(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static bool
can_open_many(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_max >= MANY_FDS + FEW_FDS;
}

int
main(int argc, char **argv)
{
	unsigned n = 0, n_left_out = 0;

	if (argc == 2 && strcmp(argv[1], "--one") == 0)
		return use_pool(false) == 0 ? 0 : 1;
	for (unsigned i = 0; i < SIGCHLDS * FDS * ROLES * 2 * 2; i++) {
		const struct guest guest = {
			.sigchld = (enum sigchld)(i % SIGCHLDS),
			.fds = (enum fds)(i / SIGCHLDS % FDS),
			.role = (enum role)(i / SIGCHLDS / FDS % ROLES),
			.has_threads = i / SIGCHLDS / FDS / ROLES % 2,
			.blocks_signals = i / SIGCHLDS / FDS / ROLES / 2,
		};
		pid_t pid;
		int status;

		if ((guest.fds == MANY && !can_open_many()) ||
		    (SUPPORT_HAS_ASAN && (guest.has_threads ||
		    guest.sigchld == WAIT_LOOP))) {
			n_left_out++;
			continue;
		}
		pid = fork();
		if (pid == 0)
			_exit(be_process(&guest));
		status = join(pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == LEFT_OUT)
			n_left_out++;
		else if (status != 0) {
			(void)fprintf(stderr, "guest: status 0x%x: SIGCHLD %s, "
			    "%s descriptors, %s, threads %d, signals blocked "
			    "%d\n", (unsigned)status, sigchlds[guest.sigchld],
			    fdss[guest.fds], roles[guest.role],
			    guest.has_threads, guest.blocks_signals);
			return 1;
		} else
			n++;
	}
	(void)printf("guest: %u kinds of hosts, %u left out\n", n,
	    n_left_out);
	return 0;
}
