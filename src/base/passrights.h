/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PASSRIGHTS_H
#define BROOD__PASSRIGHTS_H

/*
 * Have the kernel refuse descriptors at a UNIX socket: setsockopt(2)
 * SO_PASSRIGHTS, Linux 6.16.
 *
 * Without it descriptors that nobody asked for are closed as the message is
 * received, in recvmsg(2).  To close a descriptor can take as long as its
 * sender likes: a TCP socket with SO_LINGER waits until its data was taken.
 * With it the sender's sendmsg(2) fails with EPERM, and nothing arrives.
 *
 * The option is one of the receiving socket.  It does not touch what has been
 * sent before, so set it before the other end is given away.  A socket of
 * accept(2) has it from its listener.
 *
 * On other systems, and before 6.16, this does nothing.
 */

#include <stdbool.h>
#include <sys/socket.h>

#ifdef SO_PASSRIGHTS
enum { BROOD__SO_PASSRIGHTS = SO_PASSRIGHTS };
#else
enum { BROOD__SO_PASSRIGHTS = 83 };	/* <asm-generic/socket.h> of 6.16 */
#endif

static inline void
brood__passrights_set(int socket, bool is_wanted)
{
#ifdef HAVE_SO_PASSRIGHTS
	int value = is_wanted;

	(void)setsockopt(socket, SOL_SOCKET, BROOD__SO_PASSRIGHTS, &value,
	    sizeof(value));
#else
	(void)socket;
	(void)is_wanted;
#endif
}

#endif
