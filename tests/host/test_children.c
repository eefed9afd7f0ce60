/* SPDX-License-Identifier: ISC */

/*
 * Supervised children: starting, restarting and stopping, as the
 * events and the pids of the children show it.  Programs, links, descriptors
 * and processes that are killed from outside are in test_children_world.c;
 * output is in test_children_output.c.
 */

#include <brood.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/children.h"

BROOD_SUITE(children);

/* Start three children, a, b and c, and wait until they are ready. */
static struct brood_supervisor *
start_abc(enum brood_strategy strategy, pid_t ret_pids[3])
{
	static const char *const names[] = { "a", "b", "c" };
	struct brood_child_spec specs[3] = { 0 };
	struct brood_supervisor *sup;

	for (int i = 0; i < 3; i++) {
		specs[i].name = names[i];
		specs[i].fn = testchild_main;
	}
	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 3, .strategy = strategy });
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
		cr_assert_eq(event.event.kind, BROOD_EVENT_READY);
		cr_assert_str_eq(event.name, names[i]);
		cr_assert_eq(event.event.slot, i);
		cr_assert_eq(event.event.generation, 1);
		cr_assert(support_is_alive(event.event.pid));
		ret_pids[i] = event.event.pid;
	}
	return sup;
}

static void
expect_pid(struct brood_supervisor *sup, const char *name, pid_t pid)
{
	struct testchild_who who;

	cr_assert(testchild_who(sup, name, &who), "%s does not answer", name);
	cr_assert_eq(who.pid, pid, "%s is another process", name);
}

/* Wait until the child has been restarted; first is its old pid. */
static void
expect_second(struct brood_supervisor *sup, const char *name, pid_t first)
{
	await(sup, BROOD_EVENT_READY, name);
	cr_assert_eq(event.event.generation, 2);
	cr_assert_neq(event.event.pid, first);
	expect_pid(sup, name, event.event.pid);
}

static void
expect_gone(const pid_t *pids, size_t n_pids)
{
	for (size_t i = 0; i < n_pids; i++)
		cr_expect(!support_is_alive(pids[i]), "%zu lives", i);
}

/*
 * Shared memory.  Each setup function appends its name when it begins and when
 * it ends.
 */
static struct {
	int	n;
	char	marks[16];
} *order;

static int
mark_order(void *arg)
{
	const char *name = arg;

	order->marks[order->n++] = name[0];
	if (name[0] == 'a')
		poll(NULL, 0, 100);	/* time for others to start early */
	order->marks[order->n++] = name[0];
	return 0;
}

Test(children, child_starts_when_the_one_before_is_ready)
{
	static char a[] = "a", b[] = "b", c[] = "c";
	struct brood_child_spec specs[] = {
	    { .name = a, .arg = a, .fn = testchild_main, .setup = mark_order },
	    { .name = b, .arg = b, .fn = testchild_main, .setup = mark_order },
	    { .name = c, .arg = c, .fn = testchild_main, .setup = mark_order },
	};
	struct brood_supervisor *sup;

	order = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < N_OF(specs); i++)
		specs[i].shutdown_ms = 50;
	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 3 });
	await(sup, BROOD_EVENT_READY, "c");
	cr_assert_str_eq(order->marks, "aabbcc");
	brood_supervisor_free(sup);
}

Test(children, children_answer_on_their_own_channels)
{
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_ONE_FOR_ONE, pids);
	struct brood_message got;

	expect_pid(sup, "c", pids[2]);
	expect_pid(sup, "a", pids[0]);
	expect_pid(sup, "b", pids[1]);
	cr_assert(testchild_ask(sup, "a", TESTCHILD_ECHO, "hello", 5, &got));
	cr_assert_eq(got.len, 5);
	cr_assert_arr_eq(got.data, "hello", 5);
	cr_assert_null(brood_supervisor_channel(sup, "nobody"));
	brood_supervisor_free(sup);
}

/* A child, how it is to end, and what is to follow. */
struct row {
	const char	*name;
	enum brood_restart restart;
	enum testchild_code code;
	int		 byte;		/* exit status, or signal */
	bool		 is_restarted;
	int		 n_ended;	/* events that came */
	int		 n_ready;
};

static bool
is_status_of(const struct row *row, int status)
{
	if (row->code == TESTCHILD_EXIT)
		return WIFEXITED(status) && WEXITSTATUS(status) == row->byte;
	return WIFSIGNALED(status) && WTERMSIG(status) == row->byte;
}

static void
row_event(struct row *row)
{
	if (event.event.kind == BROOD_EVENT_READY)
		row->n_ready++;
	if (event.event.kind != BROOD_EVENT_ENDED)
		return;
	row->n_ended++;
	cr_expect(is_status_of(row, event.event.status), "%s", row->name);
	cr_expect(!event.event.is_asked, "%s", row->name);
	cr_expect_eq(event.event.delay_ms >= 0, row->is_restarted, "%s: %d",
	    row->name, event.event.delay_ms);
}

/*
 * Read events until n ENDED and READY have come, or no event has come for
 * timeout_ms.
 */
static void
rows_read(struct brood_supervisor *sup, struct row *rows, int n,
    int timeout_ms)
{
	while (n > 0 && testchild_next(sup, timeout_ms, &event))
		if (event.event.kind == BROOD_EVENT_READY ||
		    event.event.kind == BROOD_EVENT_ENDED) {
			row_event(&rows[event.event.slot]);
			n--;
		}
}

Test(children, restart_type_decides_by_how_a_child_ended)
{
	struct row rows[] = {
	    { "p0", BROOD_PERMANENT, TESTCHILD_EXIT, 0, true, 0, 0 },
	    { "p1", BROOD_PERMANENT, TESTCHILD_EXIT, 1, true, 0, 0 },
	    { "p9", BROOD_PERMANENT, TESTCHILD_RAISE, SIGKILL, true, 0, 0 },
	    { "pd", BROOD_PERMANENT, TESTCHILD_EXIT, BROOD_EXIT_DONE, false, 0,
		0 },
	    { "t0", BROOD_TRANSIENT, TESTCHILD_EXIT, 0, false, 0, 0 },
	    { "t1", BROOD_TRANSIENT, TESTCHILD_EXIT, 1, true, 0, 0 },
	    { "t9", BROOD_TRANSIENT, TESTCHILD_RAISE, SIGKILL, true, 0, 0 },
	    { "td", BROOD_TRANSIENT, TESTCHILD_EXIT, BROOD_EXIT_DONE, false, 0,
		0 },
	    { "x0", BROOD_TEMPORARY, TESTCHILD_EXIT, 0, false, 0, 0 },
	    { "x1", BROOD_TEMPORARY, TESTCHILD_EXIT, 1, false, 0, 0 },
	    { "x9", BROOD_TEMPORARY, TESTCHILD_RAISE, SIGKILL, false, 0, 0 },
	};
	struct brood_child_spec specs[N_OF(rows)] = { 0 };
	struct brood_supervisor *sup;
	int n_restarted = 0;

	for (size_t i = 0; i < N_OF(rows); i++) {
		specs[i].name = rows[i].name;
		specs[i].fn = testchild_main;
		specs[i].restart = rows[i].restart;
		n_restarted += rows[i].is_restarted;
	}
	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = N_OF(rows) });
	rows_read(sup, rows, N_OF(rows), TESTCHILD_PATIENCE);
	for (size_t i = 0; i < N_OF(rows); i++)
		cr_expect(testchild_tell_byte(sup, rows[i].name, rows[i].code,
		    rows[i].byte), "%s", rows[i].name);
	rows_read(sup, rows, (int)N_OF(rows) + n_restarted, TESTCHILD_PATIENCE);
	/* No other may come.  That is known only after some time. */
	rows_read(sup, rows, 100, 300);
	for (size_t i = 0; i < N_OF(rows); i++) {
		cr_expect_eq(rows[i].n_ended, 1, "%s", rows[i].name);
		cr_expect_eq(rows[i].n_ready, 1 + rows[i].is_restarted, "%s",
		    rows[i].name);
		cr_expect_eq(brood_supervisor_channel(sup, rows[i].name)
		    != NULL, rows[i].is_restarted, "%s", rows[i].name);
	}
	brood_supervisor_free(sup);
}

Test(children, one_for_one_restarts_the_one_that_ended)
{
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_ONE_FOR_ONE, pids);

	cr_assert(testchild_tell_byte(sup, "b", TESTCHILD_RAISE, SIGKILL));
	expect_second(sup, "b", pids[1]);
	expect_pid(sup, "a", pids[0]);
	expect_pid(sup, "c", pids[2]);
	brood_supervisor_free(sup);
}

Test(children, one_for_all_restarts_all_in_order)
{
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_ONE_FOR_ALL, pids);

	cr_assert(testchild_tell_byte(sup, "b", TESTCHILD_RAISE, SIGKILL));
	expect_second(sup, "a", pids[0]);
	expect_gone(pids, 3);
	expect_second(sup, "b", pids[1]);
	expect_second(sup, "c", pids[2]);
	brood_supervisor_free(sup);
}

Test(children, rest_for_one_restarts_it_and_those_after_it)
{
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_REST_FOR_ONE, pids);

	cr_assert(testchild_tell_byte(sup, "b", TESTCHILD_RAISE, SIGKILL));
	expect_second(sup, "b", pids[1]);
	expect_gone(pids + 1, 2);
	expect_second(sup, "c", pids[2]);
	expect_pid(sup, "a", pids[0]);
	brood_supervisor_free(sup);
}

Test(children, temporary_child_ends_with_its_group_and_stays_ended)
{
	struct brood_child_spec specs[] = {
	    { .name = "a", .fn = testchild_main },
	    { .name = "b", .fn = testchild_main, .restart = BROOD_TEMPORARY },
	    { .name = "c", .fn = testchild_main },
	};
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 3, .strategy = BROOD_ONE_FOR_ALL });
	await(sup, BROOD_EVENT_READY, "c");
	cr_assert(testchild_tell_byte(sup, "a", TESTCHILD_RAISE, SIGKILL));
	await(sup, BROOD_EVENT_ENDED, "b");
	cr_assert(event.event.is_asked);
	cr_assert_eq(event.event.delay_ms, -1);
	await(sup, BROOD_EVENT_READY, "c");
	cr_assert_null(brood_supervisor_channel(sup, "b"));
	brood_supervisor_free(sup);
}

Test(children, restart_replaces_a_child_on_request)
{
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_ONE_FOR_ONE, pids);

	cr_assert_eq(brood_supervisor_restart(sup, "nobody"), -ENOENT);
	cr_assert_eq(brood_supervisor_restart(sup, "b"), 0);
	await(sup, BROOD_EVENT_ENDED, "b");
	cr_assert(event.event.is_asked);
	cr_assert_eq(event.event.pid, pids[1]);
	cr_assert_eq(event.event.generation, 1);
	expect_second(sup, "b", pids[1]);
	expect_pid(sup, "a", pids[0]);
	expect_pid(sup, "c", pids[2]);
	brood_supervisor_free(sup);
}

Test(children, restart_on_request_follows_the_strategy)
{
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_REST_FOR_ONE, pids);

	cr_assert_eq(brood_supervisor_restart(sup, "b"), 0);
	expect_second(sup, "b", pids[1]);
	expect_second(sup, "c", pids[2]);
	expect_pid(sup, "a", pids[0]);
	brood_supervisor_free(sup);
}

Test(children, children_stop_in_reverse_and_the_stop_is_told)
{
	static const char *const names[] = { "c", "b", "a" };
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_ONE_FOR_ONE, pids);

	cr_assert_eq(brood_supervisor_stop(sup), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
		cr_assert_eq(event.event.kind, BROOD_EVENT_ENDED);
		cr_assert_str_eq(event.name, names[i]);
		cr_assert(event.event.is_asked);
		cr_assert_eq(event.event.status, 0, "told GOODBYE, it returns");
		cr_assert_eq(event.event.delay_ms, -1);
	}
	cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
	cr_assert_eq(event.event.kind, BROOD_EVENT_STOPPED);
	expect_gone(pids, 3);
	brood_supervisor_free(sup);
}

Test(children, child_that_dies_during_a_stop_has_no_other_restarted)
{
	static char deaf[] = "deaf";
	struct brood_child_spec specs[] = {
	    { .name = "a", .fn = testchild_main },
	    { .name = "b", .fn = testchild_main },
	    { .name = "c", .fn = testchild_main, .arg = deaf,
		.setup = testchild_ignore_term, .shutdown_ms = 200 },
	};
	struct brood_supervisor *sup;
	pid_t a;

	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 3, .strategy = BROOD_ONE_FOR_ALL });
	await(sup, BROOD_EVENT_READY, "a");
	a = event.event.pid;
	await(sup, BROOD_EVENT_READY, "c");
	cr_assert_eq(brood_supervisor_stop(sup), 0);
	cr_assert_eq(kill(a, SIGKILL), 0);
	do {
		cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
		cr_assert_neq(event.event.kind, BROOD_EVENT_READY, "%s",
		    event.name);
	} while (event.event.kind != BROOD_EVENT_STOPPED);
	brood_supervisor_free(sup);
}

/* Stop a child that ignores GOODBYE; its setup may ignore SIGTERM as well. */
static void
expect_stopped_by(brood_setup_fn setup, int sig)
{
	static char deaf[] = "deaf";
	struct brood_child_spec spec = { .name = "a", .fn = testchild_main,
	    .arg = deaf, .setup = setup, .shutdown_ms = 100 };
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = &spec,
	    .n_children = 1 });
	await(sup, BROOD_EVENT_READY, "a");
	cr_assert_eq(brood_supervisor_stop(sup), 0);
	await(sup, BROOD_EVENT_ENDED, "a");
	cr_assert(WIFSIGNALED(event.event.status));
	cr_assert_eq(WTERMSIG(event.event.status), sig);
	await(sup, BROOD_EVENT_STOPPED, NULL);
	brood_supervisor_free(sup);
}

Test(children, child_that_ignores_goodbye_is_terminated)
{
	expect_stopped_by(NULL, SIGTERM);
}

Test(children, child_that_ignores_sigterm_is_killed)
{
	expect_stopped_by(testchild_ignore_term, SIGKILL);
}

Test(children, free_ends_every_child)
{
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_ONE_FOR_ONE, pids);

	cr_assert_null(brood_supervisor_free(sup));
	expect_gone(pids, 3);
	cr_assert_eq(support_n_children(), 0);
	cr_assert_null(brood_supervisor_free(NULL));
}

Test(children, the_one_descriptor_announces_events)
{
	pid_t pids[3];
	struct brood_supervisor *sup = start_abc(BROOD_ONE_FOR_ONE, pids);
	struct pollfd p = { .fd = brood_supervisor_fd(sup),
	    .events = POLLIN };
	struct brood_event next = { .kind = 0 };

	cr_assert(p.fd >= 0 || p.fd == -ENOSYS);
	cr_assert(testchild_tell_byte(sup, "b", TESTCHILD_RAISE, SIGKILL));
	while (p.fd >= 0 && next.kind != BROOD_EVENT_ENDED) {
		cr_assert_eq(poll(&p, 1, TESTCHILD_PATIENCE), 1, "no event");
		cr_assert_eq(brood_supervisor_dispatch(sup), 0);
		while (next.kind != BROOD_EVENT_ENDED &&
		    brood_supervisor_next_event(sup, &next) == 1)
			;
	}
	cr_assert_eq(brood_supervisor_fd(sup), p.fd);
	brood_supervisor_free(sup);
}
