/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_REFUSAL_H
#define BROOD_TESTS_REFUSAL_H

#include "base/passrights.h"
#include "support/wire.h"

#include <stdint.h>
#include <unistd.h>

/*
 * Do channels refuse descriptors that they do not take, so that these cannot
 * even be sent?  See base/passrights.h.
 */
static inline bool
refusal_is_there(void)
{
	int fds[2], file = wire_file();
	ssize_t n;

	wire_pair(fds);
	brood__passrights_set(fds[0], false);
	n = wire_try_fds(fds[1], "x", 1, &file, 1);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(file);
	return n < 0;
}

#endif
