#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Every public header compiles alone, without a warning, as C11 and as C++17.
set -u

include=$srcdir/include
strict="-Wall -Wextra -Wpedantic -Werror"
failed=0

compile()	# LANGUAGE COMPILER FLAG...
{
	language=$1
	shift
	for header in "$include"/brood.h "$include"/brood/*.h
	do
		echo "#include <${header#"$include"/}>" |
		    "$@" $strict -I"$include" -fsyntax-only -x "$language" - &&
		    continue
		echo "$header is not $language"
		failed=1
	done
}

compile c $CC -std=c11
if test -n "$CXX"
then
	compile c++ $CXX -std=c++17
else
	echo "no C++ compiler: C++17 was not tried"
fi
exit $failed
