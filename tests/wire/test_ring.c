/* SPDX-License-Identifier: ISC */

/*
 * Claims about a pair of rings: frames come out as they went in, no room is
 * lost, and both ends are woken.
 */

#include "wire/ring_pair.h"

BROOD_SUITE(ring);

/* In order, many laps */

struct flow {
	struct pair pair;
	uint64_t n_put;			/* numbers of frames, marks included */
	uint64_t n_published;
	uint64_t n_taken;
	uint64_t n_bytes;
	unsigned n_full;		/* how often there was no room */
	size_t lens[1 << 14];		/* by number, modulo; SIZE_MAX: mark */
	const uint8_t *held;
	uint64_t held_id;
};

static size_t *
flow_len(struct flow *flow, uint64_t id)
{
	return &flow->lens[id % (sizeof(flow->lens) / sizeof(flow->lens[0]))];
}

static size_t
random_len(void)
{
	switch (random() % 8) {
	case 0:
		return (size_t)random() % (LONGEST + 1);
	case 1:
		return LONGEST;
	default:
		return (size_t)random() % 600;
	}
}

static void
flow_put(struct flow *flow)
{
	bool is_mark = random() % 16 == 0;
	size_t len = is_mark ? 0 : random_len();
	int r;

	r = is_mark ? brood__ring_put_mark(flow->pair.writer) :
	    put(&flow->pair, flow->n_put, len);
	if (r == -EAGAIN) {
		flow->n_full++;
		return;
	}
	cr_assert_eq(r, 0);
	*flow_len(flow, flow->n_put++) = is_mark ? SIZE_MAX : len;
	flow->n_bytes += BROOD__FRAME_SIZE + len;
}

static void
flow_unhold(struct flow *flow)
{
	if (flow->held == NULL)
		return;
	cr_assert(is_payload(flow->held, flow->held_id,
	    *flow_len(flow, flow->held_id)), "a held frame was overwritten");
	brood__ring_unhold(flow->pair.reader);
	flow->held = NULL;
}

static void
flow_take(struct flow *flow)
{
	uint64_t id = flow->n_taken;
	const uint8_t *payload;

	if (id == flow->n_published) {
		cr_assert_eq(look(&flow->pair), BROOD__RING_NOTHING);
		return;
	}
	if (*flow_len(flow, id) == SIZE_MAX) {
		cr_assert_eq(look(&flow->pair), BROOD__RING_MARK);
		brood__ring_take(flow->pair.reader);
	} else {
		payload = take(&flow->pair, id, *flow_len(flow, id));
		if (random() % 16 == 0) {
			brood__ring_untake(flow->pair.reader);
			payload = take(&flow->pair, id, *flow_len(flow, id));
		}
		if (flow->held == NULL && random() % 8 == 0) {
			brood__ring_hold(flow->pair.reader);
			flow->held = payload;
			flow->held_id = id;
		}
	}
	flow->n_taken++;
}

static void
flow_step(struct flow *flow, long bias)
{
	switch (random() % 8) {
	case 0:
		(void)brood__ring_publish(flow->pair.writer);
		flow->n_published = flow->n_put;
		break;
	case 1:
		flow_unhold(flow);
		break;
	default:
		if (random() % 8 < bias)
			flow_put(flow);
		else
			flow_take(flow);
	}
}

Test(ring, frames_come_out_whole_and_in_order_at_random_sizes)
{
	static struct flow flow;
	unsigned seed = arc4random();

	cr_log_info("seed %u", seed);
	srandom(seed);
	flow = (struct flow) { .pair = pair_new() };
	while (flow.n_bytes < (uint64_t)400 * SIZE) {
		long bias = 1 + random() % 7;

		for (long n = random() % 400; n > 0; n--)
			flow_step(&flow, bias);
	}
	flow_unhold(&flow);
	(void)brood__ring_publish(flow.pair.writer);
	flow.n_published = flow.n_put;
	while (flow.n_taken < flow.n_put)
		flow_take(&flow);
	flow_unhold(&flow);
	cr_assert_eq(look(&flow.pair), BROOD__RING_NOTHING);
	cr_assert_gt(flow.n_full, 100, "seed %u", seed);
	/* No room was lost. */
	cr_assert_eq(word(flow.pair.from_writer, TAIL),
	    word(flow.pair.from_reader, HEAD));
	cr_assert_gt(fill(&flow.pair, 0, LONGEST), 0);
	pair_free(&flow.pair);
}

Test(ring, frame_that_is_not_published_is_not_there)
{
	struct pair pair = pair_new();

	cr_assert_eq(put(&pair, 1, 100), 0);
	cr_assert_not(brood__ring_has_more(pair.reader));
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	(void)brood__ring_publish(pair.writer);
	cr_assert(brood__ring_has_more(pair.reader));
	(void)take(&pair, 1, 100);
	cr_assert_not(brood__ring_has_more(pair.reader));
	pair_free(&pair);
}

/* Up to 20 of them are on their way, as with a pool's in_flight. */
Test(ring, small_traffic_stays_near_the_start)
{
	struct pair pair = pair_new();
	size_t highest = 0, at;

	for (uint64_t id = 0; id < 20000; id++) {
		send_one(&pair, id, 40 + id % 400);
		if (id < 20)
			continue;
		at = (size_t)(take(&pair, id - 20, 40 + (id - 20) % 400) -
		    (pair.from_writer + RING));
		if (at > highest)
			highest = at;
	}
	cr_assert_lt(highest, HOT + BROOD__FRAME_SIZE);
	pair_free(&pair);
}

Test(ring, frame_of_more_than_a_quarter_is_not_for_the_ring)
{
	struct pair pair = pair_new();

	cr_assert(brood__ring_takes(pair.writer, LONGEST));
	cr_assert_not(brood__ring_takes(pair.writer, LONGEST + 1));
	cr_assert_not(brood__ring_takes(pair.writer, SIZE_MAX));
	pair_free(&pair);
}

/* Room */

Test(ring, full_ring_takes_again_what_was_given_back)
{
	struct pair pair = pair_new();
	uint64_t n = fill(&pair, 0, 1000), next = n;

	for (uint64_t id = 0; id < 5 * n; id++) {
		cr_assert_eq(put(&pair, next, 1000), -EAGAIN);
		(void)take(&pair, id, 1000);
		/* Taken is not given back before the next look. */
		cr_assert_eq(put(&pair, next, 1000), -EAGAIN);
		(void)look(&pair);
		if (put(&pair, next, 1000) == 0)
			next++;
		(void)brood__ring_publish(pair.writer);
		next += fill(&pair, next, 1000);
	}
	for (uint64_t id = 5 * n; id < next; id++)
		(void)take(&pair, id, 1000);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	pair_free(&pair);
}

Test(ring, held_frame_is_not_overwritten)
{
	struct pair pair = pair_new();
	const uint8_t *held;
	uint64_t next = fill(&pair, 0, 1000), id = 1;

	held = take(&pair, 0, 1000);
	brood__ring_hold(pair.reader);
	for (; id < next; id++)
		(void)take(&pair, id, 1000);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	/* The rest was taken, and is not given back, for it is behind. */
	cr_assert_eq(fill(&pair, next, 1000), 0);
	cr_assert(is_payload(held, 0, 1000));
	brood__ring_unhold(pair.reader);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	cr_assert_gt(fill(&pair, next, 1000), 0);
	pair_free(&pair);
}

Test(ring, untake_gives_the_frame_again)
{
	struct pair pair = pair_new();

	send_one(&pair, 1, 10);
	send_one(&pair, 2, 20);
	(void)take(&pair, 1, 10);
	brood__ring_untake(pair.reader);
	(void)take(&pair, 1, 10);
	(void)take(&pair, 2, 20);
	brood__ring_untake(pair.reader);
	cr_assert(brood__ring_has_more(pair.reader));
	(void)take(&pair, 2, 20);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	pair_free(&pair);
}

Test(ring, marks_come_in_the_order_of_frames)
{
	struct pair pair = pair_new();

	send_one(&pair, 1, 10);
	cr_assert_eq(brood__ring_put_mark(pair.writer), 0);
	send_one(&pair, 2, 20);
	(void)take(&pair, 1, 10);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(look(&pair), BROOD__RING_MARK);
	brood__ring_take(pair.reader);
	(void)take(&pair, 2, 20);
	pair_free(&pair);
}

/* Ends of the ring */

Test(ring, every_rest_in_front_of_the_end_can_be_padded)
{
	for (size_t rest = 0; rest <= 64; rest += 8) {
		struct pair pair = pair_new();

		go_to_rest(&pair, rest);
		send_one(&pair, 10, 100);
		send_one(&pair, 11, 100);
		cr_assert_eq(take(&pair, 10, 100), pair.from_writer + RING +
		    BROOD__FRAME_SIZE);
		(void)take(&pair, 11, 100);
		cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
		pair_free(&pair);
	}
}

/* There would be room for it, half in front of the end and half behind. */
Test(ring, frame_that_would_be_split_waits)
{
	for (size_t rest = 64; rest <= 128; rest += 8) {
		struct pair pair = pair_new();

		send_one(&pair, 0, 64 - BROOD__FRAME_SIZE);
		for (uint64_t i = 0; i < 3; i++)
			send_one(&pair, 1 + i, QUARTER);
		send_one(&pair, 4, QUARTER - 64 - rest);
		(void)take(&pair, 0, 64 - BROOD__FRAME_SIZE);
		cr_assert_eq(look(&pair), BROOD__RING_FRAME);
		cr_assert_eq(put(&pair, 5, 128 - BROOD__FRAME_SIZE),
		    rest < 128 ? -EAGAIN : 0, "%zu", rest);
		pair_free(&pair);
	}
}

/* Write frame number id in a place of its own. */
static void
fill_place(uint8_t *place, uint64_t id, size_t len)
{
	for (size_t i = 0; i < len; i++)
		place[i] = payload_byte(id, i);
}

static void
send_place(struct pair *pair, uint64_t id, uint8_t *place, size_t len)
{
	uint8_t header[BROOD__FRAME_SIZE];

	encode(header, id, len, KIND);
	cr_assert_eq(brood__ring_put(pair->writer, header, place, len), 0);
	(void)brood__ring_publish(pair->writer);
}

/*
 * While it is written, the reader gives back all the room: now the start of the
 * ring would be a better place.
 */
Test(ring, frame_is_written_where_its_place_was)
{
	enum { LEN = 1024 - BROOD__FRAME_SIZE, N = 100 };
	struct pair pair = pair_new();
	void *place;

	for (uint64_t id = 0; id < N; id++)
		send_one(&pair, id, LEN);
	cr_assert_eq(brood__ring_reserve(pair.writer, LEN, &place), 0);
	fill_place(place, N, LEN);
	for (uint64_t id = 0; id < N; id++)
		(void)take(&pair, id, LEN);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	cr_assert(brood__ring_may_put(pair.writer, place, LEN));
	send_place(&pair, N, place, LEN / 2);
	cr_assert_not(brood__ring_may_put(pair.writer, place, 0));
	cr_assert(brood__ring_may_put(pair.writer, pair.from_writer, 1));
	cr_assert(brood__ring_may_put(pair.writer, pair.from_writer + RING +
	    SIZE, 1));
	(void)take(&pair, N, LEN / 2);

	/* The next place is behind a pad. */
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	cr_assert_eq(brood__ring_reserve(pair.writer, LEN, &place), 0);
	cr_assert_eq((uint8_t *)place, pair.from_writer + RING +
	    BROOD__FRAME_SIZE);
	fill_place(place, N + 1, LEN);
	cr_assert_not(brood__ring_publish(pair.writer));
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	send_place(&pair, N + 1, place, LEN);
	(void)take(&pair, N + 1, LEN);
	pair_free(&pair);
}

Test(ring, place_is_given_up_for_another_frame)
{
	struct pair pair = pair_new();
	void *place;

	cr_assert_eq(brood__ring_reserve(pair.writer, 100, &place), 0);
	cr_assert_not(brood__ring_may_put(pair.writer, place, 101));
	send_one(&pair, 1, 50);
	cr_assert_not(brood__ring_may_put(pair.writer, place, 100));
	(void)take(&pair, 1, 50);
	pair_free(&pair);
}

Test(ring, look_ahead_finds_a_frame_behind_others)
{
	struct pair pair = pair_new();

	cr_assert_not(is_ahead(&pair, 0));
	for (uint64_t id = 1; id < 5; id++)
		send_one(&pair, id, 100 * id);
	cr_assert_eq(brood__ring_put_mark(pair.writer), 0);
	send_one(&pair, 5, 0);
	cr_assert_eq(put(&pair, 6, 0), 0);
	(void)take(&pair, 1, 100);
	cr_assert_not(is_ahead(&pair, 1));
	cr_assert(is_ahead(&pair, 2) && is_ahead(&pair, 4) &&
	    is_ahead(&pair, 5));
	cr_assert_not(is_ahead(&pair, 6), "it was not published");
	cr_assert_not(brood__ring_look_ahead(pair.reader, KIND + 1, 4));
	/* Nothing was taken by that. */
	(void)take(&pair, 2, 200);
	pair_free(&pair);
}

Test(ring, look_ahead_goes_on_behind_a_pad)
{
	for (size_t rest = 0; rest <= 64; rest += 8) {
		struct pair pair = pair_new();

		go_to_rest(&pair, rest);
		send_one(&pair, 10, 100);
		send_one(&pair, 11, 100);
		cr_assert(is_ahead(&pair, 10) && is_ahead(&pair, 11), "%zu",
		    rest);
		cr_assert_not(is_ahead(&pair, 12));
		pair_free(&pair);
	}
}

/* Sleeping */

Test(ring, sleeping_reader_is_woken_once)
{
	struct pair pair = pair_new();

	cr_assert_eq(put(&pair, 1, 10), 0);
	cr_assert_not(brood__ring_publish(pair.writer), "nobody sleeps");
	(void)take(&pair, 1, 10);
	for (uint64_t id = 2; id < 10; id += 2) {
		cr_assert(brood__ring_fall_asleep(pair.reader));
		cr_assert_not(brood__ring_publish(pair.writer),
		    "nothing was put");
		cr_assert_eq(put(&pair, id, 10), 0);
		cr_assert(brood__ring_publish(pair.writer));
		cr_assert_eq(put(&pair, id + 1, 10), 0);
		cr_assert_not(brood__ring_publish(pair.writer));
		(void)take(&pair, id, 10);
		(void)take(&pair, id + 1, 10);
	}
	pair_free(&pair);
}

Test(ring, reader_does_not_fall_asleep_over_a_frame)
{
	struct pair pair = pair_new();

	send_one(&pair, 1, 10);
	cr_assert_not(brood__ring_fall_asleep(pair.reader));
	(void)take(&pair, 1, 10);
	cr_assert(brood__ring_fall_asleep(pair.reader));
	pair_free(&pair);
}

Test(ring, reader_that_stays_awake_is_not_woken)
{
	struct pair pair = pair_new();

	cr_assert(brood__ring_fall_asleep(pair.reader));
	brood__ring_stay_awake(pair.reader);
	cr_assert_eq(put(&pair, 1, 10), 0);
	cr_assert_not(brood__ring_publish(pair.writer));
	pair_free(&pair);
}

Test(ring, writer_that_waits_for_room_is_woken_once)
{
	struct pair pair = pair_new();
	uint64_t n = fill(&pair, 0, 1000);

	for (uint64_t id = 0; id < n; id++)
		(void)take(&pair, id, 1000);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	cr_assert_eq(pair.n_wakes, 0, "nobody waits");
	for (unsigned i = 1; i <= 5; i++) {
		n = fill(&pair, 0, 1000);
		cr_assert(brood__ring_ask_for_room(pair.writer));
		for (uint64_t id = 0; id < n; id++)
			(void)take(&pair, id, 1000);
		cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
		cr_assert_eq(pair.n_wakes, i);
	}
	pair_free(&pair);
}

/* The next look finds no frame: it is the last one that can tell. */
Test(ring, writer_that_waits_is_woken_by_a_look_at_nothing)
{
	struct pair pair = pair_new();
	uint64_t n = fill(&pair, 0, 1000);

	(void)take(&pair, 0, 1000);
	brood__ring_hold(pair.reader);
	for (uint64_t id = 1; id < n; id++)
		(void)take(&pair, id, 1000);
	brood__ring_unhold(pair.reader);
	cr_assert(brood__ring_ask_for_room(pair.writer));
	cr_assert_eq(pair.n_wakes, 0);
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	cr_assert_eq(pair.n_wakes, 1);
	cr_assert_gt(fill(&pair, 0, 1000), 0);
	pair_free(&pair);
}

Test(ring, writer_does_not_wait_when_room_came)
{
	struct pair pair = pair_new();

	(void)fill(&pair, 0, 1000);
	(void)take(&pair, 0, 1000);
	cr_assert_eq(look(&pair), BROOD__RING_FRAME);
	cr_assert_not(brood__ring_ask_for_room(pair.writer));
	pair_free(&pair);
}

/* The dead */

Test(ring, frozen_ring_gives_what_was_there_and_no_more)
{
	struct pair pair = pair_in_use();

	send_one(&pair, 4, 10);
	brood__ring_freeze(pair.reader);
	send_one(&pair, 5, 10);
	(void)take(&pair, 2, 104);
	(void)take(&pair, 3, 104);
	(void)take(&pair, 4, 10);
	cr_assert_not(brood__ring_has_more(pair.reader));
	cr_assert(brood__ring_fall_asleep(pair.reader));
	cr_assert_eq(look(&pair), BROOD__RING_NOTHING);
	pair_free(&pair);
}

Test(ring, begun_is_what_the_peer_has_said)
{
	struct pair pair = pair_new();

	cr_assert_eq(brood__ring_begun(pair.writer), UINT64_MAX,
	    "nothing was said");
	brood__ring_set_begun(pair.reader, 0);
	cr_assert_eq(brood__ring_begun(pair.writer), 0);
	brood__ring_set_begun(pair.reader, UINT64_C(1) << 50);
	cr_assert_eq(brood__ring_begun(pair.writer), UINT64_C(1) << 50);
	pair_free(&pair);
}

Test(ring, begun_that_was_torn_is_not_believed)
{
	struct pair pair = pair_new();

	brood__ring_set_begun(pair.reader, 1000);
	set_word(pair.from_reader, BEGUN, 1024);
	cr_assert_eq(brood__ring_begun(pair.writer), UINT64_MAX);
	set_word(pair.from_reader, BEGUN, 1000);
	set_word(pair.from_reader, NOT_BEGUN, ~UINT64_C(1024));
	cr_assert_eq(brood__ring_begun(pair.writer), UINT64_MAX);
	pair_free(&pair);
}
