/* SPDX-License-Identifier: ISC */

/*
 * See confined.h.  Workers answer with an errno as the status of the reply.
 */

#include "support/confined.h"
#include "support/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the worker */

static int
result(int r)
{
	return r < 0 ? errno : 0;
}

static int
try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int
try_rename(char *paths)
{
	char *to = strchr(paths, ' ');

	*to++ = '\0';
	return result(rename(paths, to));
}

static void *
thread_run(void *arg)
{
	return arg;
}

static int
try_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, thread_run, NULL);

	return r != 0 ? r : pthread_join(thread, NULL);
}

#ifdef CLONE_NEWUSER
static int
try_unshare(void)
{
	return result(unshare(CLONE_NEWUSER));
}
#else
static int
try_unshare(void)
{
	return ENOSYS;
}
#endif

/* Say what the handler of a confined process says, and worse. */
static int
try_lie(void)
{
	static const char lie[] =
	    "brood: ended for calling \033[2Jnothing\a (seccomp)\n";
	sigset_t sys;

	(void)!write(STDERR_FILENO, lie, sizeof(lie) - 1);
	/* The handler that says the truth does not run. */
	(void)sigemptyset(&sys);
	(void)sigaddset(&sys, SIGSYS);
	(void)sigprocmask(SIG_BLOCK, &sys, NULL);
	return try_unshare();
}

static int
confined_do(uint32_t method, char *path)
{
	switch ((enum confined_method)method) {
	case CONFINED_READ:
		return try_open(path, O_RDONLY);
	case CONFINED_WRITE:
		return try_open(path, O_WRONLY | O_CREAT);
	case CONFINED_TRUNCATE:
		return result(truncate(path, 0));
	case CONFINED_RENAME:
		return try_rename(path);
	case CONFINED_ROOT:
		return result(setuid(0));
	case CONFINED_SOCKET:
		return result(socket(AF_UNIX, SOCK_STREAM, 0));
	case CONFINED_SYNC:
		return result(syncfs(STDERR_FILENO));
	case CONFINED_UNSHARE:
		return try_unshare();
	case CONFINED_RAISE:
		return raise(SIGSYS);
	case CONFINED_LIE:
		return try_lie();
	case CONFINED_THREAD:
		return try_thread();
	case CONFINED_ECHO:
	case CONFINED_GIVE:
		break;
	}
	return 0;
}

static int
confined_give(struct brood_request *request)
{
	int fds[2], r;

	if (pipe(fds) < 0)
		return -errno;
	r = brood_request_reply_with_fds(request, 0, "", 0, fds, 2);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return r;
}

int
confined_handle(struct brood_request *request, void *arg)
{
	size_t len = brood_request_len(request);
	uint32_t method = brood_request_code(request), status;
	char *path;

	(void)arg;
	if (method == CONFINED_ECHO)
		return brood_request_reply(request, 0,
		    brood_request_data(request), len);
	if (method == CONFINED_GIVE)
		return confined_give(request);
	path = strndup(brood_request_data(request), len);
	if (path == NULL)
		return -ENOMEM;
	status = (uint32_t)confined_do(method, path);
	free(path);
	return brood_request_reply(request, status, "", 0);
}

/* In the host */

void
confined_needs(unsigned level)
{
#ifndef HAVE_NAMESPACES
	if (level >= BROOD_CONFINE_FILES)
		cr_skip_test("this build cannot confine");
#endif
#ifndef HAVE_LIBSECCOMP
	if (level >= BROOD_CONFINE_CALLS)
		cr_skip_test("this build has no libseccomp");
#endif
	if (level >= BROOD_CONFINE_USER && getuid() != 0)
		cr_skip_test("this needs root");
	if (level >= BROOD_CONFINE_SPACES && !namespaces_can_be_left())
		cr_skip_test("this system does not let it leave namespaces");
}

bool
confined_landlock(uint64_t right)
{
#ifdef SYS_landlock_create_ruleset
	long fd = syscall(SYS_landlock_create_ruleset, &right, sizeof(right),
	    0);

	if (fd >= 0)
		(void)close((int)fd);
	return fd >= 0;
#else
	(void)right;
	return false;
#endif
}

void
confined_needs_landlock(void)
{
	confined_needs(BROOD_CONFINE_FILES);
	if (!confined_landlock(CONFINED_LANDLOCK))
		cr_skip_test("this kernel has no Landlock");
}

struct brood_pool *
confined_pool(const struct brood_confine *confine,
    struct brood_pool_options options)
{
	char text[BROOD_TEXT_SIZE] = "";
	struct brood_pool *pool = NULL;

	options.confine = confine;
	options.workers = 1;
	options.shutdown_ms = 300;
	if (options.argv == NULL)
		options.handler = confined_handle;
	cr_assert(brood_pool_new(&pool, &options, text) == 0, "%s", text);
	return pool;
}

pid_t
confined_ready(struct brood_pool *pool, unsigned level)
{
	int64_t end = brood__deadline(brood__now_ms(), DRAIN_MS);
	struct brood_event event;

	while (brood__now_ms() < end) {
		while (brood_pool_next_event(pool, &event) == 1) {
			cr_assert(event.kind == BROOD_EVENT_READY, "%s: %s",
			    event.step, event.text);
			cr_assert(event.level == level, "level %u, not %u",
			    event.level, level);
			return event.pid;
		}
		(void)drain_turn(pool, -1);
	}
	cr_assert(false, "no worker");
	return 0;
}

void
confined_refused(struct brood_pool *pool, const char *step, const char *words)
{
	struct brood_event event;

	cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert(strcmp(event.step, step) == 0 &&
	    strstr(event.text, words) != NULL, "%s: %s", event.step,
	    event.text);
}

int
confined_try(struct brood_pool *pool, enum confined_method method,
    const char *path)
{
	struct brood_completion done;
	int status;

	cr_assert(drain_call(pool, method, path, &done) == 0);
	cr_assert(done.fate == BROOD_DONE, "%s", done.text);
	status = (int)done.reply.code;
	brood_completion_fini(&done);
	return -status;
}

const char *
confined_status(pid_t pid, const char *name)
{
	static char line[512];
	size_t len = strlen(name);
	char path[64], *value = NULL;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	cr_assert(file != NULL);
	while (value == NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			value = line + len + 1;
	(void)fclose(file);
	cr_assert(value != NULL, "no %s", name);
	value[strcspn(value, "\n")] = '\0';
	for (char *end = value + strlen(value); end > value &&
	    (end[-1] == ' ' || end[-1] == '\t'); end--)
		end[-1] = '\0';
	return value + strspn(value, " \t");
}
