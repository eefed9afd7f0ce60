/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SETUP_H
#define BROOD__SETUP_H

/*
 * What the supervisor process does to itself before it begins, and how many
 * descriptors it needs.
 */

#include <stddef.h>
#include <sys/resource.h>

/*
 * Could a supervisor process that is forked now hold so many slots under the
 * hard limit of RLIMIT_NOFILE?  It raises its soft limit to that.  For the
 * host, before it accepts a number of workers.  0 or -EMFILE.
 */
int	brood__setup_can_hold(size_t n_slots, size_t n_keep_fds);

/*
 * Of how many processes can the supervisor hold both ends at a time, with this
 * limit?  At least 1.
 */
unsigned brood__setup_max_held(rlim_t limit, size_t n_slots,
	    size_t n_keep_fds);

/*
 * Open /dev/null as descriptors 0 to 2, and close all others but those of both
 * lists; of own_fds those below 0 are none.  0 or a negative errno.
 */
int	brood__setup_fds(const int *keep_fds, size_t n_keep_fds,
	    const int *own_fds, size_t n_own_fds);

/* Ignore what the program decides about; everything else is as after exec. */
void	brood__setup_signals(void);

/* Catch SIGCHLD and unblock all signals: see base/self_pipe.h. */
int	brood__setup_sigchld(void);

/* Raise the soft limit of descriptors to the hard one. */
void	brood__setup_nofile(struct rlimit *ret_before);

#endif
