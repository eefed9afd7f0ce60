dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_BENCH
dnl
dnl Libraries that `make bench' compares brood with.  Nothing else needs them:
dnl what is absent is not measured.
AC_DEFUN([BROOD_BENCH], [
brood_peers=
PKG_CHECK_MODULES([LIBUV], [libuv],
	[brood_libuv=yes brood_peers="$brood_peers libuv"],
	[brood_libuv=no])
PKG_CHECK_MODULES([ZEROMQ], [libzmq],
	[brood_zeromq=yes brood_peers="$brood_peers ZeroMQ"],
	[brood_zeromq=no])
dnl Debian's package has no file for pkg-config.
AC_SUBST([NNG_LIBS])
brood_nng=no
AC_CHECK_HEADER([nng/nng.h],
	[AC_CHECK_LIB([nng], [nng_recvmsg],
		[brood_nng=yes brood_peers="$brood_peers nng" NNG_LIBS=-lnng])])
AM_CONDITIONAL([HAVE_LIBUV], [test $brood_libuv = yes])
AM_CONDITIONAL([HAVE_NNG], [test $brood_nng = yes])
AM_CONDITIONAL([HAVE_ZEROMQ], [test $brood_zeromq = yes])
AS_IF([test -z "$brood_peers"], [brood_peers=" no library"])
])
