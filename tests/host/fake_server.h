/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FAKE_SERVER_H
#define BROOD_TESTS_FAKE_SERVER_H

/*
 * A server that a test plays by hand, in the same process and thread as the
 * client: a test that includes this file is linked with -Wl,--wrap=connect.
 * When the client's connect(2) has succeeded, the connection is accepted and
 * HELLO is sent before connect(2) returns.  So nothing has to run beside the
 * test, and the test decides about each byte.
 */

#include "support/support.h"
#include "support/tmpdir.h"
#include "support/wire.h"

#include <brood/client.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int	__real_connect(int, const struct sockaddr *, socklen_t);
int	__wrap_connect(int, const struct sockaddr *, socklen_t);

struct fake_server {
	int	 listen_fd;
	int	 fd;		/* the connection, -1: none */
	uint32_t max_payload;	/* what HELLO says; 0: send no HELLO */
	const void *first;	/* sent instead of HELLO, unless NULL ... */
	size_t	 first_len;	/* ... and its length */
	struct brood_client *client;
	struct wire_frame frame;	/* the last of fake_expect() */
};

static struct fake_server fake;

/* Called after each connect(2), unless NULL: then a connection is accepted. */
static void (*fake_connected)(bool is_connected);

static const struct brood_client_options fake_usual;
static const struct brood_request_options fake_plain;

/* Accept the connection of connect(2), and send HELLO. */
static void
fake_accept(void)
{
	fake.fd = accept4(fake.listen_fd, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(fake.fd, 0, "accept: %s", strerror(errno));
	if (fake.first != NULL)
		wire_write(fake.fd, fake.first, fake.first_len);
	else if (fake.max_payload > 0)
		wire_send_hello(fake.fd, fake.max_payload);
}

int
__wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int r = __real_connect(fd, addr, len), error = errno;

	if (fake_connected != NULL)
		fake_connected(r == 0);
	else if (r == 0)
		fake_accept();
	errno = error;
	return r;
}

static void
fake_listen(void)
{
	fake = (struct fake_server){ .fd = -1, .max_payload = 16 << 20 };
	fake.listen_fd = tmpdir_bind("s", SOCK_STREAM);
	cr_assert_eq(listen(fake.listen_fd, 8), 0);
}

/* Receive a frame into fake.frame, and check its kind and id. */
static inline void
fake_expect(enum brood_kind kind, uint64_t id)
{
	cr_assert(wire_recv(fake.fd, &fake.frame));
	cr_assert_eq(fake.frame.header.kind, kind, "kind %d, not %d",
	    fake.frame.header.kind, kind);
	cr_assert_eq(fake.frame.header.id, id);
}

static inline void
fake_send(enum brood_kind kind, uint64_t id, uint32_t code, uint8_t flags,
    const char *text)
{
	struct wire_header header = {
		.length = (uint32_t)strlen(text),
		.kind = (uint8_t)kind,
		.flags = flags,
		.id = id,
		.code = code,
	};

	wire_send(fake.fd, &header, text);
}

static inline void
fake_hang_up(void)
{
	cr_assert_eq(close(fake.fd), 0);
	fake.fd = -1;
}

/* Has the client closed the connection?  Frames before that are dropped. */
static inline bool
fake_is_hung_up(void)
{
	while (wire_recv(fake.fd, &fake.frame))
		continue;
	return true;
}

static inline struct brood_client *
fake_client(struct brood_client_options options)
{
	char text[BROOD_TEXT_SIZE];
	int r;

	fake_listen();
	r = brood_client_new(&fake.client, tmpdir_path("s"), &options, text);
	cr_assert_eq(r, 0, "brood_client_new: %d, %s", r, text);
	fake_expect(BROOD_KIND_HELLO, 0);
	return fake.client;
}

static inline void
fake_end(void)
{
	cr_assert_null(brood_client_free(fake.client));
	if (fake.fd >= 0)
		fake_hang_up();
	cr_assert_eq(close(fake.listen_fd), 0);
	tmpdir_remove("s");
}

/* Submit a request with this text. */
static inline uint64_t
fake_submit(const char *text, struct brood_request_options options)
{
	struct brood_message msg = { .data = text, .len = strlen(text) };
	uint64_t id = 0;
	int r = brood_client_submit(fake.client, &msg, &options, &id);

	cr_assert_eq(r, 0, "brood_client_submit: %d", r);
	return id;
}

/* Wait until the descriptor of the client is readable. */
static inline void
fake_await(void)
{
	struct pollfd pfd = { brood_client_fd(fake.client), POLLIN, 0 };

	if (pfd.fd != -ENOSYS)
		cr_assert_eq(poll(&pfd, 1, WIRE_PATIENCE), 1);
}

/* The next completion, which is of this request; its memory is released. */
static inline struct brood_completion
fake_take(uint64_t id, enum brood_fate fate, enum brood_ran ran,
    const char *text)
{
	struct brood_completion done, copy;

	cr_assert_eq(brood_client_wait(fake.client, WIRE_PATIENCE), 1);
	cr_assert_eq(brood_client_take(fake.client, &done), 1);
	copy = done;
	cr_assert_eq(done.id, id);
	cr_assert_eq(done.fate, fate, "%s, not %s: %s",
	    brood_fate_name(done.fate), brood_fate_name(fate), done.text);
	cr_assert_eq(done.ran, ran, "%s, not %s", brood_ran_name(done.ran),
	    brood_ran_name(ran));
	if (fate == BROOD_DONE || fate == BROOD_PART ||
	    fate == BROOD_PROGRESS) {
		cr_assert_eq(done.reply.len, strlen(text));
		cr_assert_eq(memcmp(done.reply.data, text, done.reply.len), 0);
	} else
		cr_assert_not_null(strstr(done.text, text), "'%s', not '%s'",
		    done.text, text);
	brood_completion_fini(&done);
	copy.text = NULL;
	copy.memory = NULL;
	return copy;
}

/* Nothing is left to take; the client may or may not be of use. */
static inline void
fake_expect_nothing(void)
{
	struct brood_completion done;

	cr_assert_neq(brood_client_wait(fake.client, 0), 1);
	cr_assert_eq(brood_client_take(fake.client, &done), 0);
}

#endif
