/* SPDX-License-Identifier: ISC */
#ifndef BROOD__NOTIFY_H
#define BROOD__NOTIFY_H

/*
 * The service manager that started this process: sd_notify(3), by hand.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <stdint.h>

struct notify {
	int fd;			/* -1: there is no manager */
	struct sockaddr_un addr;
	socklen_t addr_len;
	int64_t watchdog_ms;	/* how often it wants to hear; 0: not at all */
};

/*
 * Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and remove them from the
 * environment: they are not for the workers.
 */
void	notify_init(struct notify *notify);
void	notify_fini(struct notify *notify);

/*
 * Send assignments, one a line.  A manager that is gone or does not read costs
 * nothing but the message.
 */
void	notify_send(const struct notify *notify, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/* The manager waits from here on until READY=1 is sent again. */
void	notify_reloading(const struct notify *notify);

#endif
