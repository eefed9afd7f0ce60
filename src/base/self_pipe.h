/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SELF_PIPE_H
#define BROOD__SELF_PIPE_H

/*
 * Signals as bytes in a pipe, so that poll(2) tells of them as of everything
 * else.
 *
 * For a process that decides about its own signals: the command, and the
 * supervisor process.  The library never calls this in the program's process.
 */

/*
 * Catch these signals, a list that ends with 0.  SIGCHLD then comes for
 * children that ended, not for those that were stopped or continued.
 *
 * Gives the descriptor to poll for POLLIN, or a negative errno.  Once per
 * process; after a fork the child may call it again for itself.
 */
int	brood__self_pipe_open(const int *signals);

/* The next signal that came, or 0. */
int	brood__self_pipe_next(int fd);

#endif
