/* SPDX-License-Identifier: ISC */
/*
 * The worker as a program of its own: the methods behind brood_worker_main().
 * The tests find it by the environment variable ECHO_WORKER.
 *
 *	echo_worker		answer
 *	echo_worker mute	never say hello
 *	echo_worker exit N	print a line to stderr, exit with N before hello
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
	r = brood_worker_main(methods_handle, NULL);
	if (r < 0)
		(void)fprintf(stderr, "echo_worker: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
