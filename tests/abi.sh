#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check that programs compiled for the last release can use this library: that
# no symbol is missing, and no type of the headers has changed in memory.  What
# that release had is in tests/brood.abi; see HACKING.md.  New symbols are fine.
#
# With the argument --update, write tests/brood.abi.
set -u

: "${srcdir:?must name the directory of the sources}"
dump=$srcdir/tests/brood.abi
library=.libs/libbrood.so

skip()
{
	echo "$*"
	exit 77
}

# describe FILE: write the ABI of the library to FILE, with the types of headers
#
# abidw has an option for the directory of the public headers, but it compares
# the last part of names only, and a private header may have the same.  So give
# what this option stands for: a suppression with just this label, by which other
# types become incomplete.
describe()
{
	cat >"$tmp"/suppressions <<-'EOT'
	[suppress_type]
	  label = Artificial private types suppression specification
	  source_location_not_regexp = include/
	  drop = true
	EOT
	abidw --suppressions "$tmp"/suppressions --exported-interfaces-only \
	    --no-comp-dir-path --no-corpus-path --no-show-locs \
	    --out-file "$1" "$library" || exit 1
	grep -q "<class-decl name='brood_message' size" "$1" ||
	    skip "the library was compiled without -g"
}

# architecture FILE: print that of a description
architecture()
{
	sed -n "/<abi-corpus /s/.*architecture='\([^']*\)'.*/\1/p" "$1"
}

case ${1-} in
--update) ;;
*)	test -f "$dump" || skip "there is no tests/brood.abi: no release yet" ;;
esac
test -f "$library" || skip "no shared library was built"
command -v abidw >/dev/null || skip "abidw is missing (abigail-tools)"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

describe "$tmp"/now.abi
if test "${1-}" = --update
then
	cp "$tmp"/now.abi "$dump"
	exit
fi
test "$(architecture "$dump")" = "$(architecture "$tmp"/now.abi)" ||
    skip "tests/brood.abi is of another architecture"
abidiff --no-added-syms "$dump" "$tmp"/now.abi || {
	echo 'The ABI has changed: see "A release" in HACKING.md.'
	exit 1
}
