/* SPDX-License-Identifier: ISC */

/*
 * brood ping: measure how long a frame takes there and back; see ping(8).
 *
 * Owns the child that answers where no socket is named.  Waits in poll(2)
 * alone, so that a peer which stops reading is shown as loss.
 *
 * The last PING_WINDOW sending times are remembered: an answer that comes after
 * that many further PINGs counts as lost.
 */

#include "base/self_pipe.h"
#include "command/options.h"
#include "command/remote/remote.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	PING_SIZE = 56,
	PING_WINDOW = 1024,
	PING_LINGER_MS = 2000,		/* to wait for the last answer */
};

enum ping_state {
	PING_RUNNING,
	PING_OVER,			/* all answered, or a signal came */
	PING_LOST,			/* the channel is of no use any more */
};

struct ping {
	struct brood_child *child;	/* NULL with a socket */
	struct brood_channel *channel;	/* of the child, if there is one */
	const char *peer;		/* the path of the socket, or ... */
	char name[32];			/* ... "worker PID" */
	char *data;
	unsigned size;			/* of data */
	unsigned count;			/* how many to send; 0: no end */
	int interval_ms;
	int signals_fd;
	enum ping_state state;

	uint64_t n_sent;
	uint64_t n_received;
	int64_t last_ms;		/* when the last PING was due */
	int64_t sent_us[PING_WINDOW];	/* by id; 0: answered */
	double min_us;
	double max_us;
	double sum_us;
	double sum_squares;
};

static int64_t
ping_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Runs in the child, which answers where no socket is named. */
static int
ping_answer(struct brood_channel *channel, void *arg)
{
	struct brood_message msg;
	int r;

	(void)arg;
	/* Ctrl-C signals both; the parent prints the statistics and ends. */
	(void)signal(SIGINT, SIG_IGN);
	while ((r = brood_channel_recv(channel, -1, &msg)) == 1) {
		if (msg.kind != BROOD_KIND_PING)
			continue;
		msg.kind = BROOD_KIND_PONG;
		r = brood_channel_send(channel, &msg);
		if (r < 0)
			break;
	}
	return r == -EPIPE ? 0 : 1;
}

/* A client would add its own work to what is measured here. */
static void
ping_connect(struct ping *ping, const char *path)
{
	char text[BROOD_TEXT_SIZE];
	int r;

	ping->peer = path;
	r = brood_channel_connect(path, REMOTE_TIMEOUT_MS, NULL,
	    &ping->channel, text);
	if (r < 0)
		command_die(r == -ETIMEDOUT ? COMMAND_TIMEOUT :
		    COMMAND_UNUSABLE, 0, "%s", text);
	r = brood_channel_hello(ping->channel, "brood", REMOTE_TIMEOUT_MS);
	if (r == -ETIMEDOUT)
		command_die(COMMAND_TIMEOUT, 0, "%s: no answer in time", path);
	if (r == -EPIPE)
		command_die(COMMAND_UNUSABLE, 0,
		    "%s: the server closed the connection", path);
	if (r < 0)
		command_die(COMMAND_UNUSABLE, -r, "%s", path);
}

static void
ping_open(struct ping *ping, const char *path)
{
	int r;

	if (path != NULL) {
		ping_connect(ping, path);
		return;
	}
	r = brood_child_fork(&ping->child, NULL, ping_answer, NULL);
	if (r < 0)
		command_die(COMMAND_UNUSABLE, -r, "a worker");
	(void)snprintf(ping->name, sizeof(ping->name), "worker %d",
	    (int)brood_child_pid(ping->child));
	ping->peer = ping->name;
	ping->channel = brood_child_channel(ping->child);
}

static void
ping_close(struct ping *ping)
{
	if (ping->child != NULL)
		ping->child = brood_child_free(ping->child);
	else
		ping->channel = brood_channel_free(ping->channel);
	free(ping->data);
}

static void
ping_lose(struct ping *ping, int error)
{
	if (error == -EPIPE)
		command_warn(0, "%s: it is gone", ping->peer);
	else
		command_warn(-error, "%s", ping->peer);
	ping->state = PING_LOST;
}

static void
ping_flush(struct ping *ping)
{
	int r = brood_channel_flush(ping->channel, 0);

	if (r < 0 && r != -EAGAIN)
		ping_lose(ping, r);
}

static void
ping_send(struct ping *ping)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_PING,
		.id = ping->n_sent + 1,
		.data = ping->data,
		.len = ping->size,
	};
	int r;

	ping->sent_us[msg.id % PING_WINDOW] = ping_now_us();
	r = brood_channel_queue(ping->channel, &msg);
	if (r == -EMSGSIZE)
		command_die(COMMAND_FAILED, 0,
		    "%s: %u bytes are more than it accepts",
		    ping->peer, ping->size);
	if (r < 0) {
		ping_lose(ping, r);
		return;
	}
	ping->n_sent++;
	ping_flush(ping);
}

static void
ping_count(struct ping *ping, double us)
{
	if (ping->n_received == 0 || us < ping->min_us)
		ping->min_us = us;
	if (us > ping->max_us)
		ping->max_us = us;
	ping->sum_us += us;
	ping->sum_squares += us * us;
	ping->n_received++;
}

static void
ping_receive(struct ping *ping, const struct brood_message *msg)
{
	int64_t *sent_us = &ping->sent_us[msg->id % PING_WINDOW];
	int64_t us;

	if (msg->kind != BROOD_KIND_PONG || msg->id == 0 ||
	    msg->id > ping->n_sent || ping->n_sent - msg->id >= PING_WINDOW ||
	    *sent_us == 0)
		return;
	us = ping_now_us() - *sent_us;
	*sent_us = 0;
	ping_count(ping, (double)us);
	printf("%zu bytes from %s: seq=%llu time=%lld us\n", msg->len,
	    ping->peer, (unsigned long long)msg->id, (long long)us);
	command_close_stdout();
}

static void
ping_read(struct ping *ping)
{
	struct brood_message msg;
	int r;

	while ((r = brood_channel_recv(ping->channel, 0, &msg)) == 1)
		ping_receive(ping, &msg);
	if (r < 0)
		ping_lose(ping, r);
}

/*
 * The instant at which the next PING is due, or, when all were sent, the wait
 * for the last answer ends.
 */
static int64_t
ping_due_ms(const struct ping *ping)
{
	bool has_sent_all = ping->count > 0 && ping->n_sent == ping->count;

	if (!has_sent_all && ping->interval_ms > 0)
		return ping->last_ms + ping->interval_ms;
	/* The last answer is what is waited for. */
	return ping->n_received == ping->n_sent ? ping->last_ms :
	    ping->last_ms + PING_LINGER_MS;
}

/* While a PING is still queued none is added: it counts as the one due. */
static void
ping_advance(struct ping *ping)
{
	int64_t now_ms = brood__now_ms();

	if (now_ms < ping_due_ms(ping))
		return;
	ping->last_ms = now_ms;
	if (ping->count > 0 && ping->n_sent == ping->count)
		ping->state = PING_OVER;
	else if (!(brood_channel_events(ping->channel) & POLLOUT))
		ping_send(ping);
}

static void
ping_wait(struct ping *ping)
{
	struct pollfd pfds[] = {
		{ ping->signals_fd, POLLIN, 0 },
		{ brood_channel_fd(ping->channel),
		    brood_channel_events(ping->channel), 0 },
	};

	if (poll(pfds, 2, brood__time_left(ping_due_ms(ping),
	    brood__now_ms())) < 0)
		return;
	if (brood__self_pipe_next(ping->signals_fd) != 0)
		ping->state = PING_OVER;
	if (pfds[1].revents & POLLOUT)
		ping_flush(ping);
	if (ping->state != PING_LOST && (pfds[1].revents & (POLLIN | POLLHUP)))
		ping_read(ping);
}

static void
ping_summarize(const struct ping *ping)
{
	double n = (double)ping->n_received, mean, variance;
	double lost = (double)(ping->n_sent - ping->n_received);

	printf("\n--- %s ping statistics ---\n", ping->peer);
	printf("%llu transmitted, %llu received, %.0f%% loss\n",
	    (unsigned long long)ping->n_sent,
	    (unsigned long long)ping->n_received,
	    ping->n_sent == 0 ? 0.0 : 100 * lost / (double)ping->n_sent);
	if (ping->n_received > 0) {
		mean = ping->sum_us / n;
		variance = ping->sum_squares / n - mean * mean;
		printf("rtt min/avg/max/mdev = %.0f/%.0f/%.0f/%.0f us\n",
		    ping->min_us, mean, ping->max_us,
		    variance > 0 ? sqrt(variance) : 0.0);
	}
	command_close_stdout();
}

static int
ping_run(const struct command *command, int argc, char **argv)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	struct ping ping = { .size = PING_SIZE, .interval_ms = 1000 };
	const struct option_spec options[] = {
		{ 'c', "count", "N", "stop after N answers; default: until "
		    "Ctrl-C", .number = &ping.count, .min = 1, .max = INT_MAX },
		{ 's', "size", "BYTES", "size of the payload; default: 56",
		    .number = &ping.size, .max = BROOD_MAX_PAYLOAD },
		{ 'i', "interval", "SECONDS", "time from one PING to the next; "
		    "default: 1;\n0: send each when the one before is answered",
		    .seconds_ms = &ping.interval_ms },
		{ .name = NULL },
	};

	argv = options_parse(command, options, argc, argv);
	ping_open(&ping, argv[0]);
	ping.data = calloc(1, ping.size + 1);
	if (ping.data == NULL)
		command_die(COMMAND_UNUSABLE, ENOMEM, "%u bytes", ping.size);
	ping.signals_fd = brood__self_pipe_open(signals);
	if (ping.signals_fd < 0)
		command_die(COMMAND_UNUSABLE, -ping.signals_fd, "signals");
	printf("PING %s: %u bytes of data\n", ping.peer, ping.size);
	command_close_stdout();
	/* The first PING is due at once. */
	ping.last_ms = brood__now_ms() - ping.interval_ms;
	while (ping.state == PING_RUNNING) {
		ping_advance(&ping);
		if (ping.state == PING_RUNNING)
			ping_wait(&ping);
	}
	ping_summarize(&ping);
	ping_close(&ping);
	return ping.n_received == 0 || ping.state == PING_LOST ?
	    COMMAND_FAILED : COMMAND_OK;
}

const struct command command_ping = {
	.name = "ping",
	.summary = "Measure how long a frame takes to a worker and back",
	.operands = "[SOCKET]",
	.max_operands = 1,
	.help =
"The server at SOCKET answers.  Without SOCKET, ping starts a worker that\n"
"answers: nothing else is needed to try it.\n",
	.run = ping_run,
};
