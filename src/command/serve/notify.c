/* SPDX-License-Identifier: ISC */

/*
 * Datagrams to NOTIFY_SOCKET.  Owns the socket that they are sent from.  Never
 * waits: a service manager that hangs must not make the service hang.
 */

#include "command/serve/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* '@' stands for the NUL byte that an abstract name (unix(7)) begins with. */
static int
notify_address(struct notify *notify, const char *path)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2 ||
	    len >= sizeof(notify->addr.sun_path))
		return -EINVAL;
	notify->addr.sun_family = AF_UNIX;
	memcpy(notify->addr.sun_path, path, len);
	if (path[0] == '@')
		notify->addr.sun_path[0] = '\0';
	notify->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    len + (path[0] == '/'));
	return 0;
}

/* Half of the time that the manager waits: see sd_watchdog_enabled(3). */
static int64_t
notify_watchdog_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID"), *error;
	const char *usec = getenv("WATCHDOG_USEC");
	long long value;

	if (usec == NULL ||
	    (pid != NULL && strtonum(pid, 1, INT_MAX, &error) != getpid()))
		return 0;
	value = strtonum(usec, 1, LLONG_MAX, &error);
	if (error != NULL)
		return 0;
	return value < 2000 ? 1 : value / 2000;
}

void
notify_init(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");

	memset(notify, 0, sizeof(*notify));
	notify->fd = -1;
	if (path != NULL && notify_address(notify, path) == 0)
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd >= 0)
		notify->watchdog_ms = notify_watchdog_ms();
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void
notify_fini(struct notify *notify)
{
	if (notify->fd >= 0)
		(void)close(notify->fd);
	notify->fd = -1;
}

void
notify_send(const struct notify *notify, const char *format, ...)
{
	char text[512];
	va_list ap;
	int len;

	if (notify->fd < 0)
		return;
	va_start(ap, format);
	len = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (len <= 0 || (size_t)len >= sizeof(text))
		return;
	(void)sendto(notify->fd, text, (size_t)len,
	    MSG_DONTWAIT | MSG_NOSIGNAL,
	    (const struct sockaddr *)&notify->addr, notify->addr_len);
}

void
notify_reloading(const struct notify *notify)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64
	    "\nSTATUS=reloading", (int64_t)now.tv_sec * 1000000 +
	    now.tv_nsec / 1000);
}
