/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REPORT_H
#define BROOD__REPORT_H

/*
 * What happens to a pool, as lines on standard error.
 */

#include <brood/event.h>
#include <stdbool.h>

/* Is the event about the pool, and no one process? */
bool	report_is_of_pool(enum brood_event_kind kind);

/* "brood: worker 0[PID]: ended: killed by signal 9 (Killed)" */
void	report_event(const struct brood_event *event);

#endif
