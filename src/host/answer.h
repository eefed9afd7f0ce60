/* SPDX-License-Identifier: ISC */
#ifndef BROOD__ANSWER_H
#define BROOD__ANSWER_H

/*
 * What a message that answers a request gives to the program.  The message was
 * classified before: reply.h.
 *
 * pid is the process that has answered, 0 if that is not known.
 */

#include "host/queue.h"

#include <brood/channel.h>
#include <sys/types.h>

/*
 * Complete a request by its reply.  msg is the last message that the channel
 * gave; its descriptors become those of the completion.
 */
void	brood__answer_done(struct brood__queue *queue,
	    struct brood__pending *pending, struct brood_channel *channel,
	    const struct brood_message *msg, pid_t pid);

/* Complete a request by an ERROR. */
void	brood__answer_failed(struct brood__queue *queue,
	    struct brood__pending *pending, const struct brood_message *msg,
	    enum brood_fate fate, enum brood_ran ran, pid_t pid);

/*
 * Take a part of a reply, or progress.  With BROOD_STREAM it is given to the
 * program; without, a part is kept and progress is dropped.  0 or -ENOMEM.
 */
int	brood__answer_part(struct brood__queue *queue,
	    struct brood__pending *pending, const struct brood_message *msg,
	    pid_t pid);

/*
 * The text of an ERROR, for people.  The caller frees it.  NULL without memory.
 */
char	*brood__answer_text(const struct brood_message *msg);

/* What is wrong with a stream of answers that can be read no further. */
const char *
	brood__answer_describe(int error);

#endif
