/* SPDX-License-Identifier: ISC */

/*
 * What the kernel can deny, by trying, with no code of brood's; and what this
 * build has.
 */

#include "attack.h"
#include "../support/namespaces.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <stdint.h>
#include <sched.h>
#include <unistd.h>

/* Can a socket refuse descriptors? */
static bool
features_refuses_fds(void)
{
#ifdef HAVE_SO_PASSRIGHTS
	const int passrights = 83;	/* SO_PASSRIGHTS */
	int fds[2], no = 0, r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	r = setsockopt(fds[0], SOL_SOCKET, passrights, &no, sizeof(no));
	(void)close(fds[0]);
	(void)close(fds[1]);
	return r == 0;
#else
	return false;
#endif
}

bool
features_has(char letter)
{
	struct {
		uint64_t fs, net, scope;
	} wanted = { .fs = 1 };
	long fd;

	switch (letter) {
	case 't':
		wanted.net = 2;
		break;
	case 'u':
		wanted.fs = 1 << 14;
		break;
	case 's':
		wanted.scope = 3;
		break;
	case 'q':
		return features_refuses_fds() || features_has('t');
	case 'r':
		return features_refuses_fds();
	default:
		break;
	}
	/* landlock_create_ruleset(2) */
	fd = syscall(444, &wanted, letter == 'f' ? 8 : sizeof(wanted), 0);
	if (fd >= 0)
		(void)close((int)fd);
	return fd >= 0;
}

bool
features_has_rings(void)
{
#ifdef HAVE_SEALED_MEMORY
	return true;
#else
	return false;
#endif
}

int
features_n_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 :
	    CPU_COUNT(&set);
}

unsigned
features_n_levels(void)
{
#if !defined(HAVE_NAMESPACES)
	return 1;
#elif !defined(HAVE_LIBSECCOMP)
	return 2;
#else
	return getuid() != 0 ? 3 : namespaces_can_be_left() ? N_LEVELS :
	    N_LEVELS - 1;
#endif
}
