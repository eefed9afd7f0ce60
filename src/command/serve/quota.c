/* SPDX-License-Identifier: ISC */

/*
 * Counts of users.
 *
 * Owns a user from its first connection until nothing of it is counted any
 * more: a request may outlive its connection.  Few users are there at a time,
 * so they are a list.
 */

#include "command/serve/quota.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct quota_user {
	LIST_ENTRY(quota_user) next;
	struct quota *quota;
	uid_t uid;
	size_t n[QUOTA_KINDS];
};

void
quota_init(struct quota *quota, uid_t own)
{
	*quota = (struct quota) { .own = own };
	LIST_INIT(&quota->users);
}

static struct quota_user *
quota_find(struct quota *quota, uid_t uid)
{
	struct quota_user *user;

	LIST_FOREACH(user, &quota->users, next)
		if (user->uid == uid)
			return user;
	user = calloc(1, sizeof(*user));
	if (user == NULL)
		return NULL;
	user->quota = quota;
	user->uid = uid;
	LIST_INSERT_HEAD(&quota->users, user, next);
	return user;
}

static void
quota_forget_if_gone(struct quota_user *user)
{
	for (unsigned kind = 0; kind < QUOTA_KINDS; kind++)
		if (user->n[kind] > 0)
			return;
	LIST_REMOVE(user, next);
	free(user);
}

int
quota_join(struct quota *quota, uid_t uid, struct quota_user **ret_user)
{
	struct quota_user *user = NULL;

	if (uid != 0 && uid != quota->own) {
		user = quota_find(quota, uid);
		if (user == NULL)
			return -ENOMEM;
		if (!quota_take(user, QUOTA_CONNECTIONS, 1)) {
			quota_forget_if_gone(user);
			return -EDQUOT;
		}
	}
	*ret_user = user;
	return 0;
}

/* Can n be added?  max may be too large to be multiplied. */
static bool
quota_has_room(size_t n_before, size_t n, size_t max, size_t quarters)
{
	size_t most = max / 4 * quarters + max % 4 * quarters / 4;

	return n_before <= most && n <= most - n_before;
}

bool
quota_take(struct quota_user *user, enum quota_kind kind, size_t n)
{
	struct quota *quota;

	if (user == NULL)
		return true;
	quota = user->quota;
	if (!quota_has_room(user->n[kind], n, quota->max[kind], 1) ||
	    !quota_has_room(quota->n_others[kind], n, quota->max[kind], 3))
		return false;
	user->n[kind] += n;
	quota->n_others[kind] += n;
	return true;
}

void
quota_give(struct quota_user *user, enum quota_kind kind, size_t n)
{
	if (user == NULL)
		return;
	assert(n <= user->n[kind]);
	user->n[kind] -= n;
	user->quota->n_others[kind] -= n;
	quota_forget_if_gone(user);
}
