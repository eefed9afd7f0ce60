dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_CRITERION
dnl
dnl Look for the framework of the tests.  The library does not need it: absent,
dnl only the shell tests are run.
AC_DEFUN([BROOD_CRITERION], [
AC_ARG_WITH([criterion],
	[AS_HELP_STRING([--without-criterion],
		[do not build the suites in tests/, even if Criterion is there])],
	[], [with_criterion=check])
brood_criterion="shell tests only"
AS_VAR_IF([with_criterion], [no],
	[have_criterion=no],
	[PKG_CHECK_MODULES([CRITERION], [criterion >= 2.4],
		[have_criterion=yes
		brood_criterion="Criterion suites and shell tests"],
		[have_criterion=no
		AS_VAR_IF([with_criterion], [yes],
			[AC_MSG_ERROR([--with-criterion, but no Criterion is found])])])])
dnl tests/support/transport.c has the other half.
AC_SUBST([POOLS_WITH_RINGS], [-Wl,--wrap=brood_pool_new])
AM_CONDITIONAL([HAVE_CRITERION], [test "$have_criterion" = yes])
])
