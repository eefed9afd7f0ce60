/* SPDX-License-Identifier: ISC */
#ifndef IMAGE_H
#define IMAGE_H

/*
 * Images: read them with libpng and libjpeg, and make them smaller.  This file
 * uses nothing of brood.  What it does is to be done in a process that may be
 * lost, because nobody knows all the faults of the libraries.
 */

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>		/* needs stdio.h */
#include <png.h>

/* A few bytes of a file can claim to be any number of pixels. */
#define IMAGE_MAX_PIXELS	40000000

struct image {
	uint32_t width;
	uint32_t height;
	unsigned char *pixels;		/* red, green, blue; or NULL */
	char text[JMSG_LENGTH_MAX];	/* why it could not be read */
};

static inline bool
image_fail(struct image *image, const char *text)
{
	(void)snprintf(image->text, sizeof(image->text), "%s", text);
	return false;
}

/* Get memory for so many pixels, if they are not too many. */
static inline bool
image_alloc(struct image *image, uint32_t width, uint32_t height)
{
	if ((uint64_t)width * height > IMAGE_MAX_PIXELS) {
		(void)snprintf(image->text, sizeof(image->text),
		    "%u x %u pixels are too many", width, height);
		return false;
	}
	image->width = width;
	image->height = height;
	image->pixels = malloc((size_t)3 * width * height);
	return image->pixels != NULL ||
	    image_fail(image, "not enough memory for its pixels");
}

/* What is transparent becomes white. */
static inline bool
image_read_png(struct image *image, FILE *in)
{
	const png_color white = { 255, 255, 255 };
	png_image png = { .version = PNG_IMAGE_VERSION };
	bool is_read;

	if (png_image_begin_read_from_stdio(&png, in) == 0)
		return image_fail(image, png.message);
	png.format = PNG_FORMAT_RGB;
	is_read = image_alloc(image, png.width, png.height);
	if (is_read && png_image_finish_read(&png, &white, image->pixels, 0,
	    NULL) == 0)
		is_read = image_fail(image, png.message);
	png_image_free(&png);
	return is_read;
}

/* What libjpeg calls instead of exiting and of printing. */
struct jpeg_errors {
	struct jpeg_error_mgr manager;	/* first: libjpeg knows this */
	struct image *image;
	jmp_buf	 env;
};

static inline void
jpeg_errors_exit(j_common_ptr jpeg)
{
	struct jpeg_errors *errors = (struct jpeg_errors *)jpeg->err;

	errors->manager.format_message(jpeg, errors->image->text);
	longjmp(errors->env, 1);
}

/* Level -1 is a file that is corrupt, of which libjpeg would guess the rest. */
static inline void
jpeg_errors_emit(j_common_ptr jpeg, int level)
{
	if (level < 0)
		jpeg_errors_exit(jpeg);
}

static inline void
image_read_rows(struct image *image, struct jpeg_decompress_struct *jpeg)
{
	JSAMPROW row;

	while (jpeg->output_scanline < jpeg->output_height) {
		row = image->pixels +
		    (size_t)3 * image->width * jpeg->output_scanline;
		(void)jpeg_read_scanlines(jpeg, &row, 1);
	}
}

static inline bool
image_read_jpeg(struct image *image, FILE *in)
{
	struct jpeg_errors errors = { .image = image };
	struct jpeg_decompress_struct jpeg = { 0 };
	volatile bool is_read = false;

	jpeg.err = jpeg_std_error(&errors.manager);
	errors.manager.error_exit = jpeg_errors_exit;
	errors.manager.emit_message = jpeg_errors_emit;
	if (setjmp(errors.env) == 0) {
		jpeg_create_decompress(&jpeg);
		jpeg_stdio_src(&jpeg, in);
		(void)jpeg_read_header(&jpeg, TRUE);
		jpeg.out_color_space = JCS_RGB;
		if (image_alloc(image, jpeg.image_width, jpeg.image_height)) {
			(void)jpeg_start_decompress(&jpeg);
			image_read_rows(image, &jpeg);
			(void)jpeg_finish_decompress(&jpeg);
			is_read = true;
		}
	}
	jpeg_destroy_decompress(&jpeg);
	return is_read;
}

/* The first byte tells which it claims to be. */
static inline bool
image_read(struct image *image, FILE *in)
{
	int c = getc(in);

	if (c == EOF)
		return image_fail(image, "it is empty");
	(void)ungetc(c, in);
	if (c == 0x89)
		return image_read_png(image, in);
	if (c == 0xff)
		return image_read_jpeg(image, in);
	return image_fail(image, "it is neither PNG nor JPEG");
}

/* The size that fits into a square: of the same shape, and never larger. */
static inline void
image_fit(const struct image *image, uint32_t side, uint32_t *ret_width,
    uint32_t *ret_height)
{
	uint32_t width = image->width, height = image->height;
	uint32_t longer = width > height ? width : height;

	if (longer > side) {
		width = (uint32_t)((uint64_t)side * width / longer);
		height = (uint32_t)((uint64_t)side * height / longer);
	}
	*ret_width = width > 0 ? width : 1;
	*ret_height = height > 0 ? height : 1;
}

/* The mean color of the pixels from left to right, and from top to bottom. */
static inline void
image_average(const struct image *image, uint64_t left, uint64_t right,
    uint64_t top, uint64_t bottom, unsigned char *ret_pixel)
{
	uint64_t sums[3] = { 0 };

	for (uint64_t y = top; y < bottom; y++)
		for (uint64_t x = left; x < right; x++)
			for (int color = 0; color < 3; color++)
				sums[color] += image->pixels[
				    3 * (y * image->width + x) + color];
	for (int color = 0; color < 3; color++)
		ret_pixel[color] = (unsigned char)(sums[color] /
		    ((right - left) * (bottom - top)));
}

/* Write the image, made smaller, to ret_pixels. */
static inline void
image_shrink(const struct image *image, uint32_t width, uint32_t height,
    unsigned char *ret_pixels)
{
	uint64_t from_width = image->width, from_height = image->height;

	for (uint64_t y = 0; y < height; y++)
		for (uint64_t x = 0; x < width; x++) {
			image_average(image, x * from_width / width,
			    (x + 1) * from_width / width,
			    y * from_height / height,
			    (y + 1) * from_height / height, ret_pixels);
			ret_pixels += 3;
		}
}

#endif
