/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LAST_WORDS_H
#define BROOD__LAST_WORDS_H

/*
 * Last words: a process that a signal ends first writes to standard error where
 * it was, by backtrace(3).  From there it comes into the report of its end.
 *
 * For processes of the library's own only, never for the program that uses it.
 */

#define BROOD__ENV_LAST_WORDS	"BROOD_LAST_WORDS"

/*
 * From now on: at SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, and at SIGTERM,
 * which says that a limit of time has passed.  A handler that the process sets
 * itself takes its place.  Loads the library that backtrace(3) needs, so it is
 * to be called before the process is confined.  Where there is no backtrace(3)
 * only the signal is named.
 */
void	brood__last_words_install(void);

/* In a program: do so if the environment says it. */
void	brood__last_words_from_env(void);

#endif
