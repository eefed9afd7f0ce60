/* SPDX-License-Identifier: ISC */

/*
 * One slot of the supervisor process.
 *
 * Owns the process's pid until it is reaped, both ends of its socketpair until
 * the host has adopted them, and the pipe of what it prints.
 *
 * Whatever goes wrong with a process, it is killed, and brood__slot_on_exit()
 * judges its end.  There is no other way out of a state that has a process.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "process/cgroup.h"
#include "process/seccomp.h"
#include "supervisor/judge.h"
#include "supervisor/notice.h"
#include "supervisor/slot.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
	SLOT_WORDS_MS = 1000,	/* for last words, from SIGABRT to SIGKILL */
	SLOT_LATER_MS = 100,	/* from LATER to the next READY */
	SLOT_RETRY_MS = 10,	/* from a READY that the kernel refused */
};

_Static_assert(offsetof(struct brood__slot, order) == 0,
    "brood__slot_of() casts");

static int
slot_compare_pids(const struct brood__slot *a, const struct brood__slot *b)
{
	return (a->pid > b->pid) - (a->pid < b->pid);
}

RB_PROTOTYPE(brood__slots_by_pid, brood__slot, by_pid, slot_compare_pids)
RB_GENERATE(brood__slots_by_pid, brood__slot, by_pid, slot_compare_pids)

int
brood__slot_new(struct brood__slot **ret_slot, unsigned index,
    const struct brood__slot_spec *spec, unsigned intensity, int period_ms)
{
	struct brood__slot *slot;
	int r;

	slot = calloc(1, sizeof(*slot));
	if (slot == NULL)
		return -ENOMEM;
	r = brood__restart_init(&slot->record, intensity, period_ms);
	if (r < 0) {
		free(slot);
		return r;
	}
	slot->order.index = index;
	slot->order.restart = spec->restart;
	slot->order.due_ms = BROOD__NEVER;
	slot->spec = spec;
	slot->boot.child_socket = slot->boot.report_fd = -1;
	slot->ends[0] = slot->ends[1] = -1;
	*ret_slot = slot;
	return 0;
}

struct brood__slot *
brood__slot_free(struct brood__slot *slot)
{
	if (slot != NULL)
		brood__restart_fini(&slot->record);
	free(slot);
	return NULL;
}

static uint64_t
slot_token(const struct brood__slot *slot, enum brood__slot_token token)
{
	return (uint64_t)token << 32 | slot->order.index;
}

static void
slot_enter(struct brood__slot *slot, enum brood__slot_state state,
    int64_t due_ms)
{
	brood__order_enter(&slot->order, state, due_ms);
}

static void
slot_kill(const struct brood__slot *slot, int sig)
{
	if (brood__order_is_alive(&slot->order) && !slot->is_reaped)
		(void)kill(slot->pid, sig);
}

/* A notice of this kind about the process, or the slot. */
static struct brood__notice
slot_notice(const struct brood__slot *slot, enum brood__notice_kind kind)
{
	return (struct brood__notice) {
		.kind = kind,
		.slot = slot->order.index,
		.generation = slot->generation,
		.revision = slot->process_revision,
		.pid = slot->pid,
		.delay_ms = -1,
	};
}

/* Commands */

void
brood__slot_fill(struct brood__slot *slot, uint32_t revision, int64_t now_ms)
{
	bool is_newer = revision > slot->revision;

	if (is_newer) {
		slot->revision = revision;
		brood__restart_forget(&slot->record);
	}
	switch (slot->order.state) {
	case BROOD__SLOT_EMPTY:
	case BROOD__SLOT_GIVEN_UP:
		brood__restart_forget(&slot->record);
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
	case BROOD__SLOT_OFFERING:
	case BROOD__SLOT_OFFERED:
	case BROOD__SLOT_ADOPTED:
		break;
	}
}

void
brood__slot_used(struct brood__slot *slot)
{
	slot->blame = BROOD__BLAME_REQUEST;
}

static void
slot_close_ends(struct brood__slot *slot)
{
	brood__fd_close_all(slot->ends, 2);
}

void
brood__slot_adopted(struct brood__slot *slot)
{
	if (slot->order.state != BROOD__SLOT_OFFERED)
		return;
	slot_close_ends(slot);
	slot_enter(slot, BROOD__SLOT_ADOPTED, BROOD__NEVER);
}

void
brood__slot_later(struct brood__slot *slot, int64_t now_ms)
{
	if (slot->order.state == BROOD__SLOT_OFFERED)
		slot_enter(slot, BROOD__SLOT_OFFERING,
		    now_ms + SLOT_LATER_MS);
}

/* Telling of an end */

static void
slot_notify_end(const struct brood__slot *slot, struct brood__shared *shared,
    bool is_asked, int delay_ms)
{
	struct brood__notice notice = slot_notice(slot,
	    slot->progress == BROOD__PROGRESS_OFFERED ?
	    BROOD__NOTICE_ENDED : BROOD__NOTICE_NOT_STARTED);

	notice.status = slot->status;
	notice.is_asked = is_asked;
	notice.delay_ms = delay_ms;
	brood__obituary_write(&slot->obituary, &notice);
	notice.tail_len = slot->stream.tail_len;
	memcpy(notice.tail, slot->stream.tail, notice.tail_len);
	brood__notice_queue(shared, &notice);
}

static void
slot_notify_given_up(const struct brood__slot *slot,
    struct brood__shared *shared)
{
	struct brood__notice notice = slot_notice(slot,
	    BROOD__NOTICE_GIVEN_UP);

	notice.status = slot->status;
	brood__obituary_write(&slot->obituary, &notice);
	brood__notice_queue(shared, &notice);
}

static void
slot_end(struct brood__slot *slot, struct brood__shared *shared,
    bool is_asked, int64_t now_ms)
{
	enum brood__slot_state state;
	int delay_ms;

	state = brood__judge_end(slot, is_asked, now_ms, &delay_ms);
	slot_notify_end(slot, shared, is_asked, delay_ms);
	if (state == BROOD__SLOT_GIVEN_UP)
		slot_notify_given_up(slot, shared);
	slot_enter(slot, state, state == BROOD__SLOT_WAITING ?
	    now_ms + delay_ms : BROOD__NEVER);
}

/* Starting */

static void
slot_set_prefix(struct brood__slot *slot)
{
	struct brood__log_stream *stream = &slot->stream;

	stream->prefix_len = (size_t)snprintf(stream->prefix,
	    sizeof(stream->prefix), "%.64s[%d]: ", slot->spec->spawn.name,
	    (int)slot->pid);
}

static const char *
slot_cgroup(const struct brood__slot *slot)
{
	return brood__cgroup_directory(slot->spec->spawn.options->confine);
}

/* What was kept of the last process is forgotten. */
static void
slot_reset(struct brood__slot *slot)
{
	slot->pid = 0;
	slot->is_reaped = false;
	slot->status = 0;
	slot->process_revision = slot->revision;
	slot->progress = BROOD__PROGRESS_FORKED;
	slot->blame = BROOD__BLAME_OWN_END;
	slot->obituary = (struct brood__obituary) { .error = 0 };
	slot->stream.tail_len = 0;
}

static int
slot_spawn(struct brood__slot *slot, struct brood__shared *shared)
{
	struct brood__spawn spawn = slot->spec->spawn;
	int r;

	r = brood__log_stream_open(&slot->stream, shared->ready,
	    slot_token(slot, BROOD__TOKEN_STREAM), &spawn.output_fd);
	if (r < 0)
		return r;
	spawn.slot = (int)slot->order.index;
	spawn.generation = slot->generation + 1;
	spawn.group = slot->group = brood__cgroup_number();
	spawn.nofile = &shared->nofile;
	r = brood__boot_start(&slot->boot, shared->ready,
	    slot_token(slot, BROOD__TOKEN_BOOT), &spawn, &slot->pid);
	(void)brood__fd_close(spawn.output_fd);
	if (slot->pid == 0) {
		brood__log_stream_close(&slot->stream);
		return r;
	}
	(void)RB_INSERT(brood__slots_by_pid, &shared->by_pid, slot);
	if (shared->has_prefix)
		slot_set_prefix(slot);
	return r;
}

int
brood__slot_start(struct brood__slot *slot, struct brood__shared *shared,
    int64_t now_ms)
{
	bool is_short;
	int r;

	slot_reset(slot);
	r = slot_spawn(slot, shared);
	is_short = r < 0 && brood__obituary_is_shortage(-r);
	if (is_short && slot->pid == 0)
		return r;
	slot->generation++;
	if (r < 0)
		brood__obituary_blame(&slot->obituary, "fork", -r,
		    "cannot start a process");
	if (slot->pid == 0) {
		slot_end(slot, shared, false, now_ms);
		return 0;
	}
	slot_enter(slot, BROOD__SLOT_STARTING,
	    brood__deadline(now_ms, slot->spec->boot_ms));
	if (r < 0)
		slot_kill(slot, SIGKILL);
	if (is_short)
		slot->blame = BROOD__BLAME_SHORTAGE;
	return is_short ? r : 0;
}

/* Ready */

/*
 * The level that the process is confined to.  What is asked for at level 1 was
 * done before its own code ran; the rest it has done, or says not to have done.
 */
static unsigned
slot_level(const struct brood__slot *slot)
{
	const struct brood_confine *confine =
	    slot->spec->spawn.options->confine;
	unsigned said = slot->hello.features >> BROOD__FEATURE_LEVEL_SHIFT &
	    BROOD__FEATURE_LEVEL_MASK;

	if (confine == NULL)
		return BROOD_CONFINE_NONE;
	return said == 0 && confine->level > 0 ? BROOD_CONFINE_FILES : said;
}

/* 1: it is what was asked for; or -EPERM. */
static int
slot_check_level(const struct brood__slot *slot, char *text, size_t size)
{
	const struct brood_confine *confine =
	    slot->spec->spawn.options->confine;

	if (confine == NULL || slot_level(slot) >= confine->level)
		return 1;
	(void)snprintf(text, size, "it has reached level %u, and level %u is "
	    "asked for: only brood_worker_main() goes beyond 1",
	    slot_level(slot), confine->level);
	return -EPERM;
}

static void
slot_on_ready(struct brood__slot *slot, struct brood__shared *shared,
    int64_t now_ms)
{
	brood__boot_release(&slot->boot, shared->ready, slot->ends);
	brood__restart_ready(&slot->record, now_ms);
	brood__order_clear_short(&shared->order);
	slot->progress = BROOD__PROGRESS_HELLO;
	slot_enter(slot, BROOD__SLOT_OFFERING, now_ms);
}

void
brood__slot_on_hello(struct brood__slot *slot, struct brood__shared *shared,
    int64_t now_ms)
{
	char text[sizeof(slot->obituary.text)];
	int r;

	if (slot->boot.channel == NULL)
		return;
	r = brood__boot_read_hello(&slot->boot, &slot->hello, text,
	    sizeof(text));
	if (r == 0)
		return;
	if (r == 1)
		r = slot_check_level(slot, text, sizeof(text));
	if (r == 1 && slot->order.state == BROOD__SLOT_STARTING) {
		slot_on_ready(slot, shared, now_ms);
		return;
	}
	if (r < 0 && slot->order.state == BROOD__SLOT_STARTING) {
		brood__obituary_blame(&slot->obituary, "hello", -r, text);
		slot_kill(slot, SIGKILL);
	}
	brood__boot_close_channel(&slot->boot, shared->ready);
}

int
brood__slot_offer(struct brood__slot *slot, struct brood__shared *shared,
    int64_t now_ms)
{
	struct brood__notice notice = slot_notice(slot, BROOD__NOTICE_READY);
	int r;

	if (slot->order.state != BROOD__SLOT_OFFERING ||
	    slot->order.due_ms > now_ms)
		return 0;
	notice.max_payload = slot->hello.max_payload;
	notice.features = slot->hello.features;
	notice.level = slot_level(slot);
	r = brood__notice_try(shared, &notice, slot->ends);
	if (r == 0) {
		slot->progress = BROOD__PROGRESS_OFFERED;
		slot_enter(slot, BROOD__SLOT_OFFERED, BROOD__NEVER);
	} else if (r != -EAGAIN)
		slot_enter(slot, BROOD__SLOT_OFFERING, now_ms + SLOT_RETRY_MS);
	return r;
}

/* Stopping */

static void
slot_enter_phase(struct brood__slot *slot, enum brood__stop_phase phase,
    int64_t now_ms)
{
	int64_t due_ms = now_ms + slot->spec->shutdown_ms;

	if (phase == BROOD__STOP_WORDS && !slot->spec->spawn.has_last_words)
		phase = BROOD__STOP_KILL;
	slot->phase = phase;
	switch (phase) {
	case BROOD__STOP_NONE:
	case BROOD__STOP_GOODBYE:
		break;
	case BROOD__STOP_TERM:
		slot_kill(slot, SIGTERM);
		break;
	case BROOD__STOP_WORDS:
		slot_kill(slot, SIGABRT);
		due_ms = now_ms + SLOT_WORDS_MS;
		break;
	case BROOD__STOP_KILL:
		slot_kill(slot, SIGKILL);
		due_ms = BROOD__NEVER;
		break;
	}
	slot_enter(slot, BROOD__SLOT_STOPPING, due_ms);
}

static void
slot_begin_stop(struct brood__slot *slot, enum brood__stop_phase phase,
    int64_t now_ms)
{
	/* Only the host can say GOODBYE, and only to what it has adopted. */
	if (phase == BROOD__STOP_GOODBYE &&
	    slot->order.state != BROOD__SLOT_ADOPTED)
		phase = BROOD__STOP_TERM;
	/* READY is not sent again, so nobody will ask for these. */
	slot_close_ends(slot);
	slot_enter_phase(slot, phase, now_ms);
}

static void
slot_empty(struct brood__slot *slot, struct brood__shared *shared)
{
	struct brood__notice notice = slot_notice(slot,
	    BROOD__NOTICE_EMPTIED);

	/* No process is of the last FILL yet: this answers it all the same. */
	notice.revision = slot->revision;
	slot_enter(slot, BROOD__SLOT_EMPTY, BROOD__NEVER);
	brood__notice_queue(shared, &notice);
}

void
brood__slot_stop(struct brood__slot *slot, struct brood__shared *shared,
    enum brood__stop_phase phase, bool is_refill, int64_t now_ms)
{
	slot->order.stop_pending = BROOD__ORDER_KEEP;
	slot->is_refill = is_refill;
	if (phase == BROOD__STOP_KILL && slot->blame == BROOD__BLAME_OWN_END)
		slot->blame = BROOD__BLAME_FAULT;
	switch (slot->order.state) {
	case BROOD__SLOT_STARTING:
	case BROOD__SLOT_OFFERING:
	case BROOD__SLOT_OFFERED:
	case BROOD__SLOT_ADOPTED:
		slot_begin_stop(slot, phase, now_ms);
		break;
	case BROOD__SLOT_STOPPING:
		if (phase > slot->phase)
			slot_enter_phase(slot, phase, now_ms);
		break;
	case BROOD__SLOT_WAITING:
		if (!is_refill)
			slot_empty(slot, shared);
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
brood__slot_on_timeout(struct brood__slot *slot, int64_t now_ms)
{
	if (slot->order.due_ms > now_ms)
		return;
	if (slot->order.state == BROOD__SLOT_STARTING) {
		brood__obituary_blame(&slot->obituary, "boot", ETIMEDOUT,
		    "it did not say HELLO in time");
		slot_kill(slot, SIGKILL);
		slot->order.due_ms = BROOD__NEVER;
	} else if (slot->order.state == BROOD__SLOT_STOPPING)
		slot_enter_phase(slot, slot->phase + 1, now_ms);
}

/* The end */

struct brood__slot *
brood__slot_reap(struct brood__shared *shared, pid_t pid, int status)
{
	struct brood__slot key = { .pid = pid };
	struct brood__slot *slot;

	slot = RB_FIND(brood__slots_by_pid, &shared->by_pid, &key);
	if (slot == NULL)
		return NULL;
	(void)RB_REMOVE(brood__slots_by_pid, &shared->by_pid, slot);
	slot->is_reaped = true;
	slot->status = status;
	return slot;
}

/*
 * Words for why the process was ended by its signal, if more is known than its
 * number: which system call it was ended for; or that the kernel, and not an
 * operator, has killed it, by the count of its control group; or that this is
 * likely, by the count of the whole system.
 */
static const char *
slot_cause(const struct brood__slot *slot, struct brood__shared *shared,
    bool is_asked, char *text, size_t size)
{
	int sig = WIFSIGNALED(slot->status) ? WTERMSIG(slot->status) : 0;
	bool is_likely;

	if (sig == SIGSYS && brood__seccomp_words(text, size,
	    slot->stream.tail, slot->stream.tail_len))
		return text;
	if (sig != SIGKILL || is_asked || slot->obituary.text[0] != '\0')
		return NULL;
	/* The kernel counts all together too: asked in any case. */
	is_likely = brood__oom_has_killed(&shared->oom);
	if (brood__cgroup_has_killed(slot_cgroup(slot), slot->group))
		return "killed by the kernel for lack of memory in its control "
		    "group";
	return is_likely ? "killed by signal 9 (Killed), likely by the kernel "
	    "for lack of memory" : NULL;
}

/*
 * What the process has left is killed, but may not be gone yet, and nothing is
 * waited for here.  Then the group goes with that of the next process.
 */
static void
slot_remove_group(struct brood__slot *slot, int64_t now_ms)
{
	const char *directory = slot_cgroup(slot);

	if (slot->group_left != 0)
		(void)brood__cgroup_remove(directory, slot->group_left, now_ms);
	slot->group_left = brood__cgroup_remove(directory, slot->group,
	    now_ms) ? 0 : slot->group;
}

void
brood__slot_on_exit(struct brood__slot *slot, struct brood__shared *shared,
    int64_t now_ms)
{
	bool is_asked = slot->order.state == BROOD__SLOT_STOPPING;
	char text[128];

	assert(slot->is_reaped);
	brood__log_stream_finish(&slot->stream, &shared->sink);
	if (brood__obituary_read_report(&slot->obituary,
	    slot->boot.report_fd)) {
		slot->blame = BROOD__BLAME_SHORTAGE;
		brood__order_set_short(&shared->order, now_ms);
	}
	brood__boot_close(&slot->boot, shared->ready);
	slot_close_ends(slot);
	brood__obituary_end(&slot->obituary, slot->status,
	    slot->progress == BROOD__PROGRESS_OFFERED, slot_cause(slot, shared,
	    is_asked, text, sizeof(text)));
	slot_remove_group(slot, now_ms);
	slot_end(slot, shared, is_asked, now_ms);
}
