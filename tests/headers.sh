#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check that each public header compiles alone, without a warning, as C11 and as
# C++17.
set -u

: "${srcdir:?must name the directory of the sources}"
: "${CC:?must name the C compiler}"
include=$srcdir/include
failed=0

# compile LANGUAGE COMPILER FLAG...: compile each header
compile()
{
	language=$1
	shift
	for header in "$include"/brood.h "$include"/brood/*.h
	do
		echo "#include <${header#"$include"/}>" |
		    "$@" -Wall -Wextra -Wpedantic -Werror -I"$include" \
		    -fsyntax-only -x "$language" - && continue
		echo "$header is not $language"
		failed=1
	done
}

# A compiler may be several words, such as "ccache gcc".
# shellcheck disable=SC2086
compile c $CC -std=c11
if test -n "${CXX-}"
then
	# shellcheck disable=SC2086
	compile c++ $CXX -std=c++17
else
	echo "no C++ compiler: C++17 was not tried"
fi
exit $failed
