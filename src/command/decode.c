/* SPDX-License-Identifier: ISC */

/*
 * brood decode: print recorded frames as lines, for whoever writes a worker.
 *
 * The library's own codec, wire/frame.h, judges the headers: a second parser
 * would one day accept what the library refuses.  A header may announce a
 * payload of 4 GiB, so payloads pass through a buffer of fixed size.
 */

#include "base/text.h"
#include "command/options.h"

#include "wire/frame.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	DECODE_CHUNK = 65536,
	DECODE_WIDTH = 60,
};

struct decode {
	FILE *file;
	const char *name;
	uint64_t offset;	/* of the current frame */
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

/* On a terminal, what was printed before must come first. */
static int __attribute__((__format__(__printf__, 2, 3)))
decode_fail(const struct decode *d, const char *format, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	(void)fflush(stdout);
	command_warn(0, "%s: offset %" PRIu64 ": %s", d->name, d->offset,
	    text);
	return COMMAND_FAILED;
}

static int
decode_fail_short(const struct decode *d)
{
	return decode_fail(d, "the input ends within its payload");
}

/* Read len bytes; gives how many came before the end of the input. */
static size_t
decode_read(struct decode *d, uint8_t *bytes, size_t len)
{
	size_t n = fread(bytes, 1, len, d->file);

	if (n < len && ferror(d->file))
		command_die(COMMAND_UNUSABLE, errno, "%s", d->name);
	return n;
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
		printf(" (%s)", brood_error_name(frame->code));
	printf(" timeout=%" PRIu32 " length=%" PRIu32, frame->timeout_ms,
	    frame->length);
}

/* Print a payload as text, cut at the width; all of it is read. */
static int
decode_payload(struct decode *d, uint32_t length)
{
	static uint8_t chunk[DECODE_CHUNK];
	size_t width = d->is_full ? 0 : d->width, len, n, shown;
	uint32_t left = length;
	bool is_cut = false;

	printf(" \"");
	do {
		len = left < sizeof(chunk) ? left : sizeof(chunk);
		n = decode_read(d, chunk, len);
		/* No width is more than a chunk: only the first is cut. */
		if (!is_cut) {
			shown = brood__text_escape(stdout, chunk, n, width);
			is_cut = shown < n ||
			    (width != 0 && n == len && left > n);
		}
		left -= (uint32_t)n;
	} while (left > 0 && n == len);
	printf("\"%s\n", is_cut ? "..." : "");
	return left > 0 ? decode_fail_short(d) : 0;
}

static int
decode_bad_hello(struct decode *d, const uint8_t *bytes, size_t len,
    const struct brood__hello *hello, int error)
{
	printf(" \"");
	(void)brood__text_escape(stdout, bytes, len, d->is_full ? 0 : d->width);
	printf("\"\n");
	if (error == -EPROTONOSUPPORT)
		return decode_fail(d, "its HELLO is of version %u, not %u",
		    hello->version, BROOD__VERSION);
	return decode_fail(d, "a HELLO without \"BROD\", too short, or with "
	    "a reserved field that is not 0");
}

static int
decode_hello(struct decode *d, uint32_t length)
{
	uint8_t bytes[BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood__hello hello;
	size_t len = length < sizeof(bytes) ? length : sizeof(bytes);
	int r;

	if (decode_read(d, bytes, len) < len) {
		putchar('\n');
		return decode_fail_short(d);
	}
	r = brood__hello_decode(bytes, len, &hello);
	if (r < 0)
		return decode_bad_hello(d, bytes, len, &hello, r);
	brood__text_clean(hello.name);
	printf(" version=%u features=%" PRIu32 " limit=%" PRIu32
	    " name=\"%s\"\n", hello.version, hello.features,
	    hello.max_payload, hello.name);
	/* The rest of a name that is too long. */
	for (; len < length; len++)
		if (getc(d->file) == EOF)
			return decode_fail_short(d);
	return 0;
}

/* Print a frame: 0 if more may follow, -1 at the end, else an exit status. */
static int
decode_frame(struct decode *d)
{
	uint8_t bytes[BROOD__FRAME_SIZE];
	size_t n = decode_read(d, bytes, sizeof(bytes));
	struct brood__frame frame;
	int r;

	if (n == 0)
		return -1;
	if (n < sizeof(bytes))
		return decode_fail(d, "the input ends within a header: %zu of "
		    "%zu bytes", n, sizeof(bytes));
	if (brood__frame_decode(bytes, UINT32_MAX, &frame) < 0)
		return decode_fail(d, "not a frame: %s",
		    brood__frame_fault(bytes));
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
	    "Without FILE, or if FILE is -, standard input is read.\n"
	    "The exit status is 1 if the input ends within a frame, or holds\n"
	    "something that is not a frame.\n",
	.run = decode_run,
};
