/* SPDX-License-Identifier: ISC */
/*
 * Claims about headers and HELLO payloads: they are the bytes that are written
 * down here by hand, each rule rejects what breaks it, and damaged bytes are
 * found out.  These bytes are the protocol: if one has to be changed here, that
 * is a new version of the protocol.
 */

#include "support/support.h"
#include "wire/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

BROOD_SUITE(frame);

Test(frame, every_error_code_has_a_name)
{
	for (uint32_t i = BROOD_ERROR_FAILED; i <= BROOD_ERROR_NOT_ALLOWED; i++)
		cr_assert_str_neq(brood_error_name(i), "unknown");
	cr_assert_str_eq(brood_error_name(BROOD_ERROR_NO_METHOD),
	    "no such method");
	cr_assert_str_eq(brood_error_name(0), "unknown");
	cr_assert_str_eq(brood_error_name(BROOD_ERROR_NOT_ALLOWED + 1),
	    "unknown");
	cr_assert_str_eq(brood_error_name(UINT32_MAX), "unknown");
}

#define N_DAMAGED	300000

struct golden {
	const char	*hex;
	struct brood__frame frame;
};

/* length; kind flags nfds reserved; id; code; timeout_ms */
static const struct golden goldens[] = {
	{ "16000000 01 00 00 00 0000000000000000 00000000 00000000",
	    { .length = 22, .kind = BROOD_KIND_HELLO } },
	{ "04030201 02 00 fd 00 8877665544332211 ddccbbaa d4c3b2a1",
	    { .length = 0x01020304, .kind = BROOD_KIND_REQUEST, .nfds = 253,
	    .id = 0x1122334455667788, .code = 0xaabbccdd,
	    .timeout_ms = 0xa1b2c3d4 } },
	{ "00000000 03 00 00 00 0100000000000000 00000000 00000000",
	    { .kind = BROOD_KIND_REPLY, .id = 1 } },
	{ "00000001 03 01 02 00 ffffffffffffffff ffffffff 00000000",
	    { .length = 16u << 20, .kind = BROOD_KIND_REPLY,
	    .flags = BROOD__FLAG_MORE, .nfds = 2, .id = UINT64_MAX,
	    .code = UINT32_MAX } },
	{ "05000000 04 00 00 00 0200000000000000 07000000 00000000",
	    { .length = 5, .kind = BROOD_KIND_ERROR, .id = 2,
	    .code = BROOD_ERROR_CRASHED } },
	{ "ff000000 05 00 00 00 0001000000000000 00000000 00000000",
	    { .length = 255, .kind = BROOD_KIND_PROGRESS, .id = 256 } },
	{ "00000000 06 00 00 00 0000000000000080 00000000 00000000",
	    { .kind = BROOD_KIND_CANCEL, .id = 1ull << 63 } },
	{ "00000000 07 00 00 00 0000000000000000 00000000 00000000",
	    { .kind = BROOD_KIND_GOODBYE } },
	{ "08000000 08 00 00 00 0300000000000000 00000000 00000000",
	    { .length = 8, .kind = BROOD_KIND_PING, .id = 3 } },
	{ "08000000 09 00 00 00 0300000000000000 00000000 00000000",
	    { .length = 8, .kind = BROOD_KIND_PONG, .id = 3 } },
	{ "06000000 0a 00 01 00 0000000000000000 00000000 00000000",
	    { .length = 6, .kind = BROOD_KIND_LINK, .nfds = 1 } },
};

#define N_GOLDENS	(sizeof(goldens) / sizeof(goldens[0]))

static size_t
bytes_from_hex(uint8_t *bytes, const char *hex)
{
	size_t n = 0;

	while (*hex != '\0') {
		char pair[3] = { 0 };

		if (*hex == ' ') {
			hex++;
			continue;
		}
		memcpy(pair, hex, 2);
		bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
		hex += 2;
	}
	return n;
}

static void
golden_bytes(uint8_t bytes[BROOD__FRAME_SIZE], const struct golden *golden)
{
	cr_assert_eq(bytes_from_hex(bytes, golden->hex), BROOD__FRAME_SIZE);
}

static bool
frame_is_equal(const struct brood__frame *a, const struct brood__frame *b)
{
	return a->length == b->length && a->kind == b->kind &&
	    a->flags == b->flags && a->nfds == b->nfds && a->id == b->id &&
	    a->code == b->code && a->timeout_ms == b->timeout_ms;
}

/*
 * Decode any bytes.  If they are accepted, they must encode to themselves; if
 * not, the frame must be unchanged.  Gives whether they were accepted.
 */
static bool
check_bytes(const uint8_t bytes[BROOD__FRAME_SIZE])
{
	struct brood__frame frame, before;
	uint8_t again[BROOD__FRAME_SIZE];
	int r;

	memset(&frame, 0xa5, sizeof(frame));
	before = frame;
	r = brood__frame_decode(bytes, 1u << 28, &frame);
	if (r < 0) {
		cr_assert(r == -EPROTO || r == -EMSGSIZE, "r = %d", r);
		cr_assert(frame_is_equal(&frame, &before));
		return false;
	}
	cr_assert_eq(r, 0);
	brood__frame_encode(again, &frame);
	cr_assert_arr_eq(again, bytes, BROOD__FRAME_SIZE);
	return true;
}

static uint64_t
random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

Test(frame, each_kind_encodes_to_its_golden_bytes)
{
	for (size_t i = 0; i < N_GOLDENS; i++) {
		uint8_t want[BROOD__FRAME_SIZE], got[BROOD__FRAME_SIZE];

		golden_bytes(want, &goldens[i]);
		memset(got, 0xff, sizeof(got));
		brood__frame_encode(got, &goldens[i].frame);
		cr_expect_arr_eq(got, want, sizeof(want), "row %zu", i);
	}
}

Test(frame, golden_bytes_decode_to_each_kind)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < N_GOLDENS; i++) {
		uint8_t bytes[BROOD__FRAME_SIZE];
		struct brood__frame frame;

		golden_bytes(bytes, &goldens[i]);
		memset(&frame, 0xff, sizeof(frame));
		cr_assert_eq(brood__frame_decode(bytes, UINT32_MAX, &frame), 0,
		    "row %zu", i);
		cr_expect(frame_is_equal(&frame, &goldens[i].frame), "row %zu",
		    i);
		kinds |= 1u << frame.kind;
	}
	cr_assert_eq(kinds, 0x7feu);
}

/* Each row is a REQUEST or REPLY without fault but for one field. */
Test(frame, what_breaks_a_rule_is_rejected)
{
	static const char *const rows[] = {
		/* kind 0, 14, 255 */
		"00000000 00 00 00 00 0000000000000000 00000000 00000000",
		"00000000 0e 00 00 00 0000000000000000 00000000 00000000",
		"00000000 ff 00 00 00 0000000000000000 00000000 00000000",
		/* flag 2, flag 128, MORE with another */
		"00000000 03 02 00 00 0000000000000000 00000000 00000000",
		"00000000 03 80 00 00 0000000000000000 00000000 00000000",
		"00000000 03 03 00 00 0000000000000000 00000000 00000000",
		/* 254 and 255 descriptors */
		"00000000 02 00 fe 00 0000000000000000 00000000 00000000",
		"00000000 02 00 ff 00 0000000000000000 00000000 00000000",
		/* the reserved byte */
		"00000000 02 00 00 01 0000000000000000 00000000 00000000",
		"00000000 02 00 00 80 0000000000000000 00000000 00000000",
		/* too long, but no frame either: -EPROTO */
		"ffffffff 00 00 00 00 0000000000000000 00000000 00000000",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct brood__frame frame = { .id = 77 };
		uint8_t bytes[BROOD__FRAME_SIZE];

		cr_assert_eq(bytes_from_hex(bytes, rows[i]), sizeof(bytes));
		cr_expect_eq(brood__frame_decode(bytes, 100, &frame), -EPROTO,
		    "row %zu", i);
		cr_expect_eq(frame.id, 77u, "row %zu", i);
	}
}

Test(frame, a_fault_is_named_and_a_sound_header_has_none)
{
	static const struct {
		const char *hex;
		const char *fault;
	} rows[] = {
		{ "00000000 00 00 00 00 0000000000000000 00000000 00000000",
		    "an unknown kind" },
		{ "00000000 0e 00 00 00 0000000000000000 00000000 00000000",
		    "an unknown kind" },
		{ "00000000 03 08 00 00 0000000000000000 00000000 00000000",
		    "an unknown flag" },
		{ "00000000 03 02 00 00 0000000000000000 00000000 00000000",
		    "whether it ran on what is no ERROR" },
		{ "00000000 02 01 00 00 0000000000000000 00000000 00000000",
		    "MORE on what is no REPLY" },
		{ "00000000 02 00 fe 00 0000000000000000 00000000 00000000",
		    "more descriptors than a message can carry" },
		{ "00000000 02 00 00 01 0000000000000000 00000000 00000000",
		    "a reserved byte that is not 0" },
		{ "00000000 08 00 00 00 0000000000000000 00000000 00000001",
		    "a timeout on what is no REQUEST" },
	};
	uint8_t bytes[BROOD__FRAME_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(bytes_from_hex(bytes, rows[i].hex), sizeof(bytes));
		cr_expect_str_eq(brood__frame_fault(bytes), rows[i].fault);
	}
	for (size_t i = 0; i < N_GOLDENS; i++) {
		cr_assert_eq(bytes_from_hex(bytes, goldens[i].hex),
		    sizeof(bytes));
		cr_expect_null(brood__frame_fault(bytes), "golden %zu", i);
	}
}

Test(frame, each_flag_and_a_timeout_belong_to_one_kind)
{
	for (uint8_t k = BROOD_KIND_HELLO; k <= BROOD_KIND_LINK; k++) {
		struct brood__frame more = {
			.kind = k, .flags = BROOD__FLAG_MORE
		};
		struct brood__frame timed = { .kind = k, .timeout_ms = 1 };
		struct brood__frame ran = { .kind = k,
		    .flags = BROOD_RAN << BROOD__FLAG_RAN_SHIFT };
		struct brood__frame got;
		uint8_t bytes[BROOD__FRAME_SIZE];

		brood__frame_encode(bytes, &ran);
		cr_expect_eq(brood__frame_decode(bytes, 0, &got),
		    k == BROOD_KIND_ERROR ? 0 : -EPROTO, "kind %d", k);
		brood__frame_encode(bytes, &more);
		cr_expect_eq(brood__frame_decode(bytes, 0, &got),
		    k == BROOD_KIND_REPLY ? 0 : -EPROTO, "kind %d", k);
		brood__frame_encode(bytes, &timed);
		cr_expect_eq(brood__frame_decode(bytes, 0, &got),
		    k == BROOD_KIND_REQUEST ? 0 : -EPROTO, "kind %d", k);
	}
}

Test(frame, a_payload_may_be_as_long_as_the_limit_and_no_longer)
{
	static const struct {
		uint32_t length;
		uint32_t limit;
		int	 r;
	} rows[] = {
		{ 0, 0, 0 }, { 1, 0, -EMSGSIZE },
		{ 16, 16, 0 }, { 17, 16, -EMSGSIZE },
		{ 1u << 31, (1u << 31) - 1, -EMSGSIZE },
		{ UINT32_MAX, UINT32_MAX, 0 },
		{ UINT32_MAX, UINT32_MAX - 1, -EMSGSIZE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct brood__frame frame = {
			.length = rows[i].length, .kind = BROOD_KIND_PING
		};
		struct brood__frame got = { .id = 77 };
		uint8_t bytes[BROOD__FRAME_SIZE];

		brood__frame_encode(bytes, &frame);
		cr_expect_eq(brood__frame_decode(bytes, rows[i].limit, &got),
		    rows[i].r, "row %zu", i);
		cr_expect_eq(got.id, rows[i].r < 0 ? 77u : 0u, "row %zu", i);
	}
}

Test(frame, one_flipped_bit_is_seen_or_means_what_it_says)
{
	unsigned n_accepted = 0, n_rejected = 0;

	for (size_t i = 0; i < N_GOLDENS * BROOD__FRAME_SIZE * 8; i++) {
		const struct golden *golden = &goldens[i / 8 /
		    BROOD__FRAME_SIZE];
		size_t at = i / 8 % BROOD__FRAME_SIZE;
		uint8_t bytes[BROOD__FRAME_SIZE];
		bool is_accepted;

		golden_bytes(bytes, golden);
		bytes[at] ^= (uint8_t)(1u << i % 8);
		is_accepted = check_bytes(bytes);
		cr_assert(at != 7 || !is_accepted, "reserved");
		*(is_accepted ? &n_accepted : &n_rejected) += 1;
	}
	cr_assert_gt(n_accepted, 100u);
	cr_assert_gt(n_rejected, 100u);
}

Test(frame, random_damage_is_seen_or_means_what_it_says)
{
	uint64_t state = 0x9e3779b97f4a7c15;
	unsigned n_accepted = 0;

	for (unsigned i = 0; i < N_DAMAGED; i++) {
		uint8_t bytes[BROOD__FRAME_SIZE];
		uint64_t random = random_next(&state);
		unsigned n = (unsigned)(random >> 60);

		golden_bytes(bytes, &goldens[i % N_GOLDENS]);
		for (unsigned k = 0; k <= n; k++) {
			random = random_next(&state);
			bytes[(random >> 8) % sizeof(bytes)] = (uint8_t)random;
		}
		n_accepted += check_bytes(bytes);
	}
	cr_assert_gt(n_accepted, N_DAMAGED / 100u);
	cr_assert_lt(n_accepted, (unsigned)N_DAMAGED);
}

Test(frame, hello_encodes_to_its_golden_bytes)
{
	static const char hex[] =
	    "42524f44 0100 0000 04030201 00000001 706f6e67 c3a9";
	static const struct brood__hello hello = {
		.version = 1, .features = 0x01020304,
		.max_payload = 16u << 20, .name = "pong\xc3\xa9"
	};
	uint8_t want[64], got[BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood__hello back;
	size_t len = bytes_from_hex(want, hex);

	cr_assert_eq(brood__hello_encode(got, &hello), len);
	cr_assert_arr_eq(got, want, len);
	cr_assert_eq(brood__hello_decode(want, len, &back), 0);
	cr_assert_eq(back.version, 1);
	cr_assert_eq(back.features, hello.features);
	cr_assert_eq(back.max_payload, hello.max_payload);
	cr_assert_str_eq(back.name, hello.name);
}

/*
 * The bytes are copied to a block of memory of just their length, so that the
 * address sanitizer or valgrind reports a read behind them.
 */
Test(frame, a_hello_of_any_length_is_read_to_its_end_and_no_further)
{
	struct brood__hello hello = { .version = 1 };
	uint8_t bytes[300];

	memset(bytes, 'x', sizeof(bytes));
	brood__hello_encode(bytes, &hello);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		uint8_t *exact = malloc(len > 0 ? len : 1);
		struct brood__hello got;
		int r;

		cr_assert_not_null(exact);
		memcpy(exact, bytes, len);
		r = brood__hello_decode(exact, len, &got);
		free(exact);
		cr_assert_eq(r, len < BROOD__HELLO_SIZE ? -EPROTO : 0);
		if (r < 0)
			continue;
		cr_assert_eq(strlen(got.name),
		    len - BROOD__HELLO_SIZE < BROOD__NAME_MAX ?
		    len - BROOD__HELLO_SIZE : BROOD__NAME_MAX);
	}
}

Test(frame, a_long_name_is_cut_when_sent)
{
	struct brood__hello hello = { .version = 1 }, got;
	uint8_t bytes[BROOD__HELLO_SIZE + BROOD__NAME_MAX + 1];

	/* The name has no NUL at its end, as from a careless caller. */
	memset(hello.name, 'n', sizeof(hello.name));
	bytes[sizeof(bytes) - 1] = 0x5a;
	cr_assert_eq(brood__hello_encode(bytes, &hello), sizeof(bytes) - 1);
	cr_assert_eq(bytes[sizeof(bytes) - 1], 0x5a);
	cr_assert_eq(brood__hello_decode(bytes, sizeof(bytes) - 1, &got), 0);
	cr_assert_eq(strlen(got.name), (size_t)BROOD__NAME_MAX);
}

Test(frame, a_name_is_made_printable)
{
	struct brood__hello hello = { .version = 1 }, got;
	uint8_t bytes[BROOD__HELLO_SIZE + 256];

	brood__hello_encode(bytes, &hello);
	for (unsigned c = 0; c < 256; c++) {
		uint8_t want = c < 0x20 || c > 0x7e ? '?' : (uint8_t)c;

		bytes[BROOD__HELLO_SIZE] = (uint8_t)c;
		bytes[BROOD__HELLO_SIZE + 1] = 'z';
		cr_assert_eq(brood__hello_decode(bytes, BROOD__HELLO_SIZE + 2,
		    &got), 0);
		cr_assert_eq((uint8_t)got.name[0], want, "byte %u", c);
		cr_assert_str_eq(got.name + 1, "z");
	}
}

Test(frame, another_version_is_named_whatever_else_it_says)
{
	static const uint16_t versions[] = { 0, 2, 256, 257, UINT16_MAX };

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct brood__hello hello = { .version = versions[i] };
		struct brood__hello got = { .features = 77 };
		uint8_t bytes[BROOD__HELLO_SIZE];

		brood__hello_encode(bytes, &hello);
		bytes[6] = 9;
		cr_expect_eq(brood__hello_decode(bytes, sizeof(bytes), &got),
		    -EPROTONOSUPPORT);
		cr_expect_eq(got.version, versions[i]);
		cr_expect_eq(got.features, 77u);
	}
}

Test(frame, a_hello_with_a_wrong_bit_in_magic_or_reserved_is_rejected)
{
	static const size_t offsets[] = { 0, 1, 2, 3, 6, 7 };
	struct brood__hello hello = { .version = 1 };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]) * 8; i++) {
		struct brood__hello got = { .version = 77 };
		uint8_t bytes[BROOD__HELLO_SIZE];

		brood__hello_encode(bytes, &hello);
		bytes[offsets[i / 8]] ^= (uint8_t)(1u << i % 8);
		cr_expect_eq(brood__hello_decode(bytes, sizeof(bytes), &got),
		    -EPROTO, "bit %zu of byte %zu", i % 8, offsets[i / 8]);
		cr_expect_eq(got.version, 77);
	}
}
