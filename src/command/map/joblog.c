/* SPDX-License-Identifier: ISC */

/*
 * The files of --joblog and --failed.
 *
 * Owns the two streams.  Fields are separated by tabs, and none can hold one.
 */

#include "command/command.h"
#include "command/map/joblog.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

static FILE *
joblog_create(const char *path)
{
	FILE *file;

	if (path == NULL)
		return NULL;
	file = fopen(path, "we");
	if (file == NULL)
		command_die(COMMAND_UNUSABLE, errno, "%s", path);
	return file;
}

void
joblog_open(struct joblog *log, const char *table, const char *failed)
{
	log->table = joblog_create(table);
	log->failed = joblog_create(failed);
	if (log->table != NULL)
		(void)fputs("Seq\tStart\tRuntime\tBytesIn\tBytesOut\tFate\t"
		    "Status\n", log->table);
}

static const char *
joblog_fate(enum brood_fate fate)
{
	switch (fate) {
	case BROOD_DONE:
		return "done";
	case BROOD_FAILED:
		return "failed";
	case BROOD_CRASHED:
		return "crashed";
	case BROOD_EXPIRED:
		return "expired";
	case BROOD_CANCELED:
		return "canceled";
	case BROOD_REFUSED:
		return "refused";
	case BROOD_PART:
	case BROOD_PROGRESS:
		break;
	}
	return "unknown";
}

/* As the shell counts: a signal is 128 and its number. */
static int
joblog_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
	    WEXITSTATUS(status);
}

void
joblog_write(struct joblog *log, const struct joblog_line *line)
{
	if (log->table == NULL)
		return;
	(void)fprintf(log->table, "%" PRIu64 "\t%" PRId64 ".%03d\t%" PRId64
	    ".%06d\t%zu\t%zu\t%s\t%d\n", line->number,
	    line->start_us / 1000000,
	    (int)(line->start_us % 1000000 / 1000),
	    line->runtime_us / 1000000, (int)(line->runtime_us % 1000000),
	    line->n_in, line->n_out, joblog_fate(line->fate),
	    joblog_status(line->status));
}

void
joblog_fail(struct joblog *log, const char *data, size_t len)
{
	if (log->failed != NULL)
		(void)fwrite(data, 1, len, log->failed);
}

void
joblog_flush(struct joblog *log)
{
	if (log->table != NULL)
		(void)fflush(log->table);
	if (log->failed != NULL)
		(void)fflush(log->failed);
}

static int
joblog_close_one(FILE *file)
{
	bool is_bad;

	if (file == NULL)
		return 0;
	is_bad = ferror(file) != 0;
	if (fclose(file) != 0)
		return -errno;
	return is_bad ? -EIO : 0;
}

int
joblog_close(struct joblog *log)
{
	int r = joblog_close_one(log->table);
	int failed = joblog_close_one(log->failed);

	return r < 0 ? r : failed;
}
