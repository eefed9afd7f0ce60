/* SPDX-License-Identifier: ISC */
#ifndef BROOD__QUOTA_H
#define BROOD__QUOTA_H

/*
 * How much of a server its users may have, so that none can keep the others
 * out.
 *
 * The server's own uid and root have no quota: a user of NULL.  Of everything,
 * each other user may have a quarter, and all others together three quarters:
 * the rest stays for the owner, who must be able to stop the server.
 */

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>

enum quota_kind {
	QUOTA_CONNECTIONS,
	QUOTA_REQUESTS,		/* that have no final answer yet */
	QUOTA_FDS,		/* of those, and of unfinished frames */
	QUOTA_BYTES,		/* of those, and of answers that are not sent */
	QUOTA_KINDS,
};

struct quota_user;
LIST_HEAD(quota_users, quota_user);

struct quota {
	uid_t own;				/* the server's */
	size_t max[QUOTA_KINDS];		/* of the server, set by it */
	size_t n_others[QUOTA_KINDS];		/* of all that have a quota */
	struct quota_users users;
};

void	quota_init(struct quota *quota, uid_t own);

/*
 * A user with one connection more.
 *
 *   -EDQUOT	as many connections as there may be
 *   -ENOMEM
 */
int	quota_join(struct quota *quota, uid_t uid,
	    struct quota_user **ret_user);

/* Count n more: false if that is more than there may be, nothing is counted. */
bool	quota_take(struct quota_user *user, enum quota_kind kind, size_t n);

/*
 * Count n fewer.  Frees the user when nothing of it is left: so the caller has
 * no use of it any more if that was the last.
 */
void	quota_give(struct quota_user *user, enum quota_kind kind, size_t n);

#endif
