/* SPDX-License-Identifier: ISC */
/*
 * A program that the tests start as a worker.  It answers the methods of
 * methods.h.  The environment variable ECHO_WORKER has its path.
 *
 *	echo_worker		serve requests
 *	echo_worker mute	never send a HELLO
 *	echo_worker exit N	print a line to standard error, and exit with
 *				status N before the HELLO
 */

#include "support/methods.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	int r;

	if (argc > 1 && strcmp(argv[1], "mute") == 0)
		for (;;)
			(void)pause();
	if (argc > 2 && strcmp(argv[1], "exit") == 0) {
		(void)fprintf(stderr, "no configuration\n");
		return atoi(argv[2]);
	}
	r = brood_worker_main(methods_handle, NULL, NULL);
	if (r < 0)
		(void)fprintf(stderr, "echo_worker: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
