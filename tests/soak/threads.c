/* SPDX-License-Identifier: ISC */

/*
 * Several threads, each with a pool of its own, and others that wake them.
 *
 *	threads [-e] [-n REQUESTS] [-p POOLS] [-w WAKERS]
 *
 * Half of the pools are made before there are threads, half by the threads that
 * use them; with -e, all of them before.  Each waker puts jobs in the box of
 * each pool, and wakes its thread; a job is a request that the thread then
 * submits.  Each thread waits without a limit of time, so that a wake that got
 * lost would hang it.  Half way it gives its pool to another thread, and ends.
 *
 * Every job must have been done by the right pool's worker.  Built with
 * ThreadSanitizer it shows too that pools share nothing: see HACKING.md.
 */

#include "soak/soak.h"
#include "support/asan.h"

#include <brood.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { MAX_POOLS = 64, MAX_WAKERS = 16, LIMIT_S = 120 };

struct box {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct brood_pool *pool;	/* NULL until its thread has made it */
	uint64_t n_jobs;		/* to be submitted */
	unsigned n_wakers;		/* that may still put some */

	/* Of the one thread that uses the pool. */
	pthread_t second;		/* which goes on when the first ends */
	unsigned number;
	uint64_t n_open, n_done;
};

static struct box boxes[MAX_POOLS];
static unsigned n_pools = 4, n_wakers = 2;
static uint64_t n_requests = 5000;	/* of each waker for each pool */
/*
 * Are all pools early?  The allocators of the sanitizers stay locked in a child
 * if another thread was using one at the moment of the fork.
 */
static bool are_early = SUPPORT_HAS_ASAN;

static _Noreturn void
wrong(const char *what, const char *text)
{
	(void)fprintf(stderr, "threads: %s: %s\n", what, text);
	exit(1);
}

static int
handle(struct brood_request *request, void *arg)
{
	const struct box *box = arg;

	return brood_request_reply(request, 0, &box->number,
	    sizeof(box->number));
}

static struct brood_pool *
make_pool(struct box *box)
{
	const struct brood_pool_options options = {
		.handler = handle,
		.arg = box,
		.workers = 2,
		.in_flight = 4,
		.stderr_fd = -1,
	};
	struct brood_pool *pool;
	char text[BROOD_TEXT_SIZE];

	if (brood_pool_new(&pool, &options, text) < 0)
		wrong("pool", text);
	return pool;
}

/* The wakers */

static void
put_job(struct box *box)
{
	(void)pthread_mutex_lock(&box->lock);
	while (box->pool == NULL)
		(void)pthread_cond_wait(&box->changed, &box->lock);
	box->n_jobs++;
	brood_pool_wake(box->pool);
	(void)pthread_mutex_unlock(&box->lock);
}

static void *
be_waker(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < n_requests; i++)
		for (unsigned p = 0; p < n_pools; p++)
			put_job(&boxes[p]);
	for (unsigned p = 0; p < n_pools; p++) {
		(void)pthread_mutex_lock(&boxes[p].lock);
		boxes[p].n_wakers--;
		brood_pool_wake(boxes[p].pool);
		(void)pthread_mutex_unlock(&boxes[p].lock);
	}
	return NULL;
}

/* The thread that uses a pool */

/* True: there may be more jobs later. */
static bool
get_jobs(struct box *box, uint64_t *ret_n)
{
	bool has_more;

	(void)pthread_mutex_lock(&box->lock);
	*ret_n = box->n_jobs;
	box->n_jobs = 0;
	has_more = box->n_wakers > 0;
	(void)pthread_mutex_unlock(&box->lock);
	return has_more;
}

static void
take(struct box *box)
{
	struct brood_completion done;
	unsigned number;

	while (brood_pool_take(box->pool, &done) == 1) {
		if (done.fate != BROOD_DONE ||
		    done.reply.len != sizeof(number))
			wrong("completion", done.text);
		memcpy(&number, done.reply.data, sizeof(number));
		if (number != box->number)
			wrong("completion", "of another pool");
		box->n_done++;
		box->n_open--;
		brood_completion_fini(&done);
	}
}

static void
wait_and_take(struct box *box)
{
	int r = brood_pool_wait(box->pool, -1);

	if (r < 0)
		wrong("wait", strerror(-r));
	take(box);
}

static void
submit(struct box *box)
{
	const struct brood_message msg = { .data = "job", .len = 3 };

	while (brood_pool_submit(box->pool, &msg, NULL, NULL) < 0)
		wait_and_take(box);
	box->n_open++;
}

/* Until so many were done, or no more will come. */
static void
work(struct box *box, uint64_t n_wanted)
{
	bool has_more = true;
	uint64_t n;

	while (box->n_done < n_wanted && (has_more || box->n_open > 0)) {
		has_more = get_jobs(box, &n);
		for (uint64_t i = 0; i < n; i++)
			submit(box);
		if (has_more || box->n_open > 0)
			wait_and_take(box);
	}
}

static void *
be_second(void *arg)
{
	struct box *box = arg;

	work(box, UINT64_MAX);
	return NULL;
}

static void *
be_first(void *arg)
{
	struct box *box = arg;

	if (box->pool == NULL) {
		struct brood_pool *pool = make_pool(box);

		(void)pthread_mutex_lock(&box->lock);
		box->pool = pool;
		(void)pthread_cond_broadcast(&box->changed);
		(void)pthread_mutex_unlock(&box->lock);
	}
	work(box, n_wakers * n_requests / 2);
	if (pthread_create(&box->second, NULL, be_second, box) != 0)
		wrong("pthread_create", "failed");
	return NULL;
}

static void
parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "en:p:w:")) != -1) {
		uint64_t n = optarg == NULL ? 0 :
		    option_number(argv[0], optarg);

		if (option == 'e')
			are_early = true;
		else if (option == 'n')
			n_requests = n;
		else if (option == 'p' && n > 0 && n <= MAX_POOLS)
			n_pools = (unsigned)n;
		else if (option == 'w' && n > 0 && n <= MAX_WAKERS)
			n_wakers = (unsigned)n;
		else
			exit(2);
	}
}

int
main(int argc, char **argv)
{
	pthread_t wakers[MAX_WAKERS], users[MAX_POOLS];
	int64_t began_us = now_us();
	uint64_t n_done = 0;

	parse(argc, argv);
	(void)alarm(LIMIT_S);
	for (unsigned p = 0; p < n_pools; p++) {
		(void)pthread_mutex_init(&boxes[p].lock, NULL);
		(void)pthread_cond_init(&boxes[p].changed, NULL);
		boxes[p].number = p;
		boxes[p].n_wakers = n_wakers;
		if (are_early || p % 2 == 0)
			boxes[p].pool = make_pool(&boxes[p]);
	}
	for (unsigned i = 0; i < n_wakers; i++)
		if (pthread_create(&wakers[i], NULL, be_waker, NULL) != 0)
			wrong("pthread_create", "failed");
	for (unsigned p = 0; p < n_pools; p++)
		if (pthread_create(&users[p], NULL, be_first, &boxes[p]) != 0)
			wrong("pthread_create", "failed");
	for (unsigned i = 0; i < n_wakers; i++)
		(void)pthread_join(wakers[i], NULL);
	for (unsigned p = 0; p < n_pools; p++) {
		(void)pthread_join(users[p], NULL);
		(void)pthread_join(boxes[p].second, NULL);
		boxes[p].pool = brood_pool_free(boxes[p].pool);
		if (boxes[p].n_done != n_wakers * n_requests)
			wrong("jobs", "not as many done as were put");
		n_done += boxes[p].n_done;
	}
	(void)printf("threads: %u pools, %u wakers, %llu jobs done in %.1f s\n",
	    n_pools, n_wakers, (unsigned long long)n_done,
	    (double)(now_us() - began_us) / 1e6);
	return 0;
}
