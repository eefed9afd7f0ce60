/* SPDX-License-Identifier: ISC */

/*
 * The environment of a program.  Owns the array and its own strings; the others
 * stay the caller's.
 */

#include "process/environment.h"

#include "process/confine.h"
#include "process/inherit.h"
#include "process/last_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* The variables that are set here, whatever the caller's say. */
static const char *const environment_own[] = {
	BROOD__ENV_CONFINE, BROOD__ENV_FD, BROOD__ENV_GENERATION,
	BROOD__ENV_LAST_WORDS, BROOD__ENV_SLOT, NULL,
};

/*
 * Those that libraries read which start a thread for each processor, unless
 * they are told otherwise: OpenMP, several of linear algebra, and languages.
 */
static const char *const environment_threads[] = {
	"BLIS_NUM_THREADS", "GOMAXPROCS", "JULIA_NUM_THREADS",
	"MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS",
	"OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
	NULL,
};

enum {
	/* How long these lists are, without the NULL. */
	ENVIRONMENT_OWN = sizeof(environment_own) /
	    sizeof(environment_own[0]) - 1,
	ENVIRONMENT_THREADS = sizeof(environment_threads) /
	    sizeof(environment_threads[0]) - 1,
	ENVIRONMENT_STRING = 40,	/* the longest of the latter, with its
					   number */
};

/* Does this string set this variable? */
static bool
environment_sets(const char *string, const char *name)
{
	size_t len = strlen(name);

	return strncmp(string, name, len) == 0 && string[len] == '=';
}

static bool
environment_is_own(const char *string)
{
	for (size_t i = 0; environment_own[i] != NULL; i++)
		if (environment_sets(string, environment_own[i]))
			return true;
	return false;
}

static bool
environment_has(char *const *strings, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (environment_sets(strings[i], name))
			return true;
	return false;
}

/* Add those variables that are not set; gives how many strings there are. */
static size_t
environment_add_threads(struct brood__environment *environment, size_t n,
    unsigned threads)
{
	size_t n_before = n;

	for (size_t i = 0; environment_threads[i] != NULL; i++) {
		char *string = environment->threads + i * ENVIRONMENT_STRING;

		if (environment_has(environment->strings, n_before,
		    environment_threads[i]))
			continue;
		(void)snprintf(string, ENVIRONMENT_STRING, "%s=%u",
		    environment_threads[i], threads);
		environment->strings[n++] = string;
	}
	return n;
}

static size_t
environment_add_own(struct brood__environment *environment, size_t n,
    const struct brood__spawn *spawn)
{
	static char brood_fd[] = BROOD__ENV_FD "=3";
	static char last_words[] = BROOD__ENV_LAST_WORDS "=1";
	char **strings = environment->strings;

	strings[n++] = brood_fd;
	if (spawn->slot >= 0) {
		(void)snprintf(environment->slot, sizeof(environment->slot),
		    BROOD__ENV_SLOT "=%d", spawn->slot);
		(void)snprintf(environment->generation,
		    sizeof(environment->generation),
		    BROOD__ENV_GENERATION "=%" PRIu32, spawn->generation);
		strings[n++] = environment->slot;
		strings[n++] = environment->generation;
	}
	if (spawn->has_last_words)
		strings[n++] = last_words;
	if (environment->confine != NULL)
		strings[n++] = environment->confine;
	return n;
}

int
brood__environment_init(struct brood__environment *environment,
    const struct brood__spawn *spawn)
{
	const struct brood_confine *confine = spawn->options->confine;
	unsigned threads = confine != NULL ? confine->threads : 0;
	char **from;
	size_t n = 0, n_from = 0;

	if (spawn->options->env != NULL)
		memcpy(&from, &spawn->options->env, sizeof(from));
	else
		from = environ;
	while (from != NULL && from[n_from] != NULL)
		n_from++;
	environment->strings = reallocarray(NULL, n_from + ENVIRONMENT_OWN +
	    ENVIRONMENT_THREADS + 1, sizeof(*environment->strings));
	environment->threads = calloc(ENVIRONMENT_THREADS, ENVIRONMENT_STRING);
	if (environment->strings == NULL || environment->threads == NULL ||
	    brood__confine_env_new(&environment->confine, confine,
	    spawn->takes_fds) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n_from; i++)
		if (!environment_is_own(from[i]))
			environment->strings[n++] = from[i];
	if (threads > 0)
		n = environment_add_threads(environment, n, threads);
	n = environment_add_own(environment, n, spawn);
	environment->strings[n] = NULL;
	return 0;
}

void
brood__environment_fini(struct brood__environment *environment)
{
	free(environment->strings);
	free(environment->confine);
	free(environment->threads);
}
