/* SPDX-License-Identifier: ISC */

/*
 * The bar of `brood map`.
 *
 * Owns the last line of the terminal.  Elsewhere than on a terminal it prints
 * whole lines, and rarely.  It must not know what is being counted.
 */

#include "command/map/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	PROGRESS_TERMINAL_MS = 200,
	PROGRESS_LOG_MS = 1000,
	PROGRESS_COLUMNS = 80,		/* where the terminal does not say */
	PROGRESS_MAX_BAR = 40,
};

static int64_t
progress_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is left of a file from where it is read; 0 for all else. */
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
		.start_ms = progress_now_ms(),
	};
	progress->next_ms = progress->start_ms +
	    (is_terminal ? PROGRESS_TERMINAL_MS : PROGRESS_LOG_MS);
}

int
progress_wait_ms(const struct progress *progress)
{
	int64_t left_ms;

	if (!progress->is_on)
		return -1;
	left_ms = progress->next_ms - progress_now_ms();
	return left_ms > 0 ? (int)left_ms : 0;
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

/* "[####----] 42% ", where there is room for it. */
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

/* Lines, rate and what has failed; then the time left, or that it took. */
static size_t
progress_tell(char *text, size_t size, const struct progress *progress,
    const struct progress_count *count, bool is_end)
{
	int64_t spent_ms = progress_now_ms() - progress->start_ms;
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

	len = progress_tell(text, sizeof(text), progress, count, is_end);
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
	int64_t now_ms = progress_now_ms();

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
	/* Again soon, behind the message. */
	progress->next_ms = progress->is_terminal ? 0 : progress->next_ms;
}

void
progress_end(struct progress *progress, const struct progress_count *count)
{
	if (progress->is_on)
		progress_print(progress, count, true);
}
