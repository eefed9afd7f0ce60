/* SPDX-License-Identifier: ISC */

/*
 * The host of all attacks at one level, and what is expected of each of them.
 */

#include "attack.h"

#include "support/asan.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char attack_secret[SECRET_LEN + 1];
char sibling_secret[SECRET_LEN + 1];
volatile int host_signals;

static void
host_note_signal(int sig)
{
	(void)sig;
	host_signals = host_signals + 1;
}

/*
 * What an attack comes to by a process that is not confined: is there what it
 * uses, and may this user use that?
 */

static pid_t
host_fork_sibling(const struct host *host)
{
	pid_t pid;

	host->world->sibling = 0;
	pid = fork();
	if (pid == 0) {
		(void)alarm(30);
		sibling_open(host->world);
		for (;;)
			(void)pause();
	}
	/* Nothing tells of it but the memory. */
	for (int i = 0; i < 5000 && pid > 0 && host->world->sibling == 0; i++)
		(void)poll(NULL, 0, 1);
	return pid;
}

/* Fork a process that attacks when it is told to, and tells what came of it. */
static pid_t
host_fork_attacker(const struct host *host, const struct attack *attack,
    int start_fd, int answer_fd)
{
	struct answer answer = { .result = -EIO };
	pid_t pid = fork();
	char byte;

	if (pid != 0)
		return pid;
	(void)alarm(30);
	(void)!read(start_fd, &byte, 1);
	answer.result = attack->try(host->world, &answer);
	(void)!write(answer_fd, &answer, sizeof(answer));
	for (;;)
		(void)pause();
}

static char
host_try_naturally(struct host *host, const struct attack *attack)
{
	int start[2], back[2];
	pid_t attacker, sibling;
	char found = 'd';

	host->answer = (struct answer){ .result = -EIO };
	if (situation_open(host) < 0 || pipe(start) < 0 || pipe(back) < 0)
		return '?';
	attacker = host_fork_attacker(host, attack, start[0], back[1]);
	host->attacker = attacker;
	(void)close(back[1]);
	if (attacker < 0 || situation_hide(host) < 0)
		return '?';
	sibling = host_fork_sibling(host);
	(void)!write(start[1], "x", 1);
	/* End of file: it has ended, and may still have had its effect. */
	(void)!read(back[0], &host->answer, sizeof(host->answer));
	if (attack->worked(host))
		found = 'a';
	(void)kill(attacker, SIGKILL);
	(void)kill(sibling, SIGKILL);
	(void)waitpid(attacker, NULL, 0);
	(void)waitpid(sibling, NULL, 0);
	(void)close(start[0]);
	(void)close(start[1]);
	(void)close(back[0]);
	situation_close(host);
	return found;
}

static char
host_expect(struct host *host, const struct attack *attack)
{
	char letter = attack->expected[host->level];

	switch (letter) {
	case 'a':
	case 'd':
	case 'k':
		return letter;
	case 'n':
		return host_try_naturally(host, attack);
	case 'q':
	case 'r':
		return features_has(letter) ? 'd' : 'a';
	default:
		return features_has(letter) ? 'd' :
		    host_try_naturally(host, attack);
	}
}

/* Why an attack cannot be tried here; NULL if it can. */
static const char *
host_cannot(const struct host *host, const struct attack *attack)
{
	if ((attack->needs & NEEDS_MEMORY_LIMIT) != 0 && SUPPORT_HAS_ASAN)
		return "AddressSanitizer needs more memory than any limit";
	if ((attack->needs & NEEDS_TWO_CPUS) != 0 && features_n_cpus() < 2)
		return "there is one processor";
	if ((attack->needs & NEEDS_ROOT) != 0 && getuid() == host->uid &&
	    !host->was_root)
		return "it would disturb other programs of the user";
#ifndef __x86_64__
	if ((attack->needs & NEEDS_X86) != 0)
		return "this is no x86-64";
#endif
#ifndef HAVE_EPOLL_CREATE1
	if ((attack->needs & (NEEDS_SOCKET | NEEDS_TURNS)) != 0)
		return "a turn cannot be measured here";
#endif
	if ((attack->needs & NEEDS_HOSTILE_FILE) != 0 &&
	    host->world->hostile_fd < 0)
		return "a FUSE file system cannot be mounted";
	if (attack->worked == worked_ring && !features_has_rings())
		return "there are no rings";
	return NULL;
}

static void
host_attack(struct host *host, const struct attack *attack,
    uid_t worker_uid, struct outcome *outcome)
{
	const char *why = host_cannot(host, attack);

	if (why != NULL) {
		(void)snprintf(outcome->text, sizeof(outcome->text), "%s", why);
		return;
	}
	outcome->expected = host_expect(host, attack);
	if (situation_open(host) < 0)
		(void)snprintf(outcome->text, sizeof(outcome->text),
		    "no situation");
	else
		(void)pool_attack(host, attack, worker_uid, outcome);
	if (outcome->found == '\0')
		outcome->found = '?';
	situation_close(host);
}

int
host_run(unsigned level, uid_t uid, uid_t worker_uid, struct world *world,
    struct outcome *outcomes)
{
	struct sigaction sa = {
		.sa_handler = host_note_signal, .sa_flags = SA_RESTART,
	};
	struct host host = {
		.world = world, .level = level, .uid = uid,
		.was_root = getuid() == 0,
	};

	if (uid != 0 && getuid() == 0 && (setgroups(0, NULL) < 0 ||
	    setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
		return -errno;
	/* As a program is that never was root. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ||
	    sigaction(SIGUSR1, &sa, NULL) < 0)
		return -errno;
	world->host = getpid();
	for (size_t i = 0; i < n_attacks; i++)
		if (outcomes[i].is_wanted)
			host_attack(&host, &attacks[i], worker_uid,
			    &outcomes[i]);
	/* At its end it closes the slow file. */
	world->host = 0;
	return 0;
}
