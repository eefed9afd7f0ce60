/* SPDX-License-Identifier: ISC */

/*
 * Supervised children and what is around them: options that are refused, links
 * between siblings, programs as children, what children print, and who holds which
 * descriptor.  What is left when somebody is killed is in test_children_kill.c.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/children.h"

BROOD_SUITE(children_world);

static void
expect_refused(struct brood_supervisor_options options, const char *why)
{
	struct brood_supervisor *sup = (void *)&sup;
	int r = brood_supervisor_new(&sup, &options, NULL);

	cr_expect_eq(r, -EINVAL, "%s: %d", why, r);
	cr_expect_eq(sup, (void *)&sup, "%s", why);
	cr_expect_eq(support_n_children(), 0, "%s", why);
}

Test(children_world, children_that_make_no_sense_are_refused)
{
	static const char *const argv[] = { "true", NULL };
	static const struct { struct brood_child_spec bad; const char *why; }
	    table[] = {
	    { { .fn = testchild_main }, "no name" },
	    { { .name = "", .fn = testchild_main }, "empty name" },
	    { { .name = "x" }, "neither fn nor argv" },
	    { { .name = "x", .fn = testchild_main, .argv = argv }, "both" },
	    { { .name = "a", .fn = testchild_main }, "name twice" },
	};
	struct brood_child_spec specs[2] = { ab[0] };

	expect_refused((struct brood_supervisor_options){ .children = specs },
	    "no children");
	for (size_t i = 0; i < N_OF(table); i++) {
		specs[1] = table[i].bad;
		expect_refused((struct brood_supervisor_options){
		    .children = specs, .n_children = 2 }, table[i].why);
	}
}

Test(children_world, links_to_no_one_are_refused)
{
	static const struct brood_link bad[] = { { .a = "a", .b = "c" }, { .a = "c", .b = "b" } };

	for (size_t i = 0; i < N_OF(bad); i++)
		expect_refused((struct brood_supervisor_options){
		    .children = ab, .n_children = 2, .links = &bad[i],
		    .n_links = 1 }, "link to no one");
}

static int
start_without_room(void *arg)
{
	static char names[20][8];
	struct brood_child_spec specs[20] = { 0 };
	struct rlimit limit = { .rlim_cur = 24, .rlim_max = 24 };
	struct brood_supervisor *sup;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		specs[i].name = names[i];
		specs[i].fn = testchild_main;
	}
	closefrom(3);
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	return brood_supervisor_new(&sup, &(struct brood_supervisor_options){
	    .children = specs, .n_children = 20 }, NULL) == -EMFILE ? 0 : 2;
}

Test(children_world, more_children_than_descriptors_are_refused)
{
	support_in_child(start_without_room, NULL);
}

Test(children_world, linked_siblings_talk_and_do_so_after_a_restart)
{
	static const struct brood_link link = { .a = "a", .b = "b" };
	struct brood_child_spec specs[2] = { ab[0], ab[1] };
	struct brood_supervisor *sup;
	struct testchild_who a, b;

	specs[0].options.channel.max_fds = 1;
	specs[1].options.channel.max_fds = 1;
	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2, .links = &link, .n_links = 1 });
	await(sup, BROOD_EVENT_READY, "b");
	cr_assert(testchild_who(sup, "b", &b));
	cr_assert(testchild_link(sup, "a", b.pid, &a));
	cr_assert_str_eq(a.link, "b");
	cr_assert_eq(a.n_links, 1);
	cr_assert(testchild_link(sup, "b", a.pid, &b));
	cr_assert_str_eq(b.link, "a");

	cr_assert(testchild_tell_byte(sup, "b", TESTCHILD_RAISE, SIGKILL));
	await(sup, BROOD_EVENT_READY, "b");
	cr_assert(testchild_link(sup, "a", event.event.pid, &a));
	cr_assert_str_eq(a.link, "b");
	cr_assert_eq(a.n_links, 2);
	cr_assert(testchild_link(sup, "b", a.pid, &b));
	cr_assert_eq(b.n_links, 1);
	brood_supervisor_free(sup);
}

Test(children_world, program_that_says_hello_is_a_child)
{
	const char *const argv[] = { getenv("RAW_WORKER"), NULL };
	struct brood_child_spec specs[2] = { { .name = "w", .argv = argv },
	    ab[1] };
	struct brood_supervisor *sup;
	struct brood_message got;

	cr_assert_not_null(argv[0], "RAW_WORKER names no program");
	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2 });
	await(sup, BROOD_EVENT_READY, "w");
	cr_assert(testchild_ask(sup, "w", TESTCHILD_ECHO, "upper", 5, &got));
	cr_assert_eq(got.len, 5);
	cr_assert_arr_eq(got.data, "UPPER", 5);
	await(sup, BROOD_EVENT_READY, "b");
	brood_supervisor_free(sup);
}

/*
 * A program gets the host's limit of descriptors.  While it starts, it holds
 * copies of what the supervisor has open, which is more than this limit.
 */
static int
start_programs_in_little_room(void *arg)
{
	const char *const argv[] = { getenv("RAW_WORKER"), NULL };
	struct brood_child_spec specs[] = {
	    { .name = "p", .argv = argv }, { .name = "q", .argv = argv },
	    { .name = "r", .argv = argv },
	};
	struct rlimit limit;
	struct brood_supervisor *sup;
	int r;

	(void)arg;
	closefrom(3);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 18;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	r = brood_supervisor_new(&sup, &(struct brood_supervisor_options){
	    .children = specs, .n_children = 3, .stderr_fd = -1 }, NULL);
	if (r != 0)
		return 2;
	for (int i = 0; i < 3; i++)
		if (!testchild_next(sup, TESTCHILD_PATIENCE, &event) ||
		    event.event.kind != BROOD_EVENT_READY)
			return 3;
	brood_supervisor_free(sup);
	return 0;
}

Test(children_world,
    program_starts_though_the_supervisor_holds_more_than_it_may)
{
	support_in_child(start_programs_in_little_room, NULL);
}

Test(children_world, program_that_is_not_there_fails_in_exec)
{
	static const char *const argv[] = { "/no/such/program", NULL };
	struct brood_child_spec spec = { .name = "p", .argv = argv };
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = &spec,
	    .n_children = 1 });
	cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
	cr_assert_eq(event.event.kind, BROOD_EVENT_NOT_STARTED);
	cr_assert_str_eq(event.name, "p");
	cr_assert_str_eq(event.step, "exec");
	cr_assert_eq(event.event.error, ENOENT);
	cr_assert_not_null(strstr(event.text, "/no/such/program"));
	cr_assert_null(brood_supervisor_channel(sup, "p"));
	brood_supervisor_free(sup);
}

Test(children_world, program_that_never_says_hello_is_given_its_boot_time)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct brood_child_spec spec = { .name = "p", .argv = argv,
	    .boot_ms = 200, .shutdown_ms = 100 };
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = &spec,
	    .n_children = 1 });
	cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
	cr_assert_eq(event.event.kind, BROOD_EVENT_NOT_STARTED);
	cr_assert_gt(strlen(event.text), 0);
	cr_assert_gt(event.event.pid, 0);
	cr_assert(support_wait_gone(event.event.pid));
	brood_supervisor_free(sup);
}

/* Have child a print this and exit, and wait for the event. */
static void
say_and_end(struct brood_supervisor *sup, const char *text)
{
	struct brood_message got;

	cr_assert(
	    testchild_ask(sup, "a", TESTCHILD_SAY, text, strlen(text), &got));
	cr_assert(testchild_tell_byte(sup, "a", TESTCHILD_EXIT, 1));
	await(sup, BROOD_EVENT_ENDED, "a");
}

Test(children_world, event_has_the_end_of_what_the_child_printed)
{
	struct brood_supervisor *sup = start_ab();
	char text[10001];
	size_t len;

	say_and_end(sup, "last words\n");
	cr_assert_not_null(strstr(event.tail, "last words"));
	await(sup, BROOD_EVENT_READY, "a");
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 50 == 49 ? '\n' : 'x';
	strlcpy(text + sizeof(text) - 9, "the end\n", 9);
	say_and_end(sup, text);
	len = strlen(event.tail);
	cr_assert_leq(len, 4096);
	cr_assert_gt(len, 4000);
	cr_assert_not_null(strstr(event.tail + len - 10, "the end"));
	cr_assert_null(strstr(event.tail, "last words"));
	brood_supervisor_free(sup);
}

/* Read until this word has come. */
static bool
read_until(int fd, const char *word)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[4096] = "";
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && strstr(text, word) == NULL &&
	    len < sizeof(text) - 1 && poll(&p, 1, TESTCHILD_PATIENCE) == 1) {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
		text[len] = 0;
	}
	return strstr(text, word) != NULL;
}

static void
expect_printed(bool is_prefixed, const char *said)
{
	struct brood_supervisor *sup;
	char line[100] = "";
	int fds[2];

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	sup = start((struct brood_supervisor_options){ .children = ab,
	    .n_children = 1, .stderr_fd = fds[1],
	    .prefix_stderr = is_prefixed });
	await(sup, BROOD_EVENT_READY, "a");
	if (is_prefixed)
		snprintf(line, sizeof(line), "a[%d]: ", event.event.pid);
	strlcat(line, said, sizeof(line));
	say_and_end(sup, said);
	cr_assert(read_until(fds[0], line), "%s", line);
	brood_supervisor_free(sup);
	cr_assert_eq(close(fds[0]), 0);
	cr_assert_eq(close(fds[1]), 0, "the host's copy was closed");
}

Test(children_world, what_children_print_is_passed_on)
{
	expect_printed(false, "plain words\n");
	expect_printed(true, "plain words\n");
	expect_printed(true, "no newline");
}

Test(children_world, child_holds_its_channel_and_what_it_was_to_keep)
{
	struct brood_child_spec specs[] = { ab[0], ab[1],
	    { .name = "c", .fn = testchild_main } };
	int kept = fcntl(0, F_DUPFD_CLOEXEC, 80), spare = dup(0);
	struct brood_supervisor *sup;
	struct testchild_who who;

	specs[1].options.keep_fds = &kept;
	specs[1].options.n_keep_fds = 1;
	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 3 });
	await(sup, BROOD_EVENT_READY, "c");
	cr_assert(testchild_who(sup, "a", &who));
	cr_assert_eq(who.n_fds, 1);
	cr_assert(testchild_who(sup, "b", &who));
	cr_assert_eq(who.n_fds, 2);
	cr_assert(testchild_who(sup, "c", &who));
	cr_assert_eq(who.n_fds, 1);
	brood_supervisor_free(sup);
	close(spare);
	close(kept);
}

Test(children_world, neither_supervisor_nor_child_holds_the_hosts_descriptors)
{
	struct brood_supervisor *sup;
	struct pollfd p = { .events = POLLIN };
	int fds[2];

	cr_assert_eq(pipe(fds), 0);	/* not close-on-exec */
	sup = start_ab();
	close(fds[1]);
	p.fd = fds[0];
	cr_assert_eq(poll(&p, 1, 0), 1, "another process has the other end");
	cr_assert(p.revents & POLLHUP);
	close(fds[0]);
	brood_supervisor_free(sup);
}

Test(children_world, hosts_signals_are_left_alone)
{
	struct sigaction before, after;
	sigset_t old, new;
	struct brood_supervisor *sup;

	sigprocmask(SIG_SETMASK, NULL, &old);
	sigaction(SIGCHLD, NULL, &before);
	sup = start_ab();
	brood_supervisor_free(sup);
	sigaction(SIGCHLD, NULL, &after);
	sigprocmask(SIG_SETMASK, NULL, &new);
	cr_assert_eq(before.sa_handler, after.sa_handler);
	for (int sig = 1; sig < NSIG; sig++)
		cr_expect_eq(sigismember(&old, sig), sigismember(&new, sig));
}

static int
use_a_copy(void *arg)
{
	struct brood_supervisor *sup = arg;
	struct brood_event got;

	if (brood_supervisor_dispatch(sup) != -ECHILD)
		return 1;
	if (brood_supervisor_wait(sup, 0) != -ECHILD)
		return 2;
	if (brood_supervisor_next_event(sup, &got) != -ECHILD)
		return 3;
	if (brood_supervisor_restart(sup, "a") != -ECHILD)
		return 4;
	if (brood_supervisor_stop(sup) != -ECHILD)
		return 5;
	return brood_supervisor_free(sup) == NULL ? 0 : 6;
}

/*
 * The copy shares the epoll set with the host.  If the copy removed descriptors
 * from it when it frees its supervisor, the host would wait for ever.
 */
Test(children_world, forked_copy_does_nothing_and_harms_nothing)
{
	struct brood_supervisor *sup = start_ab();
	struct testchild_who a, b;

	support_in_child(use_a_copy, sup);
	cr_assert(testchild_who(sup, "a", &a));
	cr_assert(testchild_tell_byte(sup, "b", TESTCHILD_EXIT, 1));
	await(sup, BROOD_EVENT_READY, "b");
	cr_assert(testchild_who(sup, "b", &b));
	cr_assert_eq(a.parent, b.parent);
	brood_supervisor_free(sup);
}
