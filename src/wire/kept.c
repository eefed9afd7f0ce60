/* SPDX-License-Identifier: ISC */

/*
 * Messages for later; see kept.h.  Owns the copies and their descriptors.
 */

#include "base/fd.h"
#include "wire/frame.h"
#include "wire/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
brood__kepts_init(struct brood__kepts *kepts)
{
	STAILQ_INIT(&kepts->list);
	kepts->size = 0;
	kepts->given = NULL;
}

static void
kept_free(struct brood__kept *kept)
{
	brood__fd_close_all(kept->fds, kept->msg.n_fds);
	free(kept->fds);
	free(kept);
}

void
brood__kepts_forget(struct brood__kepts *kepts)
{
	if (kepts->given != NULL)
		kept_free(kepts->given);
	kepts->given = NULL;
}

void
brood__kepts_fini(struct brood__kepts *kepts)
{
	struct brood__kept *kept;

	brood__kepts_forget(kepts);
	while ((kept = STAILQ_FIRST(&kepts->list)) != NULL) {
		STAILQ_REMOVE_HEAD(&kepts->list, next);
		kept_free(kept);
	}
}

int
brood__kepts_add(struct brood__kepts *kepts, const struct brood_message *msg,
    const int *fds)
{
	struct brood__kept *kept;

	kept = malloc(sizeof(*kept) + msg->len);
	if (kept == NULL)
		return -ENOMEM;
	kept->msg = *msg;
	kept->fds = NULL;
	if (msg->n_fds > 0) {
		kept->fds = reallocarray(NULL, msg->n_fds, sizeof(*fds));
		if (kept->fds == NULL) {
			free(kept);
			return -ENOMEM;
		}
		memcpy(kept->fds, fds, msg->n_fds * sizeof(*fds));
	}
	if (msg->len > 0)
		memcpy(kept->data, msg->data, msg->len);
	kept->msg.data = kept->data;
	kept->msg.fds = kept->fds;
	STAILQ_INSERT_TAIL(&kepts->list, kept, next);
	kepts->size += BROOD__FRAME_SIZE + msg->len;
	return 0;
}

bool
brood__kepts_give(struct brood__kepts *kepts, struct brood__kept *kept,
    struct brood_message *ret_msg)
{
	brood__kepts_forget(kepts);
	if (kept == NULL)
		kept = STAILQ_FIRST(&kepts->list);
	if (kept == NULL)
		return false;
	STAILQ_REMOVE(&kepts->list, kept, brood__kept, next);
	kepts->size -= BROOD__FRAME_SIZE + kept->msg.len;
	kepts->given = kept;
	*ret_msg = kept->msg;
	return true;
}

int
brood__kepts_take_fd(struct brood__kepts *kepts, size_t i)
{
	struct brood__kept *kept = kepts->given;
	int fd;

	if (i >= kept->msg.n_fds)
		return -EBADF;
	fd = kept->fds[i];
	kept->fds[i] = -1;
	return fd < 0 ? -EBADF : fd;
}
