/* SPDX-License-Identifier: ISC */

/*
 * The files of --joblog and --failed.  The fields of the table are separated
 * by tabs; no field can have a tab in it.
 */

#include "command/command.h"
#include "command/map/joblog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * `brood map --failed FILE <FILE` would empty its own input: look at the file
 * before it is truncated.
 */
static bool
joblog_is_input(int fd)
{
	struct stat file, input;

	return fstat(fd, &file) == 0 && fstat(STDIN_FILENO, &input) == 0 &&
	    S_ISREG(file.st_mode) && file.st_dev == input.st_dev &&
	    file.st_ino == input.st_ino;
}

static struct joblog_file
joblog_create(const char *path)
{
	struct joblog_file file = { .path = path };
	int fd;

	if (path == NULL)
		return file;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd >= 0 && joblog_is_input(fd))
		command_die(COMMAND_UNUSABLE, 0, "%s: it is the input too",
		    path);
	if (fd < 0 || (ftruncate(fd, 0) < 0 && errno != EINVAL) ||
	    (file.stream = fdopen(fd, "w")) == NULL)
		command_die(COMMAND_UNUSABLE, errno, "%s", path);
	return file;
}

void
joblog_open(struct joblog *log, const char *table, const char *failed)
{
	log->table = joblog_create(table);
	log->failed = joblog_create(failed);
	if (log->table.stream != NULL)
		(void)fputs("Seq\tStart\tRuntime\tBytesIn\tBytesOut\tFate\t"
		    "Status\n", log->table.stream);
}

/*
 * Of a reply, the worker's own number.  Of what ended, as the shell counts: a
 * signal is 128 and its number.
 */
static uint32_t
joblog_status(const struct joblog_line *line)
{
	if (line->fate == BROOD_DONE)
		return line->code;
	return (uint32_t)(WIFSIGNALED(line->status) ?
	    128 + WTERMSIG(line->status) : WEXITSTATUS(line->status));
}

void
joblog_write(struct joblog *log, const struct joblog_line *line)
{
	if (log->table.stream == NULL)
		return;
	(void)fprintf(log->table.stream, "%" PRIu64 "\t%" PRId64 ".%03d\t%" PRId64
	    ".%06d\t%zu\t%zu\t%s\t%" PRIu32 "\n", line->number,
	    line->start_us / 1000000,
	    (int)(line->start_us % 1000000 / 1000),
	    line->runtime_us / 1000000, (int)(line->runtime_us % 1000000),
	    line->n_in, line->n_out, brood_fate_name(line->fate),
	    joblog_status(line));
}

void
joblog_fail(struct joblog *log, const char *data, size_t len)
{
	if (log->failed.stream != NULL)
		(void)fwrite(data, 1, len, log->failed.stream);
}

/* The first error is kept: a later call of stdio may have no errno for it. */
static void
joblog_flush_one(struct joblog_file *file)
{
	if (file->stream == NULL)
		return;
	errno = 0;
	if ((fflush(file->stream) != 0 || ferror(file->stream)) &&
	    file->error == 0)
		file->error = errno != 0 ? errno : EIO;
}

void
joblog_flush(struct joblog *log)
{
	joblog_flush_one(&log->table);
	joblog_flush_one(&log->failed);
}

static void
joblog_close_one(struct joblog_file *file)
{
	if (file->stream == NULL)
		return;
	joblog_flush_one(file);
	if (fclose(file->stream) != 0 && file->error == 0)
		file->error = errno;
	file->stream = NULL;
	if (file->error != 0)
		command_die(COMMAND_UNUSABLE, file->error, "%s", file->path);
}

void
joblog_close(struct joblog *log)
{
	joblog_close_one(&log->table);
	joblog_close_one(&log->failed);
}
