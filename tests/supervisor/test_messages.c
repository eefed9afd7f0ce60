/* SPDX-License-Identifier: ISC */

/*
 * Claims about what the supervisor process answers to which command.  The test
 * is the host: it forks a supervisor, writes commands to it and reads notices.
 *
 * The children's setup tells the test that it has begun, by a byte in a pipe,
 * and waits at a gate for a byte of the test's: 'g' lets it go on, 'f' makes it
 * fail.  A child that goes on waits for the end of its channel.
 *
 * The program is linked with --wrap: a test decides when the supervisor process
 * has no memory.  That process then says in the same pipe each time it asks for
 * some, and can be waited for.
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

BROOD_SUITE(messages);

enum {
	PATIENCE_MS = 10000,
	SILENCE_MS = 400,	/* longer than the delay before a second try */
	N_DEAD = 8,		/* whose reports are more than 16 KiB */
	N_BLOCKING = 60,	/* whose reports are more than 256 KiB */
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

static bool
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

static int
child_main(struct brood_channel *channel, void *arg)
{
	struct brood_message msg;

	(void)arg;
	while (brood_channel_recv(channel, -1, &msg) == 1)
		if (msg.kind == BROOD_KIND_GOODBYE)
			break;
	return 0;
}

static int
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
static int
setup_prints(void *arg)
{
	const struct fixture *fix = arg;
	char text[BROOD__TAIL_MAX];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	return write(STDERR_FILENO, text, sizeof(text)) > 0 &&
	    write(fix->told[1], &(char){ SETUP }, 1) == 1 ? 0 : -EIO;
}

static int
setup_prints_and_fails(void *arg)
{
	return setup_prints(arg) == 0 ? -EACCES : -EIO;
}

static int
supervisor_main(void *arg)
{
	struct fixture *fix = arg;

	(void)close(fix->control_fds[0]);
	brood__supervisor_run(&fix->config, fix->control_fds[1]);
}

/* The supervisor's end of the control channel stays open here too. */
static void
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

static void
start(struct fixture *fix, brood_setup_fn setup, unsigned intensity)
{
	start_with_spare(fix, setup, intensity);
	fix->spare_fd = brood__fd_close(fix->spare_fd);
}

static void
feed(void)
{
	atomic_store(&page->starved, 0);
}

static void
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
static void
await_told(const struct fixture *fix, char kind, unsigned n)
{
	char byte;

	while (n > 0) {
		cr_assert_eq(read(fix->told[0], &byte, 1), 1);
		n -= byte == kind;
	}
}

/* Let one child that is in setup go on, or fail. */
static void
open_gate(const struct fixture *fix, char byte)
{
	cr_assert_eq(write(fix->gate[1], &byte, 1), 1);
}

/* Take the supervisor's memory, and wait until it has asked for some. */
static void
starve(const struct fixture *fix)
{
	atomic_store(&page->starved, fix->pid);
	await_told(fix, HUNGER, 3);
}

/* Commands and notices */

static void
say(const struct fixture *fix, struct brood__command command)
{
	cr_assert_eq(brood_channel_send(fix->control, &(struct brood_message) {
	    .data = &command, .len = sizeof(command) }), 0);
}

static void
fill(const struct fixture *fix, unsigned slot, uint32_t revision)
{
	say(fix, (struct brood__command) { .kind = BROOD__COMMAND_FILL,
	    .slot = slot, .revision = revision });
}

static void
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
static bool
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

static struct brood__notice
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

static void
expect_silence(struct fixture *fix)
{
	struct brood__notice notice;

	cr_assert_not(next_notice(fix, SILENCE_MS, &notice), "notice %d: %s",
	    (int)notice.kind, notice.text);
}

/* A process that is ready and adopted. */
static struct brood__notice
adopt(struct fixture *fix, unsigned slot)
{
	struct brood__notice ready;

	ready = expect(fix, BROOD__NOTICE_READY, slot);
	answer(fix, &ready, BROOD__COMMAND_ADOPTED);
	return ready;
}

/* Offers */

Test(messages, later_makes_the_same_process_be_offered_again)
{
	struct brood__notice first, second;
	struct fixture fix;

	start(&fix, NULL, 0);
	fill(&fix, 0, 7);
	first = expect(&fix, BROOD__NOTICE_READY, 0);
	cr_assert_eq(first.revision, 7);
	for (int i = 0; i < 3; i++) {
		answer(&fix, &first, BROOD__COMMAND_LATER);
		second = expect(&fix, BROOD__NOTICE_READY, 0);
		cr_assert_eq(second.pid, first.pid);
		cr_assert_eq(second.generation, 1);
	}
	answer(&fix, &second, BROOD__COMMAND_ADOPTED);
	expect_silence(&fix);
	finish(&fix);
}

Test(messages, process_that_ends_before_adoption_is_not_offered_again)
{
	struct brood__notice ready, ended;
	struct fixture fix;

	start(&fix, NULL, 5);
	fill(&fix, 0, 1);
	ready = expect(&fix, BROOD__NOTICE_READY, 0);
	answer(&fix, &ready, BROOD__COMMAND_LATER);
	(void)kill(ready.pid, SIGKILL);
	ended = expect(&fix, BROOD__NOTICE_ENDED, 0);
	cr_assert_eq(ended.generation, 1);
	ready = expect(&fix, BROOD__NOTICE_READY, 0);
	cr_assert_eq(ready.generation, 2);
	finish(&fix);
}

Test(messages, ready_needs_no_descriptor_of_the_supervisor)
{
	struct rlimit few = { .rlim_cur = 3, .rlim_max = 3 }, before;
	struct fixture fix;

	start(&fix, setup_at_gate, 0);
	fill(&fix, 0, 1);
	await_told(&fix, SETUP, 1);
	/* With this limit poll(2) would refuse to wait for so many. */
	cr_assert(support_wait_asleep(fix.pid));
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, NULL, &before), 0);
	few.rlim_max = before.rlim_max;
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, &few, NULL), 0);
	open_gate(&fix, 'g');
	(void)adopt(&fix, 0);
	finish(&fix);
}

/* Stopping */

Test(messages, slot_that_waits_says_that_it_was_emptied)
{
	struct brood__notice notice;
	struct fixture fix;

	start(&fix, setup_at_gate, 5);
	fill(&fix, 0, 1);
	open_gate(&fix, 'f');
	notice = expect(&fix, BROOD__NOTICE_NOT_STARTED, 0);
	cr_assert_eq(notice.delay_ms, 100);
	say(&fix, (struct brood__command) { .kind = BROOD__COMMAND_STOP,
	    .generation = 1 });
	notice = expect(&fix, BROOD__NOTICE_EMPTIED, 0);
	expect_silence(&fix);
	finish(&fix);
}

Test(messages, stop_for_good_ends_whatever_process_the_slot_has)
{
	struct brood__notice notice;
	struct fixture fix;

	start(&fix, setup_at_gate, 5);
	fill(&fix, 0, 1);
	await_told(&fix, SETUP, 1);
	say(&fix, (struct brood__command) { .kind = BROOD__COMMAND_STOP,
	    .generation = 77, .phase = BROOD__STOP_GOODBYE });
	notice = expect(&fix, BROOD__NOTICE_NOT_STARTED, 0);
	cr_assert_eq(notice.delay_ms, -1);
	cr_assert(notice.is_asked);
	cr_assert(WIFSIGNALED(notice.status));
	cr_assert_eq(WTERMSIG(notice.status), SIGTERM);
	expect_silence(&fix);
	finish(&fix);
}

Test(messages, stop_with_refill_of_an_earlier_process_is_void)
{
	struct brood__notice ready, ended;
	struct fixture fix;

	start(&fix, NULL, 5);
	fill(&fix, 0, 1);
	ready = adopt(&fix, 0);
	say(&fix, (struct brood__command) { .kind = BROOD__COMMAND_STOP,
	    .generation = ready.generation - 1, .phase = BROOD__STOP_KILL,
	    .is_refill = true });
	expect_silence(&fix);
	(void)kill(ready.pid, SIGKILL);
	ended = expect(&fix, BROOD__NOTICE_ENDED, 0);
	cr_assert_not(ended.is_asked);
	finish(&fix);
}

/* Revisions */

Test(messages, failure_of_an_older_revision_does_not_count)
{
	struct brood__notice notice;
	struct fixture fix;

	/* One failure would be too many. */
	start(&fix, setup_at_gate, 0);
	fill(&fix, 0, 1);
	await_told(&fix, SETUP, 1);
	/* A supervisor reads what was said before a death, then judges that. */
	fill(&fix, 0, 2);
	open_gate(&fix, 'f');
	notice = expect(&fix, BROOD__NOTICE_NOT_STARTED, 0);
	cr_assert_eq(notice.revision, 1);
	cr_assert_eq(notice.delay_ms, 0);
	open_gate(&fix, 'g');
	notice = adopt(&fix, 0);
	cr_assert_eq(notice.revision, 2);
	finish(&fix);
}

Test(messages, newer_revision_starts_a_slot_that_was_given_up)
{
	struct brood__notice notice;
	struct fixture fix;

	start(&fix, setup_at_gate, 0);
	fill(&fix, 0, 1);
	open_gate(&fix, 'f');
	(void)expect(&fix, BROOD__NOTICE_NOT_STARTED, 0);
	notice = expect(&fix, BROOD__NOTICE_GIVEN_UP, 0);
	cr_assert_eq(notice.revision, 1);
	cr_assert_str_eq(notice.step, "setup");
	open_gate(&fix, 'g');
	fill(&fix, 0, 2);
	notice = adopt(&fix, 0);
	cr_assert_eq(notice.revision, 2);
	cr_assert_eq(notice.generation, 2);
	finish(&fix);
}

Test(messages, process_keeps_the_revision_it_was_forked_with)
{
	struct brood__notice ready, ended;
	struct fixture fix;

	start(&fix, NULL, 5);
	fill(&fix, 0, 1);
	ready = adopt(&fix, 0);
	fill(&fix, 0, 2);
	expect_silence(&fix);
	(void)kill(ready.pid, SIGKILL);
	ended = expect(&fix, BROOD__NOTICE_ENDED, 0);
	cr_assert_eq(ended.revision, 1);
	ready = adopt(&fix, 0);
	cr_assert_eq(ready.revision, 2);
	finish(&fix);
}

/* Shortage */

/* Fill the socket in the supervisor's place.  Gives how many bytes it took. */
static size_t
stuff_control(const struct fixture *fix)
{
	static const char bytes[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = send(fix->spare_fd, bytes, sizeof(bytes),
	    MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	cr_assert_eq(errno, EAGAIN);
	return len;
}

static void
empty_control(const struct fixture *fix, size_t len)
{
	char bytes[4096];
	ssize_t n;

	while (len > 0) {
		n = recv(fix->control_fds[0], bytes,
		    len < sizeof(bytes) ? len : sizeof(bytes), 0);
		cr_assert_gt(n, 0);
		len -= (size_t)n;
	}
}

/*
 * Wait until every child that began has been judged; gives how many.  What is
 * awaited is inside the supervisor, so no event tells of it: ask every 5 ms.
 */
static unsigned
await_block(const struct fixture *fix)
{
	int n = 0;

	while (n < N_BLOCKING || support_n_children() > 1 ||
	    support_n_fds_of(fix->pid) > 13) {
		(void)usleep(5000);
		cr_assert_eq(ioctl(fix->told[0], FIONREAD, &n), 0);
	}
	return (unsigned)n;
}

/*
 * Each slot is given up after one failure, so that no delay ends later.  The
 * socket is full until so many reports are queued that the supervisor starts no
 * more.  Then, while it is stopped, the socket is emptied: when it goes on, one
 * flush sends all that is queued, and no other event will wake it.
 */
Test(messages, starts_go_on_when_one_flush_sends_every_notice)
{
	int big = 1 << 20;
	struct brood__notice notice;
	unsigned n_begun;
	struct fixture fix;
	size_t len;

	start_with_spare(&fix, setup_prints_and_fails, 0);
	cr_assert_eq(setsockopt(fix.spare_fd, SOL_SOCKET, SO_SNDBUF, &big,
	    sizeof(big)), 0);
	len = stuff_control(&fix);
	for (unsigned i = 0; i < N_SLOTS; i++)
		fill(&fix, i, 1);
	n_begun = await_block(&fix);
	cr_assert_lt(n_begun, N_SLOTS);
	(void)kill(fix.pid, SIGSTOP);
	empty_control(&fix, len);
	(void)kill(fix.pid, SIGCONT);
	for (unsigned n = 0; n < 2 * N_SLOTS; n++)
		cr_assert(next_notice(&fix, PATIENCE_MS, &notice),
		    "%u of %u began, then %u notices came", n_begun, N_SLOTS,
		    n);
	finish(&fix);
}

Test(messages, command_is_obeyed_when_there_is_memory_again)
{
	struct fixture fix;

	start(&fix, NULL, 0);
	fill(&fix, 0, 1);
	(void)adopt(&fix, 0);
	atomic_store(&page->starved, fix.pid);
	fill(&fix, 1, 1);
	starve(&fix);
	feed();
	(void)adopt(&fix, 1);
	finish(&fix);
}

Test(messages, start_without_memory_is_nobodys_failure)
{
	struct brood__notice ready, ended;
	struct fixture fix;

	start(&fix, NULL, 1);
	fill(&fix, 0, 1);
	ready = adopt(&fix, 0);
	(void)kill(ready.pid, SIGKILL);
	ended = expect(&fix, BROOD__NOTICE_ENDED, 0);
	cr_assert_eq(ended.delay_ms, 100);
	starve(&fix);
	feed();
	ready = adopt(&fix, 0);
	cr_assert_eq(ready.generation, 2);
	finish(&fix);
}

/* All die in one turn of a supervisor that has no memory for the reports. */
Test(messages, deaths_are_told_when_there_is_memory_again)
{
	struct brood__notice ready[N_DEAD], notice;
	struct fixture fix;
	unsigned n = 0;

	start(&fix, setup_prints, 100);
	for (unsigned i = 0; i < N_DEAD; i++)
		fill(&fix, i, 1);
	for (unsigned i = 0; i < N_DEAD; i++) {
		cr_assert(next_notice(&fix, PATIENCE_MS, &ready[i]));
		answer(&fix, &ready[i], BROOD__COMMAND_ADOPTED);
	}
	(void)kill(fix.pid, SIGSTOP);
	for (unsigned i = 0; i < N_DEAD; i++)
		(void)kill(ready[i].pid, SIGKILL);
	for (unsigned i = 0; i < N_DEAD; i++)
		cr_assert(support_wait_gone(ready[i].pid));
	atomic_store(&page->starved, fix.pid);
	(void)kill(fix.pid, SIGCONT);
	starve(&fix);
	feed();
	while (n < N_DEAD) {
		cr_assert(next_notice(&fix, PATIENCE_MS, &notice));
		if (notice.kind != BROOD__NOTICE_ENDED)
			continue;
		cr_assert_eq(notice.tail_len, BROOD__TAIL_MAX);
		n++;
	}
	finish(&fix);
}

Test(messages, start_without_descriptors_is_nobodys_failure)
{
	struct rlimit few = { .rlim_cur = 3 }, before;
	struct brood__notice ready;
	struct fixture fix;

	start(&fix, NULL, 1);
	fill(&fix, 0, 1);
	ready = adopt(&fix, 0);
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, NULL, &before), 0);
	few.rlim_max = before.rlim_max;
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, &few, NULL), 0);
	(void)kill(ready.pid, SIGKILL);
	(void)expect(&fix, BROOD__NOTICE_ENDED, 0);
	expect_silence(&fix);
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, &before, NULL), 0);
	ready = adopt(&fix, 0);
	cr_assert_eq(ready.generation, 2);
	finish(&fix);
}
