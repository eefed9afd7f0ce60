/* SPDX-License-Identifier: ISC */
/*
 * nng: its request and reply sockets over ipc, between two processes.
 *
 *	nng call | depth | payload
 *
 * With a depth, there are as many contexts on the one socket, each with one
 * request under way, as nng_ctx(5) describes.
 */

#include "../measure.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MAX_DEPTH	64

static void
check(int r, const char *what)
{
	if (r != 0)
		errx(1, "%s: %s", what, nng_strerror(r));
}

/* Answer small messages with themselves, large ones with their checksum. */
static void
serve(const char *url)
{
	nng_socket socket;
	nng_msg *msg;
	uint64_t sum;

	check(nng_rep0_open(&socket), "nng_rep0_open");
	check(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, 0), "limit");
	check(nng_listen(socket, url, NULL, 0), "nng_listen");
	for (;;) {
		check(nng_recvmsg(socket, &msg, 0), "nng_recvmsg");
		if (nng_msg_len(msg) != SMALL_LEN) {
			sum = checksum(nng_msg_body(msg), nng_msg_len(msg));
			nng_msg_clear(msg);
			check(nng_msg_append(msg, &sum, sizeof(sum)), "append");
		}
		check(nng_sendmsg(socket, msg, 0), "nng_sendmsg");
	}
}

static nng_msg *
message_new(unsigned char *data, size_t len, uint64_t number)
{
	nng_msg *msg;

	payload_stamp(data, number);
	check(nng_msg_alloc(&msg, len), "nng_msg_alloc");
	memcpy(nng_msg_body(msg), data, len);
	return msg;
}

static void
message_check(nng_msg *msg, unsigned char *data, size_t len, uint64_t number)
{
	uint64_t sum;

	payload_stamp(data, number);
	if (len == SMALL_LEN) {
		if (nng_msg_len(msg) != len ||
		    memcmp(nng_msg_body(msg), data, len) != 0)
			errx(1, "a wrong answer");
	} else {
		sum = checksum(data, len);
		if (nng_msg_len(msg) != sizeof(sum) ||
		    memcmp(nng_msg_body(msg), &sum, sizeof(sum)) != 0)
			errx(1, "a wrong checksum");
	}
	nng_msg_free(msg);
}

static void
exchange(nng_socket socket, unsigned char *data, size_t len, uint64_t number)
{
	nng_msg *msg;

	check(nng_sendmsg(socket, message_new(data, len, number), 0), "send");
	check(nng_recvmsg(socket, &msg, 0), "receive");
	message_check(msg, data, len, number);
}

static void
measure_call(nng_socket socket, const struct options *options)
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
measure_payload(nng_socket socket, const struct options *options)
{
	unsigned char *data = payload_new(MAX_PAYLOAD);
	uint64_t begin, n;

	for (size_t i = 0; i < N_PAYLOAD_LENS; i++) {
		begin = now_ns();
		n = 0;
		do
			exchange(socket, data, payload_lens[i], n++);
		while (now_ns() - begin < options->run_ns);
		print_at("payload", payload_lens[i],
		    (double)payload_lens[i] * (double)n /
		    (double)(now_ns() - begin), "GB/s");
	}
	free(data);
}

struct context {
	nng_ctx		 ctx;
	nng_aio		*aio;
	uint64_t	 number;
};

/* Send the next request, and begin to receive its answer. */
static void
context_send(struct context *context, uint64_t number)
{
	unsigned char data[SMALL_LEN] = { 0 };

	context->number = number;
	nng_aio_set_msg(context->aio, message_new(data, sizeof(data), number));
	nng_ctx_send(context->ctx, context->aio);
	nng_aio_wait(context->aio);
	check(nng_aio_result(context->aio), "nng_ctx_send");
	nng_ctx_recv(context->ctx, context->aio);
}

static void
context_take(struct context *context)
{
	unsigned char data[SMALL_LEN] = { 0 };

	nng_aio_wait(context->aio);
	check(nng_aio_result(context->aio), "nng_ctx_recv");
	message_check(nng_aio_get_msg(context->aio), data, sizeof(data),
	    context->number);
}

static void
measure_depth(nng_socket socket, unsigned depth, const struct options *options)
{
	struct context contexts[MAX_DEPTH];
	uint64_t begin, n_sent = 0, n_done = 0;

	for (unsigned i = 0; i < depth; i++) {
		check(nng_ctx_open(&contexts[i].ctx, socket), "nng_ctx_open");
		check(nng_aio_alloc(&contexts[i].aio, NULL, NULL), "aio");
	}
	begin = now_ns();
	for (; n_sent < depth; n_sent++)
		context_send(&contexts[n_sent], n_sent);
	while (now_ns() - begin < options->run_ns) {
		context_take(&contexts[n_done++ % depth]);
		context_send(&contexts[n_sent % depth], n_sent);
		n_sent++;
	}
	while (n_done < n_sent)
		context_take(&contexts[n_done++ % depth]);
	print_at("depth", depth, (double)n_done * 1e9 /
	    (double)(now_ns() - begin), "calls/s");
	for (unsigned i = 0; i < depth; i++) {
		nng_aio_free(contexts[i].aio);
		nng_ctx_close(contexts[i].ctx);
	}
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/brood-bench.XXXXXX", url[64];
	unsigned char hello[SMALL_LEN] = { 0 };
	pid_t pid, parent = getpid();
	struct options options;
	nng_socket socket;

	options_parse(&options, argc, argv);
	if (mkdtemp(dir) == NULL)
		err(1, "%s", dir);
	snprintf(url, sizeof(url), "ipc://%s/socket", dir);
	/* nng has threads: fork before it starts them. */
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		    getppid() != parent)
			_exit(1);
		serve(url);
	}
	check(nng_req0_open(&socket), "nng_req0_open");
	/* It goes on trying until the child listens. */
	check(nng_dial(socket, url, NULL, NNG_FLAG_NONBLOCK), "nng_dial");
	exchange(socket, hello, sizeof(hello), 0);
	if (strcmp(options.question, "call") == 0)
		measure_call(socket, &options);
	else if (strcmp(options.question, "payload") == 0)
		measure_payload(socket, &options);
	else if (strcmp(options.question, "depth") == 0)
		for (unsigned depth = 1; depth <= MAX_DEPTH; depth *= 4)
			measure_depth(socket, depth, &options);
	else
		warnx("usage: nng call | depth | payload");
	nng_close(socket);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	unlink(url + strlen("ipc://"));
	rmdir(dir);
	return 0;
}
