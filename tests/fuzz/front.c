/* SPDX-License-Identifier: ISC */

/*
 * The front socket of `brood run' in one process: its listener, loop,
 * connections, jobs and administration, above a pool whose supervisor and
 * workers are played by the script (fake.h).  The script also plays clients of
 * several users, that may send anything.
 *
 * A client that keeps the rules gets exactly one last answer to each of its
 * requests, whatever the others do; no limit is passed; a client of another
 * user changes nothing; no descriptor and no connection is left.
 */

#include "fake.h"

#include "command/methods.h"
#include "command/serve/loop.h"
#include "wire/fdpass.h"
#include "wire/frame.h"

#include <brood.h>
#include <brood/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	FRONT_CLIENTS = 6,		/* the first one keeps the rules */
	FRONT_REQUESTS = 32,		/* of that one */
	FRONT_TURNS = 400,		/* until all is answered, at the end */
};

struct front_client {
	int fd;				/* -1: there is none */
	uint64_t last_id;
};

struct front {
	struct fuzz fuzz;
	struct fake fake;
	struct brood_pool *pool;
	struct server *server;
	struct front_client clients[FRONT_CLIENTS];
	uint32_t next_uid;		/* of who connects next */

	/* Of the client that keeps the rules. */
	uint8_t buf[1 << 16];
	size_t len;
	bool is_greeted;		/* the server's HELLO has come */
	uint8_t n_answers[FRONT_REQUESTS + 1];
	unsigned n_open;
	bool is_ended;			/* by the server */
};

static char front_path[64];
static int front_wake[2];
static struct front *front_self;

int	__wrap_brood_socket_credentials(int fd,
	    struct brood_credentials *ret_credentials);

int
__wrap_brood_socket_credentials(int fd,
    struct brood_credentials *ret_credentials)
{
	(void)fd;
	*ret_credentials = (struct brood_credentials) {
		.uid = front_self->next_uid,
	};
	return 0;
}

/* What any client can do */

static void
front_send(struct front_client *client, const struct brood__frame *frame,
    const void *payload, size_t n_fds)
{
	static uint8_t bytes[BROOD__FRAME_SIZE + (1 << 16)];
	struct iovec iov = { bytes, BROOD__FRAME_SIZE + frame->length };
	static const int fds[8];

	brood__frame_encode(bytes, frame);
	if (payload != NULL)
		memcpy(bytes + BROOD__FRAME_SIZE, payload, frame->length);
	else
		memset(bytes + BROOD__FRAME_SIZE, 'x', frame->length);
	if (client->fd >= 0)
		(void)brood__fdpass_send(client->fd, &iov, 1, fds, n_fds,
		    MSG_DONTWAIT);
}

static void
front_hello(struct front_client *client, uint32_t max_payload)
{
	struct brood__hello hello = {
		.version = BROOD__VERSION,
		.max_payload = max_payload,
		.name = "client",
	};
	uint8_t payload[BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood__frame frame = { .kind = BROOD_KIND_HELLO };

	frame.length = (uint32_t)brood__hello_encode(payload, &hello);
	front_send(client, &frame, payload, 0);
}

static void
front_connect(struct front *f, struct front_client *client)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (f->server->listener == NULL)
		return;
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", front_path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	FUZZ_ASSERT(client->fd >= 0);
	if (connect(client->fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		(void)close(client->fd);
		client->fd = -1;
		return;
	}
	/* Accepted at once, because next_uid is of this one. */
	FUZZ_ASSERT(loop_turn(f->server, 0) >= 0);
}

/* The one that keeps the rules */

static void
front_request_rightly(struct front *f)
{
	struct front_client *client = &f->clients[0];
	struct brood__frame frame = { .kind = BROOD_KIND_REQUEST };

	if (client->last_id == FRONT_REQUESTS || client->fd < 0 || f->is_ended)
		return;
	frame.length = 4;
	frame.id = ++client->last_id;
	front_send(client, &frame, "\1\0\0\0", 0);
	f->n_open++;
}

static void
front_meet(struct front *f, const struct brood__frame *frame)
{
	if (!f->is_greeted) {
		FUZZ_ASSERT(frame->kind == BROOD_KIND_HELLO);
		f->is_greeted = true;
		return;
	}
	/* This client has broken no rule, and is told of none. */
	FUZZ_ASSERT(frame->kind != BROOD_KIND_ERROR || frame->id != 0);
	FUZZ_ASSERT(frame->id >= 1 && frame->id <= f->clients[0].last_id);
	FUZZ_ASSERT(f->n_answers[frame->id] == 0);
	if (frame->kind == BROOD_KIND_PROGRESS ||
	    frame->flags & BROOD__FLAG_MORE)
		return;
	FUZZ_ASSERT(frame->kind == BROOD_KIND_REPLY ||
	    frame->kind == BROOD_KIND_ERROR);
	f->n_answers[frame->id]++;
	f->n_open--;
}

static void
front_parse(struct front *f)
{
	struct brood__frame frame;
	size_t at = 0;

	while (f->len - at >= BROOD__FRAME_SIZE) {
		FUZZ_ASSERT(brood__frame_decode(f->buf + at, UINT32_MAX,
		    &frame) == 0);
		FUZZ_ASSERT(BROOD__FRAME_SIZE + frame.length <=
		    sizeof(f->buf));
		if (f->len - at < BROOD__FRAME_SIZE + frame.length)
			break;
		at += BROOD__FRAME_SIZE + frame.length;
		front_meet(f, &frame);
	}
	f->len -= at;
	memmove(f->buf, f->buf + at, f->len);
}

static void
front_read_rightly(struct front *f)
{
	ssize_t n;

	while (f->clients[0].fd >= 0 && (n = recv(f->clients[0].fd,
	    f->buf + f->len, sizeof(f->buf) - f->len, MSG_DONTWAIT)) >= 0) {
		if (n == 0) {
			f->is_ended = true;
			return;
		}
		f->len += (size_t)n;
		front_parse(f);
	}
}

/* The others */

static void
front_request(struct front *f, struct front_client *client)
{
	static const char *const objects[] = {
		"{}", "{\"workers\":2}", "{\"change\":-1}", "{\"drain\":0}",
		"[]", "{\"workers\":1e9}", "{", "",
	};
	uint8_t c = fuzz_u8(&f->fuzz);
	struct brood__frame frame = { .kind = BROOD_KIND_REQUEST };
	const void *payload = NULL;
	size_t len;

	frame.id = c & 1 ? ++client->last_id : fuzz_number(&f->fuzz);
	frame.timeout_ms = c & 2 ? fuzz_u16(&f->fuzz) : 0;
	frame.code = c & 4 ? BROOD_METHOD_ADMIN + fuzz_u8(&f->fuzz) % 8 :
	    (uint32_t)fuzz_number(&f->fuzz);
	frame.nfds = c & 8 ? fuzz_u8(&f->fuzz) % 8 : 0;
	frame.length = c & 16 ? fuzz_u16(&f->fuzz) : 4;
	if (c & 4) {
		payload = objects[c >> 5];
		frame.length = (uint32_t)strlen(payload);
	}
	if (c & 4 && c & 16) {
		payload = fuzz_bytes(&f->fuzz, 255, &len);
		frame.length = (uint32_t)len;
	}
	/* To stop the server is another input's. */
	if (frame.code == BROOD_METHOD_STOP && fuzz_u8(&f->fuzz) < 0xf0)
		frame.code = BROOD_METHOD_STATUS;
	/* The first word of what workers get is a number of theirs. */
	front_send(client, &frame, payload != NULL ? payload :
	    frame.length == 4 ? "\1\0\0\0" : NULL, frame.nfds);
}

static void
front_send_raw(struct front *f, struct front_client *client)
{
	static const int fds[4];
	uint8_t c = fuzz_u8(&f->fuzz);
	size_t len;
	const uint8_t *bytes = fuzz_bytes(&f->fuzz, 255, &len);
	struct iovec iov = { (void *)(uintptr_t)bytes, len };

	if (len > 0)
		(void)brood__fdpass_send(client->fd, &iov, 1, fds, c / 64,
		    MSG_DONTWAIT);
}

/* A frame, or a beginning of one. */
static void
front_send_fields(struct front *f, struct front_client *client)
{
	uint8_t c = fuzz_u8(&f->fuzz);
	struct brood__frame frame = { .kind = fuzz_u8(&f->fuzz) % 16 };
	uint8_t bytes[BROOD__FRAME_SIZE];

	frame.id = c & 1 ? client->last_id : fuzz_number(&f->fuzz);
	frame.length = c & 2 ? fuzz_u32(&f->fuzz) % (1 << 14) : 0;
	frame.flags = c & 4 ? fuzz_u8(&f->fuzz) % 8 : 0;
	if (!(c & 8)) {
		front_send(client, &frame, NULL, 0);
		return;
	}
	frame.length = (uint32_t)fuzz_number(&f->fuzz);
	brood__frame_encode(bytes, &frame);
	(void)send(client->fd, bytes, 1 + c % BROOD__FRAME_SIZE,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
front_close(struct front_client *client)
{
	if (client->fd >= 0)
		(void)close(client->fd);
	client->fd = -1;
}

static void
front_client_act(struct front *f, struct front_client *client)
{
	static char bytes[4096];
	uint8_t c = fuzz_u8(&f->fuzz);

	if (client->fd < 0) {
		f->next_uid = c % 4 == 0 ? geteuid() : 1000U + c % 4;
		front_connect(f, client);
		if (c < 0xe0 && client->fd >= 0)
			front_hello(client, c & 16 ? 64 : BROOD_MAX_PAYLOAD);
		return;
	}
	switch (c % 8) {
	default:
		front_request(f, client);
		break;
	case 3:
		front_send_fields(f, client);
		break;
	case 4:
		front_send_raw(f, client);
		break;
	case 5:
		(void)recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		break;
	case 6:
		if (c & 8)
			front_close(client);
		else
			(void)shutdown(client->fd, c / 16 % 3);
		break;
	}
}

/* The server */

static void
front_check(const struct front *f)
{
	const struct server *server = f->server;

	FUZZ_ASSERT(server->n_connections <= FRONT_CLIENTS);
	FUZZ_ASSERT(server->n_fds <= server->quota.max[QUOTA_FDS]);
}

static void
front_turn(struct front *f)
{
	struct brood_event event;

	if (loop_is_over(f->server))
		return;
	FUZZ_ASSERT(loop_turn(f->server, 0) >= 0);
	while (brood_pool_next_event(f->pool, &event) == 1)
		loop_event(f->server, &event);
	front_check(f);
}

static void
front_step(struct front *f)
{
	uint8_t c = fuzz_u8(&f->fuzz);

	switch (c % 8) {
	case 0:
		front_request_rightly(f);
		break;
	case 1:
	case 2:
		front_turn(f);
		front_read_rightly(f);
		break;
	case 3:
		fake_act(&f->fake);
		break;
	case 4:
		world_pass_time(&f->fake.world, c);
		break;
	default:
		front_client_act(f, &f->clients[1 + c / 8 %
		    (FRONT_CLIENTS - 1)]);
		break;
	}
}

/* All workers die, and what is owed is answered. */
static void
front_finish(struct front *f)
{
	for (int i = 1; i < FRONT_CLIENTS; i++)
		front_close(&f->clients[i]);
	fake_die(&f->fake);
	for (int i = 0; i < FRONT_TURNS && f->n_open > 0 && !f->is_ended; i++) {
		front_turn(f);
		front_read_rightly(f);
		world_pass_time(&f->fake.world, 1);
	}
	/* Only the end of the server is a reason to give none. */
	FUZZ_ASSERT(f->n_open == 0 || f->server->state >= SERVER_STOPPING);
	front_turn(f);
	FUZZ_ASSERT(loop_is_over(f->server) ||
	    f->server->n_connections <= 1);
	front_close(&f->clients[0]);
	/* A stopped server need not look at its clients any more. */
	for (int i = 0; i < 3; i++)
		front_turn(f);
	FUZZ_ASSERT(loop_is_over(f->server) || (f->server->n_connections == 0 &&
	    f->server->n_fds == 0 && LIST_EMPTY(&f->server->quota.users)));
	f->server = loop_free(f->server);
	(void)brood_pool_free(f->pool);
}

static void
front_open(struct front *f, struct brood_pool_options *pool_options,
    struct server_options *options)
{
	uint8_t c = fuzz_u8(&f->fuzz);
	static const char *const argv[] = { "worker", NULL };
	struct brood_listener *listener;
	char text[BROOD_TEXT_SIZE];

	*pool_options = (struct brood_pool_options) {
		.argv = argv,
		.name = "worker",
		.workers = 1 + c % 2,
		.in_flight = c & 2 ? 4 : 1,
		.queue = c & 4 ? 2 : 64,
		.fds_from_worker = c / 8 % 2,
		.cancel_ms = -1,
		.run_ms = c & 16 ? 100 : 0,
		.stderr_fd = -1,
	};
	*options = (struct server_options) {
		.fds_from_others = c & 32,
		.frame_ms = 1000,
		.idle_ms = 0,
	};
	FUZZ_ASSERT(brood_listener_new(&listener, front_path, NULL, text) == 0);
	FUZZ_ASSERT(brood_pool_new(&f->pool, pool_options, text) == 0);
	FUZZ_ASSERT(server_new(&f->server, f->pool, pool_options, options,
	    listener, front_path, front_wake[0]) == 0);
	fake_obey(&f->fake);
	f->next_uid = c & 64 ? 4242 : geteuid();
	front_connect(f, &f->clients[0]);
	FUZZ_ASSERT(f->clients[0].fd >= 0);
	front_hello(&f->clients[0], BROOD_MAX_PAYLOAD);
	front_turn(f);
}

static void
front_remove(void)
{
	char *slash = strrchr(front_path, '/');

	*slash = '\0';
	(void)rmdir(front_path);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char directory[] = "/tmp/brood-fuzz-XXXXXX";

	(void)argc;
	(void)argv;
	FUZZ_ASSERT(mkdtemp(directory) != NULL);
	(void)snprintf(front_path, sizeof(front_path), "%s/front", directory);
	(void)atexit(front_remove);
	FUZZ_ASSERT(pipe(front_wake) == 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct front f;
	struct brood_pool_options pool_options;
	struct server_options options;
	int n_fds = fuzz_n_fds();

	memset(&f, 0, sizeof(f));
	f.fuzz = (struct fuzz) { data, size };
	for (int i = 0; i < FRONT_CLIENTS; i++)
		f.clients[i].fd = -1;
	front_self = &f;
	fake_begin(&f.fake, &f.fuzz);
	front_open(&f, &pool_options, &options);
	while (!fuzz_is_over(&f.fuzz))
		front_step(&f);
	front_finish(&f);
	fake_end(&f.fake);
	FUZZ_ASSERT(fuzz_n_fds() == n_fds);
	return 0;
}
