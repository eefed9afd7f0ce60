/* SPDX-License-Identifier: ISC */
/*
 * served: how many calls in a second does one client of brood run get?
 *
 *	served -b BROOD -w WORKER [-i N]
 *
 * Starts "brood run" with two workers, and asks it, with one call open and with
 * 64.  64 bytes there and back.  With -i, N requests are in flight at each
 * worker.
 */

#include "measure.h"

#include <brood.h>
#include <signal.h>
#include <sys/wait.h>

#define MAX_DEPTH	64

struct served {
	struct brood_client *client;
	unsigned char	 data[SMALL_LEN];
	uint64_t	 n_sent;
	uint64_t	 n_done;
};

static pid_t
server_start(const struct options *options, const char *path)
{
	const char *args[12] = {
		options->brood, "run", "-n", "2", "-l", path,
	};
	size_t n = 6;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid > 0)
		return pid;
	if (options->in_flight != NULL) {
		args[n++] = "--in-flight";
		args[n++] = options->in_flight;
	}
	args[n++] = "--";
	args[n++] = options->worker;
	execv(options->brood, (char **)args);
	warn("%s", options->brood);
	_exit(127);
}

static void
server_stop(pid_t pid)
{
	int status;

	if (kill(pid, SIGTERM) < 0 || waitpid(pid, &status, 0) < 0)
		err(1, "the server");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "the server has failed: status %#x", (unsigned)status);
}

static void
served_submit(struct served *served)
{
	struct brood_request_options options = {
		.tag = (void *)(uintptr_t)served->n_sent,
	};
	struct brood_message msg = {
		.data = served->data, .len = sizeof(served->data),
	};
	int r;

	payload_stamp(served->data, served->n_sent);
	r = brood_client_submit(served->client, &msg, &options, NULL);
	if (r < 0)
		errx(1, "brood_client_submit: %s", strerror(-r));
	served->n_sent++;
}

static void
served_take(struct served *served)
{
	struct brood_completion done;

	if (brood_client_wait(served->client, -1) < 0)
		errx(1, "the server has gone");
	while (brood_client_take(served->client, &done) == 1) {
		if (done.fate != BROOD_DONE)
			errx(1, "a request has failed: %s", done.text);
		payload_stamp(served->data, (uintptr_t)done.tag);
		if (done.reply.len != sizeof(served->data) ||
		    memcmp(done.reply.data, served->data,
		    sizeof(served->data)) != 0)
			errx(1, "a wrong answer");
		brood_completion_fini(&done);
		served->n_done++;
	}
}

static void
measure(struct served *served, unsigned depth, const struct options *options)
{
	uint64_t begin = now_ns(), first = served->n_done;

	if (options->depth != 0 && options->depth != depth)
		return;
	while (options->count != 0 ? served->n_sent - first < options->count :
	    now_ns() - begin < options->run_ns) {
		while (served->n_sent - served->n_done < depth)
			served_submit(served);
		served_take(served);
	}
	while (served->n_done < served->n_sent)
		served_take(served);
	print_at("served", depth, (double)(served->n_done - first) * 1e9 /
	    (double)(now_ns() - begin), "calls/s");
}

int
main(int argc, char **argv)
{
	struct brood_client_options client_options = {
		.queue = MAX_DEPTH, .wait_ms = 10000,
	};
	char dir[] = "/tmp/brood-bench.XXXXXX", path[64];
	struct served served = { 0 };
	char text[BROOD_TEXT_SIZE];
	struct options options;
	pid_t pid;

	options_parse(&options, argc, argv);
	if (options.brood == NULL || options.worker == NULL)
		errx(2, "usage: served -b BROOD -w WORKER [-i N]");
	if (mkdtemp(dir) == NULL)
		err(1, "%s", dir);
	snprintf(path, sizeof(path), "%s/socket", dir);
	pid = server_start(&options, path);
	if (brood_client_new(&served.client, path, &client_options, text) < 0)
		warnx("%s", text);
	else {
		measure(&served, 1, &options);
		measure(&served, MAX_DEPTH, &options);
	}
	brood_client_free(served.client);
	server_stop(pid);
	rmdir(dir);
	return served.n_done == 0;
}
