dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_VERSIONS
dnl
dnl Whether the linker gives symbols of a shared library a version.  Without, the
dnl same symbols are exported.
AC_DEFUN([BROOD_VERSIONS], [
AC_CACHE_CHECK([whether the linker takes --version-script],
	[brood_cv_version_script],
	[brood_saved=$LDFLAGS
	LDFLAGS="$LDFLAGS -Wl,--version-script=$srcdir/src/libbrood.map"
	AC_LINK_IFELSE([AC_LANG_PROGRAM()],
		[brood_cv_version_script=yes],
		[brood_cv_version_script=no])
	LDFLAGS=$brood_saved])
AM_CONDITIONAL([HAVE_VERSION_SCRIPT],
	[test "$brood_cv_version_script$enable_portable" = yesno])
])
