/* SPDX-License-Identifier: ISC */

/*
 * What a fuzz target is without a fuzzer: a program that runs it with each file
 * that it is given, or that is in a directory that it is given.  It prints how
 * many there were, and fails if there was none.
 */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>

/* A target may do without. */
int __attribute__((__weak__))
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
replay_file(const char *path, FILE *file)
{
	enum { MAX = 1 << 20 };
	uint8_t *buf = malloc(MAX), *data;
	size_t size;

	FUZZ_ASSERT(buf != NULL);
	size = fread(buf, 1, MAX, file);
	if (ferror(file)) {
		perror(path);
		exit(2);
	}
	/* Of its own length, so that reading beyond it is seen. */
	data = malloc(size > 0 ? size : 1);
	FUZZ_ASSERT(data != NULL);
	memcpy(data, buf, size);
	free(buf);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
}

static int
replay(const char *path)
{
	DIR *directory = opendir(path);
	char name[PATH_MAX];
	struct dirent *entry;
	FILE *file;
	int n = 0;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path,
		    entry->d_name);
		n += replay(name);
	}
	if (directory != NULL) {
		(void)closedir(directory);
		return n;
	}
	file = fopen(path, "r");
	if (file == NULL) {
		perror(path);
		exit(2);
	}
	replay_file(path, file);
	(void)fclose(file);
	return 1;
}

int
main(int argc, char **argv)
{
	int n = 0;

	(void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		n += replay(argv[i]);
	(void)fprintf(stderr, "%s: %d inputs\n", argv[0], n);
	return n > 0 ? 0 : 1;
}
