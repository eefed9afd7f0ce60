/* SPDX-License-Identifier: ISC */
/*
 * zeromq: its sockets over ipc, between two processes.
 *
 *	zeromq call | depth | payload
 *
 * A call is by REQ and REP.  With a depth, and for payloads, the host is a
 * DEALER and the other process a ROUTER.  Payloads are sent without a copy.
 */

#include "../measure.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <zmq.h>

#define MAX_DEPTH	256

static void
check(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, zmq_strerror(zmq_errno()));
}

static void *
socket_open(void *context, int type)
{
	void *socket = zmq_socket(context, type);
	int none = 0;

	if (socket == NULL)
		check(-1, "zmq_socket");
	check(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof(none)),
	    "linger");
	return socket;
}

/* Answer small messages with themselves, large ones with their checksum. */
static void
serve(const char *url, bool is_router)
{
	void *socket = socket_open(zmq_ctx_new(),
	    is_router ? ZMQ_ROUTER : ZMQ_REP);
	zmq_msg_t peer, msg;
	uint64_t sum;

	check(zmq_bind(socket, url), "zmq_bind");
	zmq_msg_init(&peer);
	zmq_msg_init(&msg);
	for (;;) {
		if (is_router) {
			check(zmq_msg_recv(&peer, socket, 0), "receive");
			check(zmq_msg_send(&peer, socket, ZMQ_SNDMORE), "send");
		}
		check(zmq_msg_recv(&msg, socket, 0), "receive");
		if (zmq_msg_size(&msg) == SMALL_LEN) {
			check(zmq_msg_send(&msg, socket, 0), "send");
			continue;
		}
		sum = checksum(zmq_msg_data(&msg), zmq_msg_size(&msg));
		check(zmq_send(socket, &sum, sizeof(sum), 0), "send");
	}
}

static void
receive_check(void *socket, unsigned char *data, size_t len, uint64_t number)
{
	unsigned char got[SMALL_LEN + 1];
	uint64_t sum;
	int n;

	n = zmq_recv(socket, got, sizeof(got), 0);
	check(n, "receive");
	payload_stamp(data, number);
	if (len == SMALL_LEN) {
		if (n != SMALL_LEN || memcmp(got, data, len) != 0)
			errx(1, "a wrong answer");
		return;
	}
	sum = checksum(data, len);
	if (n != sizeof(sum) || memcmp(got, &sum, sizeof(sum)) != 0)
		errx(1, "a wrong checksum");
}

static void
exchange(void *socket, unsigned char *data, size_t len, uint64_t number)
{
	payload_stamp(data, number);
	check(zmq_send(socket, data, len, 0), "send");
	receive_check(socket, data, len, number);
}

static void
measure_call(void *socket, const struct options *options)
{
	uint64_t begin, end = now_ns() + 2 * options->run_ns;
	unsigned char data[SMALL_LEN] = { 0 };
	struct times times;

	times_init(&times);
	for (uint64_t i = 0; (begin = now_ns()) < end; i++) {
		exchange(socket, data, sizeof(data), i);
		times_add(&times, begin);
	}
	times_print("call", &times);
	times_fini(&times);
}

static void
measure_depth(void *socket, unsigned depth, const struct options *options)
{
	uint64_t begin = now_ns(), n_sent = 0, n_done = 0;
	unsigned char data[SMALL_LEN] = { 0 };

	while (now_ns() - begin < options->run_ns) {
		for (; n_sent - n_done < depth; n_sent++) {
			payload_stamp(data, n_sent);
			check(zmq_send(socket, data, sizeof(data), 0), "send");
		}
		receive_check(socket, data, sizeof(data), n_done++);
	}
	while (n_done < n_sent)
		receive_check(socket, data, sizeof(data), n_done++);
	print_at("depth", depth, (double)n_done * 1e9 /
	    (double)(now_ns() - begin), "calls/s");
}

/* A payload that is being sent must not change: there is one for each. */
static void
send_payload(void *socket, unsigned char *data, size_t len, uint64_t number)
{
	zmq_msg_t msg;

	payload_stamp(data, number);
	check(zmq_msg_init_data(&msg, data, len, NULL, NULL), "init");
	check(zmq_msg_send(&msg, socket, 0), "send");
}

static void
measure_payload(void *socket, const struct options *options)
{
	unsigned char *data[PAYLOAD_DEPTH];
	uint64_t begin, n_sent, n_done;
	size_t len;

	for (size_t i = 0; i < PAYLOAD_DEPTH; i++)
		data[i] = payload_new(MAX_PAYLOAD);
	for (size_t i = 0; i < N_PAYLOAD_LENS; i++) {
		len = payload_lens[i];
		begin = now_ns();
		n_sent = n_done = 0;
		while (n_done < n_sent ||
		    now_ns() - begin < options->run_ns) {
			for (; n_sent - n_done < PAYLOAD_DEPTH &&
			    now_ns() - begin < options->run_ns; n_sent++)
				send_payload(socket,
				    data[n_sent % PAYLOAD_DEPTH], len, n_sent);
			receive_check(socket, data[n_done % PAYLOAD_DEPTH],
			    len, n_done);
			n_done++;
		}
		print_at("payload", len, (double)len * (double)n_done /
		    (double)(now_ns() - begin), "GB/s");
	}
	for (size_t i = 0; i < PAYLOAD_DEPTH; i++)
		free(data[i]);
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/brood-bench.XXXXXX", url[64];
	unsigned char hello[SMALL_LEN] = { 0 };
	pid_t pid, parent = getpid();
	void *context, *socket;
	struct options options;
	bool is_call;

	options_parse(&options, argc, argv);
	is_call = strcmp(options.question, "call") == 0;
	if (mkdtemp(dir) == NULL)
		err(1, "%s", dir);
	snprintf(url, sizeof(url), "ipc://%s/socket", dir);
	/* ZeroMQ has threads: fork before it starts them. */
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		    getppid() != parent)
			_exit(1);
		serve(url, !is_call);
	}
	context = zmq_ctx_new();
	socket = socket_open(context, is_call ? ZMQ_REQ : ZMQ_DEALER);
	/* It goes on trying until the child listens. */
	check(zmq_connect(socket, url), "zmq_connect");
	exchange(socket, hello, sizeof(hello), 0);
	if (is_call)
		measure_call(socket, &options);
	else if (strcmp(options.question, "payload") == 0)
		measure_payload(socket, &options);
	else if (strcmp(options.question, "depth") == 0)
		for (unsigned depth = 1; depth <= MAX_DEPTH; depth *= 4)
			measure_depth(socket, depth, &options);
	else
		warnx("usage: zeromq call | depth | payload");
	zmq_close(socket);
	zmq_ctx_term(context);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	unlink(url + strlen("ipc://"));
	rmdir(dir);
	return 0;
}
