dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_IMAGES
dnl
dnl Look for libpng and libjpeg, which nothing but examples/thumbs.c needs.
AC_DEFUN([BROOD_IMAGES], [
AC_ARG_WITH([images],
	[AS_HELP_STRING([--without-images],
		[do not build examples/thumbs, even if libpng and libjpeg are
		there])],
	[], [with_images=check])
have_images=no
AS_VAR_IF([with_images], [no], [],
	[PKG_CHECK_MODULES([IMAGES], [libpng >= 1.6 libjpeg],
		[have_images=yes],
		[AS_VAR_IF([with_images], [yes],
			[AC_MSG_ERROR([--with-images, but not libpng and
libjpeg with their headers])])])])
AM_CONDITIONAL([HAVE_IMAGES], [test $have_images = yes])
])
