dnl SPDX-License-Identifier: ISC
dnl
dnl BROOD_SYSTEM
dnl
dnl What this system offers beyond POSIX.  Each has a fallback, and
dnl --enable-portable picks every fallback at once, so that they can be tested
dnl where they are not needed.
AC_DEFUN([BROOD_SYSTEM], [
AC_ARG_ENABLE([portable],
	[AS_HELP_STRING([--enable-portable],
		[use what any POSIX system has, even where Linux has better])],
	[], [enable_portable=no])
dnl Not of those with a fallback to be tested here: glibc's fallback takes a lock
dnl that is not for a child of a program with threads (src/base/names.h).
AC_CHECK_FUNCS([sigdescr_np strerrordesc_np])
brood_epoll=no
brood_passrights=no
brood_peek_off=no
AS_VAR_IF([enable_portable], [yes],
	[brood_system="portable, poll"],
	[BROOD_LINUX
	AS_VAR_IF([brood_epoll], [yes],
		[brood_system="$host_os, epoll"],
		[brood_system="$host_os, poll"])])
AM_CONDITIONAL([HAVE_EPOLL], [test "$brood_epoll" = yes])
AM_CONDITIONAL([HAVE_SO_PEEK_OFF], [test "$brood_peek_off" = yes])
])

AC_DEFUN([BROOD_LINUX], [
AC_CHECK_HEADER([execinfo.h],
	[AC_SEARCH_LIBS([backtrace], [execinfo],
		[AC_DEFINE([HAVE_BACKTRACE], [1],
			[Define to 1 if a process can tell where it is.])])])
dnl What a confined process gives up: namespaces, capabilities, prctl(2) and
dnl unshare(2) come together.  Landlock has numbers of its own in brood: headers
dnl are often older than the kernel.
AC_CHECK_DECL([PR_SET_NO_NEW_PRIVS],
	[AC_CHECK_HEADER([linux/capability.h],
		[AC_DEFINE([HAVE_NAMESPACES], [1],
			[Define to 1 if a process can leave namespaces.])])],
	[], [@%:@include <sys/prctl.h>])
AC_CHECK_HEADER([linux/magic.h],
	[AC_DEFINE([HAVE_CGROUPS], [1],
		[Define to 1 if a kernel may have control groups.])])
AS_CASE([$host],
	[alpha*], [],
	[*-linux-*], [AC_DEFINE([HAVE_LANDLOCK], [1],
		[Define to 1 if a kernel may have Landlock.])])
AC_CHECK_HEADERS([sys/epoll.h sys/timerfd.h])
AC_CHECK_FUNCS([epoll_create1 timerfd_create])
AS_IF([test "$ac_cv_header_sys_epoll_h$ac_cv_header_sys_timerfd_h" = yesyes &&
	test "$ac_cv_func_epoll_create1$ac_cv_func_timerfd_create" = yesyes],
	[brood_epoll=yes])

AC_CHECK_DECL([PR_SET_PDEATHSIG],
	[AC_DEFINE([HAVE_PRCTL_PDEATHSIG], [1],
		[Define to 1 if prctl(2) can tie a process to its parent.])],
	[], [@%:@include <sys/prctl.h>])

AC_CHECK_DECL([SYS_pidfd_open],
	[AC_DEFINE([HAVE_PIDFD_OPEN], [1],
		[Define to 1 if a descriptor can tell the end of a process.])],
	[], [@%:@include <sys/syscall.h>])

AC_CHECK_DECL([MADV_FREE],
	[AC_DEFINE([HAVE_MADV_FREE], [1],
		[Define to 1 if the kernel can take pages when it needs them.])],
	[], [@%:@include <sys/mman.h>])

AC_CHECK_DECL([MADV_WIPEONFORK],
	[AC_DEFINE([HAVE_MADV_WIPEONFORK], [1],
		[Define to 1 if memory can be wiped in a forked child.])],
	[], [@%:@include <sys/mman.h>])

AC_CHECK_DECL([SO_PEEK_OFF],
	[AC_DEFINE([HAVE_SO_PEEK_OFF], [1],
		[Define to 1 if a socket can be peeked at from an offset.])
	brood_peek_off=yes],
	[], [@%:@include <sys/socket.h>])

AC_CHECK_DECL([SO_PEERCRED],
	[AC_CHECK_TYPE([struct ucred],
		[AC_DEFINE([HAVE_SO_PEERCRED], [1],
			[Define to 1 if a socket knows its peer's pid.])],
		[], [@%:@include <sys/socket.h>])],
	[], [@%:@include <sys/socket.h>])

dnl Headers older than the kernel do not have its number, which is that of
dnl <asm-generic/socket.h>: some architectures have their own.
AC_CHECK_DECL([SO_PASSRIGHTS],
	[brood_passrights=yes],
	[AS_CASE([$host],
		[alpha*|hppa*|mips*|sparc*], [],
		[*-linux-*], [brood_passrights=yes])],
	[@%:@include <sys/socket.h>])
AS_VAR_IF([brood_passrights], [yes],
	[AC_DEFINE([HAVE_SO_PASSRIGHTS], [1],
		[Define to 1 if a socket can refuse descriptors.])])

AC_CHECK_DECL([F_ADD_SEALS],
	[AC_CHECK_FUNC([memfd_create],
		[AC_DEFINE([HAVE_SEALED_MEMORY], [1],
			[Define to 1 if memory can be shared for reading only.])])],
	[], [@%:@include <fcntl.h>])

AC_CHECK_FUNC([sched_getaffinity],
	[AC_DEFINE([HAVE_SCHED_GETAFFINITY], [1],
		[Define to 1 if the processors of this process can be counted.])])
])
