dnl SPDX-License-Identifier: ISC
dnl
dnl What subcommands of brood(1) need beyond the library: jansson for those that
dnl speak JSON, ncurses for the live table.  Without, those are left out.

AC_DEFUN([BROOD_COMMAND], [
	PKG_CHECK_MODULES([JANSSON], [jansson],
		[AC_DEFINE([HAVE_JANSSON], [1], [Define if jansson is there.])
		brood_jansson=yes],
		[brood_jansson=no])
	PKG_CHECK_MODULES([NCURSES], [ncursesw],
		[AC_DEFINE([HAVE_NCURSES], [1], [Define if ncurses is there.])
		brood_ncurses=yes],
		[brood_ncurses=no])
	AM_CONDITIONAL([HAVE_JANSSON], [test $brood_jansson = yes])
	AM_CONDITIONAL([HAVE_NCURSES],
		[test $brood_jansson$brood_ncurses = yesyes])
	brood_command="jansson $brood_jansson, ncurses $brood_ncurses"
])
