#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check that the shared library exports the names in symbols.txt and no others,
# each with a version of src/libbrood.map.  A program may use any name that is
# exported, so a name that is exported by accident cannot be removed later.
set -u

: "${srcdir:?must name the directory of the sources}"
: "${symbol_versions:?must be yes or no: does the linker give versions}"
library=.libs/libbrood.so
tmp=$(mktemp "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -f "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
if ! test -f "$library"
then
	echo "no shared library was built"
	exit 77
fi

# expected: print each symbol, with its version if there are versions
expected()
{
	if test "$symbol_versions" = yes
	then
		sed '/@/!s/$/@@BROOD_0/' "$srcdir"/tests/symbols.txt
	else
		sed 's/@.*//' "$srcdir"/tests/symbols.txt
	fi
}

# Ignore names that begin with _: they are of the compiler and its sanitizers.
# A symbol of type A is the name of a version.
$NM -D --defined-only "$library" |
    awk '$2 != "A" && $3 !~ /^_/ { print $3 }' | LC_ALL=C sort >"$tmp"
expected | LC_ALL=C sort | diff -u - "$tmp"
