/* SPDX-License-Identifier: ISC */

/*
 * All attacks at all levels, against what is expected of them.
 *
 *	attack			compare, and print what differs
 *	attack --table		print a table for Markdown besides
 *	attack --only TEXT	only those whose name has the text in it
 *
 * At levels 0 to 2 host and workers are of the same user, who is not root; from
 * level 3 on the host is root.  Where this program is not run by root it leaves
 * out what needs root.
 */

#include "attack.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAX_ATTACKS = 128,
	FIRST_UID = 61000,		/* and one more for each level */
	PATIENCE_S = 120,
};

/* In memory that all levels share. */
struct level {
	struct world world;
	struct outcome outcomes[MAX_ATTACKS];
};

static int
level_make_dir(struct level *level, uid_t uid)
{
	(void)snprintf(level->world.dir, sizeof(level->world.dir),
	    "/tmp/brood-attack-XXXXXX");
	if (mkdtemp(level->world.dir) == NULL ||
	    (getuid() == 0 && chown(level->world.dir, uid, uid) < 0))
		return -errno;
	return 0;
}

static pid_t
level_start(struct level *level, unsigned n)
{
	bool is_root = getuid() == 0;
	uid_t worker = is_root ? FIRST_UID + n : getuid();
	uid_t host = is_root && n >= 3 ? 0 : worker;
	pid_t pid;
	int r;

	r = level_make_dir(level, host);
	if (r < 0)
		return r;
	(void)snprintf(level->world.abstract, sizeof(level->world.abstract),
	    "brood-attack-%d-%u", (int)getpid(), n);
	pid = fork();
	if (pid != 0)
		return pid;
	(void)alarm(PATIENCE_S);
	r = host_run(n, host, worker, &level->world, level->outcomes);
	if (r < 0)
		(void)fprintf(stderr, "attack: level %u: %s\n", n,
		    strerror(-r));
	_exit(r < 0 ? 1 : 0);
}

/* False if its host did not survive. */
static bool
level_wait(const struct level *level, unsigned n, pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		(void)fprintf(stderr, "attack: level %u: its host ended with "
		    "status %d\n", n, status);
	(void)rmdir(level->world.dir);
	return status == 0;
}

static bool
level_check(const struct level *level, unsigned n)
{
	bool is_good = true;

	for (size_t i = 0; i < n_attacks; i++) {
		const struct outcome *outcome = &level->outcomes[i];

		if (!outcome->is_wanted)
			continue;
		if (outcome->text[0] == '\0' &&
		    outcome->found == outcome->expected)
			continue;
		(void)printf("level %u: %s: ", n, attacks[i].name);
		if (outcome->found == '\0')
			(void)printf("not tried: %s\n", outcome->text);
		else
			(void)printf("found %c, expected %c: %s\n",
			    outcome->found, outcome->expected, outcome->text);
		is_good &= outcome->found == '\0';
	}
	return is_good;
}

static const char *
table_word(char found)
{
	switch (found) {
	case 'a':
		return "allowed";
	case 'd':
		return "denied";
	case 'k':
		return "ended";
	default:
		return "-";
	}
}

static void
table_print(const struct level *levels)
{
	(void)printf("| attack | 0 | 1 | 2 | 3 | 4 |\n"
	    "|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < n_attacks; i++) {
		(void)printf("| %s |", attacks[i].name);
		for (unsigned n = 0; n < N_LEVELS; n++)
			(void)printf(" %s |",
			    table_word(levels[n].outcomes[i].found));
		(void)printf("\n");
	}
}

static bool
is_host(const void *arg, pid_t pid)
{
	const struct level *levels = arg;

	for (unsigned n = 0; n < N_LEVELS; n++)
		if (levels[n].world.host == pid)
			return true;
	return false;
}

static void
choose(struct level *levels, const char *text)
{
	for (unsigned n = 0; n < N_LEVELS; n++)
		for (size_t i = 0; i < n_attacks; i++)
			levels[n].outcomes[i].is_wanted = text == NULL ||
			    strstr(attacks[i].name, text) != NULL;
}

int
main(int argc, char **argv)
{
	unsigned n_levels = features_n_levels();
	struct level *levels = mmap(NULL, N_LEVELS * sizeof(*levels),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool is_good = true;
	pid_t pids[N_LEVELS], server;
	int hostile_fd;

	if (levels == MAP_FAILED || n_attacks > MAX_ATTACKS)
		return 1;
	choose(levels, argc > 2 && strcmp(argv[1], "--only") == 0 ? argv[2] :
	    NULL);
	if (n_levels < N_LEVELS)
		(void)printf("levels from %u on are not tried: %s\n", n_levels,
		    getuid() != 0 ? "they need root" :
		    "this build or this system does not have them");
	hostile_fd = hostile_file_open(is_host, levels, &server);
	for (unsigned n = 0; n < n_levels; n++) {
		levels[n].world.hostile_fd = hostile_fd;
		pids[n] = level_start(&levels[n], n);
	}
	for (unsigned n = 0; n < n_levels; n++)
		is_good &= level_wait(&levels[n], n, pids[n]);
	if (hostile_fd >= 0)
		(void)close(hostile_fd);
	if (server > 0) {
		(void)kill(server, SIGKILL);
		(void)waitpid(server, NULL, 0);
	}
	for (unsigned n = 0; n < n_levels; n++)
		is_good &= level_check(&levels[n], n);
	if (argc > 1 && strcmp(argv[1], "--table") == 0)
		table_print(levels);
	return is_good ? 0 : 1;
}
