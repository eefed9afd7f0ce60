/* SPDX-License-Identifier: ISC */

/*
 * A model of how a host and a worker go over from the socket to rings, for the
 * model checker Spin: OFFER and SWITCH of channel_rings.c.  It is run by
 * tests/models/ring.sh.
 *
 * WHAT IS MODELLED
 *
 * The host sends up to four requests, as many at a time as it likes, and OFFER
 * when it likes; the worker runs them and replies.  Each side begins by socket,
 * and goes by ring behind its own SWITCH.  In some runs the worker dies, at any
 * step.
 *
 * That a ring works is what ring.pml is about.  Here one is a queue of two
 * frames: putting one publishes it, and taking one gives its room back.  The
 * words `asleep' and `lacking' (`full' in ring.c) are 1 from a sleep to the
 * WAKE for it.  Whether a WAKE can be missing is not looked at here: a side
 * that waits may see a frame or room without one.  A socket is a queue of two
 * messages, and no frame is marked.
 *
 * The names of the parts:
 *
 *	host_send()	brood__channel_flush() of the host
 *	host_read()	exchange_read(); rings_on_switch()
 *	reply()		brood__channel_send() of the worker; channel_nap()
 *	worker_read()	rings_on_offer(), rings_on_switch(), and the frames in
 *			front of SWITCH
 *	judge()		brood__channel_consumed() and settle_all()
 *
 * PROPERTIES
 *
 * As in ring.pml: every request is answered, once and in order, if the worker
 * lives; if it dies, what is said not to have run has not, and at most one that
 * did not run is in doubt.  And no frame comes on the socket behind SWITCH, and
 * no WAKE in front of it.
 */

#define N	4
#define PLACES	2		/* of a socket, and of a ring */
#define H	0		/* the host */
#define W	1		/* the worker */

/* On a socket, and in the host's queue: one of these, or FRAME + number. */
#define WAKE	0
#define OFFER	1
#define SWITCH	2
#define FRAME	8

#define ALL	31		/* begun is not what the worker has written */

/* MUTANTS: see ring.pml.  In plan 1 the worker lives, in plan 2 it dies. */
#define NO_NAP		1	/* W1: wait for WAKE in front of SWITCH */
#define READ_ON		2	/* W1: do not read the ring behind SWITCH */
#define EARLY_BEGUN	3	/* H2: begun counts before SWITCH is read */
#define NO_BEGUN	4	/* H2: begun never counts */
#define UNSAID_BEGUN	5	/* W2: begun is not set at OFFER */

hidden byte mutant, only;

#define is_mutant(name)	(mutant == name)

chan socket[2] = [PLACES] of { byte };
chan ring[2] = [PLACES] of { byte };
bit asleep[2], lacking[2];
byte begun = ALL;
bool is_dead, is_over;

byte n_ran, n_done;
byte n_by_socket;		/* requests in front of the host's SWITCH */
byte n_taken;			/* of these, those that the worker has taken */
bool has_taken_switch;

#define has_place(c)	(len(c) < PLACES)

/* s wakes the other side, if that sleeps or waits for room, as flag says. */
inline wake(s, flag)
{
	if
	:: flag ->
		flag = 0;
		if
		:: has_place(socket[s]) -> socket[s]!WAKE
		:: else
		fi
	:: else
	fi
}

/* The worker */

inline handle(frame)
{
	atomic {
		assert(frame == FRAME + n_ran + 1);
		n_ran++
	}
	reply()
}

inline reply()
{
	if
	:: !is_writing ->
		atomic { has_place(socket[W]) -> socket[W]!(FRAME + n_ran) }
	:: else ->
		do
		:: atomic { has_place(ring[W]) ->
			ring[W]!(FRAME + n_ran);
			wake(W, asleep[H]) };
			break
		:: atomic { !has_place(ring[W]) &&
		    (is_reading || is_mutant(NO_NAP)) -> lacking[W] = 1 };
			if
			:: has_place(ring[W])
			:: atomic { len(socket[H]) > 0 ->
				socket[H]?message;
				assert(message == WAKE);
				message = 0 }
			fi
		od
	fi
}

inline worker_read()
{
	atomic {
		socket[H]?message;
		if
		:: message >= FRAME -> assert(!is_reading); n_taken++
		:: message == WAKE -> assert(is_reading)
		:: message == SWITCH -> has_taken_switch = true
		:: else
		fi
	}
	if
	:: message >= FRAME -> handle(message)
	:: message == OFFER ->
		if
		:: !is_mutant(UNSAID_BEGUN) -> begun = n_taken
		:: else
		fi;
		atomic { has_place(socket[W]) -> socket[W]!SWITCH };
		is_writing = true
	:: message == SWITCH -> is_reading = !is_mutant(READ_ON)
	:: else
	fi;
	message = 0
}

proctype Worker()
{
	bool is_writing, is_reading;
	byte message;

	{
	do
	:: is_reading ->
		if
		:: atomic { len(ring[H]) > 0 ->
			ring[H]?message;
			wake(W, lacking[H]);
			begun = message - FRAME };
			handle(message);
			message = 0
		:: atomic { len(ring[H]) == 0 -> asleep[W] = 1 };
end_ring:
			if
			:: len(ring[H]) > 0
			:: len(socket[H]) > 0 -> worker_read()
			fi
		fi
	:: !is_reading ->
end_socket:
		len(socket[H]) > 0;
		worker_read()
	od
	} unless { is_dead }
}

proctype Killer()
{
	is_dead = true
}

/* The host */

inline host_send()
{
	do
	:: atomic { len(queue) > 0 && !is_writing && has_place(socket[H]) ->
		queue?message;
		socket[H]!message;
		if
		:: message >= FRAME -> n_by_socket++
		:: message == SWITCH -> is_writing = true
		:: else
		fi;
		message = 0 }
	:: atomic { len(queue) > 0 && is_writing && has_place(ring[H]) ->
		queue?message;
		ring[H]!message;
		message = 0;
		wake(H, asleep[W]) }
	:: atomic { len(queue) > 0 && is_writing && !has_place(ring[H]) ->
		lacking[H] = 1 };
		break
	:: atomic { len(queue) > 0 && !is_writing &&
	    !has_place(socket[H]) };
		break
	:: len(queue) == 0 -> break
	od
}

inline take(frame)
{
	assert(frame == FRAME + n_done + 1);
	assert(n_done < n_ran);
	n_done++
}

inline host_read()
{
	do
	:: atomic { is_reading && len(ring[W]) > 0 ->
		ring[W]?message;
		wake(H, lacking[W]);
		take(message);
		message = 0 }
	:: atomic { (!is_reading || len(ring[W]) == 0) &&
	    len(socket[W]) > 0 ->
		socket[W]?message;
		if
		:: message >= FRAME -> assert(!is_reading); take(message)
		:: message == WAKE -> assert(is_reading)
		:: message == SWITCH ->
			is_reading = true;
			queue!SWITCH
		fi;
		message = 0 }
	:: atomic { (!is_reading || len(ring[W]) == 0) &&
	    len(socket[W]) == 0 };
		break
	od
}

inline judge()
{
	atomic {
		if
		:: is_mutant(NO_BEGUN) ||
		    (!has_taken_switch && !is_mutant(EARLY_BEGUN)) ->
			message = n_taken
		:: is_mutant(EARLY_BEGUN) && !has_taken_switch && is_writing ->
			message = begun
		:: is_mutant(EARLY_BEGUN) && !has_taken_switch && !is_writing ->
			message = n_taken
		:: else ->
			message = (begun > n_by_socket -> begun : n_by_socket)
		fi;
		number = n_done + 1;
		do
		:: number > N -> break
		:: number <= N && number <= message ->
			assert(number <= n_ran + 1);
			number++
		:: number <= N && number > message ->
			assert(number > n_ran);
			number++
		od
	}
}

proctype Host()
{
	bool is_writing, is_reading, has_offered;
	byte n_queued, message, number;
	chan queue = [N + 2] of { byte };

	do
	:: n_done == N -> break
	:: n_done < N ->
		atomic {
			do
			:: n_queued < N ->
				n_queued++;
				queue!(FRAME + n_queued)
			:: !has_offered -> has_offered = true; queue!OFFER
			:: n_queued > n_done -> break
			od
		}
		host_send();
		if
		:: is_reading -> asleep[H] = 1
		:: else
		fi;
		if
		:: len(socket[W]) > 0
		:: is_reading && len(ring[W]) > 0
		:: len(queue) > 0 && !is_writing && has_place(socket[H])
		:: len(queue) > 0 && is_writing && is_reading && lacking[H] &&
		    has_place(ring[H])
		:: is_dead -> break
		fi;
		host_read()
	od;
	if
	:: is_dead && n_done < N -> host_read(); judge()
	:: else
	fi;
	is_over = true
}

init
{
	c_code {
		mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0;
		only = getenv("PLAN") ? atoi(getenv("PLAN")) : 0;
	};
	atomic {
		run Worker();
		run Host();
		if
		:: only != 2
		:: only != 1 -> run Killer()
		fi
	}
	is_over
}
