/* SPDX-License-Identifier: ISC */

/*
 * Obeying the host.  messages.h says what each command means.
 */

#include "base/clock.h"
#include "supervisor/commands.h"
#include "supervisor/notice.h"
#include "wire/channel.h"

#include <errno.h>
#include <string.h>

static int
commands_fill(struct brood__commands *commands,
    const struct brood__command *command, int64_t now_ms)
{
	struct brood__slot *slot;
	int r;

	r = brood__slots_grow(commands->slots, command->slot);
	if (r < 0)
		return r;
	slot = brood__slots_get(commands->slots, command->slot);
	brood__order_filled(&commands->shared->order, &slot->order);
	brood__slot_fill(slot, command->revision, now_ms);
	return 0;
}

static void
commands_stop(struct brood__commands *commands,
    const struct brood__command *command, int64_t now_ms)
{
	struct brood__slot *slot = brood__slots_get(commands->slots,
	    command->slot);
	enum brood__stop_phase phase = command->phase;
	bool is_same;

	if (slot == NULL)
		return;
	is_same = command->generation == slot->generation;
	if (command->is_refill) {
		if (!is_same || !brood__order_is_alive(&slot->order))
			return;
		brood__order_replaced(&commands->shared->order, &slot->order);
	}
	/* The host has said GOODBYE to an earlier process, not to this one. */
	if (!is_same && phase == BROOD__STOP_GOODBYE)
		phase = BROOD__STOP_TERM;
	brood__slot_stop(slot, commands->shared, phase, command->is_refill,
	    now_ms);
}

void
brood__commands_stop_all(struct brood__shared *shared,
    enum brood__host_state host)
{
	shared->host = host;
	brood__order_stop_all(&shared->order);
}

/* The slot of the process that is meant; NULL if that has been replaced. */
static struct brood__slot *
commands_process(const struct brood__commands *commands,
    const struct brood__command *command)
{
	struct brood__slot *slot = brood__slots_get(commands->slots,
	    command->slot);

	return slot != NULL && slot->generation == command->generation ?
	    slot : NULL;
}

/* -ENOMEM: obey the command later. */
static int
commands_obey(struct brood__commands *commands,
    const struct brood__command *command, int64_t now_ms)
{
	struct brood__slot *slot = commands_process(commands, command);

	switch (command->kind) {
	case BROOD__COMMAND_FILL:
		return commands_fill(commands, command, now_ms);
	case BROOD__COMMAND_USED:
		if (slot != NULL)
			brood__slot_used(slot);
		break;
	case BROOD__COMMAND_ADOPTED:
		if (slot != NULL)
			brood__slot_adopted(slot);
		break;
	case BROOD__COMMAND_LATER:
		if (slot != NULL)
			brood__slot_later(slot, now_ms);
		break;
	case BROOD__COMMAND_STOP:
		commands_stop(commands, command, now_ms);
		break;
	case BROOD__COMMAND_STOP_ALL:
		brood__commands_stop_all(commands->shared,
		    BROOD__HOST_STOPS_ALL);
		break;
	}
	return 0;
}

/* Have the next command in `kept`: 1 if there is one, 0 if not. */
static int
commands_next(struct brood__commands *commands)
{
	struct brood_message msg;
	int r;

	if (commands->kept.kind != 0)
		return 1;
	r = brood__channel_recv(commands->shared->control, 0, &msg);
	if (r <= 0)
		return r;
	if (msg.len != sizeof(commands->kept))
		return -EPROTO;
	memcpy(&commands->kept, msg.data, sizeof(commands->kept));
	return 1;
}

int
brood__commands_read(struct brood__commands *commands, int64_t now_ms,
    int64_t until_ms)
{
	int r;

	for (;;) {
		r = brood__notice_reserve(commands->shared);
		if (r == 0)
			r = commands_next(commands);
		if (r <= 0)
			return r;
		r = commands_obey(commands, &commands->kept, now_ms);
		if (r < 0)
			return r;
		commands->kept.kind = 0;
		if (brood__has_come(until_ms))
			return 1;
	}
}
