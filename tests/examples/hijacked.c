/* SPDX-License-Identifier: ISC */

/*
 * examples/thumbs with a decoder that a file has taken over.  Linked with
 * --wrap, so that thumbs.c is tested as it is.  The width of a PNG says what
 * the decoder does; from 8 on it is the true decoder.
 */

#define _GNU_SOURCE

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

enum attack {
	ATTACK_CRASH = 1,
	ATTACK_LOOP,
	ATTACK_TRACE,		/* trace the supervisor process */
	ATTACK_LOOK,		/* for anything but the file */
	ATTACK_NONE,		/* answer an image without pixels */
	ATTACK_SHORT,		/* answer less than an image */
	ATTACK_WIDE,		/* answer more than was asked for */
};

int	__real_brood_request_reply(struct brood_request *request,
	    uint32_t status, const void *data, size_t len);
int	__wrap_brood_request_reply(struct brood_request *request,
	    uint32_t status, const void *data, size_t len);
int	__real_png_image_finish_read(png_imagep image, png_const_colorp color,
	    void *buffer, png_int_32 stride, void *colormap);
int	__wrap_png_image_finish_read(png_imagep image, png_const_colorp color,
	    void *buffer, png_int_32 stride, void *colormap);

/* Files that this process has open: other than its image, there is none. */
static int
count_files(void)
{
	struct stat st;
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	return n;
}

static bool
knows_name(void)
{
	char path[64], name[64];

	for (int fd = 0; fd < 64; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, name, sizeof(name)) >= 0)
			return true;
	}
	return false;
}

static const char *
look_around(void)
{
	if (count_files() != 1)
		return "it has other files";
	if (knows_name())
		return "it knows the name";
	if (open("/etc/passwd", O_RDONLY) >= 0)
		return "it can open a file";
	if (open(".", O_RDONLY | O_DIRECTORY) >= 0)
		return "it can open the directory";
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0)
		return "it can make a socket";
	if (fork() >= 0)
		return "it can fork";
	return "nothing is there";
}

int
__wrap_png_image_finish_read(png_imagep image, png_const_colorp color,
    void *buffer, png_int_32 stride, void *colormap)
{
	static bool was_here;
	volatile bool is_stuck = true;

	if (was_here) {
		(void)snprintf(image->message, sizeof(image->message),
		    "this worker has had another file");
		return 0;
	}
	was_here = true;
	switch (image->width) {
	case ATTACK_CRASH:
		(void)raise(SIGSEGV);
		break;
	case ATTACK_LOOP:
		while (is_stuck)
			continue;
		break;
	case ATTACK_TRACE:
		(void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
		break;
	case ATTACK_LOOK:
		(void)snprintf(image->message, sizeof(image->message), "%s",
		    look_around());
		return 0;
	}
	return __real_png_image_finish_read(image, color, buffer, stride,
	    colormap);
}

int
__wrap_brood_request_reply(struct brood_request *request, uint32_t status,
    const void *data, size_t len)
{
	/* Width, height and pixels: at most 256 of them were asked for. */
	unsigned char wide[2 * sizeof(uint32_t) + 3 * 257] = { 0 };
	const uint32_t none[2] = { 0, 0 }, size[2] = { 257, 1 };
	uint32_t width;

	memcpy(&width, data, sizeof(width));
	memcpy(wide, size, sizeof(size));
	if (width == ATTACK_NONE)
		return __real_brood_request_reply(request, status, none,
		    sizeof(none));
	if (width == ATTACK_SHORT)
		len--;
	if (width == ATTACK_WIDE)
		return __real_brood_request_reply(request, status, wide,
		    sizeof(wide));
	return __real_brood_request_reply(request, status, data, len);
}
