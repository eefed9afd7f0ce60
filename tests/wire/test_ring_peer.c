/* SPDX-License-Identifier: ISC */

/*
 * Claims about a ring whose peer writes what it likes: nothing of that is
 * believed, and none of it is taken for "nothing there".
 */

#include "wire/ring_pair.h"

BROOD_SUITE(ring_peer);

/* All was read, and the reader knows of no more than that. */
static struct pair
pair_at_rest(void)
{
	struct pair pair = pair_in_use();

	(void)take(&pair, 2, 104);
	(void)take(&pair, 3, 104);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	return pair;
}

static void
check_tail(uint64_t tail)
{
	struct pair pair = pair_at_rest();

	set_word(pair.from_writer, TAIL, tail);
	cr_assert(brood__ring_has_more(pair.reader));
	cr_assert_not(brood__ring_fall_asleep(pair.reader));
	cr_assert_eq(look(&pair), -EPROTO, "tail %ju", (uintmax_t)tail);
	cr_assert_not(is_ahead(&pair, 9));
	brood__ring_freeze(pair.reader);
	cr_assert_not(brood__ring_has_more(pair.reader));
	pair_free(&pair);
}

Test(ring_peer, tail_that_makes_no_sense_is_an_error)
{
	const uint64_t at = UINT64_C(3) * (BROOD__FRAME_SIZE + 104);

	check_tail(0);
	check_tail(at - 8);
	check_tail(at + 1);
	check_tail(at + 4);
	check_tail(at + SIZE + 8);
	check_tail(at + (UINT64_C(1) << 32));
	check_tail(UINT64_MAX - 7);
	check_tail(UINT64_MAX);
}

/* Nor does it take back what was judged to be there. */
Test(ring_peer, tail_that_shrinks_behind_the_reader_is_not_believed)
{
	struct pair pair = pair_in_use();

	set_word(pair.from_writer, TAIL,
	    UINT64_C(2) * (BROOD__FRAME_SIZE + 104));
	cr_assert_not(is_ahead(&pair, 2));
	brood__ring_freeze(pair.reader);
	(void)take(&pair, 2, 104);
	(void)take(&pair, 3, 104);
	cr_assert_not(brood__ring_has_more(pair.reader));
	pair_free(&pair);
}

/* With a lap in which nothing was given back, the tail reaches this far. */
Test(ring_peer, tail_of_a_full_ring_makes_sense)
{
	struct pair pair = pair_new();

	for (uint64_t i = 0; i < 4; i++)
		send_one(&pair, i, QUARTER);
	cr_assert_eq(word(pair.from_writer, TAIL), (uint64_t)SIZE);
	for (uint64_t i = 0; i < 4; i++)
		(void)take(&pair, i, QUARTER);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	pair_free(&pair);
}

static void
check_head(uint64_t head)
{
	struct pair pair = pair_new();
	uint64_t n;

	for (uint64_t id = 0; id < 400; id++) {
		send_one(&pair, id, 1000);
		(void)take(&pair, id, 1000);
	}
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	n = fill(&pair, 400, 1000);
	cr_assert_gt(n, 0);
	set_word(pair.from_reader, HEAD,
	    head == 0 ? 0 : head + word(pair.from_writer, TAIL));
	cr_assert_not(brood__ring_ask_for_room(pair.writer));
	cr_assert_eq(put(&pair, n, 1000), -EPROTO, "head %ju",
	    (uintmax_t)head);
	cr_assert_eq(brood__ring_put_mark(pair.writer), -EPROTO);
	pair_free(&pair);
}

/* Each but the first is counted from the tail. */
Test(ring_peer, head_that_makes_no_sense_is_an_error)
{
	check_head(0);
	check_head(8);
	check_head(SIZE);
	check_head(UINT64_C(1) << 40);
	check_head(UINT64_MAX);
	check_head(-UINT64_C(4));
	check_head(-UINT64_C(2) * SIZE);
}

/* It would be right if what was put were published. */
Test(ring_peer, head_beyond_what_was_published_is_an_error)
{
	struct pair pair = pair_new();
	uint64_t tail;

	send_one(&pair, 0, QUARTER);
	tail = word(pair.from_writer, TAIL);
	cr_assert_eq(brood__ring_put_mark(pair.writer), 0);
	cr_assert_eq(word(pair.from_writer, TAIL), tail);
	set_word(pair.from_reader, HEAD, tail + BROOD__FRAME_SIZE);
	cr_assert_eq(brood__ring_put_mark(pair.writer), -EPROTO);
	pair_free(&pair);
}

/* The header of the frame that is next. */
static uint8_t *
header_of(struct pair *pair, uint64_t position)
{
	return pair->from_writer + RING + position % SIZE;
}

static void
check_len(uint64_t len)
{
	const uint64_t size = BROOD__FRAME_SIZE + 104;
	struct pair pair = pair_in_use();

	le32enc(header_of(&pair, size), (uint32_t)len);
	cr_assert_eq(look(&pair), -EPROTO, "length %ju", (uintmax_t)len);
	cr_assert_not(is_ahead(&pair, 3));
	pair_free(&pair);
}

Test(ring_peer, frame_longer_than_what_is_there_is_an_error)
{
	check_len(2 * (BROOD__FRAME_SIZE + 104) - BROOD__FRAME_SIZE + 1);
	check_len(SIZE);
	check_len(UINT32_MAX);
	check_len(UINT32_MAX - BROOD__FRAME_SIZE);
	check_len(1U << 31);
}

/* There is enough behind it, but at the start of the ring. */
Test(ring_peer, frame_over_the_end_of_the_ring_is_an_error)
{
	struct pair pair = pair_new();

	go_to_rest(&pair, 64);
	send_one(&pair, 10, 1000);
	encode(header_of(&pair, SIZE - 64), 10, 41, KIND);
	cr_assert_eq(look(&pair), -EPROTO);
	cr_assert_not(is_ahead(&pair, 10));
	pair_free(&pair);
}

Test(ring_peer, frame_up_to_the_end_of_the_ring_is_none)
{
	struct pair pair = pair_new();

	go_to_rest(&pair, 64);
	send_one(&pair, 10, 1000);
	encode(header_of(&pair, SIZE - 64), 10, 40, KIND);
	cr_assert_eq(look(&pair), BROOD__RING_FRAME);
	pair_free(&pair);
}

Test(ring_peer, pad_behind_a_pad_is_an_error)
{
	struct pair pair = pair_new();

	go_to_rest(&pair, 64);
	send_one(&pair, 10, 1000);
	encode(header_of(&pair, 0), 10, 0, PAD);
	cr_assert_eq(look(&pair), -EPROTO);
	pair_free(&pair);
}

Test(ring_peer, pad_that_nothing_follows_is_an_error)
{
	for (size_t rest = 8; rest <= 64; rest += 8) {
		struct pair pair = pair_new();

		go_to_rest(&pair, rest);
		if (rest >= BROOD__FRAME_SIZE)
			encode(header_of(&pair, SIZE - rest), 0, 0, PAD);
		set_word(pair.from_writer, TAIL, SIZE);
		cr_assert_eq(look(&pair), -EPROTO, "rest %zu", rest);
		pair_free(&pair);
	}
}

Test(ring_peer, pad_longer_than_what_is_there_is_an_error)
{
	struct pair pair = pair_in_use();

	encode(header_of(&pair, BROOD__FRAME_SIZE + 104), 2, 0, PAD);
	cr_assert_eq(look(&pair), -EPROTO);
	cr_assert_not(is_ahead(&pair, 3));
	pair_free(&pair);
}

/* A header of which the end was not published, and one at the very end. */
Test(ring_peer, half_a_header_is_an_error)
{
	struct pair pair = pair_at_rest();
	uint64_t at = word(pair.from_writer, TAIL);

	encode(header_of(&pair, at), 4, 0, MARK);
	set_word(pair.from_writer, TAIL, at + 16);
	cr_assert_eq(look(&pair), -EPROTO);
	pair_free(&pair);
}

/*
 * Whatever stands in the writer's region, a look gives an error, nothing if
 * that is so, or a frame inside of it.
 */
static void
check_any(struct pair *pair)
{
	const uint8_t *ring = pair->from_writer + RING, *payload;
	uint8_t header[BROOD__FRAME_SIZE];
	bool has_more;
	int r;

	for (int i = 0; i < 100; i++) {
		has_more = brood__ring_has_more(pair->reader);
		(void)is_ahead(pair, 1);
		r = peek(pair, header, &payload);
		cr_assert_eq(has_more, r != BROOD__RING_NOTHING);
		if (r == -EPROTO || r == BROOD__RING_NOTHING)
			return;
		if (r == BROOD__RING_FRAME)
			cr_assert(payload >= ring + BROOD__FRAME_SIZE &&
			    payload + le32dec(header) <= ring + SIZE);
		else
			cr_assert_eq(r, BROOD__RING_MARK);
		brood__ring_take(pair->reader);
	}
}

static uint64_t
random_word(uint64_t near)
{
	switch (random() % 4) {
	case 0:
		return near + 8 * (uint64_t)(random() % 64) - 256;
	case 1:
		return near + (uint64_t)random() % (2 * SIZE);
	case 2:
		return (uint64_t)random() << 40 ^ (uint64_t)random();
	default:
		return near;
	}
}

/* Spoil a few words that are likely to be looked at. */
static void
scribble(struct pair *pair)
{
	uint64_t tail = word(pair->from_writer, TAIL), at;

	for (long n = random() % 4; n > 0; n--) {
		at = (tail - (uint64_t)(random() % 100) * 8) % SIZE;
		if (random() % 4 == 0 && at <= SIZE - BROOD__FRAME_SIZE)
			encode(header_of(pair, at), 1,
			    (size_t)random_word(0),
			    (uint8_t)(random() % 2 == 0 ? PAD : random()));
		else
			set_word(pair->from_writer, RING + at,
			    random_word(random() % 2000));
	}
	if (random() % 4 == 0)
		set_word(pair->from_writer, TAIL, random_word(tail) &
		    ~(random() % 2 == 0 ? UINT64_C(7) : 0));
	if (random() % 4 == 0)
		brood__ring_freeze(pair->reader);
}

Test(ring_peer, nothing_that_the_writer_writes_leads_outside)
{
	unsigned seed = arc4random();

	cr_log_info("seed %u", seed);
	srandom(seed);
	for (int i = 0; i < 400; i++) {
		struct pair pair = pair_new();

		if (random() % 2 == 0)
			go_to_rest(&pair, 8 * (size_t)(random() % 60));
		for (uint64_t id = 0; id < 6; id++)
			send_one(&pair, id, (size_t)random() % 300);
		scribble(&pair);
		check_any(&pair);
		pair_free(&pair);
	}
}

/* A header that is not one is for the caller to judge. */
Test(ring_peer, header_is_a_copy)
{
	struct pair pair = pair_in_use();
	uint8_t header[BROOD__FRAME_SIZE];
	const uint8_t *payload;

	cr_assert_eq(peek(&pair, header, &payload), BROOD__RING_FRAME);
	le32enc(header_of(&pair, BROOD__FRAME_SIZE + 104), UINT32_MAX);
	cr_assert_eq(le32dec(header), 104);
	/* Nor does what is taken depend on what stands there now. */
	brood__ring_take(pair.reader);
	(void)take(&pair, 3, 104);
	pair_free(&pair);
}

Test(ring_peer, wakes_do_not_depend_on_a_sane_peer)
{
	struct pair pair = pair_new();

	set_word(pair.from_reader, ASLEEP, UINT64_MAX);
	cr_assert_eq(put(&pair, 1, 10), 0);
	cr_assert(brood__ring_publish(pair.writer));
	cr_assert_eq(put(&pair, 2, 10), 0);
	cr_assert_not(brood__ring_publish(pair.writer));
	pair_free(&pair);
}
