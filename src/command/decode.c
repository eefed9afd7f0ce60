/* SPDX-License-Identifier: ISC */

/*
 * brood decode: recorded frames as lines, for whoever writes a worker.
 *
 * Headers are judged by the library's own codec, src/wire/frame.c, which is linked
 * in: a second parser would one day accept what the library refuses.  Payloads
 * may be as long as a header can say, so they pass through a buffer of fixed
 * size and are never held.
 */

#include "base/text.h"
#include "command/command.h"
#include "command/options.h"

#include "wire/frame.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DECODE_CHUNK = 65536,
	DECODE_WIDTH = 60,
};

struct decode {
	FILE *file;
	const char *name;
	uint64_t offset;	/* of the frame at hand */
	bool is_full;
	unsigned width;		/* where payloads are cut; not if is_full */
};

static const char *
decode_kind(uint8_t kind)
{
	switch ((enum brood_kind)kind) {
	case BROOD_KIND_HELLO:
		return "HELLO";
	case BROOD_KIND_REQUEST:
		return "REQUEST";
	case BROOD_KIND_REPLY:
		return "REPLY";
	case BROOD_KIND_ERROR:
		return "ERROR";
	case BROOD_KIND_PROGRESS:
		return "PROGRESS";
	case BROOD_KIND_CANCEL:
		return "CANCEL";
	case BROOD_KIND_GOODBYE:
		return "GOODBYE";
	case BROOD_KIND_PING:
		return "PING";
	case BROOD_KIND_PONG:
		return "PONG";
	case BROOD_KIND_LINK:
		return "LINK";
	}
	return "?";
}

static const char *
decode_error(uint32_t code)
{
	switch ((enum brood_error)code) {
	case BROOD_ERROR_FAILED:
		return "failed";
	case BROOD_ERROR_NO_METHOD:
		return "no such method";
	case BROOD_ERROR_TOO_LARGE:
		return "too large";
	case BROOD_ERROR_NO_CAPACITY:
		return "no capacity";
	case BROOD_ERROR_EXPIRED:
		return "expired";
	case BROOD_ERROR_CANCELED:
		return "canceled";
	case BROOD_ERROR_CRASHED:
		return "crashed";
	case BROOD_ERROR_STOPPING:
		return "stopping";
	case BROOD_ERROR_VERSION:
		return "version";
	case BROOD_ERROR_PROTOCOL:
		return "protocol";
	}
	return "unknown";
}

static int
decode_fail(const struct decode *d, const char *what)
{
	(void)fflush(stdout);
	command_warn(0, "%s: offset %" PRIu64 ": %s", d->name, d->offset,
	    what);
	return COMMAND_FAILED;
}

/* Read all of len bytes: 1; 0 at a clean end of file; how far it came. */
static bool
decode_read(struct decode *d, uint8_t *bytes, size_t len, size_t *ret_n)
{
	*ret_n = fread(bytes, 1, len, d->file);
	if (*ret_n < len && ferror(d->file))
		command_die(COMMAND_UNUSABLE, errno, "%s", d->name);
	return *ret_n == len;
}

static void
decode_print_header(const struct decode *d, const struct brood__frame *frame)
{
	printf("%" PRIu64 " %s", d->offset, decode_kind(frame->kind));
	if (frame->flags & BROOD__FLAG_MORE)
		printf(" more");
	printf(" nfds=%u id=%" PRIu64 " code=%" PRIu32, frame->nfds,
	    frame->id, frame->code);
	if (frame->kind == BROOD_KIND_ERROR)
		printf(" (%s)", decode_error(frame->code));
	printf(" timeout=%" PRIu32 " length=%" PRIu32, frame->timeout_ms,
	    frame->length);
}

/* The payload as text, cut at the width, and read to its end in any case. */
static int
decode_payload(struct decode *d, uint32_t length)
{
	static uint8_t chunk[DECODE_CHUNK];
	size_t width = d->is_full ? 0 : d->width, n, shown;
	bool is_cut = false, is_whole = true;

	printf(" \"");
	for (uint32_t left = length; left > 0 && is_whole; left -= n) {
		is_whole = decode_read(d, chunk,
		    left < sizeof(chunk) ? left : sizeof(chunk), &n);
		if (is_cut)
			continue;
		/* A width is less than a chunk: only the first can end it. */
		shown = brood__text_escape(stdout, chunk, n, width);
		is_cut = shown < n ||
		    (is_whole && width != 0 && left > n);
	}
	printf("\"%s\n", is_cut ? "..." : "");
	if (!is_whole)
		return decode_fail(d, "the input ends within its payload");
	return 0;
}

static int
decode_hello(struct decode *d, uint32_t length)
{
	uint8_t bytes[BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood__hello hello;
	size_t len = length < sizeof(bytes) ? length : sizeof(bytes), n;
	char text[80];
	int r;

	if (!decode_read(d, bytes, len, &n)) {
		putchar('\n');
		return decode_fail(d, "the input ends within its payload");
	}
	r = brood__hello_decode(bytes, len, &hello);
	if (r == 0) {
		brood__text_clean(hello.name);
		printf(" version=%u features=%" PRIu32 " limit=%" PRIu32
		    " name=\"%s\"\n", hello.version, hello.features,
		    hello.max_payload, hello.name);
		for (; len < length; len++)
			if (getc(d->file) == EOF)
				return decode_fail(d,
				    "the input ends within its payload");
		return 0;
	}
	printf(" \"");
	(void)brood__text_escape(stdout, bytes, len, d->is_full ? 0 : d->width);
	printf("\"\n");
	(void)snprintf(text, sizeof(text), "its HELLO is of version %u, not %u",
	    hello.version, BROOD__VERSION);
	return decode_fail(d, r == -EPROTONOSUPPORT ? text :
	    "a HELLO without \"BROD\", too short, or with a reserved field "
	    "that is not 0");
}

/* One frame: 0 and there may be more, -1 at the end, or an exit status. */
static int
decode_frame(struct decode *d)
{
	uint8_t bytes[BROOD__FRAME_SIZE];
	struct brood__frame frame;
	char text[100];
	size_t n;
	int r;

	if (!decode_read(d, bytes, sizeof(bytes), &n)) {
		if (n == 0)
			return -1;
		(void)snprintf(text, sizeof(text), "the input ends within a "
		    "header: %zu of %zu bytes", n, sizeof(bytes));
		return decode_fail(d, text);
	}
	if (brood__frame_decode(bytes, UINT32_MAX, &frame) < 0) {
		(void)snprintf(text, sizeof(text), "not a frame: %s",
		    brood__frame_fault(bytes));
		return decode_fail(d, text);
	}
	decode_print_header(d, &frame);
	r = frame.kind == BROOD_KIND_HELLO ? decode_hello(d, frame.length) :
	    decode_payload(d, frame.length);
	d->offset += sizeof(bytes) + frame.length;
	return r;
}

static int
decode_run(const struct command *command, int argc, char **argv)
{
	struct decode d = {
		.file = stdin,
		.name = "standard input",
		.width = DECODE_WIDTH,
	};
	const struct option_spec options[] = {
		{ 'f', "full", NULL, "show payloads whole",
		    .flag = &d.is_full },
		{ 'w', "width", "COLUMNS", "cut payloads after so many "
		    "columns; default: 60",
		    .number = &d.width, .min = 1, .max = DECODE_CHUNK },
		{ .name = NULL },
	};
	int r;

	argv = options_parse(command, options, argc, argv);
	if (argv[0] != NULL && strcmp(argv[0], "-") != 0) {
		d.name = argv[0];
		d.file = fopen(d.name, "re");
		if (d.file == NULL)
			command_die(COMMAND_UNUSABLE, errno, "%s", d.name);
	}
	do {
		r = decode_frame(&d);
	} while (r == 0);
	command_close_stdout();
	if (d.file != stdin)
		(void)fclose(d.file);
	return r < 0 ? COMMAND_OK : r;
}

const struct command command_decode = {
	.name = "decode",
	.summary = "Show recorded frames of the protocol as lines",
	.operands = "[FILE]",
	.max_operands = 1,
	.help =
	    "Without FILE, or when it is -, standard input is read.\n"
	    "The exit status is 1 when input is cut short or is no frame.\n",
	.run = decode_run,
};
