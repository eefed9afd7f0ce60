/* SPDX-License-Identifier: ISC */

/*
 * Very many clients of one `brood run', half of which do nothing, or nearly
 * nothing, with what they hold of the server.
 *
 *	clients [-c CLIENTS] [-g GREEDY] [-t SECONDS] [-q QUEUE] BROOD WORKER
 *
 * Half of the clients are stalled: silent before or after HELLO, in the middle
 * of a frame, feeding a byte a second, or deaf to their answers.  Those that
 * the server drops connect again.  The other half has one request open at a
 * time, except for a few that are greedy: they send all that the socket takes.
 *
 * Shown is what became of the others: how many requests of each were answered,
 * the longest wait between two answers, and the memory and time of the server.
 * The one that had least must have had half of what is usual, and an answer
 * must not cost the server much more time than before the stalled ones came.
 *
 * With the default queue there is room for all.  With a shorter one, -q, those
 * that are refused ask again at once: then it is a matter of luck who gets in.
 */

#include "soak/soak.h"

#include "base/ready.h"
#include "wire/frame.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
	PAYLOAD = 16,
	GREEDY_OPEN = 256,		/* requests that a greedy client has */
	DEAF_OPEN = 16,			/* that a deaf one ever sends */
	BUFFER = 4096,
	OTHER_FDS = 700,		/* of both processes, besides clients */
	WARM_UP_US = 2000000,
	BASE_KIB = 64 << 10,		/* memory that the server may have, */
	CLIENT_KIB = 24,		/* and for each client */
	DEARER = 4,			/* an answer, if others are stalled */
};

enum kind {
	ACTIVE, GREEDY,
	MUTE,		/* says nothing at all */
	SILENT,		/* says HELLO, and nothing more */
	HALF,		/* says half a frame */
	SLOW,		/* a byte of a frame each second */
	DEAF,		/* reads no answer */
	KINDS,
};

struct client {
	enum kind kind;
	int fd;
	uint64_t last_id;
	unsigned n_open;
	uint32_t slow_at;		/* bytes sent of the slow frame */
	uint64_t n_served, n_refused;
	int64_t served_us, longest_us;
	uint8_t bytes[BUFFER];		/* received, and not looked at */
	size_t n_bytes;
};

static struct client *clients;
static unsigned n_clients = 400, n_greedy = 4;
static uint64_t n_reconnects;
static char queue[16];
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static struct brood__ready *ready;
static pid_t server;

static _Noreturn void
wrong(const char *what)
{
	(void)fprintf(stderr, "clients: %s: %s\n", what, strerror(errno));
	if (server > 0)
		(void)kill(server, SIGKILL);
	(void)unlink(address.sun_path);
	exit(1);
}

/* What clients send */

static size_t
encode_request(uint8_t *bytes, uint64_t id)
{
	const struct brood__frame frame = {
		.length = PAYLOAD, .kind = BROOD_KIND_REQUEST, .id = id,
	};

	brood__frame_encode(bytes, &frame);
	memset(bytes + BROOD__FRAME_SIZE, 'x', PAYLOAD);
	return BROOD__FRAME_SIZE + PAYLOAD;
}

static size_t
encode_hello(uint8_t *bytes)
{
	const struct brood__hello hello = {
		.version = BROOD__VERSION, .max_payload = 1 << 20,
	};
	struct brood__frame frame = { .kind = BROOD_KIND_HELLO };

	frame.length = (uint32_t)brood__hello_encode(bytes + BROOD__FRAME_SIZE,
	    &hello);
	brood__frame_encode(bytes, &frame);
	return BROOD__FRAME_SIZE + frame.length;
}

/* False: there is no room, or the connection has ended. */
static bool
say(const struct client *client, const void *bytes, size_t n)
{
	return send(client->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)n;
}

static void
ask(struct client *client)
{
	uint8_t bytes[BROOD__FRAME_SIZE + PAYLOAD];
	unsigned most = client->kind == ACTIVE ? 1 :
	    client->kind == GREEDY ? GREEDY_OPEN : DEAF_OPEN;

	while (client->n_open < most &&
	    say(client, bytes, encode_request(bytes, client->last_id + 1))) {
		client->last_id++;
		client->n_open++;
	}
}

static void
feed(struct client *client)
{
	uint8_t bytes[BROOD__FRAME_SIZE + PAYLOAD];
	size_t n = encode_request(bytes, client->last_id + 1);

	if (client->kind != SLOW || !say(client, bytes + client->slow_at, 1))
		return;
	client->slow_at = (uint32_t)((client->slow_at + 1) % n);
	client->last_id += client->slow_at == 0;
}

/* Connections */

static void
begin(struct client *client)
{
	uint8_t bytes[BROOD__FRAME_SIZE + BROOD__HELLO_SIZE + BROOD__NAME_MAX];

	if (client->kind == MUTE)
		return;
	(void)say(client, bytes, encode_hello(bytes));
	switch (client->kind) {
	case ACTIVE: case GREEDY: case DEAF:
		ask(client);
		break;
	case HALF:
		(void)say(client, bytes, encode_request(bytes, 1) / 2);
		break;
	case MUTE: case SILENT: case SLOW: case KINDS:
		break;
	}
}

static void
connect_client(struct client *client)
{
	short events = client->kind == DEAF ? 0 : POLLIN;

	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || connect(client->fd,
	    (const struct sockaddr *)&address, sizeof(address)) < 0)
		wrong("connect");
	client->last_id = client->n_open = client->slow_at = 0;
	client->n_bytes = 0;
	client->served_us = now_us();
	if (brood__ready_add(ready, client->fd, events,
	    (uint64_t)(client - clients)) < 0)
		wrong("memory");
	begin(client);
}

static void
reconnect(struct client *client)
{
	if (client->kind == ACTIVE || client->kind == GREEDY)
		wrong("a client that did nothing wrong was dropped");
	brood__ready_remove(ready, client->fd);
	(void)close(client->fd);
	n_reconnects++;
	connect_client(client);
}

/* What clients are told */

static void
note_served(struct client *client)
{
	int64_t at_us = now_us();

	if (at_us - client->served_us > client->longest_us)
		client->longest_us = at_us - client->served_us;
	client->served_us = at_us;
	client->n_served++;
}

static void
handle_frame(struct client *client, const struct brood__frame *frame)
{
	if (frame->kind == BROOD_KIND_REPLY)
		note_served(client);
	else if (frame->kind == BROOD_KIND_ERROR &&
	    frame->code == BROOD_ERROR_NO_CAPACITY && frame->id != 0)
		client->n_refused++;
	else
		return;
	client->n_open--;
}

static void
handle_bytes(struct client *client)
{
	struct brood__frame frame;
	size_t at = 0;

	while (client->n_bytes - at >= BROOD__FRAME_SIZE) {
		if (brood__frame_decode(client->bytes + at, BUFFER / 2,
		    &frame) < 0)
			wrong("a frame that makes no sense");
		if (client->n_bytes - at < BROOD__FRAME_SIZE + frame.length)
			break;
		handle_frame(client, &frame);
		at += BROOD__FRAME_SIZE + frame.length;
	}
	client->n_bytes -= at;
	memmove(client->bytes, client->bytes + at, client->n_bytes);
}

static void
read_client(struct client *client)
{
	ssize_t n = recv(client->fd, client->bytes + client->n_bytes,
	    sizeof(client->bytes) - client->n_bytes, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		reconnect(client);
		return;
	}
	client->n_bytes += (size_t)n;
	handle_bytes(client);
	if (client->kind == ACTIVE || client->kind == GREEDY)
		ask(client);
}

static void
run(int64_t until_us)
{
	static int64_t fed_us;
	struct brood__ready_event events[64];
	int n;

	while (now_us() < until_us) {
		n = brood__ready_wait(ready, 100, events, 64);
		for (int i = 0; i < n; i++)
			if (events[i].events & POLLIN)
				read_client(&clients[events[i].token]);
			else
				reconnect(&clients[events[i].token]);
		if (now_us() < fed_us + 1000000)
			continue;
		fed_us = now_us();
		for (unsigned i = 0; i < n_clients; i++)
			feed(&clients[i]);
	}
}

/* The server */

static void
start_server(const char *brood, const char *worker)
{
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
	    "/tmp/brood-clients-%d.sock", (int)getpid());
	server = fork();
	if (server == 0) {
		int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(null_fd, STDERR_FILENO);
		(void)execl(brood, brood, "run", "-l", address.sun_path,
		    "-n", "2", "--queue", queue, "--", worker, (char *)NULL);
		_exit(127);
	}
	if (server < 0)
		wrong("fork");
	for (int fd = -1;;) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (const struct sockaddr *)&address,
		    sizeof(address)) == 0) {
			(void)close(fd);
			return;
		}
		(void)close(fd);
		if (waitpid(server, NULL, WNOHANG) != 0)
			wrong("the server has ended");
		nap_us(10000);
	}
}

/* KiB that it has in memory, or had at most; 0: nobody says. */
static unsigned long
server_memory(const char *field)
{
	char path[64], line[128], format[32];
	unsigned long kib = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)server);
	(void)snprintf(format, sizeof(format), "%s: %%lu", field);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, format, &kib) == 1)
			break;
	if (file != NULL)
		(void)fclose(file);
	return kib;
}

/* The clock ticks that it has run. */
static unsigned long
server_ticks(void)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)server);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	(void)!fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u "
	    "%*u %*u %lu %lu", &user, &system);
	(void)fclose(file);
	return user + system;
}

static void
stop_server(void)
{
	int status;

	(void)kill(server, SIGTERM);
	if (waitpid(server, &status, 0) != server || status != 0) {
		server = 0;
		wrong("the server did not end well");
	}
}

/* The limits */

/* Both processes need a descriptor for each client, the server two. */
static void
fit_limits(void)
{
	struct rlimit limit;
	rlim_t wanted = 2 * (rlim_t)n_clients + OTHER_FDS;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < wanted) {
		struct rlimit more = { wanted, wanted };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
		n_clients = (unsigned)(limit.rlim_max - OTHER_FDS) / 2;
		(void)printf("clients: only %u: RLIMIT_NOFILE is %llu\n",
		    n_clients, (unsigned long long)limit.rlim_max);
	}
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void
connect_some(bool are_stalled)
{
	for (unsigned i = 0; i < n_clients; i++) {
		clients[i].kind = i < n_greedy ? GREEDY :
		    i % 2 == 0 ? ACTIVE : MUTE + i / 2 % (KINDS - MUTE);
		if ((clients[i].kind >= MUTE) != are_stalled)
			continue;
		connect_client(&clients[i]);
		/* Or the first ones would be dropped: they say no HELLO. */
		if (i % 256 == 0)
			run(now_us() + 1);
	}
}

/* The result */

static int
by_served(const void *one, const void *other)
{
	const struct client *a = one, *b = other;

	return (a->n_served > b->n_served) - (a->n_served < b->n_served);
}

static int
by_kind(const void *one, const void *other)
{
	const struct client *a = one, *b = other;

	return a->kind != b->kind ? (int)a->kind - (int)b->kind :
	    by_served(one, other);
}

static void
forget(void)
{
	for (unsigned i = 0; i < n_clients; i++) {
		clients[i].n_served = clients[i].n_refused = 0;
		clients[i].longest_us = 0;
		clients[i].served_us = now_us();
	}
}

/* Run for so long: microseconds of the server's time for each answer. */
static double
measure(int64_t us)
{
	unsigned long ticks;
	uint64_t n = 1;

	forget();
	ticks = server_ticks();
	run(now_us() + us);
	ticks = server_ticks() - ticks;
	for (unsigned i = 0; i < n_clients; i++)
		n += clients[i].n_served + clients[i].n_refused;
	return (double)ticks * 1e6 / (double)sysconf(_SC_CLK_TCK) / (double)n;
}

static bool
report(uint64_t seconds, double alone_us, double answer_us)
{
	unsigned n_active = 0, n_used = 0;
	uint64_t n_served = 0, n_refused = 0, n_greedy_served = 0, median;
	unsigned long most_kib = server_memory("VmHWM");
	unsigned long limit_kib = BASE_KIB + CLIENT_KIB * n_clients;
	int64_t longest_us = 0;

	qsort(clients, n_clients, sizeof(*clients), by_kind);
	for (unsigned i = 0; i < n_clients; i++) {
		const struct client *client = &clients[i];

		n_active += client->kind == ACTIVE;
		n_used += client->kind <= GREEDY;
		n_refused += client->n_refused;
		if (client->kind == ACTIVE) {
			n_served += client->n_served;
			if (client->longest_us > longest_us)
				longest_us = client->longest_us;
		} else if (client->kind == GREEDY &&
		    client->n_served > n_greedy_served)
			n_greedy_served = client->n_served;
	}
	median = clients[n_active / 2].n_served;
	(void)printf("clients: %u, %u of them stalled, %llu times dropped; "
	    "served %llu in %llu s, refused %llu; of one: least %llu, median "
	    "%llu, most %llu, greedy %llu; longest wait %lld ms; server %lu "
	    "KiB of %lu, and %.1f us for each answer, %.1f without the "
	    "stalled\n", n_clients,
	    n_clients - n_used, (unsigned long long)n_reconnects,
	    (unsigned long long)n_served, (unsigned long long)seconds,
	    (unsigned long long)n_refused,
	    (unsigned long long)clients[0].n_served,
	    (unsigned long long)median,
	    (unsigned long long)clients[n_active - 1].n_served,
	    (unsigned long long)n_greedy_served,
	    (long long)longest_us / 1000, most_kib, limit_kib,
	    answer_us, alone_us);
	return median > 0 && clients[0].n_served >= median / 2 &&
	    most_kib <= limit_kib && answer_us <= DEARER * alone_us;
}

static void
parse(int argc, char **argv, uint64_t *ret_seconds)
{
	int option;

	while ((option = getopt(argc, argv, "c:g:t:q:")) != -1)
		switch (option) {
		case 'c':
			n_clients = (unsigned)option_number(argv[0], optarg);
			break;
		case 'g':
			n_greedy = (unsigned)option_number(argv[0], optarg);
			break;
		case 't':
			*ret_seconds = option_number(argv[0], optarg);
			break;
		case 'q':
			(void)snprintf(queue, sizeof(queue), "%s", optarg);
			break;
		default:
			exit(2);
		}
	if (argc - optind != 2 || n_clients < 16 || n_greedy > n_clients / 4) {
		(void)fprintf(stderr, "usage: clients [-c CLIENTS] [-g GREEDY] "
		    "[-t SECONDS] [-q QUEUE] BROOD WORKER\n");
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	uint64_t seconds = 3;
	double alone_us, answer_us;
	bool is_fair;

	parse(argc, argv, &seconds);
	fit_limits();
	if (queue[0] == '\0')
		(void)snprintf(queue, sizeof(queue), "%u", 4 * n_clients);
	clients = calloc(n_clients, sizeof(*clients));
	if (clients == NULL || brood__ready_new(&ready) < 0)
		wrong("memory");
	start_server(argv[optind], argv[optind + 1]);
	connect_some(false);
	run(now_us() + WARM_UP_US / 2);
	alone_us = measure(WARM_UP_US / 2);
	connect_some(true);
	run(now_us() + WARM_UP_US / 2);
	answer_us = measure((int64_t)seconds * 1000000);
	is_fair = report(seconds, alone_us, answer_us);
	stop_server();
	return !is_fair;
}
