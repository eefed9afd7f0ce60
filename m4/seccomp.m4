dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_SECCOMP
dnl
dnl Look for libseccomp: without it a process can be confined to level 1 only.
AC_DEFUN([BROOD_SECCOMP], [
AC_ARG_WITH([seccomp],
	[AS_HELP_STRING([--without-seccomp],
		[do without libseccomp, even if it is there])],
	[], [with_seccomp=check])
have_seccomp=no
AS_VAR_IF([enable_portable], [yes], [with_seccomp=no])
AS_VAR_IF([with_seccomp], [no], [],
	[PKG_CHECK_MODULES([LIBSECCOMP], [libseccomp >= 2.5],
		[have_seccomp=yes
		AC_DEFINE([HAVE_LIBSECCOMP], [1],
			[Define if libseccomp is there.])],
		[AS_VAR_IF([with_seccomp], [yes],
			[AC_MSG_ERROR([--with-seccomp, but libseccomp is not found])])])])
dnl For programs that link the static library.
AS_VAR_IF([have_seccomp], [yes], [seccomp_pc=", libseccomp"], [seccomp_pc=])
AC_SUBST([seccomp_pc])
AM_CONDITIONAL([HAVE_LIBSECCOMP], [test $have_seccomp = yes])
])
