/* SPDX-License-Identifier: ISC */

/*
 * A model of how requests complete, for the model checker Spin: settle.c of
 * host/, and what exchange.c, turn.c, queue.c, in_flight.c, reconcile.c and
 * lifecycle.c do with requests.  tests/models/completion.sh runs it; change it
 * in the same commit as a rule of those files.
 *
 * WHAT IS MODELLED
 *
 * A host with two to four requests, which its program submits, and in some of
 * the plans cancels, at any time; a limit of time of some requests may pass at
 * any time.  One or two workers run them, each with up to two or three requests
 * sent ahead.  Workers die at any step, and in some of the plans a handler
 * never returns.  A supervisor process reaps workers and starts others; in some
 * of the plans it gives up, or is killed itself, at any step.
 *
 * Each worker that is started has a number of its own, and slots are not
 * looked at.  The host keeps a worker that has ended until it is settled, while
 * the next one is there already.
 *
 * A stream is counted in frames, not in bytes: a position is the number of
 * frames up to there.  A frame is a request or CANCEL.  What the host has
 * queued for a worker and not sent yet lies between n_sent and n_queued.  The
 * frame at a position is the request whose `end_at' it is; if there is no such
 * request, it is CANCEL.  (`place' is the same as `end_at', but in a mutant.)
 *
 * The transport is a socket or a ring.  In a socket, what the worker has taken
 * is what is not there any more: the host, which holds the worker's end too
 * (kept_fd), counts it after the worker's death.  Of a ring the worker itself
 * writes `begun' when it has taken a request.  That a ring works, and how both
 * sides go over to it, is what ring.pml and switch.pml are about.
 *
 * A worker's step is one access to what another process can see.  A turn of the
 * host is two steps: all that it receives, and all that it sends.  What comes
 * between two receives is as if it came behind both, since nobody can tell; and
 * so for sends.  (With DEEP they are more steps all the same.)
 *
 * The names of the parts:
 *
 *	WAIT		brood__arrival_wait(); brood_pool_submit(), _cancel()
 *	NOTICES		turn_read_control()
 *	READ		turn_read_workers(): exchange_read(); settle_worker() of
 *			each that has ended
 *	EXPIRE		brood__settle_expire()
 *	ACT		turn_act() up to brood__exchange_assign()
 *	FLUSH_CONTROL	turn_flush(), first half; lists_open_gates()
 *	FLUSH_WORKERS	turn_flush(), second half
 *
 *	COLLECT		supervisor_collect()
 *	COMMANDS	supervisor_read_control()
 *	JUDGE		supervisor_judge() and _start_due()
 *
 *	RECEIVE		brood__channel_recv() of the worker
 *	BEGIN		brood__ring_set_begun()
 *	RUN		worker_handle() calls the handler
 *	REPLY		request_send()
 *
 * PROPERTIES
 *
 * - Each request has one completion: an assertion in complete(); and none waits
 *   for ever: else init waits for is_over, which Spin reports as an invalid end
 *   state.  So a wait that nothing wakes is found too.
 * - What a completion says of having run is so, and stays so: assertions in
 *   complete() and handle().
 * - A request that is not idempotent runs once at most, and one that is runs
 *   twice at most: an assertion in handle().
 * - A reply that was sent before the worker's death is delivered: an assertion
 *   in settle_one().
 * - A death costs one request: an assertion in settle_all().  A request that
 *   the worker had not taken is not among those: one in settle_one().
 * - The supervisor knows that a worker was given a request when it judges the
 *   end of that worker, and so does not blame it: an assertion in judge().
 *
 * NOT MODELLED
 *
 * Parts of replies; what a hostile worker writes, and shutdown(2) by it; errors
 * of system calls; reload and resize; spares; the way from GOODBYE to KILL, for
 * which see shutdown.pml: here a worker that is to be stopped is killed at some
 * time.
 */

#ifdef DEEP
#define N	4		/* requests at most */
#define G	5		/* workers that are ever started, at most */
#define is_any(is)	(is(0) || is(1) || is(2) || is(3) || is(4))
#define NEXT_RECEIVE	}; d_step {
#define NEXT_SEND	}; atomic {
#else
#define N	3
#define G	4
#define is_any(is)	(is(0) || is(1) || is(2) || is(3))
#define NEXT_RECEIVE
#define NEXT_SEND
#endif
#define PLACES	2		/* messages that a socket holds */
#define TRIES	2		/* SETTLE_TRIES */

#define NOBODY	15		/* no worker; no request */
#define CANCEL	15		/* a frame; others are numbers of requests */

/*
 * MUTANTS: see ring.pml.  H is the host, S the supervisor process, W the
 * worker; the digit is the plan, in init.
 */
#define SETTLE_UNREAD	1	/* H1 H2: settle before the last replies */
#define SETTLE_EARLY	2	/* H4: settle one who is told to stop */
#define ALL_BEGUN	3	/* H1 H2: what was sent has begun */
#define ALL_ANSWERED	4	/* H1 H2: what is unanswered was not begun */
#define RETRY_ALL	5	/* H1: retry what is not idempotent */
#define RETRY_EVER	6	/* H1: do not count that it was retried */
#define RETRIED_CLEAN	7	/* H5: say NOT_RUN of a retried request */
#define PASSED_CLEAN	8	/* H8: the same, where it was passed on often */
#define CANCEL_UNCOUNTED 9	/* H3: CANCEL moves no request behind it */
#define CANCEL_FORGETS	10	/* H3: forget what is canceled, at the worker */
#define LATE_REPLY	11	/* H3 H4: a late reply completes it again */
#define LATE_LIMIT	12	/* H3: a late limit completes it again */
#define LATE_END	13	/* H3: the worker's end completes it again */
#define NO_GATE		14	/* H1: send the request before USED */
#define GATE_ASLEEP	15	/* H1: nothing is due when a gate opens */
#define USED_UNSAID	16	/* H1: USED is not said at all */
#define OVERDUE_KEPT	17	/* H4: do not stop who runs what is overdue */
#define OVERDUE_LATER	18	/* H4: do not look when it becomes the oldest */
#define LOST_TRUSTED	19	/* H5: believe the count of one who lives */
#define LOST_UNREAD	20	/* H5: do not read what a lost worker sent */
#define LOST_SILENT	21	/* H5: do not close the queue */
#define CLOSED_TAKES	22	/* H5: a closed queue takes requests */
#define CLOSED_KEEPS	23	/* H5: restore into a closed queue */
#define BROKEN_OPEN	24	/* H6: given up, and the queue stays open */
#define UNSAFE_RESTORE	25	/* H1: put back without forgetting the worker */
#define COLLECT_LATE	26	/* S1: read commands, then collect the dead */
#define END_UNSAID	27	/* S1: tell no end */
#define BEGUN_LATE	28	/* W2: begun is stored behind the handler */
#define READ_AHEAD	29	/* W1: take the next request while one runs */
#define REPLY_TWICE	30	/* W1: answer twice */

hidden byte mutant, only;

#define is_mutant(name)	(mutant == name)

/* The plan of this run: see init.  Sets of requests are bits. */
byte n_all, n_workers, in_flight, n_kills;
byte idempotent, limited, cancelable, hanging;
bool is_ring, is_late, may_lose, may_give_up;

#define bit_of(i)	(1 << (i))
#define is_in(set, i)	(((set) >> (i)) & 1)

/* Workers and the supervisor process, and what is between them and the host. */
chan requests[G] = [PLACES] of { byte };
chan replies[G] = [PLACES] of { byte };
chan commands = [1] of { mtype, byte };
chan notices = [2 * G + 1] of { mtype, byte };
bool is_started[G], is_dead[G];
bool is_shut[G];		/* the host has called shutdown(SHUT_WR) ... */
bool is_closed[G];		/* ... and SHUT_RDWR, or close(2) */
byte begun[G];
bool is_supervisor_dead, is_over;

/* Positions in the stream to a worker. */
byte n_queued[G], n_sent[G];

#define taken(w)	(n_sent[w] - len(requests[w]))

mtype = {
	NEW, QUEUED, SENT, COMPLETED, OVERDUE, GONE,	/* requests */
	UNKNOWN, READY, STOPPING, ENDED, SETTLED,	/* workers */
	NOTE_READY, NOTE_ENDED, NOTE_GIVEN_UP,
	SAY_ADOPTED, SAY_USED, SAY_STOP,
	NOT_RUN, MAY_HAVE_RUN, RAN
};

/* What the host knows of requests */

mtype state[N];
byte holder[N], end_at[N], n_passed[N];
bool is_retried[N];

#define is_at(i, w)	(holder[i] == w)

/* What is true, for the properties: sets of requests. */

byte done;			/* these have their completion */
byte said_not_run, ran, ran_twice;
byte answered[G];		/* by this worker; its reply is sent */
byte promised[G];		/* of these, those before its end */
byte touched[G];		/* this worker has taken them */
byte place[N];			/* where the request is in the stream */
bool is_used[G];		/* the supervisor process knows of USED */

inline complete(i, said)
{
	assert(!is_in(done, i));
	assert(said != NOT_RUN || !is_in(ran, i));
	assert(said != RAN || is_in(ran, i));
	done = done | bit_of(i);
	if
	:: said == NOT_RUN -> said_not_run = said_not_run | bit_of(i)
	:: else
	fi
}

/* brood__queue_forget() */
inline forget(i)
{
	state[i] = GONE;
	holder[i] = NOBODY;
	end_at[i] = 0;
	place[i] = 0
}

/* brood__queue_end() and queue_refuse() */
inline end_queued(i)
{
	if
	:: is_retried[i] && !is_mutant(RETRIED_CLEAN) ->
		complete(i, MAY_HAVE_RUN)
	:: else -> complete(i, NOT_RUN)
	fi;
	forget(i)
}

/* brood__queue_restore() */
inline restore(i)
{
	if
	:: is_closed_queue && !is_mutant(CLOSED_KEEPS) -> end_queued(i)
	:: else ->
		state[i] = QUEUED;
		if
		:: !is_mutant(UNSAFE_RESTORE) ->
			holder[i] = NOBODY;
			end_at[i] = 0;
			place[i] = 0
		:: else
		fi
	fi
}

/* brood__queue_close() */
inline close_queue()
{
	is_closed_queue = true;
	i = 0;
	do
	:: i == n_all -> break
	:: i < n_all ->
		if
		:: state[i] == QUEUED -> end_queued(i)
		:: else
		fi;
		i++
	od;
	i = 0
}

/* brood__worker_oldest() gives o, its load is n_load */
inline find_oldest(w)
{
	o = NOBODY;
	n_load = 0;
	x = 0;
	do
	:: x == n_all -> break
	:: x < n_all ->
		if
		:: is_at(x, w) ->
			n_load++;
			if
			:: o == NOBODY -> o = x
			:: o != NOBODY && end_at[x] < end_at[o] -> o = x
			:: else
			fi
		:: else
		fi;
		x++
	od;
	x = 0
}

/* Is there an oldest request that is overdue, of a worker that is not told? */
inline note_overdue(w)
{
	find_oldest(w);
	if
	:: o != NOBODY && state[o] == OVERDUE && host_state[w] == READY ->
		is_stale = true
	:: else
	fi;
	o = 0;
	n_load = 0
}

/* exchange_handle() and exchange_answered() */
inline take_reply(w)
{
	replies[w]?i;
	assert(is_at(i, w) && end_at[i] <= n_sent[w]);
	if
	:: state[i] == SENT || is_mutant(LATE_REPLY) -> complete(i, RAN)
	:: else
	fi;
	forget(i);
	i = 0;
	if
	:: !is_mutant(OVERDUE_LATER) -> note_overdue(w)
	:: else
	fi
}

inline read_worker(w)
{
	do
	:: len(replies[w]) > 0 -> take_reply(w)
	:: else -> break
	od
}

/* settle_one() and settle_pass_on() of request o */
inline settle_one(w)
{
	if
	:: state[o] != SENT && !is_mutant(LATE_END) -> forget(o)
	:: (state[o] == SENT || is_mutant(LATE_END)) && end_at[o] > consumed ->
		assert(!is_in(promised[w], o));
		if
		:: !was_next || n_passed[o] + 1 < TRIES ->
			if
			:: was_next -> n_passed[o]++
			:: else
			fi;
			restore(o)
		:: else ->
			if
			:: is_retried[o] && !is_mutant(PASSED_CLEAN) ->
				complete(o, MAY_HAVE_RUN)
			:: else -> complete(o, NOT_RUN)
			fi;
			forget(o)
		fi
	:: (state[o] == SENT || is_mutant(LATE_END)) && end_at[o] <= consumed ->
		assert(!is_in(promised[w], o));
		assert(is_lost || is_in(touched[w], o));
		n_in_doubt++;
		if
		:: (is_in(idempotent, o) || is_mutant(RETRY_ALL)) &&
		    !is_retried[o] ->
			is_retried[o] = !is_mutant(RETRY_EVER);
			restore(o)
		:: else -> complete(o, MAY_HAVE_RUN); forget(o)
		fi
	fi
}

inline settle_all(w)
{
	was_next = true;
	find_oldest(w);
	do
	:: o == NOBODY -> break
	:: else ->
		settle_one(w);
		was_next = false;
		find_oldest(w)
	od;
	assert(is_lost || n_in_doubt <= 1);
	n_in_doubt = 0;
	was_next = false;
	o = 0;
	n_load = 0
}

/* brood__channel_consumed(), or of a lost worker brood__channel_sent() */
inline count_consumed(w)
{
	if
	:: (is_lost && !is_mutant(LOST_TRUSTED)) || is_mutant(ALL_BEGUN) ->
		consumed = n_sent[w]
	:: is_mutant(ALL_ANSWERED) -> consumed = 0
	:: else -> consumed = (is_ring -> begun[w] : taken(w))
	fi
}

/* settle_worker() */
inline settle_worker(w)
{
	if
	:: is_mutant(SETTLE_UNREAD) || (is_lost && is_mutant(LOST_UNREAD))
	:: else -> read_worker(w)
	fi;
	count_consumed(w);
	settle_all(w);
	consumed = 0;
	host_state[w] = SETTLED;
	is_closed[w] = true;
	promised[w] = 0;
	n_queued[w] = 0
}

/* turn_on_end(); brood__worker_set_last_byte() */
inline end_worker(w)
{
	host_state[w] = ENDED;
	promised[w] = answered[w]
}

inline on_notice()
{
	notices?note, w;
	if
	:: note == NOTE_READY ->
		host_state[w] = READY;
		control!SAY_ADOPTED, w
	:: note == NOTE_ENDED -> end_worker(w)
	:: note == NOTE_GIVEN_UP -> is_broken = true
	fi;
	note = 0;
	is_stale = true
}

/* brood__lifecycle_lose_supervisor() */
inline lose_supervisor()
{
	if
	:: !is_mutant(LOST_SILENT) -> close_queue()
	:: else
	fi;
	w = 0;
	do
	:: w == G -> break
	:: w < G ->
		if
		:: host_state[w] == READY || host_state[w] == STOPPING ->
			is_shut[w] = true;
			end_worker(w);
			is_due = true
		:: else
		fi;
		w++
	od;
	w = 0
}

/* fleet_direct(): only STOP, for one who runs what is overdue */
inline reconcile()
{
	w = 0;
	do
	:: w == G -> break
	:: w < G ->
		find_oldest(w);
		if
		:: host_state[w] == READY && o != NOBODY &&
		    state[o] == OVERDUE && !is_mutant(OVERDUE_KEPT) ->
			control!SAY_STOP, w;
			host_state[w] = STOPPING;
			if
			:: is_mutant(SETTLE_EARLY) -> end_worker(w)
			:: else
			fi
		:: else
		fi;
		w++
	od;
	w = 0;
	o = 0;
	n_load = 0;
	if
	:: is_broken && !is_closed_queue && !is_mutant(BROKEN_OPEN) ->
		close_queue()
	:: else
	fi
}

/* A gate: USED was not queued yet; it was; the kernel has it. */
#define CLOSED	0
#define SHUT	1
#define OPEN	2

/* brood__lists_pick() gives w, NOBODY: none; the queue's next one is i */
inline pick()
{
	i = 0;
	do
	:: i < n_all && state[i] != QUEUED -> i++
	:: else -> break
	od;
	w = NOBODY;
	y = 0;
	do
	:: y == G || i == n_all -> break
	:: else ->
		find_oldest(y);
		if
		:: host_state[y] == READY && gate[y] != SHUT &&
		    n_load < in_flight &&
		    (w == NOBODY || n_load < least) ->
			w = y; least = n_load
		:: else
		fi;
		y++
	od;
	y = 0;
	o = 0;
	n_load = 0;
	least = 0
}

/* brood__control_flush() */
inline flush_control()
{
	do
	:: len(control) > 0 && is_supervisor_dead ->
		control?command, y;
		if
		:: !is_lost -> is_lost = true; is_stale = true
		:: else
		fi
	:: len(control) > 0 && !is_supervisor_dead && len(commands) == 0 ->
		control?command, y;
		commands!command, y;
		if
		:: command == SAY_USED && gate[y] == SHUT ->
			gate[y] = OPEN;
			has_opened = true
		:: else
		fi
	:: else -> break
	od;
	command = 0;
	y = 0
}

/* brood__exchange_assign() */
inline assign()
{
	pick();
	do
	:: w == NOBODY -> break
	:: else ->
		if
		:: gate[w] == CLOSED && is_mutant(USED_UNSAID) ->
			gate[w] = OPEN
		:: gate[w] == CLOSED && !is_mutant(USED_UNSAID) ->
			control!SAY_USED, w;
			gate[w] = SHUT;
			flush_control();
			if
			:: is_mutant(NO_GATE) -> gate[w] = OPEN
			:: else
			fi
		:: else
		fi;
		if
		:: gate[w] == OPEN ->
			n_queued[w]++;
			end_at[i] = n_queued[w];
			place[i] = n_queued[w];
			holder[i] = w;
			state[i] = SENT
		:: else
		fi;
		pick()
	od;
	has_opened = false;
	i = 0;
	w = 0
}

/* turn_flush_worker(): the next frame to w */
inline send(w)
{
	n_sent[w]++;
	i = 0;
	do
	:: i < n_all && !(is_at(i, w) && place[i] == n_sent[w]) -> i++
	:: else -> break
	od;
	requests[w]!(i < n_all -> i : CANCEL);
	i = 0
}

#define may_send(w)	(n_sent[w] < n_queued[w] && \
	    len(requests[w]) < PLACES && \
	    (host_state[w] == READY || host_state[w] == STOPPING))
#define may_read(w)	(len(replies[w]) > 0 && \
	    (host_state[w] == READY || host_state[w] == STOPPING))
#define is_ready(w)	(may_send(w) || may_read(w))

/* settle_cancel_sent() and brood__in_flight_cancel() */
inline cancel_sent(i)
{
	complete(i, MAY_HAVE_RUN);
	state[i] = COMPLETED;
	w = holder[i];
	/* CANCEL goes before what was not sent, but behind its request. */
	y = (end_at[i] > n_sent[w] -> end_at[i] : n_sent[w]);
	n_queued[w]++;
	x = 0;
	do
	:: x == n_all -> break
	:: x < n_all ->
		if
		:: is_at(x, w) && place[x] > y ->
			place[x]++;
			end_at[x] = (is_mutant(CANCEL_UNCOUNTED) -> end_at[x] :
			    place[x])
		:: else
		fi;
		x++
	od;
	x = 0;
	y = 0;
	w = 0;
	if
	:: is_mutant(CANCEL_FORGETS) -> forget(i)
	:: else
	fi
}

#define may_cancel(i)	(is_in(cancelable, i) && i < n_submitted && \
	    !is_in(done, i))

inline cancel(i)
{
	cancelable = cancelable & ~bit_of(i);
	if
	:: state[i] == QUEUED -> end_queued(i)
	:: state[i] == SENT -> cancel_sent(i)
	:: else
	fi
}

inline submit()
{
	i = n_submitted;
	n_submitted++;
	if
	:: is_closed_queue && !is_mutant(CLOSED_TAKES) -> end_queued(i)
	:: else -> state[i] = QUEUED
	fi;
	i = 0
}

/* A limit of request i can pass: it is in the tree of the queue. */
#define may_expire(i)	(is_in(limited, i) && (state[i] == QUEUED || \
	    state[i] == SENT || state[i] == COMPLETED))

inline expire(i)
{
	if
	:: state[i] == QUEUED -> end_queued(i)
	:: state[i] == SENT ->
		complete(i, MAY_HAVE_RUN); state[i] = OVERDUE; is_stale = true
	:: state[i] == COMPLETED ->
		if
		:: is_mutant(LATE_LIMIT) -> complete(i, MAY_HAVE_RUN)
		:: else
		fi;
		state[i] = OVERDUE;
		is_stale = true
	:: else
	fi
}

#define is_all_done	(done == bit_of(n_all) - 1)

proctype Host()
{
	mtype host_state[G], note;
	byte gate[G];
	chan control = [2 * G] of { mtype, byte };
	byte n_submitted, expiring = NOBODY;
	bool is_closed_queue, is_broken, is_lost, is_stale, is_due;

	/* Of one step. */
	byte i, o, w, x, y, n_load, n_in_doubt, least, consumed;
	mtype command;
	bool was_next, has_opened;

	d_step {
		i = 0;
		do
		:: i == N -> break
		:: i < N -> holder[i] = NOBODY; state[i] = NEW; i++
		od;
		i = 0;
		do
		:: i == G -> break
		:: i < G -> host_state[i] = UNKNOWN; i++
		od;
		i = 0
	}
wait:
	/* WAIT */
	if
	:: atomic { is_all_done -> is_over = true; goto over }
	:: d_step { n_submitted < n_all ->
		submit();
		do
		:: n_submitted < n_all && !is_late -> submit()
		:: else -> break
		od;
		i = 0 }; goto act
	:: d_step { may_cancel(0) -> cancel(0) }; goto act
	:: d_step { may_cancel(1) -> cancel(1) }; goto act
	:: d_step { may_cancel(2) -> cancel(2) }; goto act
	:: may_expire(0) -> expiring = 0
	:: may_expire(1) -> expiring = 1
	:: may_expire(2) -> expiring = 2
	:: is_stale || is_due || len(notices) > 0 ||
	    (is_supervisor_dead && !is_lost) ||
	    (len(control) > 0 && len(commands) == 0) ||
	    is_any(is_ready)
	fi;

	/* NOTICES */
	d_step {
		is_due = false;
		do
		:: len(notices) > 0 && !is_lost -> on_notice()
		:: else -> break
		od;
		if
		:: is_supervisor_dead && !is_lost ->
			is_lost = true; is_stale = true
		:: else
		fi;

		NEXT_RECEIVE
		/* READ */
		w = 0;
		do
		:: w == G -> break
		:: w < G ->
			if
			:: may_read(w) -> read_worker(w)
			:: host_state[w] == ENDED -> settle_worker(w)
			:: else
			fi;
			w++
		od;
		w = 0;

		/* EXPIRE */
		if
		:: expiring != NOBODY -> expire(expiring); expiring = NOBODY
		:: else
		fi
	};
act:
	/* ACT */
	atomic {
		if
		:: is_stale && is_lost -> is_stale = false; lose_supervisor()
		:: is_stale && !is_lost -> is_stale = false; reconcile()
		:: else
		fi;
		assign();

		NEXT_SEND
		/* FLUSH_CONTROL */
		flush_control();
		if
		:: has_opened && !is_mutant(GATE_ASLEEP) -> is_due = true
		:: else
		fi;
		has_opened = false;

		NEXT_SEND
		/* FLUSH_WORKERS */
		w = 0;
		do
		:: w < G && may_send(w) -> send(w)
		:: w < G && !may_send(w) -> w++
		:: w == G -> break
		od;
		w = 0;
		goto wait
	};
over:
	skip
}

/* supervisor_collect() */
inline collect()
{
	w = 0;
	do
	:: w == G -> break
	:: w < G ->
		if
		:: is_dead[w] -> collected = collected | bit_of(w)
		:: else
		fi;
		w++
	od;
	w = 0
}

/* brood__commands_read() */
inline obey()
{
	do
	:: len(commands) > 0 ->
		commands?command, w;
		if
		:: command == SAY_ADOPTED
		:: command == SAY_USED -> is_used[w] = true
		:: command == SAY_STOP -> is_dead[w] = true
		fi
	:: else -> break
	od;
	command = 0;
	w = 0
}

/* brood__slot_on_exit() */
inline judge(w)
{
	assert(touched[w] == 0 || is_used[w]);
	judged = judged | bit_of(w);
	n_alive--;
	if
	:: !is_mutant(END_UNSAID) -> notices!NOTE_ENDED, w
	:: else
	fi;
	if
	:: may_give_up && !has_given_up ->
		has_given_up = true;
		notices!NOTE_GIVEN_UP, w
	:: true
	fi
}

#define is_news(w)	(is_dead[w] && !is_in(collected, w))

proctype Supervisor()
{
	byte n_started, n_alive, w;
	byte collected, judged;		/* sets of workers */
	mtype command;
	bool has_given_up;

	{
end:
	do
	/* COLLECT, when there is something to do */
	:: d_step { len(commands) > 0 ||
	    (n_alive < n_workers && n_started < G && !has_given_up) ||
	    is_any(is_news) ->
		if
		:: is_mutant(COLLECT_LATE) -> obey()
		:: else -> collect()
		fi };

	/* COMMANDS */
	    atomic {
		if
		:: is_mutant(COLLECT_LATE) -> collect()
		:: else -> obey()
		fi;

	/* JUDGE */
		do
		:: w == G -> break
		:: w < G ->
			if
			:: is_in(collected, w) && !is_in(judged, w) -> judge(w)
			:: else
			fi;
			w++
		od;
		w = 0;
		do
		:: n_alive < n_workers && n_started < G && !has_given_up ->
			is_started[n_started] = true;
			notices!NOTE_READY, n_started;
			n_started++;
			n_alive++
		:: else -> break
		od
	    }
	od
	} unless { is_supervisor_dead }
}

inline handle()
{
	assert(!is_in(said_not_run, got));
	assert(!is_in(ran, got) ||
	    (is_in(idempotent, got) && !is_in(ran_twice, got)));
	if
	:: is_in(ran, got) -> ran_twice = ran_twice | bit_of(got)
	:: else -> ran = ran | bit_of(got)
	fi
}

proctype Worker(byte w)
{
	byte got = CANCEL, ahead = CANCEL;

end_unstarted:
	is_started[w];
	{
end_idle:
	do
	/* RECEIVE */
	:: atomic { requests[w]?CANCEL -> begun[w]++ }
	:: is_shut[w] && len(requests[w]) == 0 -> break
	:: atomic { ahead != CANCEL || (len(requests[w]) > 0 &&
	    !requests[w]?[CANCEL]) ->
		if
		:: ahead != CANCEL -> got = ahead; ahead = CANCEL
		:: else ->
			requests[w]?got;
			if
			:: is_mutant(READ_AHEAD) && len(requests[w]) > 0 ->
				requests[w]?ahead
			:: else
			fi
		fi;
		touched[w] = touched[w] | bit_of(got) };
		if
		/* BEGIN */
		:: d_step { is_ring && !is_mutant(BEGUN_LATE) -> begun[w]++ };
			/* RUN */
			d_step { handle() }
		:: d_step { !is_ring || is_mutant(BEGUN_LATE) -> handle() }
		fi;
		if
		:: is_in(hanging, got) ->
end_hanging:
			false
		/* REPLY */
		:: atomic { len(replies[w]) < PLACES && !is_closed[w] ->
			replies[w]!got;
			answered[w] = answered[w] | bit_of(got);
			if
			:: is_mutant(REPLY_TWICE) && len(replies[w]) < PLACES ->
				replies[w]!got
			:: is_ring && is_mutant(BEGUN_LATE) -> begun[w]++
			:: else
			fi;
			got = CANCEL }
		:: is_closed[w] || is_over -> break
		fi
	od
	} unless { is_dead[w] }
}

#define may_kill(w)	(n_kills > 0 && is_started[w] && !is_dead[w])

proctype Killer()
{
end:
	do
	:: d_step { may_kill(0) -> is_dead[0] = true; n_kills-- }
	:: d_step { may_kill(1) -> is_dead[1] = true; n_kills-- }
	:: d_step { may_kill(2) -> is_dead[2] = true; n_kills-- }
	:: d_step { may_kill(3) -> is_dead[3] = true; n_kills-- }
	od
}

proctype Killer_of_supervisor()
{
	is_supervisor_dead = true
}

#define is_plan(i)	(only == 0 || only == i)

init
{
	c_code {
		mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0;
		only = getenv("PLAN") ? atoi(getenv("PLAN")) : 0;
	};
	atomic {
		n_all = N;
		n_workers = 1;
		in_flight = 2;
		if
		/* 1 and 2: workers die */
		:: is_plan(1) -> n_kills = 2; idempotent = 1 + 4
		:: is_plan(2) -> n_kills = 2; idempotent = 1 + 4; is_ring = true
		/* 3: the program cancels */
		:: is_plan(3) -> n_kills = 1; in_flight = 3; cancelable = 1;
			limited = 1
		/* 4: limits of time, and handlers that never return */
		:: is_plan(4) -> n_kills = 1; limited = 1 + 2; hanging = 1 + 2
		/* 5: the supervisor process is killed */
		:: is_plan(5) -> n_kills = 1; in_flight = 3; idempotent = 1;
			may_lose = true; is_late = true
		/* 6: it gives up */
		:: is_plan(6) -> n_kills = 1; idempotent = 1; is_late = true;
			may_give_up = true
		/* 7: two workers */
		:: is_plan(7) -> n_kills = 1; idempotent = 1; n_workers = 2
		/* 8: so many die that a request is passed on no more */
		:: is_plan(8) -> n_kills = 3; idempotent = 1; n_all = 2
#ifdef DEEP
		/* 9 and above: more of it at once */
		:: is_plan(9) -> n_kills = 3; idempotent = 1 + 4; is_late = true
		:: is_plan(10) -> n_kills = 2; n_workers = 2; idempotent = 1;
			is_late = true
		:: is_plan(11) -> n_kills = 1; in_flight = 3; n_all = 3;
			cancelable = 1 + 4; limited = 1 + 2; hanging = 1 + 2;
			is_ring = true
		:: is_plan(12) -> n_kills = 1; n_workers = 2; cancelable = 1;
			limited = 2; hanging = 2; n_all = 3; may_lose = true
#endif
		fi;
		run Worker(0);
		run Worker(1);
		run Worker(2);
		run Worker(3);
#ifdef DEEP
		run Worker(4);
#endif
		run Supervisor();
		run Host();
		run Killer();
		if
		:: may_lose -> run Killer_of_supervisor()
		:: else
		fi
	}
	is_over
}
