dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_SANITIZERS
dnl
dnl --enable-sanitizers: everything with ASan and UBSan, the tests included.
dnl --enable-sanitizers=thread: with ThreadSanitizer instead.
AC_DEFUN([BROOD_SANITIZERS], [
AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers],
		[build with AddressSanitizer and UndefinedBehaviorSanitizer;
		=thread: with ThreadSanitizer])])
AC_SUBST([BROOD_LDFLAGS])
AS_CASE([$enable_sanitizers],
	[yes], [brood_flags="-fsanitize=address,undefined -fno-sanitize-recover=all"],
	[thread], [brood_flags=-fsanitize=thread],
	[brood_flags=])
AS_IF([test -n "$brood_flags"],
	[BROOD_CFLAGS="$BROOD_CFLAGS $brood_flags -fno-omit-frame-pointer"
	BROOD_LDFLAGS="$BROOD_LDFLAGS $brood_flags"
	brood_saved=$CFLAGS
	CFLAGS="$CFLAGS $brood_flags"
	AC_LINK_IFELSE([AC_LANG_PROGRAM()], [],
		[AC_MSG_ERROR([$CC cannot link with $brood_flags])])
	CFLAGS=$brood_saved])
])
