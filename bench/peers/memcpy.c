/* SPDX-License-Identifier: ISC */
/*
 * memcpy: the limit for large payloads.  One copy, within one process, from and
 * to memory that was touched before.
 *
 *	memcpy payload
 */

#include "../measure.h"

static void
measure(unsigned char *to, unsigned char *from, size_t len, uint64_t run_ns)
{
	uint64_t begin = now_ns(), n = 0;

	do {
		payload_stamp(from, n++);
		memcpy(to, from, len);
		if (checksum(to, len) != checksum(from, len))
			errx(1, "a wrong checksum");
	} while (now_ns() - begin < run_ns);
	print_at("payload", len, (double)len * (double)n /
	    (double)(now_ns() - begin), "GB/s");
}

int
main(int argc, char **argv)
{
	unsigned char *from = payload_new(MAX_PAYLOAD);
	unsigned char *to = payload_new(MAX_PAYLOAD);
	struct options options;

	options_parse(&options, argc, argv);
	for (size_t i = 0; i < N_PAYLOAD_LENS; i++)
		measure(to, from, payload_lens[i], options.run_ns);
	free(from);
	free(to);
	return 0;
}
