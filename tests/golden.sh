#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The frames in man/brood-protocol.7 are what the page says they are, by the
# library's own codec; there is one of every kind; and the page is sound mdoc.

set -u
: "${srcdir:?must name the directory of the sources}"
export LC_ALL=C
page=$srcdir/man/brood-protocol.7
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "golden: $*" >&2
	exit 1
}

# Hexadecimal to octal escapes for printf(1), a frame per line; and beside it
# what the page says, a line per frame.
awk -v frames="$tmp/frames" -v says="$tmp/says" '
/^\.Bd -literal/ && is_example { is_on = 1; next }
/^\.\\" tests\/golden\.sh/ { is_example = 1 }
/^\.Ed/ { is_on = 0 }
!is_on { next }
/^\t/ {
	sub(/^\t/, "")
	gsub(/\\e/, "\\")
	said = said (said == "" ? "" : " ") $0
	next
}
/^[0-9a-f ]+$/ {
	if (said != "")
		finish()
	gsub(/ /, "")
	hex = hex $0
	next
}
{ print "neither a frame nor what it means: " $0; exit 1 }
END { finish() }
function finish(i, digits) {
	digits = "0123456789abcdef"
	for (i = 1; i < length(hex); i += 2)
		printf "\\%03o", \
		    (index(digits, substr(hex, i, 1)) - 1) * 16 + \
		    index(digits, substr(hex, i + 1, 1)) - 1 >frames
	print said >says
	hex = said = ""
}' "$page" || fail "$page: not a table of frames"

# Digits and backslashes: the format is safe.
# shellcheck disable=SC2059
printf "$(cat "$tmp/frames")" >"$tmp/bytes"
./brood decode --full "$tmp/bytes" >"$tmp/decoded" ||
    fail "$page: not all of them are frames"
sed 's/^[0-9]* //' "$tmp/decoded" | diff "$tmp/says" - >&2 ||
    fail "$page: they are other frames"
for kind in HELLO REQUEST REPLY ERROR PROGRESS CANCEL GOODBYE PING PONG LINK; do
	grep -q "^$kind " "$tmp/says" || fail "$page: no $kind"
done

if command -v mandoc >/dev/null; then
	mandoc -Tlint -Wwarning "$page" >&2 || fail "$page: not clean"
fi
exit 0
