/* SPDX-License-Identifier: ISC */

/*
 * The progress bar of `brood map`.  On a terminal it is drawn over itself on
 * the last line; elsewhere each is a line of its own, and they are rarer.
 */

#include "base/clock.h"
#include "command/map/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PROGRESS_TERMINAL_MS = 200,
	PROGRESS_LOG_MS = 1000,
	PROGRESS_COLUMNS = 80,		/* where the terminal does not say */
	PROGRESS_MAX_BAR = 40,
};

/* Bytes from the position of fd to the end of its file; 0: it is no file. */
static uint64_t
progress_measure(int fd)
{
	struct stat st;
	off_t at;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	at = lseek(fd, 0, SEEK_CUR);
	return at >= 0 && at < st.st_size ? (uint64_t)(st.st_size - at) : 0;
}

void
progress_start(struct progress *progress, bool is_asked, int fd)
{
	bool is_terminal = isatty(STDERR_FILENO);

	*progress = (struct progress) {
		.is_on = is_asked || (is_terminal && !isatty(STDOUT_FILENO)),
		.is_terminal = is_terminal,
		.total = progress_measure(fd),
		.start_ms = brood__now_ms(),
	};
	progress->next_ms = progress->start_ms +
	    (is_terminal ? PROGRESS_TERMINAL_MS : PROGRESS_LOG_MS);
}

int
progress_wait_ms(const struct progress *progress)
{
	return progress->is_on ?
	    brood__time_left(progress->next_ms, brood__now_ms()) : -1;
}

static void
progress_duration(char *text, size_t size, int64_t seconds)
{
	if (seconds >= 3600)
		(void)snprintf(text, size, "%" PRId64 ":%02d:%02d",
		    seconds / 3600, (int)(seconds / 60 % 60),
		    (int)(seconds % 60));
	else
		(void)snprintf(text, size, "%d:%02d", (int)(seconds / 60),
		    (int)(seconds % 60));
}

static unsigned
progress_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return PROGRESS_COLUMNS;
	return size.ws_col;
}

/* "[####----] 42% ", or only the number where there is no room. */
static void
progress_bar(char *text, size_t size, unsigned room, double share)
{
	unsigned width = room > PROGRESS_MAX_BAR ? PROGRESS_MAX_BAR : room;
	unsigned n = (unsigned)(share * width);
	char bar[PROGRESS_MAX_BAR + 1] = { 0 };

	if (width < 10) {
		(void)snprintf(text, size, "%d%% ", (int)(share * 100));
		return;
	}
	memset(bar, '-', width);
	memset(bar, '#', n);
	(void)snprintf(text, size, "[%s] %d%% ", bar, (int)(share * 100));
}

/* Lines, rate and failures; then the time that is left, or that was spent. */
static size_t
progress_text(char *text, size_t size, const struct progress *progress,
    const struct progress_count *count, bool is_end)
{
	int64_t spent_ms = brood__now_ms() - progress->start_ms;
	double rate = spent_ms > 0 ?
	    (double)count->n_lines * 1000 / (double)spent_ms : 0;
	bool has_left = !is_end && progress->total > 0 && count->n_bytes > 0;
	char duration[32], failed[48] = "";
	double left_s = 0;

	if (has_left && progress->total > count->n_bytes)
		left_s = (double)spent_ms / 1000 *
		    (double)(progress->total - count->n_bytes) /
		    (double)count->n_bytes;
	progress_duration(duration, sizeof(duration),
	    has_left ? (int64_t)(left_s + 0.5) : spent_ms / 1000);
	if (count->n_failed > 0)
		(void)snprintf(failed, sizeof(failed), ", %" PRIu64 " failed",
		    count->n_failed);
	return (size_t)snprintf(text, size, "%" PRIu64 " lines%s, %.0f/s, %s%s",
	    count->n_lines, failed, rate, duration, has_left ? " left" : "");
}

static void
progress_print(struct progress *progress, const struct progress_count *count,
    bool is_end)
{
	unsigned columns = progress->is_terminal ? progress_columns() :
	    PROGRESS_COLUMNS;
	char text[256], bar[PROGRESS_MAX_BAR + 16] = "";
	double share;
	size_t len;

	len = progress_text(text, sizeof(text), progress, count, is_end);
	if (progress->total > 0) {
		share = (double)count->n_bytes / (double)progress->total;
		progress_bar(bar, sizeof(bar),
		    len + 10 < columns ? columns - (unsigned)len - 10 : 0,
		    share < 1 ? share : 1);
	}
	if (progress->is_terminal)
		fprintf(stderr, "\r\033[K%.*s%s", (int)columns - 1, bar, text);
	else
		fprintf(stderr, "%s%s", bar, text);
	progress->is_drawn = progress->is_terminal && !is_end;
	if (!progress->is_drawn)
		fputc('\n', stderr);
	(void)fflush(stderr);
}

void
progress_draw(struct progress *progress, const struct progress_count *count)
{
	int64_t now_ms = brood__now_ms();

	if (!progress->is_on || now_ms < progress->next_ms)
		return;
	progress->next_ms = now_ms + (progress->is_terminal ?
	    PROGRESS_TERMINAL_MS : PROGRESS_LOG_MS);
	progress_print(progress, count, false);
}

void
progress_clear(struct progress *progress)
{
	if (progress->is_drawn)
		fputs("\r\033[K", stderr);
	progress->is_drawn = false;
	/* Draw it again soon, behind the message. */
	progress->next_ms = progress->is_terminal ? 0 : progress->next_ms;
}

void
progress_end(struct progress *progress, const struct progress_count *count)
{
	if (progress->is_on)
		progress_print(progress, count, true);
}
