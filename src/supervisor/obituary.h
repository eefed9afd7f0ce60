/* SPDX-License-Identifier: ISC */
#ifndef BROOD__OBITUARY_H
#define BROOD__OBITUARY_H

/*
 * Why a process ended, put together from all that is known: what this process
 * saw fail, what the child reported before its own code ran, and its exit
 * status.
 *
 * Zeroed, nothing is known yet.
 */

#include "supervisor/messages.h"

struct brood__obituary {
	char step[16];		/* the step that failed; "": none is known */
	int error;		/* its errno; 0: none is known */
	char text[256];
};

/*
 * This process saw a step fail.  Only the first such call counts: what fails
 * later follows from it.
 */
void	brood__obituary_blame(struct brood__obituary *obituary,
	    const char *step, int error, const char *text);

/*
 * Read what the child reported through the pipe of process/spawn.h, if it did.
 * That is the cause, whatever was seen from here.  Takes -1 for no pipe.
 *
 * True: the child could not run because its copy of this process's table of
 * descriptors, or its memory, was full.
 */
bool	brood__obituary_read_report(struct brood__obituary *obituary,
	    int report_fd);

/*
 * The process has ended with this status of wait(2).  cause: what is known of
 * that besides, in words; NULL: nothing.
 */
void	brood__obituary_end(struct brood__obituary *obituary, int status,
	    bool was_ready, const char *cause);

/* Write step, error and text into a notice. */
void	brood__obituary_write(const struct brood__obituary *obituary,
	    struct brood__notice *notice);

/* Is this errno one of a kernel that is short of descriptors or memory? */
bool	brood__obituary_is_shortage(int error);

#endif
