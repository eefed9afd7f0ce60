/* SPDX-License-Identifier: ISC */

/*
 * Owns the child's loop and the test's questions to it.  Must not know any
 * test.  A member serves its host and one sibling; it waits for both at once
 * and, while it asks its sibling, for that one alone.
 */

#include "support/testchild.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct member {
	struct brood_channel *host;
	struct brood_channel *link;	/* NULL: none yet, or it has ended */
	struct testchild_who who;
	bool is_deaf;
};

#define GO_ON	(-1)

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
count_fds(struct member *m)
{
	struct stat st;

	m->who.n_fds = 0;
	for (int fd = 3; fd < 1024; fd++)
		m->who.n_fds += fstat(fd, &st) == 0;
}

static void
link_adopt(struct member *m, const struct brood_message *msg)
{
	size_t len = msg->len < sizeof(m->who.link) - 1 ? msg->len :
	    sizeof(m->who.link) - 1;
	int fd = brood_channel_take_fd(m->host, 0);

	m->link = brood_channel_free(m->link);
	if (fd < 0 || brood_channel_new(&m->link, fd, NULL) != 0)
		return;
	m->who.n_links++;
	memset(m->who.link, 0, sizeof(m->who.link));
	memcpy(m->who.link, msg->data, len);
}

/* Ask over the link; gives the pid that answered, or 0. */
static pid_t
link_ask(struct member *m)
{
	struct brood_message msg = { .len = 0 };
	pid_t pid = 0;

	if (brood_channel_send(m->link, &msg) == 0 &&
	    brood_channel_recv(m->link, TESTCHILD_PATIENCE / 2, &msg) == 1 &&
	    msg.kind == BROOD_KIND_REPLY && msg.len == sizeof(pid))
		memcpy(&pid, msg.data, sizeof(pid));
	else
		m->link = brood_channel_free(m->link);
	return pid;
}

/* The link to a sibling that was restarted ends; a new one comes later. */
static void
link_ask_until(struct member *m, pid_t peer)
{
	int64_t end_ms = now_ms() + TESTCHILD_PATIENCE / 2;
	struct brood_message msg;

	m->who.peer = 0;
	while (m->who.peer != peer && now_ms() < end_ms) {
		if (m->link != NULL)
			m->who.peer = link_ask(m);
		else if (brood_channel_recv(m->host, TESTCHILD_PATIENCE / 2,
		    &msg) == 1 && msg.kind == BROOD_KIND_LINK)
			link_adopt(m, &msg);
	}
}

static void
link_serve(struct member *m)
{
	struct brood_message msg;
	pid_t pid = getpid();
	int r = brood_channel_recv(m->link, 0, &msg);

	if (r == 1 && msg.kind == BROOD_KIND_REQUEST)
		r = brood_channel_send(m->link, &(struct brood_message){
		    .kind = BROOD_KIND_REPLY, .id = msg.id, .data = &pid,
		    .len = sizeof(pid) });
	if (r < 0)
		m->link = brood_channel_free(m->link);
}

static int
answer(struct member *m, uint64_t id, const void *data, size_t len)
{
	return brood_channel_send(m->host, &(struct brood_message){
	    .kind = BROOD_KIND_REPLY, .id = id, .data = data, .len = len,
	    }) == 0 ? GO_ON : 1;
}

static int
obey(struct member *m, const struct brood_message *msg)
{
	const unsigned char *byte = msg->data;
	uint64_t id = msg->id;
	pid_t peer = 0;

	switch ((enum testchild_code)msg->code) {
	case TESTCHILD_ECHO:
		return answer(m, id, msg->data, msg->len);
	case TESTCHILD_WHO:
		count_fds(m);
		return answer(m, id, &m->who, sizeof(m->who));
	case TESTCHILD_LINK:
		memcpy(&peer, msg->data, sizeof(peer));
		link_ask_until(m, peer);
		return answer(m, id, &m->who, sizeof(m->who));
	case TESTCHILD_SAY:
		(void)!write(STDERR_FILENO, msg->data, msg->len);
		return answer(m, id, NULL, 0);
	case TESTCHILD_EXIT:
		return *byte;
	case TESTCHILD_RAISE:
		raise(*byte);
		return 1;
	}
	return 1;
}

static int
finish(const struct member *m)
{
	while (m->is_deaf)
		pause();
	return 0;
}

static int
host_serve(struct member *m)
{
	struct brood_message msg;
	int r = brood_channel_recv(m->host, 0, &msg);

	if (r == 0)
		return GO_ON;
	if (r < 0 || msg.kind == BROOD_KIND_GOODBYE)
		return finish(m);
	if (msg.kind == BROOD_KIND_LINK)
		link_adopt(m, &msg);
	return msg.kind == BROOD_KIND_REQUEST ? obey(m, &msg) : GO_ON;
}

int
testchild_main(struct brood_channel *channel, void *arg)
{
	struct member m = { .host = channel, .is_deaf = arg != NULL,
	    .who = { .pid = getpid(), .parent = getppid() } };
	struct pollfd p[2] = {
	    { .fd = brood_channel_fd(channel), .events = POLLIN },
	    { .events = POLLIN },
	};
	int r = GO_ON;

	while (r == GO_ON) {
		p[1].fd = m.link ? brood_channel_fd(m.link) : -1;
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents != 0)
			link_serve(&m);
		if (p[0].revents != 0)
			r = host_serve(&m);
	}
	brood_channel_free(m.link);
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

/* Wait for the channel or the supervisor, which has links to hand out. */
static void
wait_a_little(struct brood_supervisor *sup,
    const struct brood_channel *channel)
{
	struct pollfd p[2] = {
	    { .fd = brood_supervisor_fd(sup), .events = POLLIN },
	    { .fd = brood_channel_fd(channel), .events = POLLIN },
	};

	(void)poll(p, 2, 100);
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
			wait_a_little(sup, channel);
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

/* The strings of an event are never NULL: if one is, this crashes the test. */
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
