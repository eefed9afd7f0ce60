/* SPDX-License-Identifier: ISC */

/*
 * Messages for later; see kept.h.  Owns the copies and their descriptors.
 */

#include "base/fd.h"
#include "wire/frame.h"
#include "wire/kept.h"

#include <stdlib.h>
#include <string.h>

void
brood__kepts_init(struct brood__kepts *kepts)
{
	*kepts = (struct brood__kepts) { .size = 0 };
	STAILQ_INIT(&kepts->list);
}

static struct brood__kept *
kept_free(struct brood__kept *kept)
{
	if (kept != NULL) {
		brood__fd_close_all(kept->fds, kept->msg.n_fds);
		free(kept->fds);
	}
	free(kept);
	return NULL;
}

void
brood__kepts_forget(struct brood__kepts *kepts)
{
	kepts->given = kept_free(kepts->given);
}

void
brood__kepts_hold(struct brood__kepts *kepts)
{
	kepts->held = kepts->given;
	kepts->given = NULL;
}

void
brood__kepts_unhold(struct brood__kepts *kepts)
{
	kepts->held = kept_free(kepts->held);
}

void
brood__kepts_fini(struct brood__kepts *kepts)
{
	struct brood__kept *kept;

	brood__kepts_forget(kepts);
	brood__kepts_unhold(kepts);
	while ((kept = STAILQ_FIRST(&kepts->list)) != NULL)
		brood__kepts_drop(kepts, kept);
}

struct brood__kept *
brood__kepts_add(struct brood__kepts *kepts, const struct brood_message *msg)
{
	struct brood__kept *kept = malloc(sizeof(*kept) + msg->len);

	if (kept == NULL)
		return NULL;
	kept->msg = *msg;
	kept->msg.data = kept->data;
	kept->fds = NULL;
	if (msg->n_fds > 0) {
		kept->fds = reallocarray(NULL, msg->n_fds, sizeof(*kept->fds));
		if (kept->fds == NULL) {
			free(kept);
			return NULL;
		}
		for (size_t i = 0; i < msg->n_fds; i++)
			kept->fds[i] = -1;
	}
	kept->msg.fds = kept->fds;
	if (msg->len > 0)
		memcpy(kept->data, msg->data, msg->len);
	STAILQ_INSERT_TAIL(&kepts->list, kept, next);
	kepts->size += BROOD__FRAME_SIZE + msg->len;
	return kept;
}

struct brood__kept *
brood__kepts_first(const struct brood__kepts *kepts, uint32_t kind)
{
	struct brood__kept *kept;

	STAILQ_FOREACH(kept, &kepts->list, next)
		if (kind == 0 || kept->msg.kind == kind)
			return kept;
	return NULL;
}

struct brood__kept *
brood__kepts_link(const struct brood__kepts *kepts, const void *name,
    size_t len)
{
	struct brood__kept *kept;

	STAILQ_FOREACH(kept, &kepts->list, next)
		if (kept->msg.kind == BROOD_KIND_LINK &&
		    kept->msg.len == len &&
		    memcmp(kept->data, name, len) == 0)
			return kept;
	return NULL;
}

static void
kepts_remove(struct brood__kepts *kepts, struct brood__kept *kept)
{
	STAILQ_REMOVE(&kepts->list, kept, brood__kept, next);
	kepts->size -= BROOD__FRAME_SIZE + kept->msg.len;
}

void
brood__kepts_give(struct brood__kepts *kepts, struct brood__kept *kept)
{
	brood__kepts_forget(kepts);
	kepts_remove(kepts, kept);
	kepts->given = kept;
}

void
brood__kepts_drop(struct brood__kepts *kepts, struct brood__kept *kept)
{
	kepts_remove(kepts, kept);
	(void)kept_free(kept);
}
