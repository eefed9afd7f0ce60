/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FAILURE_H
#define BROOD__FAILURE_H

/*
 * Why a child could not get as far as its own code: the step that failed, its
 * errno, and a text with the path or the name of what failed.
 */

struct brood__failure {
	char step[16];		/* "exec", "chdir", "setup", ... */
	int error;		/* errno */
	char text[256];
};

/* Fill in a failure, the text as printf(3) does.  Gives -error. */
int	brood__failure_set(struct brood__failure *failure, const char *step,
	    int error, const char *format, ...)
	    __attribute__((__format__(__printf__, 4, 5)));

#endif
