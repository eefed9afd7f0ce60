/* SPDX-License-Identifier: ISC */
/*
 * echo: a worker for brood run, which answers with what it gets.
 */

#include <brood.h>

static int
answer(struct brood_request *request, void *arg)
{
	(void)arg;
	return brood_request_reply(request, 0, brood_request_data(request),
	    brood_request_len(request));
}

int
main(void)
{
	return brood_worker_main(answer, NULL, NULL) < 0;
}
