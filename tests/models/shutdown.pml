/* SPDX-License-Identifier: ISC */

/*
 * A model of how host, supervisor process and workers end, for the model
 * checker Spin: supervisor/main.c, slot.c, order.c and commands.c, spawn.c of
 * process/, and what lifecycle.c, reconcile.c, fleet.c, turn.c, control.c and
 * pool.c of host/ do about it.  tests/models/shutdown.sh runs it; change it in
 * the same commit as a rule of those files.
 *
 * WHAT IS MODELLED
 *
 * A host whose pool has one or two slots and one request.  The program stops
 * the pool at any time, and frees it when all is over; or frees it at any time.
 * Workers start meanwhile, die at any step, and hang in their set-up, in a
 * handler or behind one; then they end by SIGKILL only.  In the plans of init
 * the host or the supervisor process is killed at any step too, or the latter
 * is stopped (SIGSTOP) and does nothing any more.  In one of them the host has
 * two children in order, as in host/children.c, and says STOP_ALL.
 *
 * Each process of a worker has a number of its own: that is its generation.
 *
 * Time passes as it likes: what waits for a time may happen at any moment, or
 * long after.  What waits for no time happens only if something else wakes it.
 *
 * The names of the parts:
 *
 *	WAIT		brood__ready_wait(); the calls of the program
 *	READ		turn_read_control(), turn_read_workers()
 *	ACT		turn_act(), with turn_flush()
 *	FREE, AWAIT_END, REAP, AWAIT_GONE
 *			brood_pool_free(): shutdown(2) in brood__control_free();
 *			control_wait_end(); control_reap(); pool_wait_gone()
 *
 *	TURN		supervisor_turn()
 *
 *	FORKED to SETUP	spawn_tie(): prctl(2), then getppid(2); then
 *			brood__spawn_close_others(); then setup and HELLO
 *	RUNNING		brood_worker_run()
 *
 *	Kernel		signals that arrive, and init(1), which reaps orphans
 *
 * An end of a channel is held by the processes that have it, and by a READY
 * that nobody has received.  A worker reads end-of-file when nobody holds the
 * host's end, or the host has called shutdown(2).
 *
 * PROPERTIES
 *
 * - All ends: init waits until the host is done, and the supervisor process and
 *   all workers are gone and reaped.  If one is not, Spin reports an invalid
 *   end state: an orphan, a zombie, a wait that nothing wakes.
 * - The host becomes STOPPED or broken, and its request has a completion then:
 *   an assertion in check_stopped(), and that its program gets to free it.
 * - STOPPED, and a supervisor process that has ended of its own, mean that no
 *   worker is left: assertions in check_stopped() and say_goodbye().
 * - When brood_pool_free() returns there is no supervisor process, not even a
 *   zombie, and no worker that the host ever had: assertions in the host.
 * - A worker to which the host has said GOODBYE is not taken for one that ended
 *   by itself: an assertion in judge().
 * - Ordered children stop from the last to the first: an assertion in
 *   stop_pending().
 *
 * NOT MODELLED
 *
 * What completions say, see completion.pml; resize, reload, spares, refilling
 * by STOP; blame and delays: a slot whose worker ends by itself is filled again
 * while there are numbers left, and then given up; a full socket to the host;
 * errors of system calls.
 */

#ifdef DEEP
#define P	4		/* processes of workers, at most */
#define n_deep	1
#else
#define P	3
#define n_deep	0
#endif
#define S	2		/* slots, at most */
#define NOBODY	15

/* enum brood__stop_phase */
#define NO_STOP	0
#define GOODBYE	1
#define TERM	2
#define KILL	3

/*
 * MUTANTS: see ring.pml.  H is the host, S the supervisor process, W the
 * worker; the digit is the plan, in init.
 */
#define NO_PIDFD	1	/* S3: look for end-of-file only */
#define EXIT_EARLY	2	/* S2: exit before the workers have ended */
#define EXIT_STOPPING	3	/* S2: ... when they are being stopped */
#define GOODBYE_EVER	4	/* S1: no time limit for GOODBYE */
#define TERM_EVER	5	/* S1 S2: no time limit for TERM */
#define BOOT_EVER	6	/* S8: no time limit for HELLO */
#define STARTING_KEPT	7	/* S2: do not stop what is not adopted */
#define EMPTIED_UNSAID	8	/* S1: the same is obeyed, and not told */
#define LATER_EVER	9	/* S8: READY is not sent again after LATER */
#define UNREAPED	10	/* S1: do not wait for the dead */
#define UNORDERED	11	/* S5: stop ordered children all at once */
#define FIRST_ONLY	12	/* S5: stop the next when the last has ended */
#define NO_TIE		13	/* W4: no PR_SET_PDEATHSIG */
#define NO_GETPPID	14	/* W4: do not look whether it was too late */
#define TIE_LATE	15	/* W4: look first, then ask for the signal */
#define COPIES_KEPT	16	/* W6: keep copies of the supervisor's files */
#define EOF_KEPT	17	/* W6: do not end at end-of-file */
#define EOF_IGNORED	18	/* H4: do not notice the supervisor's end */
#define GOODBYE_FIRST	19	/* H1: say GOODBYE before STOP is sent */
#define EMPTY_EARLY	20	/* H1: any end empties a slot */
#define STOPPED_EARLY	21	/* H1: count adopted workers, not slots */
#define QUEUE_OPEN	22	/* H1: stop, and leave the queue as it is */
#define DRAIN_EVER	23	/* H1: no time limit for draining */
#define LOST_FILLED	24	/* H4: wait for slots of a lost supervisor */
#define LOST_OPEN	25	/* H9: the same for the queue */
#define GIVEN_UP_OPEN	26	/* H8: the same for given-up slots */
#define FREE_UNSAID	27	/* H1: free without shutdown(2) */
#define FREE_EVER	28	/* H7: no time limit for the supervisor */
#define FREE_UNREAPED	29	/* H7: do not wait for the supervisor */
#define FREE_EARLY	30	/* H7: do not wait for workers */
#define FREE_UNSHUT	31	/* H6: ... and do not end their streams first */
#define STOPPING_UNREAD	32	/* H5: take STOPPING for an end */

hidden byte mutant, only;

#define is_mutant(name)	(mutant == name)

mtype = {
	/* workers' processes */
	UNBORN, FORKED, TIED, SETUP, RUNNING, DEAD, REAPED,
	/* the host, and the supervisor process, besides DEAD and REAPED */
	ALIVE,
	/* slots of the supervisor */
	EMPTY, WAITING, STARTING, OFFERING, OFFERED, ADOPTED, STOPPING,
	GIVEN_UP,
	/* slots of the host, besides EMPTY and GIVEN_UP */
	FILLED,
	/* the host as the supervisor knows it */
	SERVED, STOPS_ALL, GONE,
	/* pools, besides STOPPING */
	OPEN, DRAINING, STOPPED,
	/* requests, besides WAITING */
	SENT, DONE,
	/* commands */
	FILL, SAY_ADOPTED, LATER, STOP, STOP_ALL,
	/* notices */
	READY, ENDED, NOTE_GIVEN_UP, NOTE_STOPPING, EMPTIED, NOTE_GOODBYE
}

/* The plan of this run: see init. */
byte n_slots, n_max, n_kills, n_later;
bool has_pdeathsig, is_ordered, is_patient, is_copied, may_hang, is_slow,
    may_stop, may_free;

/* Processes */

mtype host = ALIVE, supervisor = ALIVE, life[P];
bool is_frozen;			/* the supervisor process, by SIGSTOP */
bool is_tied[P];		/* it has asked for PDEATHSIG */
bool is_doomed[P];		/* a signal that ends it is on its way */
bool is_hung[P];		/* it ends by SIGKILL only */

#define is_alive(p)	(life[p] != UNBORN && life[p] != DEAD && \
	    life[p] != REAPED)
#define has_copies(p)	(life[p] == FORKED || life[p] == TIED || \
	    (is_mutant(COPIES_KEPT) && is_alive(p)))
#define is_gone(p)	(life[p] == UNBORN || life[p] == REAPED)

#ifdef DEEP
#define any(is)		(is(0) || is(1) || is(2) || is(3))
#define all(is)		(is(0) && is(1) && is(2) && is(3))
#else
#define any(is)		(is(0) || is(1) || is(2))
#define all(is)		(is(0) && is(1) && is(2))
#endif

/* Channels of workers */

bool has_hello[P], has_request[P], has_reply[P], has_goodbye[P], is_shut[P];
bool is_held[P];		/* the supervisor has the host's end ... */
bool is_offered[P];		/* ... it is in a READY ... */
bool is_adopted[P];		/* ... the host has it */
bool is_dismissed[P];		/* true: the host has said GOODBYE to it */

#define is_at_eof(p)	(is_shut[p] || \
	    (!is_held[p] && !is_offered[p] && !is_adopted[p]))

/* The control channel: slot, process; the phase, or "no other follows" */

chan commands = [1] of { mtype, byte, byte, byte };
chan notices = [12] of { mtype, byte, byte, bool };
bool is_control_shut;

#define is_host_heard	(len(commands) > 0)
#define is_host_ended	(is_control_shut || (host != ALIVE && \
	    (!is_copied || !is_mutant(NO_PIDFD))))
#define is_supervisor_ended	(supervisor != ALIVE && !any(has_copies))

inline die_supervisor()
{
	d_step {
		supervisor = DEAD;
		k = 0;
		do
		:: k == P -> break
		:: k < P ->
			is_held[k] = false;
			if
			:: is_alive(k) && is_tied[k] -> is_doomed[k] = true
			:: else
			fi;
			k++
		od;
		k = 0
	}
}

/* What a dead process had wanted is forgotten: for fewer states. */
inline die(p)
{
	life[p] = DEAD;
	is_tied[p] = false;
	is_doomed[p] = false;
	is_hung[p] = false;
	has_goodbye[p] = false
}

/* The worker */

proctype Worker(byte p)
{
end:
	life[p] == FORKED;
	do
	:: atomic { life[p] == FORKED ->
		if
		:: is_mutant(TIE_LATE) && supervisor != ALIVE -> die(p)
		:: else ->
			is_tied[p] = has_pdeathsig && !is_mutant(NO_TIE) &&
			    !is_mutant(TIE_LATE);
			life[p] = TIED
		fi }
	:: atomic { life[p] == TIED ->
		if
		:: has_pdeathsig && supervisor != ALIVE &&
		    !is_mutant(NO_GETPPID) && !is_mutant(TIE_LATE) &&
		    !is_mutant(NO_TIE) ->
			die(p)
		:: else ->
			is_tied[p] = has_pdeathsig && !is_mutant(NO_TIE);
			life[p] = SETUP
		fi }
	:: atomic { life[p] == SETUP && !is_hung[p] ->
		if
		:: has_hello[p] = true; life[p] = RUNNING
		:: may_hang || is_slow -> is_hung[p] = true
		fi }
	:: atomic { life[p] == RUNNING && !is_hung[p] && has_request[p] ->
		has_request[p] = false;
		if
		:: has_reply[p] = true
		:: may_hang -> is_hung[p] = true
		:: may_hang -> is_hung[p] = true; has_reply[p] = true
		fi }
	:: atomic { life[p] == RUNNING && !is_hung[p] && !has_request[p] &&
	    (has_goodbye[p] || (is_at_eof(p) && !is_mutant(EOF_KEPT))) ->
		die(p) }
	:: life[p] == DEAD || life[p] == REAPED -> break
	od
}

#define is_arriving(p)	(is_doomed[p] && is_alive(p))
#define is_orphaned(p)	(life[p] == DEAD && supervisor != ALIVE)

inline pass(p)
{
	if
	:: is_arriving(p) -> die(p)
	:: else -> life[p] = REAPED
	fi
}

proctype Kernel()
{
end:
	do
	:: d_step { is_arriving(0) || is_orphaned(0) -> pass(0) }
	:: d_step { is_arriving(1) || is_orphaned(1) -> pass(1) }
	:: d_step { is_arriving(2) || is_orphaned(2) -> pass(2) }
#ifdef DEEP
	:: d_step { is_arriving(3) || is_orphaned(3) -> pass(3) }
#endif
	:: d_step { supervisor == DEAD && host != ALIVE ->
		supervisor = REAPED }
	od
}

/* Those who kill */

#define may_kill(p)	(n_kills > 0 && is_alive(p))

proctype Killer()
{
end:
	do
	:: d_step { may_kill(0) -> die(0); n_kills-- }
	:: d_step { may_kill(1) -> die(1); n_kills-- }
	:: d_step { may_kill(2) -> die(2); n_kills-- }
#ifdef DEEP
	:: d_step { may_kill(3) -> die(3); n_kills-- }
#endif
	od
}

proctype Killer_of_host()
{
	byte k;

	/* If there is a copy, another process has all the host's files. */
	d_step {
		host = DEAD;
		do
		:: k == P || is_copied -> break
		:: else ->
			is_adopted[k] = false;
			is_offered[k] = false;
			k++
		od;
		k = 0
	}
}

proctype Killer_of_supervisor()
{
	byte k;

	atomic {
		if
		:: supervisor == ALIVE -> die_supervisor()
		:: else
		fi
	}
}

proctype Stopper()
{
	is_frozen = true
}

/* The supervisor process */

#define has_process(s)	(slot[s] != EMPTY && slot[s] != WAITING && \
	    slot[s] != GIVEN_UP)
#define is_stopping(s)	(slot[s] == STOPPING && !is_mutant(EXIT_STOPPING))
#define is_busy(s)	(has_process(s) && !is_mutant(EXIT_EARLY) && \
	    (slot[s] != STOPPING || is_stopping(s)))

inline tell(kind, s, is_last)
{
	if
	:: knows != GONE -> notices!kind, s, process[s], is_last
	:: else
	fi
}

inline enter_phase(s, to)
{
	phase[s] = to;
	slot[s] = STOPPING;
	if
	:: is_alive(process[s]) && (to == KILL ||
	    (to == TERM && !is_hung[process[s]])) -> die(process[s])
	:: else
	fi
}

/* order_enter() */
inline clear(s)
{
	slot[s] = EMPTY;
	phase[s] = NO_STOP;
	is_pending[s] = false;
	holds_later[s] = false
}

/* brood__slot_stop() */
inline stop_slot(s, to)
{
	is_pending[s] = false;
	if
	:: slot[s] == STARTING || slot[s] == OFFERING || slot[s] == OFFERED ->
		if
		:: slot[s] != STARTING -> is_held[process[s]] = false
		:: else
		fi;
		if
		:: is_mutant(STARTING_KEPT)
		:: else -> enter_phase(s, (to == GOODBYE -> TERM : to))
		fi
	:: slot[s] == ADOPTED -> enter_phase(s, to)
	:: slot[s] == STOPPING ->
		if
		:: to > phase[s] -> enter_phase(s, to)
		:: else
		fi
	:: slot[s] == WAITING ->
		clear(s);
		if
		:: !is_mutant(EMPTIED_UNSAID) -> tell(EMPTIED, s, true)
		:: else
		fi
	:: slot[s] == GIVEN_UP -> clear(s)
	:: else
	fi
}

/* brood__order_stop_all() */
inline stop_all()
{
	s = 0;
	do
	:: s == S -> break
	:: s < S ->
		is_pending[s] = slot[s] != EMPTY;
		holds_later[s] = false;
		s++
	od;
	s = 0
}

/* commands_obey() */
inline obey()
{
	commands?command, s, p, to;
	if
	:: command == FILL && (slot[s] == EMPTY || slot[s] == GIVEN_UP) ->
		slot[s] = WAITING;
		holds_later[s] = is_ordered
	:: command == SAY_ADOPTED && process[s] == p && slot[s] == OFFERED ->
		is_held[p] = false;
		slot[s] = ADOPTED
	:: command == LATER && process[s] == p && slot[s] == OFFERED ->
		slot[s] = OFFERING;
		is_later = is_mutant(LATER_EVER)
	:: command == STOP ->
		stop_slot(s, (process[s] != p && to == GOODBYE -> TERM : to))
	:: command == STOP_ALL ->
		knows = STOPS_ALL;
		stop_all()
	:: else
	fi;
	command = 0;
	s = 0;
	p = 0;
	to = 0
}

/* brood__slot_on_exit() */
inline judge(s)
{
	assert(!is_dismissed[process[s]] || slot[s] == STOPPING);
	is_held[process[s]] = false;
	has_hello[process[s]] = false;
	if
	:: slot[s] == STOPPING -> clear(s); tell(ENDED, s, true)
	:: slot[s] != STOPPING && n_born < n_max ->
		slot[s] = WAITING;
		tell(ENDED, s, false)
	:: slot[s] != STOPPING && n_born == n_max ->
		tell(ENDED, s, true);
		tell(NOTE_GIVEN_UP, s, true);
		clear(s);
		slot[s] = GIVEN_UP
	fi
}

/* supervisor_stop_pending(), brood__order_next_stop() */
inline stop_pending()
{
	s = n_slots;
	do
	:: s == 0 -> break
	:: s > 0 ->
		s--;
		if
		:: is_pending[s] ->
			assert(!is_ordered || s + 1 == n_slots ||
			    !has_process(s + 1));
			if
			:: knows == GONE || slot[s] != ADOPTED ->
				stop_slot(s, TERM)
			:: else ->
				tell(NOTE_STOPPING, s, false);
				stop_slot(s, GOODBYE)
			fi
		:: else
		fi;
		if
		:: is_ordered && slot[s] == STOPPING && !is_mutant(UNORDERED) ->
			break
		:: is_mutant(FIRST_ONLY) && slot[s] == EMPTY -> break
		:: else
		fi
	od;
	s = 0
}

#define may_start(s)	(slot[s] == WAITING && !is_pending[s] && \
	    knows == SERVED && n_born < n_max && !(s > 0 && holds_later[0]))

/* brood__slot_start() */
inline start(s)
{
	process[s] = n_born;
	life[n_born] = FORKED;
	is_held[n_born] = true;
	n_born++;
	slot[s] = STARTING
}

/* brood__slot_on_hello() and brood__slot_offer() */
inline look(s)
{
	if
	:: slot[s] == STARTING && has_hello[process[s]] ->
		has_hello[process[s]] = false;
		holds_later[s] = false;
		slot[s] = OFFERING
	:: else
	fi;
	if
	:: slot[s] == OFFERING && !is_later ->
		is_offered[process[s]] = knows != GONE;
		tell(READY, s, false);
		slot[s] = OFFERED
	:: else
	fi
}

/* due_ms may come */
#define may_time_out(s)	((slot[s] == STARTING && is_alive(process[s]) && \
	    !is_mutant(BOOT_EVER)) || (slot[s] == STOPPING && \
	    ((phase[s] == GOODBYE && !is_mutant(GOODBYE_EVER)) || \
	    (phase[s] == TERM && !is_mutant(TERM_EVER)))))

/* brood__slot_on_timeout() */
inline time_out(s)
{
	if
	:: slot[s] == STARTING && is_alive(process[s]) -> die(process[s])
	:: slot[s] == STOPPING && phase[s] < KILL ->
		to = phase[s] + 1;
		enter_phase(s, to);
		to = 0
	:: else
	fi
}

#define is_zombie(p)	(life[p] == DEAD && !is_mutant(UNREAPED))
#define has_news(s)	((slot[s] == STARTING && has_hello[process[s]]) || \
	    (slot[s] == OFFERING && !is_later))

inline say_goodbye()
{
	assert(all(is_gone));
	if
	:: host == ALIVE || is_copied ->
		notices!NOTE_GOODBYE, 0, 0, true
	:: else
	fi
}

proctype Supervisor()
{
	mtype slot[S], knows = SERVED, command;
	byte process[S], phase[S], n_born, late = NOBODY;
	bool is_pending[S], holds_later[S], is_later;
	byte s, p, k, to;

	d_step {
		process[0] = NOBODY;
		process[1] = NOBODY;
		slot[0] = EMPTY;
		slot[1] = EMPTY
	};
	{
end:
	do
	:: atomic { !is_frozen && knows == GONE && !is_busy(0) && !is_busy(1) ->
		say_goodbye();
		die_supervisor();
		break }

	/* TURN, when there is something to do */
	:: atomic { !is_frozen && !(knows == GONE && !is_busy(0) &&
	    !is_busy(1)) && (any(is_zombie) || is_host_heard ||
	    (is_host_ended && knows != GONE) || has_news(0) || has_news(1) ||
	    may_start(0) || may_start(1) || may_time_out(0) ||
	    may_time_out(1)) ->
		if
		:: any(is_zombie) || is_host_heard ||
		    (is_host_ended && knows != GONE) || has_news(0) ||
		    has_news(1) || may_start(0) || may_start(1)
		:: may_time_out(0) -> late = 0
		:: may_time_out(1) -> late = 1
		fi;
		do
		:: p == P -> break
		:: p < P ->
			if
			:: is_zombie(p) -> life[p] = REAPED
			:: else
			fi;
			p++
		od;
		p = 0;

		/* The rest of the turn */
		do
		:: len(commands) > 0 && knows != GONE -> obey()
		:: else -> break
		od;
		if
		:: is_host_ended && knows != GONE -> knows = GONE; stop_all()
		:: else
		fi;
		do
		:: s == n_slots -> break
		:: s < n_slots ->
			if
			:: has_process(s) && life[process[s]] == REAPED ->
				judge(s)
			:: else
			fi;
			s++
		od;
		stop_pending();
		/* A delay may be over, or not. */
		do
		:: s == n_slots -> break
		:: s < n_slots && may_start(s) -> start(s); s++
		:: s < n_slots -> s++
		od;
		s = 0;
		do
		:: s == n_slots -> break
		:: s < n_slots -> look(s); s++
		od;
		s = 0;
		if
		:: late != NOBODY -> time_out(late); late = NOBODY
		:: else
		fi }
	od
	} unless { supervisor != ALIVE }
}

/* The host */

#define is_present(s)	(seen[s] == FILLED && (!is_mutant(STOPPED_EARLY) || \
	    worker[s] != NOBODY))

/* brood__queue_close() */
inline close_queue()
{
	is_closed = true;
	if
	:: request == WAITING -> request = DONE
	:: else
	fi
}

/* settle_worker() */
inline settle(s)
{
	if
	:: at == s && request == SENT ->
		if
		:: has_request[worker[s]] && !is_closed && !is_lost ->
			request = WAITING
		:: else -> request = DONE
		fi
	:: else
	fi;
	if
	:: at == s -> at = NOBODY
	:: else
	fi
}

/* The channel of a process that has ended: for fewer states. */
inline forget(p)
{
	has_request[p] = false;
	has_reply[p] = false;
	is_shut[p] = false;
	is_dismissed[p] = false
}

/* turn_on_notice() */
inline on_notice()
{
	notices?notice, s, p, is_last;
	is_stale = true;
	if
	:: notice == READY && n_later > 0 ->
		n_later--;
		is_offered[p] = false;
		control!LATER, s, p, 0
	:: notice == READY ->
		is_offered[p] = false;
		is_adopted[p] = true;
		worker[s] = p;
		told_phase[s] = NO_STOP;
		seen[s] = FILLED;
		control!SAY_ADOPTED, s, p, 0
	:: notice == ENDED ->
		if
		:: (is_last && (told[s] == false || is_ordered)) ||
		    is_mutant(EMPTY_EARLY) -> seen[s] = EMPTY
		:: else
		fi;
		if
		:: worker[s] == p ->
			read_worker(s);
			settle(s);
			is_adopted[p] = false;
			worker[s] = NOBODY;
			told_phase[s] = NO_STOP
		:: else
		fi;
		forget(p)
	:: notice == NOTE_GIVEN_UP ->
		if
		:: told[s] || is_ordered -> seen[s] = GIVEN_UP
		:: else
		fi
	:: notice == EMPTIED ->
		if
		:: !told[s] || is_ordered -> seen[s] = EMPTY
		:: else
		fi
	:: notice == NOTE_STOPPING ->
		if
		:: worker[s] == p -> dismiss(p)
		:: else
		fi;
		if
		:: is_mutant(STOPPING_UNREAD) -> seen[s] = EMPTY
		:: else
		fi
	fi;
	notice = 0;
	s = 0;
	p = 0;
	is_last = false
}

/* GOODBYE to a worker */
inline dismiss(p)
{
	has_goodbye[p] = true;
	is_dismissed[p] = true
}

/* exchange_read() */
inline read_worker(s)
{
	if
	:: has_reply[worker[s]] ->
		has_reply[worker[s]] = false;
		request = DONE;
		at = NOBODY;
		is_stale = true
	:: else
	fi
}

/* lifecycle_begin_stopping() */
inline begin_stopping()
{
	pool = STOPPING;
	is_stale = true;
	if
	:: !is_mutant(QUEUE_OPEN) ->
		close_queue();
		request = (request == SENT -> DONE : request)
	:: else
	fi;
	if
	:: is_ordered -> control!STOP_ALL, 0, 0, 0
	:: else
	fi
}

/* brood__lifecycle_lose_supervisor() */
inline lose_supervisor()
{
	if
	:: !is_mutant(LOST_OPEN) -> close_queue()
	:: else
	fi;
	s = 0;
	do
	:: s == n_slots -> break
	:: s < n_slots ->
		if
		:: worker[s] != NOBODY ->
			is_shut[worker[s]] = true;
			read_worker(s);
			settle(s);
			worker[s] = NOBODY
		:: else
		fi;
		if
		:: !is_mutant(LOST_FILLED) -> seen[s] = EMPTY
		:: else
		fi;
		told[s] = false;
		s++
	od;
	s = 0;
	is_stale = false
}

inline tell_stop(s, p, to)
{
	control!STOP, s, p, to;
	told[s] = false;
	told_phase[s] = to;
	if
	:: seen[s] == GIVEN_UP -> seen[s] = EMPTY
	:: else
	fi;
	if
	:: is_mutant(GOODBYE_FIRST) && to == GOODBYE -> dismiss(p)
	:: else
	fi
}

/* fleet_direct() of a slot that is not wanted, in a pool */
inline direct(s)
{
	if
	:: worker[s] != NOBODY ->
		x = (at == s -> TERM : GOODBYE);
		x = (x < told_phase[s] -> told_phase[s] : x);
		if
		:: x > told_phase[s] || told[s] -> tell_stop(s, worker[s], x)
		:: else
		fi;
		x = 0
	:: worker[s] == NOBODY && told[s] ->
		tell_stop(s, NOBODY, TERM)
	:: else
	fi
}

/* turn_reconcile() */
inline reconcile()
{
	s = 0;
	do
	:: s == n_slots || pool != STOPPING || is_ordered -> break
	:: else -> direct(s); s++
	od;
	s = 0;
	is_stale = false;
	if
	:: (pool == OPEN || pool == DRAINING) && seen[0] == GIVEN_UP &&
	    (n_slots == 1 || seen[1] == GIVEN_UP) &&
	    !is_mutant(GIVEN_UP_OPEN) ->
		close_queue()
	:: else
	fi
}

/* brood__lifecycle_check_stopped() */
inline check_stopped()
{
	if
	:: pool == STOPPING && !is_present(0) && !is_present(1) ->
		pool = STOPPED;
		assert(is_lost || all(is_gone));
		assert(request == DONE)
	:: else
	fi
}

/* brood__exchange_assign() */
inline assign()
{
	do
	:: s == n_slots -> break
	:: s < n_slots ->
		if
		:: worker[s] != NOBODY && request == WAITING &&
		    told_phase[s] == NO_STOP && pool != STOPPING ->
			request = SENT;
			at = s;
			has_request[worker[s]] = true
		:: else
		fi;
		s++
	od;
	s = 0
}

/* brood__control_flush(); GOODBYE follows its STOP */
inline flush()
{
	do
	:: len(control) > 0 && is_supervisor_ended ->
		control?command, s, p, x;
		is_stale = is_stale || !is_lost;
		is_lost = true
	:: len(control) > 0 && !is_supervisor_ended && len(commands) == 0 ->
		control?command, s, p, x;
		commands!command, s, p, x;
		if
		:: command == STOP && x == GOODBYE && worker[s] == p ->
			dismiss(p)
		:: else
		fi
	:: else -> break
	od;
	command = 0;
	s = 0;
	p = 0;
	x = 0
}

#define has_answered(s)	(worker[s] != NOBODY && has_reply[worker[s]])
#define is_idle		(request == DONE)
#define is_over		(pool == STOPPED || (pool == OPEN && is_closed && \
	    request == DONE))
#define is_supervised	(!is_lost && !is_mutant(EOF_IGNORED))

/* A process that the host has or had, for pool_wait_gone(). */
#define is_left(p)	(is_adopted[p] && is_alive(p))

proctype Host()
{
	mtype pool = OPEN, request = WAITING, seen[S], notice, command;
	byte worker[S], told_phase[S], at = NOBODY;
	bool told[S], is_closed, is_lost, is_stale, is_drained, is_orderly,
	    is_last;
	chan control = [8] of { mtype, byte, byte, byte };
	byte s, p, k, x;

	{
	d_step {
		worker[0] = NOBODY;
		worker[1] = NOBODY;
		seen[0] = EMPTY;
		seen[1] = EMPTY;
		do
		:: s == n_slots -> break
		:: s < n_slots ->
			control!FILL, s, 0, 0;
			told[s] = true;
			seen[s] = FILLED;
			s++
		od;
		s = 0
	};
act:
	/* ACT */
	atomic {
		if
		:: pool == DRAINING && (is_idle || is_drained) ->
			begin_stopping()
		:: else
		fi;
		if
		:: is_stale && is_lost -> lose_supervisor()
		:: is_stale && !is_lost -> reconcile()
		:: else
		fi;
		check_stopped();
		assign();
		flush()
	};

	/* WAIT */
	if
	:: atomic { pool == OPEN && (!is_patient || request == DONE) ->
		pool = DRAINING;
		goto act }
	:: is_over || may_free -> goto free
	:: atomic { pool == DRAINING && !is_drained && !is_mutant(DRAIN_EVER) ->
		is_drained = true;
		goto act }
	:: is_stale || len(notices) > 0 ||
	    (is_supervisor_ended && is_supervised) ||
	    (len(control) > 0 && len(commands) == 0) ||
	    has_answered(0) || has_answered(1)
	fi;

	/* READ */
	atomic {
		do
		:: len(notices) > 0 && !is_lost -> on_notice()
		:: else -> break
		od;
		if
		:: is_supervisor_ended && is_supervised ->
			is_lost = true;
			is_stale = true
		:: else
		fi;
		do
		:: s == n_slots -> break
		:: s < n_slots ->
			if
			:: worker[s] != NOBODY -> read_worker(s)
			:: else
			fi;
			s++
		od;
		s = 0;
		goto act
	};
free:
	/* FREE */
	is_control_shut = !is_mutant(FREE_UNSAID);

	/* AWAIT_END */
	do
	:: atomic { len(notices) > 0 ->
		notices?notice, s, p, is_last;
		if
		:: notice == READY -> is_offered[p] = false
		:: notice == NOTE_GOODBYE -> is_orderly = true
		:: else
		fi;
		notice = 0;
		s = 0;
		p = 0;
		is_last = false }
	:: atomic { len(notices) == 0 && is_supervisor_ended -> break }
	:: may_stop && !is_mutant(FREE_EVER) -> die_supervisor(); break
	od;

	/* REAP */
	if
	:: atomic { supervisor == DEAD -> supervisor = REAPED }
	:: is_mutant(FREE_UNREAPED)
	fi;

	/* AWAIT_GONE */
	d_step {
		do
		:: s == P || is_orderly || is_mutant(FREE_UNSHUT) -> break
		:: else ->
			is_shut[s] = is_adopted[s] && is_alive(s);
			s++
		od;
		s = 0
	};
	if
	:: is_orderly -> assert(all(is_gone))
	:: !is_orderly && is_mutant(FREE_EARLY)
	:: !is_orderly && !any(is_left)
	fi;
	d_step {
		assert(supervisor == REAPED);
		assert(!any(is_left));
		do
		:: s == P -> break
		:: s < P ->
			is_adopted[s] = false;
			is_offered[s] = false;
			is_shut[s] = false;
			s++
		od;
		s = 0;
		host = REAPED
	}
	} unless { host == DEAD }
}

#define is_plan(i)	(only == 0 || only == i)

init
{
	c_code {
		mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0;
		only = getenv("PLAN") ? atoi(getenv("PLAN")) : 0;
	};
	atomic {
		life[0] = UNBORN;
		life[1] = UNBORN;
		life[2] = UNBORN;
#ifdef DEEP
		life[3] = UNBORN;
#endif
		n_slots = 1;
		n_max = P - 1;
		has_pdeathsig = true;
		may_hang = true;
		if
		/* 1: the program stops the pool */
		:: is_plan(1) -> n_kills = 1; n_later = 1; n_slots = 1 + n_deep
		/* 2: the host is killed */
		:: is_plan(2) -> n_kills = 1; n_slots = 1 + n_deep;
			run Killer_of_host()
		/* 3: the host is killed, and a process that it forked lives */
		:: is_plan(3) -> is_copied = true; run Killer_of_host()
		/* 4: the supervisor process is killed */
		:: is_plan(4) -> n_kills = 1; n_slots = 1 + n_deep;
			run Killer_of_supervisor()
		/* 5: children in order, and STOP_ALL */
		:: is_plan(5) -> n_slots = 2; is_ordered = true; n_kills = 1
		/* 6: without PR_SET_PDEATHSIG, and no worker hangs */
		:: is_plan(6) -> n_slots = 1 + n_deep; has_pdeathsig = false;
			may_hang = false; may_free = true;
			run Killer_of_supervisor()
		/* 7: the supervisor process is stopped; free at any time */
		:: is_plan(7) -> may_stop = true; may_free = true; run Stopper()
		/* 8: the program waits until all is done */
		:: is_plan(8) -> is_patient = true; n_kills = 1; n_later = 1;
			may_hang = false; is_slow = true; n_max = P
		/* 9: the same, and the supervisor process is killed */
		:: is_plan(9) -> is_patient = true; may_hang = false;
			run Killer_of_supervisor()
		fi;
		run Worker(0);
		run Worker(1);
		run Worker(2);
#ifdef DEEP
		run Worker(3);
#endif
		run Supervisor();
		run Host();
		run Kernel();
		run Killer()
	}
	host != ALIVE && supervisor == REAPED && all(is_gone)
}
