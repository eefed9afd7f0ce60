/* SPDX-License-Identifier: ISC */

/*
 * A program that the tests start as a worker.  It answers each request with its
 * text in capitals.  It uses the public interface and nothing of the tests.
 * The environment variable RAW_WORKER has its path.
 */

#include <brood.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
upcase(struct brood_request *request, void *arg)
{
	size_t len = brood_request_len(request);
	char *text = malloc(len + 1);
	int r;

	(void)arg;
	if (text == NULL)
		return -ENOMEM;
	if (len > 0)
		memcpy(text, brood_request_data(request), len);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)toupper((unsigned char)text[i]);
	r = brood_request_reply(request, brood_request_code(request), text,
	    len);
	free(text);
	return r;
}

int
main(void)
{
	return brood_worker_main(upcase, NULL, NULL) == 0 ? 0 : 1;
}
