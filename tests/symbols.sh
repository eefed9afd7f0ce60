#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The shared library exports the names of symbols.txt and no others: a name that
# appears here by accident can never be taken back.
set -u

library=.libs/libbrood.so
if ! test -f "$library"
then
	echo "no shared library was built"
	exit 77
fi

# Names that begin with _ belong to the compiler, a sanitizer's among them.
$NM -D --defined-only "$library" |
    awk '$3 !~ /^_/ { print $3 }' | LC_ALL=C sort |
    diff -u "$srcdir"/tests/symbols.txt -
