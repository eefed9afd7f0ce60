/* SPDX-License-Identifier: ISC */

/*
 * Connecting to a server; see dial.h.
 *
 * How a server that is not there yet is awaited.  It is not there as long as
 *
 *	1. there is no file at the path, or not even the directory;
 *	2. the socket there is that of a server that was killed;
 *	3. the socket there is bound, but its server does not listen yet;
 *	4. the connection is closed before HELLO: a server that is ending has
 *	   left the connection in its backlog.
 *
 * inotify(7) could tell of the end of 1 and 2, if the directory is there.  But
 * listen(2) causes no event, and so the end of 3 can only be found out by
 * connect(2).  A connect(2) that fails costs some microseconds, so all four are
 * found out in that way, on every system: soon at first, then every
 * DIAL_RETRY_MS.
 */

#include "host/dial.h"

#include "base/await.h"
#include "base/text.h"
#include "socket/address.h"
#include "wire/channel.h"

#include <brood/socket.h>

#include <errno.h>
#include <stdio.h>

enum { DIAL_RETRY_MS = 50 };

/* Write "path: why" into text, unless that is NULL.  Gives error. */
static int
dial_explain(char *text, const char *path, const char *why, int error)
{
	if (text != NULL)
		(void)snprintf(text, BROOD_TEXT_SIZE, "%.*s: %.*s",
		    BROOD_TEXT_SIZE / 2, path, BROOD_TEXT_SIZE / 2 - 3, why);
	return error;
}

static int
dial_fail(char *text, const char *path, int error)
{
	if (error == -EPIPE)
		return dial_explain(text, path,
		    "the server closed the connection", error);
	if (error == -ETIMEDOUT)
		return dial_explain(text, path, "no answer in time", error);
	return brood__address_explain(text, path, "", error);
}

/* 0, an error of the channel, or -ETIMEDOUT. */
static int
dial_exchange_hello(struct brood_channel *channel, const char *name,
    int64_t deadline_ms, struct brood_message *ret_hello)
{
	int r;

	r = brood__channel_queue_hello(channel, name);
	if (r == 0)
		r = brood__channel_flush(channel,
		    brood__time_left(deadline_ms, brood__now_ms()));
	/* A server that has closed its end may have said why. */
	if (r < 0 && r != -EPIPE)
		return r == -EAGAIN ? -ETIMEDOUT : r;
	r = brood__channel_recv(channel,
	    brood__time_left(deadline_ms, brood__now_ms()), ret_hello);
	return r < 0 ? r : r == 0 ? -ETIMEDOUT : 0;
}

static int
dial_hello(struct brood_channel *channel, const char *path, const char *name,
    int64_t deadline_ms, char *text)
{
	char why[BROOD_TEXT_SIZE / 2 - 2];	/* behind the path and ": " */
	struct brood_message hello;
	int r;

	r = dial_exchange_hello(channel, name, deadline_ms, &hello);
	if (r < 0)
		return dial_fail(text, path, r);
	r = brood__channel_read_hello(channel, &hello, why, sizeof(why));
	return r < 0 ? dial_explain(text, path, why, r) : 0;
}

/* Try once. */
static int
dial_try(struct brood_channel **ret_channel, const char *path,
    const struct brood__dial_options *options, char *text)
{
	int64_t deadline_ms = brood__deadline(brood__now_ms(),
	    options->connect_ms);
	int r;

	r = brood_channel_connect(path, options->connect_ms, &options->channel,
	    ret_channel, text);
	if (r < 0)
		return r == -ETIMEDOUT ? dial_fail(text, path, r) : r;
	r = dial_hello(*ret_channel, path, options->name, deadline_ms, text);
	if (r < 0)
		*ret_channel = brood_channel_free(*ret_channel);
	return r;
}

static bool
dial_is_absent(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -EPIPE;
}

int
brood__dial(struct brood_channel **ret_channel, const char *path,
    const struct brood__dial_options *options, char *text)
{
	int64_t deadline_ms = brood__deadline(brood__now_ms(),
	    options->wait_ms);
	int left_ms, pause_ms = 1, r;

	for (;;) {
		r = dial_try(ret_channel, path, options, text);
		left_ms = brood__time_left(deadline_ms, brood__now_ms());
		if (!dial_is_absent(r) || left_ms == 0)
			return r;
		if (left_ms < 0 || left_ms > pause_ms)
			left_ms = pause_ms;
		(void)poll(NULL, 0, left_ms);
		if (pause_ms < DIAL_RETRY_MS)
			pause_ms = pause_ms < DIAL_RETRY_MS / 2 ?
			    2 * pause_ms : DIAL_RETRY_MS;
	}
}
