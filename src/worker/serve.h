/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SERVE_H
#define BROOD__SERVE_H

/*
 * The worker's loop, after HELLO: receive a request, call the handler, answer;
 * until GOODBYE or the end of the stream, which give 0.
 */

#include <brood/channel.h>
#include <brood/worker.h>

int	brood__worker_run(struct brood_channel *channel,
	    brood_handler_fn handler, void *arg);

/* The channel of a worker: takes descriptors, never reads ahead. */
extern const struct brood_channel_options brood__worker_channel;

#endif
