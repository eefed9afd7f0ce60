/* SPDX-License-Identifier: ISC */
/*
 * setup FILE WORD...: is each word in a file of words?
 *
 * To load the file is expensive, so each worker does it once, in its setup
 * function, before it is ready; after that it answers any number of requests.
 * A worker that replaces a dead one loads the file too.  If the file cannot be
 * loaded the worker does not start, and the pool says why.
 */

#include <brood.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a worker has loaded.  Each worker process has a copy of its own. */
static struct {
	char	**words;
	size_t	 n_words;
} table;

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
table_add(char *word)
{
	char **words = realloc(table.words,
	    (table.n_words + 1) * sizeof(*words));

	if (words == NULL)
		return -ENOMEM;
	table.words = words;
	table.words[table.n_words] = strdup(word);
	return table.words[table.n_words++] == NULL ? -ENOMEM : 0;
}

/* Runs in each new worker, before its first request.  arg is the path. */
static int
load(void *arg)
{
	FILE *file = fopen(arg, "re");
	char word[256];
	int r = 0;

	if (file == NULL)
		return -errno;
	while (r == 0 && fscanf(file, "%255s", word) == 1)
		r = table_add(word);
	(void)fclose(file);
	if (table.n_words > 0)
		qsort(table.words, table.n_words, sizeof(*table.words),
		    compare);
	printf("worker %d has loaded %zu words\n", brood_worker_slot(),
	    table.n_words);
	return r;
}

/* Runs for each request. */
static int
find(struct brood_request *request, void *arg)
{
	const char *word = brood_request_data(request);
	const char *answer;

	(void)arg;
	answer = table.n_words > 0 && bsearch(&word, table.words,
	    table.n_words, sizeof(*table.words), compare) != NULL ?
	    "yes" : "no";
	return brood_request_reply(request, 0, answer, strlen(answer));
}

int
main(int argc, char **argv)
{
	struct brood_pool_options options = {
		.workers = 2, .handler = find, .setup = load,
		.intensity = -1,	/* do not try again to load it */
	};
	struct brood_completion done;
	struct brood_pool *pool;
	char text[BROOD_TEXT_SIZE];
	int r;

	if (argc < 3)
		errx(2, "usage: setup FILE WORD...");
	options.arg = argv[1];
	if (brood_pool_new(&pool, &options, text) < 0)
		errx(1, "cannot make a pool: %s", text);
	for (int i = 2; i < argc; i++) {
		/* The NUL goes along, so that the worker has a string. */
		struct brood_message msg = {
			.data = argv[i], .len = strlen(argv[i]) + 1,
		};

		r = brood_pool_call(pool, &msg, NULL, &done);
		if (r < 0)
			errx(1, "cannot call the pool: %s", strerror(-r));
		if (done.fate != BROOD_DONE)
			errx(1, "no answer: %s", done.text);
		printf("%s: %.*s\n", argv[i], (int)done.reply.len,
		    (const char *)done.reply.data);
		brood_completion_fini(&done);
	}
	brood_pool_free(pool);
	return fflush(stdout) == 0 ? 0 : 1;
}
