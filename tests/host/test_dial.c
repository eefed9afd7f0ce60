/* SPDX-License-Identifier: ISC */

/*
 * Connecting to a server, and waiting for one that is not there yet.
 *
 * The test learns of each connect(2), and then does what a server does that
 * starts: so the order of events is always the same, and nothing depends on
 * time.
 */

#include "host/fake_server.h"

TMPDIR_SUITE(dial);

/* What happens after the next connect(2) that has failed. */
enum stage {
	STAGE_NONE,		/* nothing */
	STAGE_STALE,		/* a dead server's socket is there */
	STAGE_BIND,		/* it is replaced by one that is bound */
	STAGE_LISTEN,		/* that begins to listen */
	STAGE_CLOSE,		/* it closes the next connection at once */
	STAGE_SERVE,		/* it serves */
};

static enum stage stage;
static int n_failed;		/* connect(2)s */

static void
advance(void)
{
	switch (stage++) {
	case STAGE_NONE:
		stage = STAGE_NONE;
		break;
	case STAGE_STALE:
		tmpdir_leave_stale("s", SOCK_STREAM);
		break;
	case STAGE_BIND:
		tmpdir_remove("s");
		fake.listen_fd = tmpdir_bind("s", SOCK_STREAM);
		break;
	case STAGE_LISTEN:
		cr_assert_eq(listen(fake.listen_fd, 8), 0);
		break;
	case STAGE_CLOSE:
	case STAGE_SERVE:
		cr_assert_fail("connect(2) failed, but the server listens");
	}
}

static void
dial_connected(bool is_connected)
{
	if (!is_connected) {
		n_failed++;
		advance();
	} else if (stage == STAGE_CLOSE) {
		stage = STAGE_SERVE;
		cr_assert_eq(close(accept4(fake.listen_fd, NULL, NULL,
		    SOCK_CLOEXEC)), 0);
	} else
		fake_accept();
}

static int
dial(struct brood_client_options options, char *text)
{
	fake_connected = dial_connected;
	return brood_client_new(&fake.client, tmpdir_path("s"), &options, text);
}

Test(dial, server_that_is_not_there_is_told)
{
	char text[BROOD_TEXT_SIZE];

	cr_assert_eq(dial((struct brood_client_options){ 0 }, text), -ENOENT);
	cr_assert_not_null(strstr(text, "/s: No such file"), "%s", text);
	cr_assert_eq(n_failed, 1);
	tmpdir_leave_stale("s", SOCK_STREAM);
	cr_assert_eq(dial((struct brood_client_options){ 0 }, text),
	    -ECONNREFUSED);
	cr_assert_not_null(strstr(text, "/s: Connection refused"), "%s", text);
	cr_assert_eq(n_failed, 2);
	cr_assert_eq(dial((struct brood_client_options){ 0 }, NULL),
	    -ECONNREFUSED);
	tmpdir_remove("s");
}

Test(dial, waits_for_the_file_for_its_server_and_until_that_listens)
{
	fake = (struct fake_server){ .fd = -1, .max_payload = 4096 };
	stage = STAGE_STALE;
	cr_assert_eq(dial((struct brood_client_options){ .wait_ms = -1 },
	    NULL), 0);
	cr_assert_eq(stage, STAGE_SERVE);
	cr_assert_eq(n_failed, 3);
	fake_end();
}

Test(dial, wait_ends_at_its_time_with_the_last_reason)
{
	char text[BROOD_TEXT_SIZE];
	int64_t before_ms = wire_now_ms();

	cr_assert_eq(dial((struct brood_client_options){ .wait_ms = 120 },
	    text), -ENOENT);
	cr_assert_geq(wire_now_ms() - before_ms, 120);
	/* The path is tried often, but not without a pause. */
	cr_assert_geq(n_failed, 3);
	cr_assert_leq(n_failed, 20);
	cr_assert_not_null(strstr(text, "No such file"), "%s", text);
}

Test(dial, waits_for_no_other_error)
{
	char text[BROOD_TEXT_SIZE];
	struct brood_client_options options = { .wait_ms = -1 };

	cr_assert_eq(brood_client_new(&fake.client, "/dev/null/s", &options,
	    text), -ENOTDIR);
	fake_listen();
	fake.max_payload = 0;
	options.connect_ms = 50;
	cr_assert_eq(dial(options, text), -ETIMEDOUT);
	cr_assert_not_null(strstr(text, "/s: no answer in time"), "%s", text);
	fake_end();
}

Test(dial, closed_before_hello_is_told)
{
	char text[BROOD_TEXT_SIZE];

	fake_listen();
	stage = STAGE_CLOSE;
	cr_assert_eq(dial((struct brood_client_options){ 0 }, text), -EPIPE);
	cr_assert_not_null(strstr(text, "closed the connection"), "%s", text);
	fake_end();
}

/* Connect to a server whose first frame is this one: the error. */
static int
dial_first(enum brood_kind kind, uint32_t code, const void *payload, size_t len,
    char *text)
{
	struct wire_header header = {
		.length = (uint32_t)len,
		.kind = (uint8_t)kind,
		.code = code,
	};
	uint8_t bytes[256];
	int r;

	fake_listen();
	fake.first = bytes;
	fake.first_len = wire_encode(bytes, &header, payload);
	r = dial((struct brood_client_options){ 0 }, text);
	fake_end();
	return r;
}

Test(dial, other_first_frames_are_told)
{
	char text[BROOD_TEXT_SIZE];
	uint8_t hello[64];
	size_t len = wire_hello(hello, 7, 4096, "other");

	cr_assert_eq(dial_first(BROOD_KIND_HELLO, 0, hello, len, text),
	    -EPROTONOSUPPORT);
	cr_assert_not_null(strstr(text, "the other version 7"), "%s", text);
	cr_assert_eq(dial_first(BROOD_KIND_PONG, 0, "", 0, text), -EPROTO);
	cr_assert_not_null(strstr(text, "not a HELLO"), "%s", text);
	cr_assert_eq(dial_first(BROOD_KIND_ERROR, BROOD_ERROR_VERSION,
	    "go\033away", 7, text), -EPROTONOSUPPORT);
	cr_assert_not_null(strstr(text, "/s: go?away"), "%s", text);
	cr_assert_eq(dial_first((enum brood_kind)99, 0, "", 0, text), -EPROTO);
}

Test(dial, options_without_sense_are_refused)
{
	static const struct brood_client_options wrong[] = {
		{ .wait_ms = -2 },
		{ .connect_ms = -2 },
		{ .expire_ms = -2 },
		{ .fds_from_server = 2 },
		{ .queue = UINT32_MAX },
		{ .max_payload = SIZE_MAX },
		{ .max_payload = 79 },
		{ .reserved_1 = 1 },
		{ .reserved = { 1 } },
	};
	char text[BROOD_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_eq(dial(wrong[i], text), -EINVAL, "%zu", i);
		cr_assert_neq(text[0], '\0');
	}
	cr_assert_eq(n_failed, 0);
}
