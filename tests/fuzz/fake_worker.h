/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FUZZ_FAKE_WORKER_H
#define BROOD_TESTS_FUZZ_FAKE_WORKER_H

/* What a worker that is none does with its socket and its rings. */

#include "fake.h"

void	fake_worker_init(struct fake_slot *slot);
void	fake_worker_start(struct fake_slot *slot, int fd);
void	fake_worker_end(struct fake_slot *slot);
void	fake_worker_act(struct fake *fake, struct fake_slot *slot);

#endif
