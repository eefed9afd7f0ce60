/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_MESSAGES_FIXTURE_H
#define BROOD_TESTS_MESSAGES_FIXTURE_H

/*
 * A supervisor process, with the test as its host: what the suites of the
 * messages between the two begin with.  These functions assert, so they are for
 * the test's own process only.
 */

#include "base/fd.h"
#include "supervisor/main.h"
#include "support/support.h"

#include <brood.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 10000,
	SILENCE_MS = 400,	/* longer than the delay before a second try */
	N_DEAD = 8,		/* whose reports are more than 16 KiB */
	/* NOT_STARTED with a tail, GIVEN_UP, and their frames. */
	REPORT_MAX = BROOD__TAIL_MAX +
	    2 * (offsetof(struct brood__notice, tail) + 64),
	/* With no more than these, 256 KiB of reports may be waiting. */
	N_BLOCKING = (256 << 10) / REPORT_MAX,
	N_SLOTS = 100,
};

/* Bytes in the pipe to the test. */
enum { SETUP = 's', HUNGER = 'h' };

/* Memory that test and supervisor share. */
static struct page {
	_Atomic pid_t	 starved;	/* a process without memory; 0: none */
	int		 told_fd;	/* where it says that it wanted some */
} *page;

void	*__real_calloc(size_t n, size_t size);
void	*__real_realloc(void *memory, size_t size);
void	*__real_reallocarray(void *memory, size_t n, size_t size);
void	*__wrap_calloc(size_t n, size_t size);
void	*__wrap_realloc(void *memory, size_t size);
void	*__wrap_reallocarray(void *memory, size_t n, size_t size);

static inline bool
is_starved(void)
{
	if (page == NULL || atomic_load(&page->starved) != getpid())
		return false;
	if (write(page->told_fd, &(char){ HUNGER }, 1) != 1)
		abort();
	errno = ENOMEM;
	return true;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return is_starved() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return is_starved() ? NULL : __real_realloc(memory, size);
}

void *
__wrap_reallocarray(void *memory, size_t n, size_t size)
{
	return is_starved() ? NULL : __real_reallocarray(memory, n, size);
}

/* The host, the supervisor and its children */

struct fixture {
	struct brood__supervisor_config config;
	pid_t pid;
	struct brood_channel *control;
	int control_fds[2];
	int spare_fd;			/* the supervisor's end, here too; -1 */
	int channels[32];		/* of the children that were offered */
	unsigned n_channels;
	int gate[2];
	int told[2];
};

static inline int
child_main(struct brood_channel *channel, void *arg)
{
	struct brood_message msg;

	(void)arg;
	while (brood_channel_recv(channel, -1, &msg) == 1)
		if (msg.kind == BROOD_KIND_GOODBYE)
			break;
	return 0;
}

static inline int
setup_at_gate(void *arg)
{
	const struct fixture *fix = arg;
	char byte = SETUP;

	if (write(fix->told[1], &byte, 1) != 1 ||
	    read(fix->gate[0], &byte, 1) != 1)
		return -EIO;
	return byte == 'f' ? -EACCES : 0;
}

/* Print as much as the report of an end has room for. */
static inline int
setup_prints(void *arg)
{
	const struct fixture *fix = arg;
	char text[BROOD__TAIL_MAX];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	return write(STDERR_FILENO, text, sizeof(text)) > 0 &&
	    write(fix->told[1], &(char){ SETUP }, 1) == 1 ? 0 : -EIO;
}

static inline int
setup_prints_and_fails(void *arg)
{
	return setup_prints(arg) == 0 ? -EACCES : -EIO;
}

static inline int
supervisor_main(void *arg)
{
	struct fixture *fix = arg;

	(void)close(fix->control_fds[0]);
	brood__supervisor_run(&fix->config, fix->control_fds[1]);
}

/* The supervisor's end of the control channel stays open here too. */
static inline void
start_with_spare(struct fixture *fix, brood_setup_fn setup,
    unsigned intensity)
{
	int keep_fds[2];
	struct brood_child_options child = {
		.keep_fds = keep_fds,
		.n_keep_fds = 2,
	};
	struct brood__slot_spec spec = {
		.spawn = {
			.name = "child", .fn = child_main, .setup = setup,
			.setup_arg = fix, .says_hello = true,
			.options = &child,
		},
		.boot_ms = 60000,
		.shutdown_ms = 5000,
	};

	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(page, MAP_FAILED);
	cr_assert_eq(pipe2(fix->gate, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(fix->told, O_CLOEXEC), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fix->control_fds), 0);
	keep_fds[0] = fix->gate[0];
	keep_fds[1] = page->told_fd = fix->told[1];
	fix->config = (struct brood__supervisor_config) {
		.specs = &spec, .n_specs = 1, .intensity = intensity,
		.period_ms = 60000, .sink_fd = -1, .host_fd = -1,
		.keep_fds = keep_fds, .n_keep_fds = 2,
	};
	fix->pid = support_fork(supervisor_main, fix);
	fix->spare_fd = fix->control_fds[1];
	fix->n_channels = 0;
	cr_assert_eq(brood_channel_new(&fix->control, fix->control_fds[0],
	    &(struct brood_channel_options) { .max_fds = 2 }), 0);
}

static inline void
start(struct fixture *fix, brood_setup_fn setup, unsigned intensity)
{
	start_with_spare(fix, setup, intensity);
	fix->spare_fd = brood__fd_close(fix->spare_fd);
}

static inline void
feed(void)
{
	atomic_store(&page->starved, 0);
}

static inline void
finish(struct fixture *fix)
{
	feed();
	(void)brood__fd_close(fix->spare_fd);
	(void)brood_channel_free(fix->control);
	cr_assert_eq(support_join(fix->pid), 0);
	brood__fd_close_all(fix->gate, 2);
	brood__fd_close_all(fix->told, 2);
	brood__fd_close_all(fix->channels, fix->n_channels);
	(void)munmap(page, sizeof(*page));
	page = NULL;
}

/* Wait until n bytes of this kind have come. */
static inline void
await_told(const struct fixture *fix, char kind, unsigned n)
{
	char byte;

	while (n > 0) {
		cr_assert_eq(read(fix->told[0], &byte, 1), 1);
		n -= byte == kind;
	}
}

/* Let one child that is in setup go on, or fail. */
static inline void
open_gate(const struct fixture *fix, char byte)
{
	cr_assert_eq(write(fix->gate[1], &byte, 1), 1);
}

/* Take the supervisor's memory, and wait until it has asked for some. */
static inline void
starve(const struct fixture *fix)
{
	atomic_store(&page->starved, fix->pid);
	await_told(fix, HUNGER, 3);
}

/* Commands and notices */

static inline void
say(const struct fixture *fix, struct brood__command command)
{
	cr_assert_eq(brood_channel_send(fix->control, &(struct brood_message) {
	    .data = &command, .len = sizeof(command) }), 0);
}

static inline void
fill(const struct fixture *fix, unsigned slot, uint32_t revision)
{
	say(fix, (struct brood__command) { .kind = BROOD__COMMAND_FILL,
	    .slot = slot, .revision = revision });
}

static inline void
answer(const struct fixture *fix, const struct brood__notice *notice,
    enum brood__command_kind kind)
{
	say(fix, (struct brood__command) { .kind = kind, .slot = notice->slot,
	    .generation = notice->generation });
}

/*
 * The next notice within timeout_ms.  The host's end of a channel is kept, so
 * that the child goes on.
 */
static inline bool
next_notice(struct fixture *fix, int timeout_ms,
    struct brood__notice *ret_notice)
{
	struct brood_message msg;
	int r;

	r = brood_channel_recv(fix->control, timeout_ms, &msg);
	cr_assert_geq(r, 0, "the supervisor has ended");
	if (r == 0)
		return false;
	memset(ret_notice, 0, sizeof(*ret_notice));
	memcpy(ret_notice, msg.data, msg.len);
	cr_assert_eq(msg.n_fds,
	    ret_notice->kind == BROOD__NOTICE_READY ? 2 : 0);
	if (msg.n_fds == 2)
		fix->channels[fix->n_channels++] =
		    brood_channel_take_fd(fix->control, 0);
	return true;
}

static inline struct brood__notice
expect(struct fixture *fix, enum brood__notice_kind kind, unsigned slot)
{
	struct brood__notice notice;

	cr_assert(next_notice(fix, PATIENCE_MS, &notice), "no notice %d",
	    (int)kind);
	cr_assert_eq(notice.kind, kind, "notice %d, not %d: %s: %s",
	    (int)notice.kind, (int)kind, notice.step, notice.text);
	cr_assert_eq(notice.slot, slot);
	return notice;
}

static inline void
expect_silence(struct fixture *fix)
{
	struct brood__notice notice;

	cr_assert_not(next_notice(fix, SILENCE_MS, &notice), "notice %d: %s",
	    (int)notice.kind, notice.text);
}

/* A process that is ready and adopted. */
static inline struct brood__notice
adopt(struct fixture *fix, unsigned slot)
{
	struct brood__notice ready;

	ready = expect(fix, BROOD__NOTICE_READY, slot);
	answer(fix, &ready, BROOD__COMMAND_ADOPTED);
	return ready;
}

#endif
