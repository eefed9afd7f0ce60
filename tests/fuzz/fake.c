/* SPDX-License-Identifier: ISC */

/*
 * The supervisor process that is none, and which of its workers acts; see
 * fake.h.
 */

#include "fake.h"
#include "fake_worker.h"

#include "supervisor/main.h"
#include "wire/fdpass.h"
#include "wire/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FAKE_PID = 0x7ffffff0 };		/* of no process */

/* The last socketpair(2): fork(2) takes the second. */
static int fake_pair;
static struct fake *fake_self;

int	__real_brood__spawn_socketpair(int fds[2]);
int	__wrap_brood__spawn_socketpair(int fds[2]);
pid_t	__real_fork(void);
pid_t	__wrap_fork(void);
unsigned __wrap_brood__cpus(void);

int
__wrap_brood__spawn_socketpair(int fds[2])
{
	int r = __real_brood__spawn_socketpair(fds);

	fake_pair = r == 0 ? fds[1] : -1;
	return r;
}

pid_t
__wrap_fork(void)
{
	if (fake_self == NULL)
		return __real_fork();
	fake_self->control = fcntl(fake_pair, F_DUPFD_CLOEXEC, 0);
	FUZZ_ASSERT(fake_self->control >= 0);
	return FAKE_PID;
}

/* As many as it says, on each machine. */
unsigned
__wrap_brood__cpus(void)
{
	return 2;
}

/* Frames */

void
fake_send(int fd, uint8_t kind, uint8_t flags, uint64_t id, uint32_t code,
    uint32_t len, int n_fds)
{
	static uint8_t bytes[BROOD__FRAME_SIZE + (1 << 16)];
	struct brood__frame frame = {
		.kind = kind,
		.flags = flags,
		.id = id,
		.code = code,
		.length = len % (1 << 16),
		.nfds = (uint8_t)n_fds,
	};
	struct iovec iov = { bytes, BROOD__FRAME_SIZE + frame.length };
	int fds[4] = { 0 };

	FUZZ_ASSERT(n_fds <= 4);
	brood__frame_encode(bytes, &frame);
	memcpy(bytes + BROOD__FRAME_SIZE, &id, sizeof(id));
	if (fd >= 0)
		(void)brood__fdpass_send(fd, &iov, 1, fds, (size_t)n_fds,
		    MSG_DONTWAIT);
}

/* The supervisor */

static void
fake_notify(struct fake *fake, const struct brood__notice *notice,
    const int *fds, size_t n_fds)
{
	const uint32_t size = offsetof(struct brood__notice, tail);
	uint8_t bytes[BROOD__FRAME_SIZE + sizeof(*notice)];
	struct brood__frame frame = {
		.kind = BROOD_KIND_REQUEST,
		.length = size + (uint32_t)notice->tail_len,
		.nfds = (uint8_t)n_fds,
	};
	struct iovec iov = { bytes, BROOD__FRAME_SIZE + frame.length };

	brood__frame_encode(bytes, &frame);
	memcpy(bytes + BROOD__FRAME_SIZE, notice, frame.length);
	if (fake->control >= 0 && brood__fdpass_send(fake->control, &iov, 1,
	    fds, n_fds, MSG_DONTWAIT) != (ssize_t)iov.iov_len)
		fake_die(fake);
}

static struct brood__notice
fake_notice(const struct fake *fake, unsigned i, enum brood__notice_kind kind)
{
	return (struct brood__notice) {
		.kind = kind,
		.slot = i,
		.generation = fake->slots[i].generation,
		.revision = fake->slots[i].revision,
		.pid = FAKE_PID,
		.text = "it was played",
	};
}

static void
fake_say_ready(struct fake *fake, unsigned i)
{
	struct fake_slot *slot = &fake->slots[i];
	struct brood__notice notice = fake_notice(fake, i,
	    BROOD__NOTICE_READY);
	int fds[2] = { slot->host_fd, slot->fd };
	uint8_t c = fuzz_u8(fake->fuzz);

	notice.features = c & 1 ? 0 : BROOD__FEATURE_RINGS;
	notice.features |= c & 2 ? BROOD__FEATURE_NO_FDS : 0;
	notice.max_payload = c & 4 ? (uint32_t)fuzz_number(fake->fuzz) :
	    BROOD_MAX_PAYLOAD;
	if (slot->host_fd >= 0 && slot->fd >= 0)
		fake_notify(fake, &notice, fds, 2);
}

static void
fake_start(struct fake *fake, unsigned i)
{
	struct fake_slot *slot = &fake->slots[i];
	struct brood__notice notice;
	int fds[2];

	slot->wish = FAKE_LEAVE;
	slot->generation++;
	if (fuzz_u8(fake->fuzz) % 16 == 15) {
		notice = fake_notice(fake, i, BROOD__NOTICE_NOT_STARTED);
		notice.delay_ms = fuzz_u8(fake->fuzz) % 4 == 0 ? -1 : 0;
		fake_notify(fake, &notice, NULL, 0);
		if (notice.delay_ms == 0) {
			slot->wish = FAKE_START;
			return;
		}
		notice.kind = BROOD__NOTICE_GIVEN_UP;
		fake_notify(fake, &notice, NULL, 0);
		return;
	}
	FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ==
	    0);
	slot->is_filled = true;
	slot->host_fd = fds[0];
	fake_worker_start(slot, fds[1]);
	fake_say_ready(fake, i);
}

/* The worker of a slot dies, and the supervisor says so. */
static void
fake_end_worker(struct fake *fake, unsigned i)
{
	struct fake_slot *slot = &fake->slots[i];
	struct brood__notice notice = fake_notice(fake, i,
	    BROOD__NOTICE_ENDED);

	if (!slot->is_filled)
		return;
	notice.is_asked = slot->wish != FAKE_LEAVE;
	notice.status = fuzz_u8(fake->fuzz);
	notice.tail_len = fuzz_u8(fake->fuzz);
	memset(notice.tail, 'x', notice.tail_len);
	if (slot->host_fd >= 0)
		(void)close(slot->host_fd);
	slot->host_fd = -1;
	fake_worker_end(slot);
	slot->is_filled = false;
	if (slot->wish == FAKE_STOP)
		notice.delay_ms = -1;
	slot->wish = slot->wish == FAKE_STOP ? FAKE_LEAVE : FAKE_START;
	fake_notify(fake, &notice, NULL, 0);
}

static void
fake_hear(struct fake *fake, const struct brood__command *command)
{
	struct fake_slot *slot = &fake->slots[command->slot % FAKE_SLOTS];
	struct brood__notice notice;

	if (command->slot >= FAKE_SLOTS)
		return;
	switch (command->kind) {
	case BROOD__COMMAND_FILL:
		slot->revision = command->revision;
		if (!slot->is_filled)
			slot->wish = FAKE_START;
		else if (slot->wish == FAKE_STOP)
			slot->wish = FAKE_REPLACE;
		break;
	case BROOD__COMMAND_STOP:
		if (slot->is_filled && command->is_refill &&
		    slot->generation == command->generation)
			slot->wish = FAKE_REPLACE;
		else if (slot->is_filled && !command->is_refill)
			slot->wish = FAKE_STOP;
		else if (!slot->is_filled && !command->is_refill &&
		    slot->wish == FAKE_START) {
			slot->wish = FAKE_LEAVE;
			notice = fake_notice(fake, command->slot,
			    BROOD__NOTICE_EMPTIED);
			fake_notify(fake, &notice, NULL, 0);
		}
		break;
	case BROOD__COMMAND_ADOPTED:
		if (slot->host_fd >= 0)
			(void)close(slot->host_fd);
		slot->host_fd = -1;
		break;
	case BROOD__COMMAND_LATER:
		fake_say_ready(fake, command->slot);
		break;
	case BROOD__COMMAND_USED:
	case BROOD__COMMAND_STOP_ALL:
		break;
	}
}

/* The host's words are right, always. */
static void
fake_listen(struct fake *fake)
{
	uint8_t bytes[BROOD__FRAME_SIZE + sizeof(struct brood__command)];
	struct brood__command command;
	struct brood__frame frame;
	ssize_t n;

	while (fake->control >= 0 && (n = recv(fake->control, bytes,
	    sizeof(bytes), MSG_DONTWAIT)) > 0) {
		/* To a supervisor that has lied it may complain. */
		if (fake->has_lied && n != sizeof(bytes))
			return;
		FUZZ_ASSERT(n == sizeof(bytes));
		if (brood__frame_decode(bytes, sizeof(command), &frame) < 0 ||
		    frame.kind != BROOD_KIND_REQUEST ||
		    frame.length != sizeof(command)) {
			FUZZ_ASSERT(fake->has_lied);
			return;
		}
		memcpy(&command, bytes + BROOD__FRAME_SIZE, sizeof(command));
		fake_hear(fake, &command);
	}
}

static void
fake_grant(struct fake *fake, unsigned i)
{
	switch (fake->slots[i].wish) {
	case FAKE_LEAVE:
		break;
	case FAKE_START:
		fake_start(fake, i);
		break;
	case FAKE_STOP:
	case FAKE_REPLACE:
		fake_end_worker(fake, i);
		break;
	}
}

void
fake_obey(struct fake *fake)
{
	fake_listen(fake);
	for (unsigned i = 0; i < FAKE_SLOTS; i++)
		fake_grant(fake, i);
}

/* A notice that nobody would send, with descriptors or without. */
static void
fake_lie(struct fake *fake)
{
	struct brood__notice notice = fake_notice(fake, 0, 0);
	uint8_t c = fuzz_u8(fake->fuzz);
	int fds[2] = { -1, -1 };

	if (!fake->may_lie)
		return;
	fake->has_lied = true;
	notice.kind = fuzz_u8(fake->fuzz) % 8;
	notice.slot = c & 1 ? (unsigned)fuzz_number(fake->fuzz) :
	    fuzz_u8(fake->fuzz) % FAKE_SLOTS;
	notice.generation = c & 2 ? (uint32_t)fuzz_number(fake->fuzz) :
	    fake->slots[notice.slot % FAKE_SLOTS].generation;
	notice.revision = (uint32_t)fuzz_number(fake->fuzz);
	notice.max_payload = (uint32_t)fuzz_number(fake->fuzz);
	notice.features = fuzz_u8(fake->fuzz);
	notice.delay_ms = (int)fuzz_number(fake->fuzz);
	memset(notice.text, c & 4 ? '\1' : 'y', sizeof(notice.text));
	memset(notice.step, c & 4 ? '\1' : 'y', sizeof(notice.step));
	notice.tail_len = c & 8 ? fuzz_u8(fake->fuzz) : 0;
	if (c & 16)
		FUZZ_ASSERT(socketpair(AF_UNIX, c & 32 ? SOCK_DGRAM :
		    SOCK_STREAM, 0, fds) == 0);
	fake_notify(fake, &notice, fds, fds[0] < 0 ? 0 : c & 64 ? 1 : 2);
	if (fds[0] >= 0)
		(void)close(fds[0]);
	if (fds[1] >= 0)
		(void)close(fds[1]);
}

/* Bytes that are no notice. */
static void
fake_babble(struct fake *fake)
{
	size_t len;
	const uint8_t *bytes = fuzz_bytes(fake->fuzz, 64, &len);

	if (!fake->may_lie || fake->control < 0)
		return;
	fake->has_lied = true;
	(void)send(fake->control, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* All of it */

static void
fake_act_for(void *arg)
{
	fake_act(arg);
}

static void
fake_die_for(void *arg)
{
	fake_die(arg);
}

void
fake_begin(struct fake *fake, struct fuzz *fuzz)
{
	memset(fake, 0, sizeof(*fake));
	fake->fuzz = fuzz;
	fake->control = -1;
	for (unsigned i = 0; i < FAKE_SLOTS; i++) {
		fake->slots[i].host_fd = fake->slots[i].fd = -1;
		fake_worker_init(&fake->slots[i]);
	}
	fake->world = (struct world) {
		.fuzz = fuzz,
		.now_ns = INT64_C(1000000000000),
		.act = fake_act_for,
		.die = fake_die_for,
		.arg = fake,
	};
	fake_self = fake;
	world_set(&fake->world);
}

void
fake_die(struct fake *fake)
{
	for (unsigned i = 0; i < FAKE_SLOTS; i++) {
		if (fake->slots[i].host_fd >= 0)
			(void)close(fake->slots[i].host_fd);
		fake->slots[i].host_fd = -1;
		fake->slots[i].is_filled = false;
		fake_worker_end(&fake->slots[i]);
	}
	if (fake->control >= 0)
		(void)close(fake->control);
	fake->control = -1;
}

void
fake_end(struct fake *fake)
{
	fake_die(fake);
	fake_self = NULL;
	world_set(NULL);
}

void
fake_act(struct fake *fake)
{
	uint8_t c = fuzz_u8(fake->fuzz);
	struct fake_slot *slot = &fake->slots[c / 16 % 4];

	switch (c % 16) {
	case 0:
	case 1:
		fake_obey(fake);
		break;
	case 2:
		fake_listen(fake);
		break;
	case 3:
		fake_grant(fake, c / 16 % 4);
		break;
	case 4:
		fake_end_worker(fake, c / 16 % 4);
		break;
	case 5:
		fake_lie(fake);
		break;
	case 6:
		world_pass_time(&fake->world,
		    (int64_t)(fuzz_number(fake->fuzz) % 1000000));
		break;
	case 7:
		if (c == 0xf7)
			fake_babble(fake);
		else if (c == 0xe7)
			fake_die(fake);
		break;
	default:
		if (slot->is_filled)
			fake_worker_act(fake, slot);
		break;
	}
}
