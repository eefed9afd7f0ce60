dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_FLAG(FLAG)
dnl
dnl Add FLAG to BROOD_CFLAGS if the compiler takes it.  -Werror, because clang
dnl only warns of a warning that it does not know.
AC_DEFUN([BROOD_FLAG], [
AS_VAR_PUSHDEF([brood_cache], [brood_cv_flag_$1])
AC_CACHE_CHECK([whether $CC takes $1], [brood_cache],
	[brood_saved=$CFLAGS
	CFLAGS="$CFLAGS -Werror $1"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
		[AS_VAR_SET([brood_cache], [yes])],
		[AS_VAR_SET([brood_cache], [no])])
	CFLAGS=$brood_saved])
AS_VAR_IF([brood_cache], [yes], [AS_VAR_APPEND([BROOD_CFLAGS], [" $1"])])
AS_VAR_POPDEF([brood_cache])
])

dnl BROOD_WARNINGS
dnl
dnl The language and the warnings that the sources are held to.  They are errors
dnl only on demand: a compiler of next year must not break this year's release.
AC_DEFUN([BROOD_WARNINGS], [
AC_ARG_ENABLE([werror],
	[AS_HELP_STRING([--enable-werror], [take warnings for errors])])
AC_SUBST([BROOD_CFLAGS])
BROOD_FLAG([-std=c11])
BROOD_FLAG([-Wall])
BROOD_FLAG([-Wextra])
BROOD_FLAG([-Wmissing-prototypes])
BROOD_FLAG([-Wpedantic])
BROOD_FLAG([-Wshadow])
BROOD_FLAG([-Wstrict-prototypes])
BROOD_FLAG([-Wswitch-enum])
BROOD_FLAG([-Wvla])
AS_VAR_IF([enable_werror], [yes], [AS_VAR_APPEND([BROOD_CFLAGS], [" -Werror"])])
])
