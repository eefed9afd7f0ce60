dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_SANITIZERS
dnl
dnl --enable-sanitizers: everything with ASan and UBSan, the tests included.
AC_DEFUN([BROOD_SANITIZERS], [
AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers],
		[build with AddressSanitizer and UndefinedBehaviorSanitizer])])
AC_SUBST([BROOD_LDFLAGS])
AS_VAR_IF([enable_sanitizers], [yes],
	[brood_flags="-fsanitize=address,undefined -fno-sanitize-recover=all"
	BROOD_CFLAGS="$BROOD_CFLAGS $brood_flags -fno-omit-frame-pointer"
	BROOD_LDFLAGS="$BROOD_LDFLAGS $brood_flags"
	brood_saved=$CFLAGS
	CFLAGS="$CFLAGS $brood_flags"
	AC_LINK_IFELSE([AC_LANG_PROGRAM()], [],
		[AC_MSG_ERROR([$CC cannot link with $brood_flags])])
	CFLAGS=$brood_saved])
])
