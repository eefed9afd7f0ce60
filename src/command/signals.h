/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SIGNALS_H
#define BROOD__SIGNALS_H

/*
 * Signals as bytes in a pipe, to be polled for like everything else.
 */

/*
 * Catch these signals, a list that ends with 0; gives the descriptor to poll
 * for POLLIN, or a negative errno.  Once per process.
 */
int	signals_open(const int *signals);

/* The next one that came, or 0. */
int	signals_next(int fd);

#endif
