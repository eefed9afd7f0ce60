/* SPDX-License-Identifier: ISC */

/*
 * What the command reads: recorded frames (brood decode), lines of standard
 * input (brood map), replies of its workers, and the JSON of a server.
 *
 * What it prints moves no cursor; the lines are those that a simple rule finds;
 * of a reply no more is used than is there.
 */

#include "command_end.h"

#include "base/text.h"
#include "command/map/halt.h"
#include "command/map/input.h"
#include "command/map/lines.h"
#include "command/map/verdict.h"
#ifdef HAVE_JANSSON
#include "command/remote/metrics.h"
#endif

#include <brood.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

static char records_path[32];		/* of the input */
static int records_in, records_out;	/* files: the input; what is printed */

/* Nothing of it moves a cursor, or is half a character. */
static void
records_check_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		FUZZ_ASSERT(c >= 0x20 || c == '\n');
		FUZZ_ASSERT(c != 0x7f);
		FUZZ_ASSERT(c != 0xc2 || (i + 1 < len &&
		    (uint8_t)text[i + 1] >= 0xa0));
	}
}

/* What was printed since the last time. */
static void
records_check_output(void)
{
	static char text[1 << 18];
	ssize_t n;

	FUZZ_ASSERT(fflush(stdout) == 0);
	n = pread(records_out, text, sizeof(text), 0);
	FUZZ_ASSERT(n >= 0);
	records_check_text(text, (size_t)n);
	FUZZ_ASSERT(ftruncate(records_out, 0) == 0 &&
	    lseek(records_out, 0, SEEK_SET) == 0);
}

static void
records_set_input(const uint8_t *bytes, size_t len)
{
	FUZZ_ASSERT(ftruncate(records_in, 0) == 0);
	FUZZ_ASSERT(pwrite(records_in, bytes, len, 0) == (ssize_t)len);
	FUZZ_ASSERT(lseek(records_in, 0, SEEK_SET) == 0);
}

static void
records_decode(void *arg)
{
	char name[] = "decode", full[] = "--full", width[] = "-w7";
	char *argv[] = { name, full, records_path, NULL };
	const bool *is_full = arg;

	if (!*is_full)
		argv[1] = width;
#ifdef __GLIBC__
	optind = 0;
#else
	optind = 1;
#endif
	command_end_with(command_decode.run(&command_decode, 3, argv));
}

/* Lines, by a rule as simple as can be */

struct expected {
	const char *data;		/* what is left */
	size_t len;
	size_t max;
};

/* The next line: 1; 0: there is none; -1: it is too long. */
static int
records_next(struct expected *left, const char **ret_line, size_t *ret_len)
{
	const char *newline;
	size_t len;

	if (left->len == 0)
		return 0;
	newline = memchr(left->data, '\n', left->len);
	len = newline != NULL ? (size_t)(newline - left->data) : left->len;
	*ret_line = left->data;
	*ret_len = len;
	left->data += len + (newline != NULL);
	left->len -= len + (newline != NULL);
	return len > left->max ? -1 : 1;
}

static void
records_compare(struct expected *left, const char *data, size_t len, size_t n)
{
	const char *line;
	size_t line_len;

	for (; n > 0; n--) {
		FUZZ_ASSERT(records_next(left, &line, &line_len) == 1);
		FUZZ_ASSERT(len > line_len && data[line_len] == '\n' &&
		    memcmp(data, line, line_len) == 0);
		data += line_len + 1;
		len -= line_len + 1;
	}
	FUZZ_ASSERT(len == 0);
}

static void
records_lines(struct fuzz *fuzz)
{
	struct input input = { .fd = records_in };
	size_t n_lines = 1 + (size_t)fuzz_u8(fuzz) % 4, len, n, line_len;
	struct expected left;
	enum input_found found;
	const char *data, *line;
	bool is_over = false;

	input.max_line = fuzz_u8(fuzz);
	records_set_input(fuzz->next, fuzz->n_left);
	left = (struct expected) { (const char *)fuzz->next, fuzz->n_left,
	    input.max_line };
	while (!is_over) {
		if (input_wants(&input))
			FUZZ_ASSERT(input_read(&input) == 0);
		found = input_peek(&input, n_lines, input.max_line, &data,
		    &len, &n);
		if (found == INPUT_TOO_LONG)
			FUZZ_ASSERT(records_next(&left, &line, &line_len) < 0);
		is_over = found == INPUT_NONE && input.is_ended;
		if (found != INPUT_LINES)
			continue;
		FUZZ_ASSERT(n >= 1 && n <= n_lines);
		records_compare(&left, data, len, n);
		input_consume(&input, len);
	}
	/* The end of one that is too long may be that of the file. */
	FUZZ_ASSERT(records_next(&left, &line, &line_len) == 0);
	input_fini(&input);
}

static void
records_verdict(struct fuzz *fuzz)
{
	struct brood_completion done = {
		.fate = fuzz_u8(fuzz) % (BROOD_REFUSED + 1),
		.ran = BROOD_MAY_HAVE_RUN,
		.text = "it was played",
	};
	struct verdict verdict = { 0 };
	size_t n_lines = fuzz_u8(fuzz);

	done.limit = done.fate == BROOD_EXPIRED ? BROOD_LIMIT_RUN : 0;
	done.reply.code = fuzz_u8(fuzz);
	done.status = (int32_t)fuzz_number(fuzz);
	done.reply.data = fuzz->next;
	done.reply.len = fuzz->n_left;
	if (done.fate == 0)
		verdict_of_reply(&verdict, &done);
	else
		verdict_of_lines(&verdict, &done, n_lines);
	FUZZ_ASSERT(verdict.out_len <= done.reply.len);
	FUZZ_ASSERT(memchr(verdict.text, 0, sizeof(verdict.text)) != NULL);
	records_check_text(verdict.text, strlen(verdict.text));
}

static void
records_json(const struct fuzz *fuzz)
{
#ifdef HAVE_JANSSON
	json_t *json = json_loadb((const char *)fuzz->next, fuzz->n_left, 0,
	    NULL);

	if (json_is_object(json)) {
		metrics_write(stdout, json, NULL);
		metrics_write(stdout, json, json);
		metrics_write_prometheus(stdout, json);
		fields_print(json, 0);
	}
	json_decref(json);
#else
	(void)fuzz;
#endif
}

static void
records_text(const struct fuzz *fuzz)
{
	char text[64];
	size_t n = brood__text_copy(text, sizeof(text), fuzz->next,
	    fuzz->n_left);

	FUZZ_ASSERT(n < sizeof(text) && strlen(text) == n);
	records_check_text(text, n);
	n = brood__text_copy_lines(text, sizeof(text), fuzz->next,
	    fuzz->n_left);
	FUZZ_ASSERT(n < sizeof(text) && strlen(text) == n);
	FUZZ_ASSERT(brood__text_chomp(fuzz->next, fuzz->n_left) <=
	    fuzz->n_left);
	(void)brood__text_escape(stdout, fuzz->next, fuzz->n_left, 20);
}

static int
records_open(void)
{
	char path[] = "/tmp/brood-fuzz-XXXXXX";
	int fd = mkstemp(path);

	FUZZ_ASSERT(fd >= 0 && unlink(path) == 0);
	return fd;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	records_in = records_open();
	records_out = records_open();
	(void)snprintf(records_path, sizeof(records_path), "/dev/fd/%d",
	    records_in);
	FUZZ_ASSERT(fflush(stdout) == 0 && dup2(records_out, STDOUT_FILENO) ==
	    STDOUT_FILENO);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fuzz = { data, size };
	uint8_t c = fuzz_u8(&fuzz);
	bool is_full = c & 8;
	int status;

	switch (c % 8) {
	default:
		records_set_input(fuzz.next, fuzz.n_left);
		status = command_try(records_decode, &is_full);
		FUZZ_ASSERT(status == COMMAND_OK || status == COMMAND_FAILED);
		break;
	case 3:
		records_lines(&fuzz);
		break;
	case 4:
		records_verdict(&fuzz);
		break;
	case 5:
	case 6:
		records_json(&fuzz);
		break;
	case 7:
		records_text(&fuzz);
		break;
	}
	records_check_output();
	return 0;
}
