/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SERVE_H
#define BROOD__SERVE_H

/*
 * The worker's loop.
 */

#include <brood/channel.h>
#include <brood/worker.h>

/*
 * After HELLO: receive a request, call the handler, and answer, again and
 * again.  Gives 0 after GOODBYE or the end of the stream, otherwise a negative
 * errno.
 */
int	brood__serve_run(struct brood_channel *channel,
	    brood_handler_fn handler, void *arg);

/*
 * What a worker's channel is made with.  It accepts descriptors, so it never
 * reads ahead.
 */
extern const struct brood_channel_options brood__serve_options;

#endif
