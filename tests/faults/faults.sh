#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Each call of the library that can fail does so, once in each kind of process;
# `make faults' takes longer and leaves nothing out.  First it is checked that
# no call is missing: what the library imports is either in calls.h, which was
# included before each of its sources, or in cannot-fail.txt.
set -u

: "${srcdir:?must name the directory of the sources}"

# imports: what the objects of the library need, of the C library
imports()
{
	$NM -u src/*/*faults-*.o | awk '$1 == "U" { print $2 }' |
	    sed 's/@.*//; s/^__\(.*\)_chk$/\1/; s/^__isoc[0-9]*_//' |
	    grep -v -e '^brood_' -e '^fault_' -e '^_GLOBAL_OFFSET_TABLE_$' \
	    -e '^__assert_fail$' -e '^__errno_location$' -e '^environ$' \
	    -e '^std[a-z]*$' -e '^__[a-z]*san_' -e '^__sanitizer_' \
	    -e '^__stack_chk_fail$' | LC_ALL=C sort -u
}

missing=$(imports | while read -r name
do
	grep -q "^$name	" "$srcdir"/tests/faults/cannot-fail.txt ||
	    echo "$name"
done)
if test -n "$missing"
then
	echo "neither in calls.h nor in cannot-fail.txt:" $missing
	exit 1
fi
exec tests/faults/faults
