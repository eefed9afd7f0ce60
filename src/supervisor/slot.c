/* SPDX-License-Identifier: ISC */

/*
 * One slot of the supervisor process; its states are in slot.h.
 *
 * Owns the child's pid until it is reaped, both ends of the child's socketpair
 * until they are handed to the host with READY, and the pipe of its output.
 * Every change of state goes through slot_enter().
 *
 * Failures are judged in one place, brood__slot_bury(): whatever goes wrong
 * with a child, it is killed, and what was seen first is kept for the report.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "base/names.h"
#include "supervisor/slot.h"
#include "wire/channel.h"
#include "wire/frame.h"

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOT_GREETING_MAX = 1024,	/* of a HELLO, or an ERROR instead */
	SLOT_OFFER_MS = 100,		/* from LATER to the next READY */
};

int
brood__slot_new(struct brood__slot **ret_slot, unsigned index,
    const struct brood__kind *kind, unsigned intensity, int period_ms)
{
	struct brood__slot *slot;
	int r;

	slot = calloc(1, sizeof(*slot));
	if (slot == NULL)
		return -ENOMEM;
	r = brood__restart_init(&slot->restart, intensity, period_ms);
	if (r < 0) {
		free(slot);
		return r;
	}
	slot->index = index;
	slot->kind = kind;
	slot->due_ms = BROOD__NEVER;
	slot->host_socket = slot->child_socket = -1;
	slot->report_fd = slot->output.fd = -1;
	*ret_slot = slot;
	return 0;
}

struct brood__slot *
brood__slot_free(struct brood__slot *slot)
{
	if (slot != NULL)
		brood__restart_fini(&slot->restart);
	free(slot);
	return NULL;
}

static uint64_t
slot_token(const struct brood__slot *slot, enum brood__token token)
{
	return (uint64_t)token << 32 | slot->index;
}

static void
slot_enter(struct brood__slot *slot, enum brood__slot_state state,
    int64_t due_ms)
{
	slot->state = state;
	slot->due_ms = due_ms;
	switch (state) {
	case BROOD__SLOT_READY:
		slot->was_ready = true;
		slot->is_ordered = false;
		break;
	case BROOD__SLOT_EMPTY:
	case BROOD__SLOT_GIVEN_UP:
		slot->is_ordered = false;
		slot->is_doomed = false;
		break;
	case BROOD__SLOT_STARTING:
	case BROOD__SLOT_WAITING:
	case BROOD__SLOT_STOPPING:
		break;
	}
}

/* What is seen to fail first is the cause; the rest follows from it. */
static void
slot_blame(struct brood__slot *slot, const char *step, int error,
    const char *text)
{
	if (slot->failure[0] != '\0')
		return;
	(void)strlcpy(slot->failure, step, sizeof(slot->failure));
	(void)strlcpy(slot->text, text, sizeof(slot->text));
	slot->error = error;
}

/* Notices */

/*
 * Queue a notice.  That fails only for want of memory or descriptors; the host
 * cannot be told so, and it is safer for all to start anew than to disagree.
 */
static void
slot_send(struct brood__nest *nest, const struct brood__notice *notice,
    const int *fds, size_t n_fds)
{
	struct brood_message msg = {
		.data = notice,
		.len = offsetof(struct brood__notice, tail) + notice->tail_len,
		.fds = fds,
		.n_fds = n_fds,
	};

	if (!nest->is_host_gone &&
	    brood__channel_queue(nest->control, &msg) < 0)
		_exit(EXIT_FAILURE);
}

void
brood__slot_notify(const struct brood__slot *slot, struct brood__nest *nest,
    struct brood__notice *notice, enum brood__notice_kind kind)
{
	notice->kind = kind;
	notice->slot = slot->index;
	notice->generation = slot->generation;
	notice->revision = slot->process_revision;
	notice->pid = slot->pid;
	slot_send(nest, notice, NULL, 0);
}

static void
slot_notify_end(struct brood__slot *slot, struct brood__nest *nest,
    bool is_asked, int delay_ms)
{
	struct brood__notice notice = {
		.status = slot->status,
		.is_asked = is_asked,
		.delay_ms = delay_ms,
		.error = slot->error,
		.tail_len = slot->output.tail_len,
	};

	(void)strlcpy(notice.step, slot->failure, sizeof(notice.step));
	(void)strlcpy(notice.text, slot->text, sizeof(notice.text));
	memcpy(notice.tail, slot->output.tail, notice.tail_len);
	brood__slot_notify(slot, nest, &notice, slot->was_ready ?
	    BROOD__NOTICE_ENDED : BROOD__NOTICE_NOT_STARTED);
}

/* Starting */

static int
slot_open_output(struct brood__slot *slot, struct brood__nest *nest,
    int *ret_child_fd)
{
	int r;

	r = brood__output_init(&slot->output, ret_child_fd);
	if (r < 0)
		return r;
	r = brood__ready_add(nest->ready, slot->output.fd, POLLIN,
	    slot_token(slot, BROOD__TOKEN_OUTPUT));
	if (r < 0) {
		brood__output_fini(&slot->output);
		*ret_child_fd = brood__fd_close(*ret_child_fd);
		return r;
	}
	slot->is_watched = true;
	return 0;
}

static void
slot_close_output(struct brood__slot *slot, struct brood__nest *nest)
{
	if (slot->is_watched)
		brood__ready_remove(nest->ready, slot->output.fd);
	slot->is_watched = false;
	brood__output_fini(&slot->output);
}

/* Watch the child's socket for what it says first. */
static int
slot_listen(struct brood__slot *slot, struct brood__nest *nest, int socket)
{
	static const struct brood_channel_options options = {
		.max_payload = SLOT_GREETING_MAX,
	};
	int r;

	r = brood_channel_new(&slot->channel, socket, &options);
	if (r < 0) {
		(void)brood__fd_close(socket);
		return r;
	}
	r = brood__ready_add(nest->ready, socket, POLLIN,
	    slot_token(slot, BROOD__TOKEN_BOOT));
	if (r < 0)
		slot->channel = brood_channel_free(slot->channel);
	return r;
}

static int
slot_spawn(struct brood__slot *slot, struct brood__nest *nest)
{
	struct brood__spawn spawn = slot->kind->spawn;
	struct brood__spawned spawned;
	int r;

	r = slot_open_output(slot, nest, &spawn.output_fd);
	if (r < 0)
		return r;
	spawn.nofile = &nest->nofile;
	r = brood__spawn(&spawned, &spawn);
	(void)brood__fd_close(spawn.output_fd);
	if (r < 0) {
		slot_close_output(slot, nest);
		return r;
	}
	slot->pid = spawned.pid;
	slot->child_socket = spawned.child_socket;
	slot->report_fd = spawned.report_fd;
	if (nest->has_prefix)
		slot->output.prefix_len = (size_t)snprintf(
		    slot->output.prefix, sizeof(slot->output.prefix),
		    "%.64s[%d]: ", spawn.name, (int)slot->pid);
	return slot_listen(slot, nest, spawned.socket);
}

static void
slot_reset(struct brood__slot *slot)
{
	slot->was_ready = slot->is_used = slot->is_dead = false;
	slot->is_doomed = slot->is_condemned = false;
	slot->status = slot->error = 0;
	slot->failure[0] = slot->text[0] = '\0';
	slot->output.tail_len = 0;
}

static void
slot_kill(const struct brood__slot *slot, int sig)
{
	if (slot->pid > 0 && !slot->is_dead)
		(void)kill(slot->pid, sig);
}

void
brood__slot_start(struct brood__slot *slot, struct brood__nest *nest,
    int64_t now_ms)
{
	int r;

	slot_reset(slot);
	slot->generation++;
	slot->process_revision = slot->revision;
	slot_enter(slot, BROOD__SLOT_STARTING,
	    brood__deadline(now_ms, slot->kind->boot_ms));
	r = slot_spawn(slot, nest);
	if (r == 0)
		return;
	slot_blame(slot, "fork", -r, "cannot start a process");
	if (brood__slot_is_alive(slot))
		slot_kill(slot, SIGKILL);
	else
		brood__slot_bury(slot, nest, now_ms);
}

/* Ready */

/* Close both ends of the socketpair, as far as this process has them. */
static void
slot_close_ends(struct brood__slot *slot)
{
	slot->host_socket = brood__fd_close(slot->host_socket);
	slot->child_socket = brood__fd_close(slot->child_socket);
	slot->offer = BROOD__OFFER_NONE;
}

static void
slot_close_boot(struct brood__slot *slot, struct brood__nest *nest)
{
	if (slot->channel != NULL) {
		brood__ready_remove(nest->ready,
		    brood_channel_fd(slot->channel));
		slot->channel = brood_channel_free(slot->channel);
	}
	slot->report_fd = brood__fd_close(slot->report_fd);
}

static void
slot_offer(struct brood__slot *slot, struct brood__nest *nest)
{
	struct brood__notice notice = {
		.kind = BROOD__NOTICE_READY,
		.slot = slot->index,
		.generation = slot->generation,
		.revision = slot->process_revision,
		.pid = slot->pid,
		.max_payload = slot->max_payload,
	};
	int fds[2] = { slot->host_socket, slot->child_socket };

	slot_send(nest, &notice, fds, 2);
	slot->offer = BROOD__OFFER_MADE;
	slot->due_ms = BROOD__NEVER;
}

/*
 * The process has said HELLO.  The channel is opened by its socket's number
 * alone from now on: each receive took one frame at most, so nothing of what
 * the process sends later was read.
 */
static void
slot_become_ready(struct brood__slot *slot, struct brood__nest *nest,
    uint32_t max_payload, int64_t now_ms)
{
	brood__ready_remove(nest->ready, brood_channel_fd(slot->channel));
	slot->host_socket = brood__channel_release(slot->channel);
	slot->channel = NULL;
	slot_close_boot(slot, nest);
	slot->max_payload = max_payload;
	brood__restart_ready(&slot->restart, now_ms);
	slot_enter(slot, BROOD__SLOT_READY, BROOD__NEVER);
	slot_offer(slot, nest);
}

void
brood__slot_adopted(struct brood__slot *slot)
{
	if (slot->state == BROOD__SLOT_READY)
		slot_close_ends(slot);
}

void
brood__slot_offer_later(struct brood__slot *slot, int64_t now_ms)
{
	if (slot->offer != BROOD__OFFER_MADE)
		return;
	slot->offer = BROOD__OFFER_DUE;
	slot->due_ms = now_ms + SLOT_OFFER_MS;
}

static uint32_t
slot_hello_max(const struct brood_message *msg)
{
	struct brood__hello hello;

	return brood__hello_decode(msg->data, msg->len, &hello) == 0 ?
	    hello.max_payload : 0;
}

void
brood__slot_greet(struct brood__slot *slot, struct brood__nest *nest,
    int64_t now_ms)
{
	struct brood_message msg;
	char text[sizeof(slot->text)];
	int r;

	if (slot->channel == NULL)
		return;
	r = brood__channel_recv(slot->channel, 0, &msg);
	if (r == 0)
		return;
	if (r == 1)
		r = brood__channel_read_hello(slot->channel, &msg, text,
		    sizeof(text));
	else
		(void)snprintf(text, sizeof(text),
		    "it closed its channel, or sent no frame");
	if (r == 0 && slot->state == BROOD__SLOT_STARTING) {
		slot_become_ready(slot, nest, slot_hello_max(&msg), now_ms);
		return;
	}
	if (r < 0) {
		slot_blame(slot, "hello", -r, text);
		slot_kill(slot, SIGKILL);
	}
	brood__ready_remove(nest->ready, brood_channel_fd(slot->channel));
	slot->channel = brood_channel_free(slot->channel);
}

void
brood__slot_pump(struct brood__slot *slot, struct brood__nest *nest)
{
	int r;

	if (slot->output.fd < 0)
		return;
	r = brood__output_pump(&slot->output, &nest->sink);
	if (r >= 0) {
		if (!slot->is_watched && brood__ready_add(nest->ready,
		    slot->output.fd, POLLIN,
		    slot_token(slot, BROOD__TOKEN_OUTPUT)) == 0)
			slot->is_watched = true;
		return;
	}
	/* The sink is full, or nobody writes any more: stop listening. */
	if (slot->is_watched)
		brood__ready_remove(nest->ready, slot->output.fd);
	slot->is_watched = false;
	if (r != -EAGAIN)
		brood__output_fini(&slot->output);
}

/* Stopping */

static bool
slot_is_adopted(const struct brood__slot *slot)
{
	return slot->state == BROOD__SLOT_READY &&
	    slot->offer == BROOD__OFFER_NONE;
}

static void
slot_enter_phase(struct brood__slot *slot, enum brood__stop_phase phase,
    int64_t now_ms)
{
	int64_t due_ms = now_ms + slot->kind->shutdown_ms;

	slot->phase = phase;
	switch (phase) {
	case BROOD__STOP_NONE:
	case BROOD__STOP_GOODBYE:
		break;
	case BROOD__STOP_TERM:
		slot_kill(slot, SIGTERM);
		break;
	case BROOD__STOP_KILL:
		slot_kill(slot, SIGKILL);
		due_ms = BROOD__NEVER;
		break;
	}
	/* An offer that was not accepted yet is not made again. */
	slot_close_ends(slot);
	slot_enter(slot, BROOD__SLOT_STOPPING, due_ms);
}

void
brood__slot_stop(struct brood__slot *slot, struct brood__nest *nest,
    enum brood__stop_phase phase, bool is_refill, int64_t now_ms)
{
	struct brood__notice notice = { 0 };

	slot->is_refill = is_refill;
	slot->is_doomed = false;
	slot->is_condemned = phase == BROOD__STOP_KILL;
	switch (slot->state) {
	case BROOD__SLOT_STARTING:
	case BROOD__SLOT_READY:
		/* Nobody can say GOODBYE to a process nobody has adopted. */
		if (phase == BROOD__STOP_GOODBYE && !slot_is_adopted(slot))
			phase = BROOD__STOP_TERM;
		slot_enter_phase(slot, phase, now_ms);
		break;
	case BROOD__SLOT_STOPPING:
		if (phase > slot->phase)
			slot_enter_phase(slot, phase, now_ms);
		break;
	case BROOD__SLOT_WAITING:
		if (is_refill)
			break;
		slot_enter(slot, BROOD__SLOT_EMPTY, BROOD__NEVER);
		brood__slot_notify(slot, nest, &notice,
		    BROOD__NOTICE_EMPTIED);
		break;
	case BROOD__SLOT_GIVEN_UP:
		if (!is_refill)
			slot_enter(slot, BROOD__SLOT_EMPTY, BROOD__NEVER);
		break;
	case BROOD__SLOT_EMPTY:
		break;
	}
}

void
brood__slot_due(struct brood__slot *slot, struct brood__nest *nest,
    int64_t now_ms)
{
	switch (slot->state) {
	case BROOD__SLOT_WAITING:
		brood__slot_start(slot, nest, now_ms);
		break;
	case BROOD__SLOT_STARTING:
		slot_blame(slot, "boot", ETIMEDOUT,
		    "it did not say HELLO in time");
		slot_kill(slot, SIGKILL);
		slot->due_ms = BROOD__NEVER;
		break;
	case BROOD__SLOT_STOPPING:
		slot_enter_phase(slot, slot->phase + 1, now_ms);
		break;
	case BROOD__SLOT_READY:
		slot_offer(slot, nest);
		break;
	case BROOD__SLOT_EMPTY:
	case BROOD__SLOT_GIVEN_UP:
		slot->due_ms = BROOD__NEVER;
		break;
	}
}

/* The end */

static void
slot_describe_end(struct brood__slot *slot)
{
	char text[sizeof(slot->text)];
	const char *when = slot->was_ready ? "" : " before it was ready";

	if (WIFSIGNALED(slot->status))
		(void)snprintf(text, sizeof(text), "killed by signal %d (%s)%s",
		    WTERMSIG(slot->status),
		    brood__signal_words(WTERMSIG(slot->status)), when);
	else
		(void)snprintf(text, sizeof(text), "exited with status %d%s",
		    WEXITSTATUS(slot->status), when);
	slot_blame(slot, slot->was_ready ? "" : "boot", 0, text);
	if (slot->text[0] == '\0')
		(void)strlcpy(slot->text, text, sizeof(slot->text));
}

/* What the child itself said of its failure comes first. */
static void
slot_read_report(struct brood__slot *slot)
{
	struct brood__report report;
	char text[sizeof(slot->text)];

	if (slot->report_fd < 0 ||
	    brood__report_read(slot->report_fd, false, &report) != 1)
		return;
	(void)snprintf(text, sizeof(text), "%.180s: %.64s", report.text,
	    brood__error_words(report.error));
	slot->failure[0] = '\0';
	slot_blame(slot, report.step, report.error, text);
}

static bool
slot_is_exit(const struct brood__slot *slot, int status)
{
	return slot->pid > 0 && WIFEXITED(slot->status) &&
	    WEXITSTATUS(slot->status) == status;
}

/* Does its kind want another after this end, which nobody asked for? */
static bool
slot_is_restarted(const struct brood__slot *slot)
{
	switch (slot->kind->restart) {
	case BROOD_PERMANENT:
		return true;
	case BROOD_TRANSIENT:
		return !(slot->was_ready && slot_is_exit(slot, 0));
	case BROOD_TEMPORARY:
		return false;
	}
	return false;
}

/*
 * When does the next one start?  A delay, or -1 for never, is_given_up telling
 * why.
 *
 *   1. It was asked to end: now, or never, as was asked.  But one that was
 *	killed before it had done anything was killed for what it did by itself.
 *   2. It does not want to be restarted, or its kind does not.
 *   3. It was given a request: the request is to blame.  Now.
 *   4. It failed: by the record of the slot.
 */
static int
slot_next_start(struct brood__slot *slot, bool is_asked, int64_t now_ms,
    bool *ret_is_given_up)
{
	bool is_at_fault = !slot->is_used && (!is_asked || slot->is_condemned);
	int delay_ms;

	*ret_is_given_up = false;
	if (is_asked && !slot->is_refill)
		return -1;
	if (!is_asked && slot_is_exit(slot, BROOD_EXIT_DONE)) {
		*ret_is_given_up = true;
		return -1;
	}
	if (!is_asked && !slot_is_restarted(slot))
		return -1;
	if (!is_at_fault)
		return 0;
	delay_ms = brood__restart_failed(&slot->restart, now_ms);
	*ret_is_given_up = delay_ms < 0;
	return delay_ms;
}

void
brood__slot_bury(struct brood__slot *slot, struct brood__nest *nest,
    int64_t now_ms)
{
	bool is_asked = slot->state == BROOD__SLOT_STOPPING, is_given_up;
	struct brood__notice notice = { 0 };
	int delay_ms;

	brood__output_finish(&slot->output, &nest->sink);
	slot_close_output(slot, nest);
	slot_read_report(slot);
	slot_close_boot(slot, nest);
	slot_close_ends(slot);
	if (slot->pid > 0)
		slot_describe_end(slot);

	delay_ms = slot_next_start(slot, is_asked, now_ms, &is_given_up);
	slot_notify_end(slot, nest, is_asked, delay_ms);
	slot->is_dead = false;
	if (is_given_up) {
		(void)strlcpy(notice.step, slot->failure, sizeof(notice.step));
		(void)strlcpy(notice.text, slot->text, sizeof(notice.text));
		notice.error = slot->error;
		notice.status = slot->status;
		notice.delay_ms = -1;
		brood__slot_notify(slot, nest, &notice,
		    BROOD__NOTICE_GIVEN_UP);
	}
	slot->pid = 0;
	if (delay_ms >= 0)
		slot_enter(slot, BROOD__SLOT_WAITING, now_ms + delay_ms);
	else
		slot_enter(slot, is_given_up ? BROOD__SLOT_GIVEN_UP :
		    BROOD__SLOT_EMPTY, BROOD__NEVER);
}

void
brood__slot_fill(struct brood__slot *slot, uint32_t revision, int64_t now_ms)
{
	bool is_newer = revision > slot->revision;

	if (is_newer) {
		slot->revision = revision;
		brood__restart_forget(&slot->restart);
	}
	switch (slot->state) {
	case BROOD__SLOT_EMPTY:
	case BROOD__SLOT_GIVEN_UP:
		brood__restart_forget(&slot->restart);
		slot_enter(slot, BROOD__SLOT_WAITING, now_ms);
		break;
	case BROOD__SLOT_WAITING:
		if (is_newer)
			slot_enter(slot, BROOD__SLOT_WAITING, now_ms);
		break;
	case BROOD__SLOT_STOPPING:
		slot->is_refill = true;
		break;
	case BROOD__SLOT_STARTING:
	case BROOD__SLOT_READY:
		break;
	}
}
