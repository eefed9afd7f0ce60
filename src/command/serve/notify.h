/* SPDX-License-Identifier: ISC */
#ifndef BROOD__NOTIFY_H
#define BROOD__NOTIFY_H

/*
 * Messages to the service manager that started this process, as sd_notify(3)
 * sends them.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <stdint.h>

struct notify {
	int fd;			/* -1: there is no service manager */
	struct sockaddr_un addr;
	socklen_t addr_len;
	int64_t watchdog_ms;	/* how often to send WATCHDOG=1; 0: never */
};

/*
 * Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and remove them from the
 * environment, which the workers inherit: a worker must not send messages in
 * the name of this process.
 */
void	notify_init(struct notify *notify);
void	notify_fini(struct notify *notify);

/*
 * Send assignments such as "READY=1", separated by \n.  If the manager is gone
 * or does not read, the message is lost, and that is no error.
 */
void	notify_send(const struct notify *notify, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/* A reload begins; send READY=1 when it is over. */
void	notify_reloading(const struct notify *notify);

#endif
