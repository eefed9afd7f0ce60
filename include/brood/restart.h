/* SPDX-License-Identifier: ISC */
#ifndef BROOD_RESTART_H
#define BROOD_RESTART_H

/*
 * What happens when a supervised process has ended: whether it is started
 * again, and which others are restarted with it.  brood/supervisor.h includes
 * this.
 */

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Which children are restarted when one has ended and is started again, or is
 * restarted by brood_supervisor_restart().  The others are stopped first, the
 * last one of the list first.  A child that has ended and is not started again
 * does not affect the others.
 */
enum brood_strategy {
	BROOD_ONE_FOR_ONE = 0,	/* only that one */
	BROOD_ONE_FOR_ALL,	/* all children */
	BROOD_REST_FOR_ONE,	/* that one, and those after it in the list */
};

/* Whether a child that has ended, without being told to, is started again. */
enum brood_restart {
	/* Always. */
	BROOD_PERMANENT = 0,
	/*
	 * After an abnormal end: by a signal, with an exit status other than 0,
	 * or before it was ready.
	 */
	BROOD_TRANSIENT,
	/* Never, and not when others are restarted by the strategy either. */
	BROOD_TEMPORARY,
};

/* A child that exits with this status is never started again. */
#define BROOD_EXIT_DONE		125

#ifdef __cplusplus
}
#endif

#endif
