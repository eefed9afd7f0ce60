/* SPDX-License-Identifier: ISC */
#ifndef BROOD__NAMES_H
#define BROOD__NAMES_H

/*
 * The description of an errno or of a signal, for processes that were forked
 * from a program with threads.
 *
 * strerror(3) and strsignal(3) of glibc translate, and for that take the lock
 * of setlocale(3).  If another thread of the program held that lock during the
 * fork, it stays locked in the child for ever.  The functions that are used
 * here take no lock.
 */

#include <string.h>

static inline const char *
brood__error_words(int error)
{
#ifdef HAVE_STRERRORDESC_NP
	const char *words = strerrordesc_np(error);

	return words != NULL ? words : "unknown error";
#else
	return strerror(error);
#endif
}

static inline const char *
brood__signal_words(int sig)
{
#ifdef HAVE_SIGDESCR_NP
	const char *words = sigdescr_np(sig);

	return words != NULL ? words : "real-time signal";
#else
	return strsignal(sig);
#endif
}

#endif
