/* SPDX-License-Identifier: ISC */

/*
 * A model of wire/ring.c and of what channel_rings.c, channel_send.c and
 * host/arrival.c do with it, for the model checker Spin.  It looks at every
 * order in which two processes, and their processors' stores, can take turns.
 * tests/models/ring.sh runs it; change it in the same commit as an order, a
 * fence or a rule of those files.
 *
 * WHAT IS MODELLED
 *
 * A host and a worker that have both read SWITCH: a ring of requests, a ring
 * of replies, and the socket between them.  The host is a pool that sends up to
 * four requests, as many at a time as it likes; the worker runs them and sends
 * one reply for each.  Both sleep when they find nothing to do, and both wait
 * when a ring is full.  In some of the plans the worker dies, at any step.
 *
 * A ring has three slots, of which one is hot.  A frame takes one or two of
 * them, so rings are full and wrap with every plan.  Positions only grow, as in
 * ring.c; they stay small because a plan ends.
 *
 * A socket holds two messages, so it can be full.  Each is WAKE or one half of
 * a frame that goes by the socket.
 *
 * A step of a process is one access to what the other process can see, with all
 * that is private behind it, up to the next such access.  Each step has the
 * name of the code that it stands for:
 *
 *	LOOK		ring_load_filled(), called by brood__ring_peek()
 *	LOOK_FULL	the rest of ring_give_back(); then rings_next() and
 *			ring_read_entry(), up to what is done with the frame
 *	SLEEP		brood__ring_fall_asleep(), behind its store
 *	ASK		brood__ring_ask_for_room(), behind its store
 *	PUT		brood__ring_put(), called by rings_send_frame()
 *	PUBLISH		brood__ring_publish(), behind its store
 *	WAKE_UP		rings_wake()
 *	SEND		brood__outbox_send(), called by rings_send_frame() and
 *			brood__channel_send_some()
 *	RECEIVE		brood__channel_recv_some() in brood__channel_recv() and
 *			channel_await_room(), of the worker
 *	BEGIN		the second store of brood__ring_set_begun()
 *	RUN		worker_handle() calls the handler
 *	TAKE		exchange_handle()
 *	ARRIVAL		brood__arrival_wait()
 *	POLL		brood__ready_wait()
 *	READ		exchange_receive(), after the ring
 *	END		brood__ring_freeze(), after the worker's death
 *
 * and turn() is the rest of brood__turn(): it queues some requests, and begins
 * brood__channel_flush().  judge() is settle_all().
 *
 * MEMORY
 *
 * Spin has one memory in which all is done in one order.  Processors have
 * not: a store is seen by the others some time after it was made, and the
 * loads behind it do not wait for that.  So a store to a word of a region goes
 * to a buffer of its process first (pending), and a process Memory lets it
 * arrive, at any time.
 *
 * A release store, of `tail' and `head', arrives behind all that were made
 * before it.  A relaxed one, of `asleep' and `full', may pass other words.  A
 * fence waits until the own buffer is empty (is_flushed).  So does a send on
 * the socket: who has received a message sees what its sender stored before.
 *
 * The bytes of a frame are not in the buffer: they are written at once.  With
 * the release of `tail' nobody can see when they are written before it; and as
 * early as possible is the worst case for one who still reads what was there.
 * Neither is `begun': it is read when the worker is dead, and what a dead
 * process has stored arrives.
 *
 * Loads are done in the order of the program, and no store is done before a
 * load in front of it.  What happens if an acquire is missing is in mutants,
 * FRAME_FIRST and TAKE_ROOM_EARLY, that swap the two.
 *
 * Epochs are only compared with the last one for which the peer was woken.  So
 * the model has 1 for an epoch that is another than that, and 0 for all else:
 * the waker sets the word to 0 where the code remembers the epoch.  That is the
 * same, with fewer states.
 *
 * PROPERTIES
 *
 * - Frames are what was sent, in order, none twice: assertions in RUN and TAKE.
 *   A payload is looked at in a later step than its header.
 * - What one side finds in its rings and on the socket always makes sense: the
 *   assertions stand where the code gives -EPROTO.
 * - Every request is answered if the worker lives: else init waits for is_over
 *   for ever, which Spin reports as an invalid end state.  Both sides asleep
 *   with something left to do is found that way.  That a side never does the
 *   same for ever is not looked at by ring.sh, as it takes long; spin -a, then
 *   cc -DNP pan.c and PLAN=1 ./a.out -l find no cycle at all, in any plan.
 * - If the worker dies, judge(): every reply that it had published is
 *   delivered; a request that is said not to have run has not, and never will;
 *   and at most one that did not run is said to be in doubt, the one that was
 *   about to.
 *
 * NOT MODELLED
 *
 * OFFER and SWITCH, see switch.pml; what a hostile peer writes; errors of
 * send(2) other than a full socket; holding a frame (brood__ring_hold), CANCEL,
 * parts of replies; pads of less than 24 bytes; spinning; a grandchild that
 * writes after the worker's death, for which brood__ring_freeze() reads the
 * tail only once; and more than one worker.
 *
 * TWO NOTES ON THE CODE
 *
 * A side that stops reading, and may sleep then, must have looked once more
 * behind the last frame that it took: only a look gives back the room of that
 * frame, and one that finds nothing looks at `full' behind a fence.  A pad and
 * that frame can be all of the ring.  So the host of the model stops only in
 * front of a frame that it knows of (TAKE).  STOP_AT_LAST is what happens
 * otherwise.
 *
 * rings_wake() sends no WAKE in the midst of a frame on the socket.  No plan
 * needs that: by then the other side waits for nothing, because a host sends
 * such a frame to an idle worker only (SOCKET_TO_BUSY), and a worker sends all
 * of one before it does anything else.
 */

#define SIZE	3		/* slots of a ring */
#define HOT	1		/* slots of it that are hot, see RING_HOT */
#define PLACES	2		/* messages that a socket holds */
#define BUFFER	3		/* stores of one side that are under way */
#define N	4		/* requests at most */

/* Kinds of frames: the count of slots in a ring, or by the socket. */
#define SMALL	1
#define BIG	2
#define SOCKET	4

/* What is in a slot: one of these, of frames plus the number of the frame. */
#define HEADER	8		/* times the count of slots */
#define BIG_END	24		/* the second slot of a big frame */
#define PAD	32
#define MARK	33

/* What is on a socket: one of these, but for WAKE plus the number. */
#define WAKE	0
#define FIRST	8		/* the first bytes of a frame */
#define REST	16		/* the rest of them */
#define WHOLE	24		/* only in an inbox: all of a frame */

/* The words of a region. */
#define TAIL	0
#define HEAD	1
#define ASLEEP	2
#define FULL	3

#define NEVER	31		/* no position gets there */

/* The sides. */
#define H	0		/* the host */
#define W	1		/* the worker */

/*
 * MUTANTS
 *
 * Each breaks one rule, on one side: the host's (H), the worker's (W), or one
 * after the other.  ring.sh reads this table: name, number, and each side with
 * the plan, in init, in which the fault shows.
 */
#define NO_SLEEP_FENCE	1	/* H1 W1: asleep = 1; look at tail */
#define NO_PUBLISH_FENCE 2	/* H1 W1: tail = ...; look at asleep */
#define NO_ASK_FENCE	3	/* H3 W3: full = 1; look at head */
#define NO_GIVE_FENCE	4	/* H3 W3: head = ...; look at full */
#define NO_SLEEP_LOOK	5	/* H1 W1: sleep without a second look at tail */
#define NO_ASK_LOOK	6	/* H3 W3: the same for head */
#define TAIL_FIRST	7	/* H1 W1: no release: tail, then the frame */
#define FRAME_FIRST	8	/* H2 W2: no acquire: frame before tail */
#define GIVE_EARLY	9	/* H1 W1: no release: head, then a last look */
#define TAKE_ROOM_EARLY	10	/* H3 W3: no acquire: write, then look at head */
#define NO_PUBLISH_WAKE	11	/* H1 W1: published frames wake nobody */
#define NO_GIVE_WAKE	12	/* H3 W3: room wakes nobody */
#define ONE_ASLEEP	13	/* H1 W1: asleep has the same value each time */
#define ONE_FULL	14	/* H3 W3: the same for full */
#define STILL_ASLEEP	15	/* H1 W1: is_asleep stays, after WAKE was read */
#define PAD_FREE	16	/* H2 W2: a pad needs no room */
#define PAD_UNSAID	17	/* H2 W2: the writer pads, and writes no pad */
#define PAD_ALONE	18	/* H2 W2: pad without room for the frame */
#define SPLIT		19	/* H3 W2: no pad in front of the end */
#define MARK_LATE	20	/* H5 W5: publish the mark behind its frame */
#define SOCKET_TO_BUSY	21	/* H5: by the socket to a busy worker */
#define ASK_UNPUBLISHED	22	/* H1: wait for room before publishing */
#define BEGUN_LATE	23	/* W6: begun is stored behind the handler */
#define END_EARLY	24	/* H6: freeze and judge one who is not dead */
#define JUDGE_FIRST	25	/* H6: judge, then read what is in the ring */
#define SOCKET_LOST	26	/* H7: the dead one's socket is not read */
#define STOP_AT_LAST	27	/* H1: stop reading, and do not look again */
#define AWAKE_TOO_OFTEN	28	/* H1 W1: it says that it is awake, and sleeps */

/*
 * The environment says which: MUTANT is a number or 0, SIDE is 0 for the host
 * and 1 for the worker, PLAN is a number or 0 for all.  They are not part of a
 * state, as they never change.
 */
hidden byte mutant, mutated, only;

#define is_mutant(name)	(mutant == name && mutated == s)

/* What both sides share; s is the one that writes it */

byte words[8];
byte slots[2 * SIZE];
byte stores[2 * BUFFER];
byte n_stores[2];
chan socket[2] = [PLACES] of { byte };
byte begun, begun_too;
bool is_hung_up, is_dead, is_over;
bool was_asleep, was_full;	/* once, for ONE_ASLEEP and ONE_FULL */

/* The plan of this run: see init. */
short requests, replies;	/* 3 bits for each */
byte n_all;

#define request(i)	(requests >> (3 * (i)))
#define reply(i)	(replies >> (3 * (i)))

#define word(s, kind)	words[4 * (s) + (kind)]
#define slot(s, at)	slots[SIZE * (s) + (at) % SIZE]
#define has_place(s)	(len(socket[s]) < PLACES)
#define has_message(s)	(len(socket[s]) > 0)

/* What is true, for the properties. */

byte n_ran;			/* requests whose handler was called */
byte n_replied;			/* replies that the worker has put */
byte n_visible;			/* of these, those that the host can get */
byte n_done;			/* requests that are complete */
byte not_run_from = NEVER;	/* it is reported that this was not run */

/* Stores that are under way: pending(s, 0) is the oldest */

#define pending(s, i)	stores[BUFFER * (s) + (i)]
#define kind_of(store)	((store) / 32)
#define may_pass(s, i)	(kind_of(pending(s, i)) >= ASLEEP && \
	    kind_of(pending(s, i)) != kind_of(pending(s, 0)) && \
	    (i < 2 || kind_of(pending(s, i)) != kind_of(pending(s, 1))))
#define is_flushed(s)	(n_stores[s] == 0)

/* The other side can see it from now on. */
inline arrive(s, i)
{
	d_step {
		word(s, kind_of(pending(s, i))) = pending(s, i) % 32;
		n_stores[s]--;
		if
		:: i == 0 -> pending(s, 0) = pending(s, 1)
		:: else
		fi;
		if
		:: i <= 1 -> pending(s, 1) = pending(s, 2)
		:: else
		fi;
		pending(s, 2) = 0
	}
}

proctype Memory(bit s)
{
end:
	do
	:: n_stores[s] > 0 -> arrive(s, 0)
	:: n_stores[s] > 1 && may_pass(s, 1) -> arrive(s, 1)
	:: n_stores[s] > 2 && may_pass(s, 2) -> arrive(s, 2)
	od
}

inline store(kind, value)
{
	n_stores[s] < BUFFER;
	pending(s, n_stores[s]) = 32 * (kind) + (value);
	n_stores[s]++
}

/*
 * What the steps do.  pc is the next step.  The functions without a step of
 * their own are private: they end by setting pc.
 */

mtype = {
	LOOK, LOOK_FULL, SLEEP, ASK, PUT, PUBLISH, WAKE_UP, SEND, RECEIVE,
	BEGIN, RUN, TAKE, ARRIVAL, POLL, READ, END, FINISHED
};

#define rest(at)	(SIZE - (at) % SIZE)
#define is_hot(at)	((at) % SIZE < HOT)
#define fits(skip, n)	(tail + (skip) + (n) - room <= SIZE)

/* ring_give_back(), up to the fence.  The same head again changes nothing. */
inline give_back()
{
	if
	:: gave != head -> store(HEAD, head); gave = head
	:: else
	fi;
	pc = LOOK_FULL
}

/* brood__ring_peek() */
inline look()
{
	if
	:: head == filled && is_mutant(FRAME_FIRST) ->
		early = 64 + slot(1 - s, head); pc = LOOK
	:: head == filled && !is_mutant(FRAME_FIRST) -> pc = LOOK
	:: else -> give_back()
	fi
}

inline read_entry()
{
	entry = slot(1 - s, head);
	if
	:: early != 0 -> entry = early - 64; early = 0
	:: else
	fi
}

/* ring_read_entry(), called by brood__ring_peek(): entry, 0 if there is none */
inline look_at_entry()
{
	if
	:: head == filled -> entry = 0; early = 0
	:: else ->
		read_entry();
		if
		:: entry == PAD ->
			assert(rest(head) < filled - head);
			head = head + rest(head);
			read_entry()
		:: else
		fi;
		assert(entry == MARK ||
		    (entry > HEADER && entry < BIG_END));
		x = (entry == MARK -> 1 : entry / HEADER);
		assert(x <= rest(head) && head + x <= filled)
	fi
}

/* rings_next() and rings_give_by_socket(), which looks again */
inline next()
{
	look_at_entry();
	if
	:: entry != 0 && entry != MARK ->
		got = entry % HEADER;
		take()
	:: else ->
		if
		:: inbox >= WHOLE && !is_again -> is_again = true; look()
		:: inbox >= WHOLE && is_again ->
			assert(entry == MARK);
			got = inbox - WHOLE;
			inbox = 0;
			take()
		:: else ->
			is_at_mark = entry == MARK;
			entry = 0;
			nothing()
		fi
	fi;
	x = 0
}

/* brood__ring_take() and rings_took() */
inline take()
{
	head = head + x;
	is_again = false;
	if
	:: is_mutant(GIVE_EARLY) -> store(HEAD, head); gave = head
	:: else
	fi;
	if
	:: s == W -> begun = (is_mutant(BEGUN_LATE) -> begun : got);
		pc = (is_mutant(BEGUN_LATE) -> RUN : BEGIN)
	:: s == H -> pc = TAKE
	fi
}

/* brood__channel_next() has given 0. */
inline nothing()
{
	if
	:: s == W && (is_at_mark || is_asleep) -> pc = RECEIVE
	:: s == W && !is_at_mark && !is_asleep -> fall_asleep()
	:: s == H && (is_ready || is_ended) -> pc = READ
	:: s == H && !is_ready && !is_ended -> turn()
	fi
}

/* brood__ring_fall_asleep(), up to the fence */
inline fall_asleep()
{
	store(ASLEEP, 1);
	pc = SLEEP
}

/* brood__ring_stay_awake(), also when brood__ring_fall_asleep() was in vain */
inline stay_awake()
{
	store(ASLEEP, 0)
}

/* Is the frame still what it was when its header was read? */
inline check_payload()
{
	assert(entry == MARK || slot(1 - s, head - entry / HEADER) == entry);
	assert(entry < 2 * HEADER || entry == MARK ||
	    slot(1 - s, head - 1) == BIG_END + got);
	entry = 0
}

/* brood__channel_recv_some(); and brood__inbox_next() drops WAKE */
inline receive()
{
	socket[1 - s]?x;
	if
	:: is_asleep && !is_mutant(STILL_ASLEEP) -> stay_awake()
	:: else
	fi;
	is_asleep = is_asleep && is_mutant(STILL_ASLEEP);
	is_at_mark = false;
	if
	:: x == WAKE -> assert(inbox == 0 || inbox >= WHOLE)
	:: x >= FIRST && x < REST -> assert(inbox == 0); inbox = x
	:: x >= REST ->
		assert(inbox == x - REST + FIRST);
		inbox = x - REST + WHOLE
	fi;
	x = 0
}

/* The bytes of an entry, into the ring. */
inline write(at, first)
{
	slot(s, at) = first;
	if
	:: first > 2 * HEADER && first < BIG_END ->
		slot(s, at + 1) = BIG_END + first % HEADER
	:: else
	fi
}

/* ring_pad() */
inline pad()
{
	if
	:: !is_mutant(PAD_UNSAID) -> slot(s, tail) = PAD
	:: else
	fi;
	tail = tail + rest(tail)
}

#define fits_padded(n)	fits((is_mutant(PAD_FREE) -> 0 : rest(tail)), \
	    (is_mutant(PAD_ALONE) -> 0 : n))

/* brood__ring_put() of n slots; n = 0 if there was room */
inline put(first)
{
	if
	:: is_mutant(TAKE_ROOM_EARLY) && n <= rest(tail) -> write(tail, first)
	:: else
	fi;
	if
	:: !is_hot(tail) || !fits(0, n) ->
		room = word(1 - s, HEAD);
		assert(room <= published)
	:: else
	fi;
	if
	:: !is_hot(tail) && fits_padded(n) -> pad()
	:: else
	fi;
	if
	:: n > rest(tail) && fits_padded(n) && !is_mutant(SPLIT) -> pad()
	:: else
	fi;
	if
	:: (n <= rest(tail) || is_mutant(SPLIT)) && fits(0, n) ->
		if
		:: late != 0 -> write(late_at, late); late = 0; late_at = 0
		:: else
		fi;
		if
		:: is_mutant(TAIL_FIRST) -> late = first; late_at = tail
		:: else -> write(tail, first)
		fi;
		tail = tail + n;
		n = 0
	:: else
	fi
}

/* rings_send_frame(), up to brood__channel_publish() */
inline put_kind(kind, number)
{
	n = (kind == SOCKET -> 1 : kind);
	x = (kind == SOCKET -> MARK : HEADER * n + number);
	put(x);
	x = 0;
	if
	:: n == 0 && kind == SOCKET -> n_parts = 2; kind = 0
	:: n == 0 && kind != SOCKET -> kind = 0
	:: else
	fi
}

/* brood__ring_publish(), up to the fence */
inline publish()
{
	if
	:: n_parts > 0 && is_mutant(MARK_LATE) -> pc = SEND
	:: tail != published && !(n_parts > 0 && is_mutant(MARK_LATE)) &&
	    !(is_asking && is_mutant(ASK_UNPUBLISHED)) ->
		store(TAIL, tail);
		published = tail;
		if
		:: s == W && n_parts == 0 -> n_visible = n_replied
		:: else
		fi;
		pc = PUBLISH
	:: else -> after_publish()
	fi
}

/* Ask for room, or send what was marked, or go on. */
inline after_publish()
{
	if
	:: is_asking -> store(FULL, 1); pc = ASK
	:: !is_asking && n_parts > 0 -> pc = SEND
	:: else ->
		if
		:: s == W -> look()
		:: s == H -> pc = ARRIVAL
		fi
	fi
}

inline after_wake()
{
	if
	:: is_publishing -> is_publishing = false; after_publish()
	:: else -> next()
	fi
}

/* brood__channel_flush() of the host */
inline flush()
{
	if
	:: n_parts > 0 -> pc = SEND
	:: n_parts == 0 && n_put < n_queued -> pc = PUT
	:: else -> publish()
	fi
}

inline queue(kind)
{
	kinds[n_queued] = kind;
	n_queued++
}

/* brood__turn(), from turn_act() on; the end of reading, if the worker died */
inline turn()
{
	if
	:: is_ended -> judge()
	:: !is_ended && n_done == n_all -> pc = FINISHED
	:: else ->
		do
		:: n_queued < n_all && request(n_queued) & SMALL ->
			queue(SMALL)
		:: n_queued < n_all && request(n_queued) & BIG ->
			queue(BIG)
		:: n_queued < n_all && request(n_queued) & SOCKET &&
		    (n_done == n_queued || is_mutant(SOCKET_TO_BUSY)) ->
			queue(SOCKET)
		:: n_done < n_queued -> break
		od;
		flush()
	fi
}

/* settle_all() */
inline judge()
{
	assert(n_done == n_visible);
	x = n_done + 1;
	do
	:: x > n_all -> break
	:: x <= n_all ->
		if
		:: begun != begun_too && x <= n_put
		:: begun == begun_too && x <= begun ->
			assert(x <= n_ran + 1)
		:: else ->
			assert(x > n_ran);
			not_run_from = x;
			break
		fi;
		x++
	od;
	x = 0;
	pc = FINISHED
}

#define STEP(name)	atomic { pc == name

proctype Side(bit s)
{
	mtype pc;
	byte tail, published, room;
	byte head, filled, gave, end_at = NEVER;
	byte inbox, entry, got, x, n;
	byte n_queued, n_put, n_parts, kinds[N];
	bool is_asking, is_again, is_publishing, is_ready, is_ended;
	bool is_at_mark, is_asleep;
	byte early, late, late_at;

	atomic {
		if
		:: s == W -> look()
		:: s == H -> turn()
		fi
	}
	{
end:
	do
	/* reading */
	:: STEP(LOOK) ->
		filled = word(1 - s, TAIL);
		if
		:: filled > end_at -> filled = end_at
		:: else
		fi;
		assert(filled >= head && filled - head <= SIZE);
		give_back() }
	:: STEP(LOOK_FULL) && (head != filled || is_flushed(s) ||
	    is_mutant(NO_GIVE_FENCE)) ->
		if
		:: word(1 - s, FULL) && !is_mutant(NO_GIVE_WAKE) &&
		    !(mutant == ONE_FULL && mutated != s && was_full) ->
			was_full = mutant == ONE_FULL && mutated != s;
			word(1 - s, FULL) = 0;
			pc = WAKE_UP
		:: else -> next()
		fi }

	/* sleeping */
	:: STEP(SLEEP) && (is_flushed(s) || is_mutant(NO_SLEEP_FENCE)) ->
		is_asleep = word(1 - s, TAIL) == head ||
		    is_mutant(NO_SLEEP_LOOK);
		if
		:: is_asleep && is_mutant(AWAKE_TOO_OFTEN) ->
			stay_awake();
			pc = (s == W -> RECEIVE : POLL)
		:: is_asleep && !is_mutant(AWAKE_TOO_OFTEN) ->
			pc = (s == W -> RECEIVE : POLL)
		:: else -> stay_awake(); look()
		fi }
	:: STEP(ASK) && (is_flushed(s) || is_mutant(NO_ASK_FENCE)) ->
		is_asking = word(1 - s, HEAD) == room ||
		    is_mutant(NO_ASK_LOOK);
		if
		:: is_asking && s == W ->
			assert(inbox < WHOLE);
			pc = RECEIVE
		:: is_asking && s == H -> is_asking = false; pc = ARRIVAL
		:: !is_asking -> pc = PUT
		fi }

	/* writing */
	:: STEP(PUT) ->
		if
		:: s == W ->
			put_kind(kinds[0], n_ran)
		:: s == H ->
			put_kind(kinds[n_put], n_put + 1);
			if
			:: n == 0 -> n_put++
			:: else
			fi
		fi;
		if
		:: n != 0 -> n = 0; is_asking = true; publish()
		:: n == 0 && s == W -> n_replied++; publish()
		:: n == 0 && s == H && n_parts == 0 && n_put < n_queued
		:: else -> publish()
		fi }
	:: STEP(PUBLISH) && (is_flushed(s) || is_mutant(NO_PUBLISH_FENCE)) ->
		if
		:: late != 0 -> write(late_at, late); late = 0; late_at = 0
		:: else
		fi;
		if
		:: word(1 - s, ASLEEP) && !is_mutant(NO_PUBLISH_WAKE) &&
		    !(mutant == ONE_ASLEEP && mutated != s && was_asleep) ->
			was_asleep = mutant == ONE_ASLEEP && mutated != s;
			word(1 - s, ASLEEP) = 0;
			is_publishing = true;
			pc = WAKE_UP
		:: else -> after_publish()
		fi }
	:: STEP(WAKE_UP) && is_flushed(s) ->
		if
		:: n_parts != 1 && has_place(s) ->
			socket[s]!WAKE
		:: else
		fi;
		after_wake() }

	/* the socket */
	:: STEP(SEND) && is_flushed(s) && (s == H || has_place(s)) ->
		if
		:: has_place(s) ->
			x = (s == W -> n_replied : n_put);
			socket[s]!((n_parts == 2 -> FIRST : REST) + x);
			x = 0;
			n_parts--;
			if
			:: n_parts == 1
			:: n_parts == 0 && s == W ->
				n_visible = n_replied;
				publish()
			:: n_parts == 0 && s == H -> flush()
			fi
		:: else -> pc = ARRIVAL
		fi }
	:: STEP(RECEIVE) && has_message(1 - s) ->
		receive();
		if
		:: is_asking -> is_asking = false; pc = PUT
		:: else -> look()
		fi }

	/* the worker */
	:: STEP(BEGIN) ->
		begun_too = got;
		if
		:: is_mutant(BEGUN_LATE) -> begun = got; got = 0; pc = PUT
		:: else -> pc = RUN
		fi }
	:: STEP(RUN) ->
		assert(got == n_ran + 1);
		assert(got < not_run_from);
		n_ran = got;
		check_payload();
		if
		:: reply(n_ran - 1) & SMALL -> kinds[0] = SMALL
		:: reply(n_ran - 1) & BIG -> kinds[0] = BIG
		:: reply(n_ran - 1) & SOCKET -> kinds[0] = SOCKET
		fi;
		if
		:: is_mutant(BEGUN_LATE) -> pc = BEGIN
		:: else -> got = 0; pc = PUT
		fi }

	/* the host */
	:: STEP(TAKE) ->
		assert(got == n_done + 1 && got <= n_ran);
		check_payload();
		n_done = got;
		got = 0;
		if
		:: !is_ended && !is_ready &&
		    (head != filled || is_mutant(STOP_AT_LAST)) -> turn()
		:: true -> look()
		fi }
	:: STEP(ARRIVAL) ->
		if
		:: !is_at_mark && word(W, TAIL) != head -> look()
		:: is_asleep || is_at_mark -> pc = POLL
		:: !is_asleep && !is_at_mark -> fall_asleep()
		fi }
	:: STEP(POLL) && (has_message(W) || (n_parts > 0 && has_place(H)) ||
	    (is_dead && is_flushed(W)) ||
	    (is_hung_up && is_mutant(END_EARLY))) ->
		if
		:: has_message(W) -> is_ready = true; look()
		:: n_parts > 0 && has_place(H) -> look()
		:: is_dead && is_flushed(W) -> pc = END
		:: is_hung_up && is_mutant(END_EARLY) -> pc = END
		fi }
	:: STEP(READ) ->
		if
		:: has_message(W) && !(is_ended && is_mutant(SOCKET_LOST)) ->
			receive(); is_ready = false; look()
		:: else -> is_ready = false; turn()
		fi }
	:: STEP(END) ->
		is_ended = true;
		filled = word(W, TAIL);
		end_at = filled;
		if
		:: is_mutant(JUDGE_FIRST) -> judge()
		:: else -> look()
		fi }
	:: pc == FINISHED -> is_over = true; break
	od
	} unless { s == W && is_dead }
}

proctype Killer()
{
	is_hung_up = true;
	is_dead = true
}

#define is_plan(i)	(only == 0 || only == i)
#define FRAMES(a, b, c, d)	((a) + 8 * (b) + 64 * (c) + 512 * (d))

#define ANY	(SMALL + BIG)

init
{
	c_code {
		mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0;
		only = getenv("PLAN") ? atoi(getenv("PLAN")) : 0;
		mutated = getenv("SIDE") ? atoi(getenv("SIDE")) : 0;
	};
	atomic {
		run Memory(H);
		run Memory(W);
		run Side(W);
		run Side(H);
		if
		:: is_plan(1) -> n_all = 4;
			requests = FRAMES(SMALL, SMALL, SMALL, SMALL);
			replies = FRAMES(BIG, BIG, BIG, BIG)
		:: is_plan(2) -> n_all = 3;
			requests = FRAMES(SMALL, SMALL, SMALL, 0);
			replies = FRAMES(ANY, ANY, ANY, 0)
		:: is_plan(3) -> n_all = 4;
			requests = FRAMES(SMALL, SMALL, BIG, BIG);
			replies = FRAMES(SMALL, SMALL, SMALL, BIG)
		:: is_plan(4) -> n_all = 4;
			requests = FRAMES(SMALL, BIG, SMALL, BIG);
			replies = FRAMES(SOCKET, SMALL, SOCKET, SMALL)
		:: is_plan(5) -> n_all = 4;
			requests = FRAMES(SMALL, SMALL, SOCKET, SMALL);
			replies = FRAMES(BIG, BIG, SOCKET, BIG)
		:: is_plan(6) -> n_all = 3;
			requests = FRAMES(SMALL, SMALL, SMALL, 0);
			replies = FRAMES(BIG, SMALL, BIG, 0);
			run Killer()
		:: is_plan(7) -> n_all = 3;
			requests = FRAMES(SMALL, SOCKET, SMALL, 0);
			replies = FRAMES(SMALL, SOCKET, SMALL, 0);
			run Killer()
		fi
	}
	is_over
}
