dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_FUZZING
dnl
dnl --enable-fuzzing: everything with the instrumentation of libFuzzer, ASan and
dnl UBSan, for `make fuzz'.  Without, the targets in tests/fuzz/ are programs
dnl that run the inputs which they are given.
AC_DEFUN([BROOD_FUZZING], [
AC_ARG_ENABLE([fuzzing],
	[AS_HELP_STRING([--enable-fuzzing],
		[build for make fuzz, with clang and its libFuzzer])],
	[], [enable_fuzzing=no])
AC_SUBST([FUZZ_LDFLAGS])
AS_VAR_IF([enable_fuzzing], [yes],
	[brood_flags="-fsanitize=address,undefined -fno-sanitize-recover=all"
	BROOD_CFLAGS="$BROOD_CFLAGS -fsanitize=fuzzer-no-link $brood_flags"
	BROOD_CFLAGS="$BROOD_CFLAGS -fno-omit-frame-pointer"
	BROOD_LDFLAGS="$BROOD_LDFLAGS $brood_flags"
	FUZZ_LDFLAGS="-fsanitize=fuzzer"
	brood_saved=$CFLAGS
	CFLAGS="$CFLAGS $brood_flags $FUZZ_LDFLAGS"
	AC_LINK_IFELSE([AC_LANG_SOURCE([[
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)data;
	return size == 1;
}
]])], [],
		[AC_MSG_ERROR([$CC cannot link with $FUZZ_LDFLAGS.  It is a part of
clang's runtime: libclang-rt-VERSION-dev on Debian and Ubuntu])])
	CFLAGS=$brood_saved])
AM_CONDITIONAL([HAVE_FUZZER], [test "$enable_fuzzing" = yes])
])
