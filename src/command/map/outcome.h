/* SPDX-License-Identifier: ISC */
#ifndef BROOD__OUTCOME_H
#define BROOD__OUTCOME_H

/*
 * Whether `brood map` goes on to the end of its input; if not, why.
 */

#include "command/command.h"
#include "command/map/halt.h"
#include "command/map/progress.h"
#include "command/map/verdict.h"
#include "command/map/window.h"

struct outcome {
	const char	*program;	/* set by map.c ... */
	struct halt	 halt;		/* ... as the user asked for it */
	enum command_status stopped;	/* before the end, with this exit
					   status; 0: no */
	char		 why[512];	/* stopped */
	bool		 had_extra;	/* the filter printed too much, and the
					   user was told */
	uint64_t	 n_statuses;	/* lines whose reply had a status other
					   than 0; counted by mapper.c */
};

/* Stop if too many lines have failed. */
void	outcome_check(struct outcome *outcome,
	    const struct progress_count *count);

/* A request was answered.  Stop if the filter may have moved its lines. */
void	outcome_meet_keeping(struct outcome *outcome,
	    const struct verdict *verdict);

/*
 * The filter has printed lines after it had answered a request, which was taken
 * to be done: some lines of the output before this one may be wrong.  Stop; or
 * if the user wants no stop, print that.
 */
void	outcome_meet_extra(struct outcome *outcome, uint64_t line);

/*
 * A request has failed, and none of its lines has when it was run alone.  Stop
 * if that cannot be by chance.
 */
void	outcome_accuse(struct outcome *outcome, const struct suspect *suspect);

/* The exit status of the command, when all went on to the end, or stopped. */
enum command_status
	outcome_status(const struct outcome *outcome, uint64_t n_failed);

#endif
