/* SPDX-License-Identifier: ISC */

/*
 * This file owns the loop of the child, and the requests that a test sends to
 * it.  It does not know any test.
 *
 * A child serves its host and one sibling.  It waits for both at once; only
 * while it asks the sibling, it waits for that one alone.
 */

#include "support/testchild.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct child {
	struct brood_channel *host;
	struct brood_channel *link;	/* NULL before the first LINK message,
					   and after the sibling's end */
	struct testchild_who who;	/* what TESTCHILD_WHO answers */
	bool is_deaf;			/* GOODBYE does not end this child */
};

/* What a step of the loop gives if the child is not to exit with a status. */
#define GO_ON	(-1)

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
count_fds(struct child *child)
{
	struct stat st;

	child->who.n_fds = 0;
	for (int fd = 3; fd < 1024; fd++)
		child->who.n_fds += fstat(fd, &st) == 0;
}

static void
link_adopt(struct child *child, const struct brood_message *msg)
{
	size_t len = msg->len < sizeof(child->who.link) - 1 ? msg->len :
	    sizeof(child->who.link) - 1;
	int fd = brood_channel_take_fd(child->host, 0);

	child->link = brood_channel_free(child->link);
	if (fd < 0 || brood_channel_new(&child->link, fd, NULL) != 0)
		return;
	child->who.n_links++;
	memset(child->who.link, 0, sizeof(child->who.link));
	memcpy(child->who.link, msg->data, len);
}

/* Ask the sibling for its pid.  Gives 0, and closes the link, on failure. */
static pid_t
link_ask(struct child *child)
{
	struct brood_message msg = { .len = 0 };
	pid_t pid = 0;

	if (brood_channel_send(child->link, &msg) == 0 &&
	    brood_channel_recv(child->link, TESTCHILD_PATIENCE / 2,
	    &msg) == 1 && msg.kind == BROOD_KIND_REPLY &&
	    msg.len == sizeof(pid))
		memcpy(&pid, msg.data, sizeof(pid));
	else
		child->link = brood_channel_free(child->link);
	return pid;
}

/*
 * Ask until the sibling with this pid answers: when a sibling is restarted, the
 * link to the old process ends, and a LINK message for the new one comes later.
 */
static void
link_ask_until(struct child *child, pid_t peer)
{
	int64_t end_ms = now_ms() + TESTCHILD_PATIENCE / 2;
	struct brood_message msg;

	child->who.peer = 0;
	while (child->who.peer != peer && now_ms() < end_ms) {
		if (child->link != NULL)
			child->who.peer = link_ask(child);
		else if (brood_channel_recv(child->host, TESTCHILD_PATIENCE / 2,
		    &msg) == 1 && msg.kind == BROOD_KIND_LINK)
			link_adopt(child, &msg);
	}
}

static void
link_serve(struct child *child)
{
	struct brood_message msg;
	pid_t pid = getpid();
	int r = brood_channel_recv(child->link, 0, &msg);

	if (r == 1 && msg.kind == BROOD_KIND_REQUEST)
		r = brood_channel_send(child->link, &(struct brood_message){
		    .kind = BROOD_KIND_REPLY, .id = msg.id, .data = &pid,
		    .len = sizeof(pid) });
	if (r < 0)
		child->link = brood_channel_free(child->link);
}

static int
answer(struct child *child, uint64_t id, const void *data, size_t len)
{
	return brood_channel_send(child->host, &(struct brood_message){
	    .kind = BROOD_KIND_REPLY, .id = id, .data = data, .len = len,
	    }) == 0 ? GO_ON : 1;
}

static int
obey(struct child *child, const struct brood_message *msg)
{
	const unsigned char *byte = msg->data;
	uint64_t id = msg->id;
	pid_t peer = 0;

	switch ((enum testchild_code)msg->code) {
	case TESTCHILD_ECHO:
		return answer(child, id, msg->data, msg->len);
	case TESTCHILD_WHO:
		count_fds(child);
		return answer(child, id, &child->who, sizeof(child->who));
	case TESTCHILD_LINK:
		memcpy(&peer, msg->data, sizeof(peer));
		link_ask_until(child, peer);
		return answer(child, id, &child->who, sizeof(child->who));
	case TESTCHILD_SAY:
		(void)!write(STDERR_FILENO, msg->data, msg->len);
		return answer(child, id, NULL, 0);
	case TESTCHILD_EXIT:
		return *byte;
	case TESTCHILD_RAISE:
		raise(*byte);
		return 1;
	}
	return 1;
}

static int
finish(const struct child *child)
{
	while (child->is_deaf)
		pause();
	return 0;
}

static int
host_serve(struct child *child)
{
	struct brood_message msg;
	int r = brood_channel_recv(child->host, 0, &msg);

	if (r == 0)
		return GO_ON;
	if (r < 0 || msg.kind == BROOD_KIND_GOODBYE)
		return finish(child);
	if (msg.kind == BROOD_KIND_LINK)
		link_adopt(child, &msg);
	return msg.kind == BROOD_KIND_REQUEST ? obey(child, &msg) : GO_ON;
}

int
testchild_main(struct brood_channel *channel, void *arg)
{
	struct child child = { .host = channel, .is_deaf = arg != NULL,
	    .who = { .pid = getpid(), .parent = getppid() } };
	struct pollfd p[2] = {
	    { .fd = brood_channel_fd(channel), .events = POLLIN },
	    { .events = POLLIN },
	};
	int r = GO_ON;

	while (r == GO_ON) {
		p[1].fd = child.link ? brood_channel_fd(child.link) : -1;
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents != 0)
			link_serve(&child);
		if (p[0].revents != 0)
			r = host_serve(&child);
	}
	brood_channel_free(child.link);
	return r;
}

int
testchild_ignore_term(void *arg)
{
	(void)arg;
	signal(SIGTERM, SIG_IGN);
	return 0;
}

static bool
tell(struct brood_supervisor *sup, const char *name,
    const struct brood_message *msg)
{
	struct brood_channel *channel = brood_supervisor_channel(sup, name);

	return channel != NULL && brood_channel_send(channel, msg) == 0;
}

static uint64_t
next_id(void)
{
	static uint64_t id;

	return ++id;
}

bool
testchild_tell(struct brood_supervisor *sup, const char *name,
    enum testchild_code code, const void *data, size_t len)
{
	return tell(sup, name, &(struct brood_message){ .code = code,
	    .id = next_id(), .data = data, .len = len });
}

bool
testchild_tell_byte(struct brood_supervisor *sup, const char *name,
    enum testchild_code code, int byte)
{
	unsigned char value = (unsigned char)byte;

	return testchild_tell(sup, name, code, &value, 1);
}

/*
 * Wait for the channel or the supervisor, then dispatch: this is how the host
 * sends LINK messages, and the child may be waiting for one.
 */
static void
wait_and_dispatch(struct brood_supervisor *sup,
    const struct brood_channel *channel)
{
	struct pollfd p[2] = {
	    { .fd = brood_supervisor_fd(sup), .events = POLLIN },
	    { .fd = brood_channel_fd(channel), .events = POLLIN },
	};

	/* Where the supervisor has no descriptor, dispatch often. */
	(void)poll(p, 2, p[0].fd >= 0 ? TESTCHILD_PATIENCE : 20);
	(void)brood_supervisor_dispatch(sup);
}

bool
testchild_ask(struct brood_supervisor *sup, const char *name,
    enum testchild_code code, const void *data, size_t len,
    struct brood_message *ret_msg)
{
	int64_t end_ms = now_ms() + TESTCHILD_PATIENCE;
	struct brood_message msg = { .code = code, .id = next_id(),
	    .data = data, .len = len };
	struct brood_channel *channel;
	int r;

	if (!tell(sup, name, &msg))
		return false;
	do {
		channel = brood_supervisor_channel(sup, name);
		if (channel == NULL)
			return false;
		r = brood_channel_recv(channel, 0, ret_msg);
		if (r == 1 && ret_msg->kind == BROOD_KIND_REPLY &&
		    ret_msg->id == msg.id)
			return true;
		if (r == 0)
			wait_and_dispatch(sup, channel);
	} while (r >= 0 && now_ms() < end_ms);
	return false;
}

static bool
ask_who(struct brood_supervisor *sup, const char *name,
    enum testchild_code code, pid_t peer, struct testchild_who *ret_who)
{
	struct brood_message got;

	if (!testchild_ask(sup, name, code, &peer, sizeof(peer), &got) ||
	    got.len != sizeof(*ret_who))
		return false;
	memcpy(ret_who, got.data, sizeof(*ret_who));
	return true;
}

bool
testchild_who(struct brood_supervisor *sup, const char *name,
    struct testchild_who *ret_who)
{
	return ask_who(sup, name, TESTCHILD_WHO, 0, ret_who);
}

bool
testchild_link(struct brood_supervisor *sup, const char *name, pid_t peer,
    struct testchild_who *ret_who)
{
	return ask_who(sup, name, TESTCHILD_LINK, peer, ret_who) &&
	    ret_who->peer == peer;
}

/* No string of an event may be NULL.  If one is, this crashes the test. */
static void
event_copy(struct testchild_event *copy, const struct brood_event *event)
{
	copy->event = *event;
	strlcpy(copy->name, event->name, sizeof(copy->name));
	strlcpy(copy->step, event->step, sizeof(copy->step));
	strlcpy(copy->text, event->text, sizeof(copy->text));
	strlcpy(copy->tail, event->stderr_tail, sizeof(copy->tail));
	copy->event.name = copy->event.step = NULL;
	copy->event.text = copy->event.stderr_tail = NULL;
}

bool
testchild_next(struct brood_supervisor *sup, int timeout_ms,
    struct testchild_event *ret_event)
{
	int64_t end_ms = now_ms() + timeout_ms;
	struct brood_event event;
	int64_t left_ms;

	while (brood_supervisor_next_event(sup, &event) != 1) {
		left_ms = end_ms - now_ms();
		if (left_ms <= 0)
			return false;
		if (brood_supervisor_wait(sup, (int)left_ms) < 0)
			return false;
	}
	event_copy(ret_event, &event);
	return true;
}

bool
testchild_await(struct brood_supervisor *sup, enum brood_event_kind kind,
    const char *name, struct testchild_event *ret_event)
{
	int64_t end_ms = now_ms() + TESTCHILD_PATIENCE;
	int64_t left_ms = TESTCHILD_PATIENCE;

	while (left_ms > 0 && testchild_next(sup, (int)left_ms, ret_event)) {
		if (ret_event->event.kind == kind &&
		    (name == NULL || strcmp(ret_event->name, name) == 0))
			return true;
		left_ms = end_ms - now_ms();
	}
	return false;
}
