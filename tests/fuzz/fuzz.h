/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FUZZ_H
#define BROOD_TESTS_FUZZ_H

/*
 * What the targets of this folder share.  A target is one function,
 * LLVMFuzzerTestOneInput().  It reads its input as a script: each byte, or some
 * of them, are a choice.  An input that has ended goes on with zeros, so every
 * input is a whole script, and an end must be asked for.
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerInitialize(int *argc, char ***argv);
int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must be so.  An input for which it is not is a finding. */
#define FUZZ_ASSERT(condition) \
	((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

static inline void
fuzz_fail(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

struct fuzz {
	const uint8_t *next;
	size_t n_left;
};

static inline bool
fuzz_is_over(const struct fuzz *fuzz)
{
	return fuzz->n_left == 0;
}

static inline uint8_t
fuzz_u8(struct fuzz *fuzz)
{
	if (fuzz->n_left == 0)
		return 0;
	fuzz->n_left--;
	return *fuzz->next++;
}

static inline uint16_t
fuzz_u16(struct fuzz *fuzz)
{
	uint16_t low = fuzz_u8(fuzz);

	return (uint16_t)(low | fuzz_u8(fuzz) << 8);
}

static inline uint32_t
fuzz_u32(struct fuzz *fuzz)
{
	uint32_t low = fuzz_u16(fuzz);

	return low | (uint32_t)fuzz_u16(fuzz) << 16;
}

static inline uint64_t
fuzz_u64(struct fuzz *fuzz)
{
	uint64_t low = fuzz_u32(fuzz);

	return low | (uint64_t)fuzz_u32(fuzz) << 32;
}

/* A number that is small more often than not; 9 bytes at most. */
static inline uint64_t
fuzz_number(struct fuzz *fuzz)
{
	uint8_t c = fuzz_u8(fuzz);

	switch (c) {
	case 0xff:
		return fuzz_u64(fuzz);
	case 0xfe:
		return fuzz_u32(fuzz);
	case 0xfd:
		return fuzz_u16(fuzz);
	case 0xfc:
		return (uint64_t)0 - fuzz_u8(fuzz);
	case 0xfb:
		return (UINT64_C(1) << fuzz_u8(fuzz) % 64) - fuzz_u8(fuzz) % 2;
	default:
		return c;
	}
}

/* Up to max bytes of the input, as many as its next byte says. */
static inline const uint8_t *
fuzz_bytes(struct fuzz *fuzz, size_t max, size_t *ret_len)
{
	const uint8_t *bytes;
	size_t len = fuzz_u8(fuzz);

	if (len > max)
		len = max;
	if (len > fuzz->n_left)
		len = fuzz->n_left;
	bytes = fuzz->next;
	fuzz->next += len;
	fuzz->n_left -= len;
	*ret_len = len;
	return bytes;
}

/* How many of the first descriptors of this process are open? */
static inline int
fuzz_n_fds(void)
{
	enum { MANY = 512 };
	static struct pollfd fds[MANY];
	int n = 0;

	for (int i = 0; i < MANY; i++)
		fds[i] = (struct pollfd) { .fd = i };
	(void)poll(fds, MANY, 0);
	for (int i = 0; i < MANY; i++)
		n += !(fds[i].revents & POLLNVAL);
	return n;
}

#endif
