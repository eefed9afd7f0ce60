#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check that the shared library exports the names in symbols.txt and no others.
# A program may use any name that is exported, so a name that is exported by
# accident cannot be removed later.
set -u

: "${srcdir:?must name the directory of the sources}"
library=.libs/libbrood.so
if ! test -f "$library"
then
	echo "no shared library was built"
	exit 77
fi

# Ignore names that begin with _: they are of the compiler and its sanitizers.
$NM -D --defined-only "$library" |
    awk '$3 !~ /^_/ { print $3 }' | LC_ALL=C sort |
    diff -u "$srcdir"/tests/symbols.txt -
