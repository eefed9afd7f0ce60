/* SPDX-License-Identifier: ISC */

/*
 * What users may have of a server: a quarter each, three quarters together, and
 * the owner and root all of it.
 */

#include "command/serve/quota.h"
#include "support/support.h"

#include <errno.h>

BROOD_SUITE(quota);

static const uid_t own = 500;

static struct quota
quota_of(size_t max)
{
	struct quota quota;

	quota_init(&quota, own);
	for (unsigned kind = 0; kind < QUOTA_KINDS; kind++)
		quota.max[kind] = max;
	return quota;
}

static struct quota_user *
join(struct quota *quota, uid_t uid)
{
	struct quota_user *user = NULL;

	cr_assert_eq(quota_join(quota, uid, &user), 0);
	return user;
}

Test(quota, owner_and_root_have_none)
{
	struct quota quota = quota_of(4);
	static const uid_t uids[] = { 0, own };

	for (unsigned i = 0; i < 2; i++) {
		struct quota_user *user = join(&quota, uids[i]);

		cr_assert_null(user);
		for (unsigned kind = 0; kind < QUOTA_KINDS; kind++)
			cr_expect(quota_take(user, kind, 100));
		quota_give(user, QUOTA_BYTES, 100);
	}
	cr_expect(LIST_EMPTY(&quota.users));
}

Test(quota, user_has_a_quarter_of_each_kind)
{
	struct quota quota = quota_of(100);
	struct quota_user *user = join(&quota, 1), *same = NULL;

	for (unsigned kind = QUOTA_REQUESTS; kind < QUOTA_KINDS; kind++) {
		cr_expect_not(quota_take(user, kind, 26));
		cr_expect(quota_take(user, kind, 24));
		cr_expect(quota_take(user, kind, 1));
		cr_expect_not(quota_take(user, kind, 1));
		quota_give(user, kind, 3);
		cr_expect_not(quota_take(user, kind, 4));
		cr_expect(quota_take(user, kind, 3));
		quota_give(user, kind, 25);
	}
	for (unsigned i = 1; i < 25; i++)
		cr_assert_eq(join(&quota, 1), user);
	cr_expect_eq(quota_join(&quota, 1, &same), -EDQUOT);
	for (unsigned i = 0; i < 25; i++)
		quota_give(user, QUOTA_CONNECTIONS, 1);
	cr_expect(LIST_EMPTY(&quota.users));
}

Test(quota, users_together_have_three_quarters)
{
	struct quota quota = quota_of(40);
	static const size_t n_bytes[] = { 9, 10, 10, 1 };	/* at the end */
	struct quota_user *users[30], *user = NULL;

	for (uid_t i = 0; i < 3; i++) {
		users[i] = join(&quota, i + 1);
		cr_expect(quota_take(users[i], QUOTA_BYTES, 10));
	}
	users[3] = join(&quota, 4);
	cr_expect_not(quota_take(users[3], QUOTA_BYTES, 1));
	quota_give(users[0], QUOTA_BYTES, 1);
	cr_expect(quota_take(users[3], QUOTA_BYTES, 1));
	for (uid_t i = 4; i < 30; i++)
		users[i] = join(&quota, i + 1);
	cr_expect_eq(quota_join(&quota, 31, &user), -EDQUOT);
	cr_expect_eq(quota_join(&quota, 1, &user), -EDQUOT);
	cr_expect_null(join(&quota, own));
	for (unsigned i = 0; i < 4; i++)
		quota_give(users[i], QUOTA_BYTES, n_bytes[i]);
	for (unsigned i = 0; i < 30; i++)
		quota_give(users[i], QUOTA_CONNECTIONS, 1);
	cr_expect(LIST_EMPTY(&quota.users));
}

/* A request may outlive the connection that it came by. */
Test(quota, user_is_remembered_while_anything_is_left_of_it)
{
	struct quota quota = quota_of(8);
	struct quota_user *user = join(&quota, 1);

	cr_assert(quota_take(user, QUOTA_REQUESTS, 2));
	quota_give(user, QUOTA_CONNECTIONS, 1);
	cr_assert_eq(join(&quota, 1), user);
	cr_expect_not(quota_take(user, QUOTA_REQUESTS, 1));
	quota_give(user, QUOTA_CONNECTIONS, 1);
	cr_expect_not(LIST_EMPTY(&quota.users));
	quota_give(user, QUOTA_REQUESTS, 2);
	cr_expect(LIST_EMPTY(&quota.users));
}

Test(quota, largest_numbers_do_not_wrap)
{
	struct quota quota = quota_of(SIZE_MAX);
	struct quota_user *user = join(&quota, 1);

	cr_expect(quota_take(user, QUOTA_BYTES, SIZE_MAX / 4));
	cr_expect_not(quota_take(user, QUOTA_BYTES, 1));
	cr_expect_not(quota_take(user, QUOTA_BYTES, SIZE_MAX));
	quota_give(user, QUOTA_BYTES, SIZE_MAX / 4);
	quota_give(user, QUOTA_CONNECTIONS, 1);
}
