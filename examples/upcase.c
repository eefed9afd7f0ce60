/* SPDX-License-Identifier: ISC */
/*
 * upcase WORD: the smallest program with a pool.  A worker process puts the
 * word in capitals.  If the worker crashed, this program would go on and report
 * it.
 */

#include <brood.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The handler.  It runs in a worker process. */
static int
upcase(struct brood_request *request, void *arg)
{
	const unsigned char *in = brood_request_data(request);
	size_t len = brood_request_len(request);
	char out[256];

	(void)arg;
	if (len > sizeof(out))
		return -EMSGSIZE;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)toupper(in[i]);
	return brood_request_reply(request, 0, out, len);
}

int
main(int argc, char **argv)
{
	struct brood_pool_options options = { .handler = upcase };
	struct brood_message word = { 0 };
	struct brood_completion done;
	struct brood_pool *pool;
	char text[BROOD_TEXT_SIZE];
	int r;

	if (argc != 2)
		errx(2, "usage: upcase WORD");
	word.data = argv[1];
	word.len = strlen(argv[1]);
	if (brood_pool_new(&pool, &options, text) < 0)
		errx(1, "cannot make a pool: %s", text);
	r = brood_pool_call(pool, &word, NULL, &done);
	if (r < 0)
		errx(1, "cannot call the pool: %s", strerror(-r));
	if (done.fate != BROOD_DONE)
		errx(1, "no answer: %s", done.text);
	printf("%.*s\n", (int)done.reply.len, (const char *)done.reply.data);
	brood_completion_fini(&done);
	brood_pool_free(pool);
	return fflush(stdout) == 0 ? 0 : 1;
}
