#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check that the manual agrees with the library and the command:
#
# - mandoc finds no fault in the pages
# - each header has a page, and no name leads to two pages
# - the functions and constants are those of the library
# - prototypes and examples compile
# - brood(1) has every command, and the options that --help shows
set -u

: "${srcdir:?must name the directory of the sources}"
: "${BROOD:?must name the command}"
command -v mandoc >/dev/null || { echo "mandoc is missing"; exit 77; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
man=$tmp/man
failed=0
export LC_ALL=C

# The pages of headers are in the build directory, or in that of the sources if
# these are a release.
mkdir "$man"
cp "$srcdir"/man/*.[137] "$man"
for page in man/*.3
do
	test ! -f "$page" || cp "$page" "$man"
done

# complain WHAT FILE: fail if FILE is not empty, and show it
complain()
{
	test -s "$2" || return 0
	echo "$1:"
	cat "$2"
	failed=1
}

# mandoc also warns of references to manuals that are not installed here: ignore
# these warnings.
mandoc -Tlint -Wstyle "$man"/*.[137] >"$tmp"/messages 2>"$tmp"/errors
test $? -le 4 || complain "mandoc" "$tmp"/errors
grep -v ': referenced manual not found: ' "$tmp"/messages >"$tmp"/lint
complain "mandoc -Tlint" "$tmp"/lint

# synopsis PAGE...: print the prototypes in SYNOPSIS, each as a line of C
synopsis()
{
	awk '
	/^\.Sh/ { inside = /SYNOPSIS/ }
	!inside { next }
	/^\.Ft / { type = substr($0, 5) }
	/^\.Fn / { n = split($0, part, "\"")
		name = part[1]; sub(/^\.Fn /, "", name); sub(/ *$/, "", name)
		args = ""
		for (i = 2; i <= n; i += 2)
			args = args (i > 2 ? ", " : "") part[i]
		print type " " name "(" args ");" }
	/^\.Fo / { name = substr($0, 5); args = "" }
	/^\.Fa / { split($0, part, "\"")
		args = args (args != "" ? ", " : "") part[2] }
	/^\.Fc/ { print type " " name "(" args ");" }
	' "$@"
}

synopsis "$man"/*.3 >"$tmp"/declarations
grep -v '^typedef ' "$tmp"/declarations |
    sed 's/^.*[ *]\(brood_[a-z_]*\)(.*/\1/' | sort >"$tmp"/functions
sed 's/@.*//' "$srcdir"/tests/symbols.txt |
    diff -u - "$tmp"/functions >"$tmp"/differences
complain "exported (-), and in a SYNOPSIS (+)" "$tmp"/differences

# The compiler reports a prototype that differs from that of the header.
{
	echo '#include <brood.h>'
	cat "$tmp"/declarations
} >"$tmp"/declarations.c
# shellcheck disable=SC2086  # lists of words
$CC $CFLAGS -I"$srcdir"/include -fsyntax-only "$tmp"/declarations.c \
    2>"$tmp"/errors || complain "prototypes" "$tmp"/errors

# The examples must be whole programs.
for page in "$man"/*.3
do
	awk -v stem="$tmp/$(basename "$page")" '
	/^\.Sh/ { inside = /EXAMPLES/ }
	inside && /^\.Bd -literal/ { file = stem "." ++n ".c"; next }
	/^\.Ed/ { file = "" }
	file != "" { gsub(/\\e/, "\\"); print >file }' "$page"
done
for program in "$tmp"/*.3.*.c
do
	# shellcheck disable=SC2086  # lists of words
	$CC $CFLAGS -D_GNU_SOURCE -I"$srcdir"/include -fsyntax-only \
	    "$program" 2>"$tmp"/errors || complain "$program" "$tmp"/errors
done

for header in "$srcdir"/include/brood/*.h
do
	test -f "$man/brood_$(basename "$header" .h).3" ||
	    echo "$header" >>"$tmp"/lonely
done
complain "headers without a page" "$tmp"/lonely

# man(1) finds a page by its NAME section.  So all must be there that a page is
# about, and each name in one page only.
for page in "$man"/*.3
do
	sed -n '/^\.Sh SYNOPSIS/q; s/^\.Nm \([a-z_]*\).*/\1/p' "$page"
done | sort >"$tmp"/names
uniq -d "$tmp"/names >"$tmp"/twice
complain "names of two pages" "$tmp"/twice
{
	cat "$tmp"/functions
	sed -n 's/^struct \(brood_[a-z_]*\) {.*/\1/p
	    s/^enum \(brood_[a-z_]*\) {.*/\1/p
	    s/^typedef .*(\*\(brood_[a-z_]*\)).*/\1/p' \
	    "$srcdir"/include/brood/*.h
} | sort -u | comm -23 - "$tmp"/names >"$tmp"/nameless
complain "in a header, and in no NAME" "$tmp"/nameless

# constants FILE...: print the names of constants; not the include guards
constants()
{
	grep -h -v '^\.Dt ' "$@" | grep -o 'BROOD_[A-Z_]*[A-Z]' |
	    grep -v '_H$' | sort -u
}

constants "$srcdir"/include/brood/*.h >"$tmp"/in-headers
constants "$man"/*.3 | diff -u "$tmp"/in-headers - >"$tmp"/differences
complain "constants of the headers (-) and of the pages (+)" \
    "$tmp"/differences

# A reference must name a page, or a function that is in the NAME of a page.
sed -n 's/^\.Xr \(brood[a-z_-]*\) \([137]\).*/\1 \2/p' "$man"/*.[137] |
    sort -u >"$tmp"/references
for page in "$man"/*.[137]
do
	basename "$page" | tr . ' '
	sed -n "s/^\.Nm \([a-z_-]*\).*/\1 ${page##*.}/p" "$page"
done | sort -u | comm -13 - "$tmp"/references >"$tmp"/dangling
complain "references to no page" "$tmp"/dangling

# help_options: print the options that a help text shows, a line each
help_options()
{
	grep -o -E '(^|[][ |,(])--?[a-z][a-z-]*' |
	    sed 's/^[^-]*//' | grep -v -x -e -h -e --help | sort -u
}

# page_options COMMAND: print the options in its part of brood(1)
page_options()
{
	awk -v name="$1" '
	/^\.S[sh]/ { inside = $1 == ".Ss" && $2 == name }
	inside && /^\.It / { for (i = 2; i < NF; i++)
		if ($i == "Fl") print "-" $(i + 1) }' "$man"/brood.1 |
	    grep -v -x -e -h -e --help | sort -u
}

if test -x "$BROOD"
then
	"$BROOD" --help | sed -n 's/^  \([a-z][a-z]*\)  *[A-Z].*/\1/p' \
	    >"$tmp"/commands
	while read -r name
	do
		if ! grep -q -x "\.Ss $name" "$man"/brood.1
		then
			echo "brood.1 has no section on $name"
			failed=1
		fi
		"$BROOD" "$name" --help | help_options >"$tmp"/in-help
		page_options "$name" | diff -u "$tmp"/in-help - \
		    >"$tmp"/differences
		complain "brood $name: options of --help (-) and page (+)" \
		    "$tmp"/differences
	done <"$tmp"/commands
fi

exit "$failed"
