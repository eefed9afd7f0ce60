#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check the examples of frames in man/brood-protocol.7: `brood decode' must
# print what the page says about each, and there must be a frame of every kind.
# Also check that mandoc finds no fault in the page.

set -u
: "${srcdir:?must name the directory of the sources}"
: "${BROOD:?must name the command}"
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

# Write the frames to one file, as octal escapes for printf(1), and what the
# page says to another, with a line for each frame.
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

# The frames are digits and backslashes only, so they are safe as a format.
# shellcheck disable=SC2059
printf "$(cat "$tmp/frames")" >"$tmp/bytes"
"$BROOD" decode --full "$tmp/bytes" >"$tmp/decoded" ||
    fail "$page: an example is not a frame"
sed 's/^[0-9]* //' "$tmp/decoded" | diff "$tmp/says" - >&2 ||
    fail "$page: an example is not the frame that the page says"
for kind in HELLO REQUEST REPLY ERROR PROGRESS CANCEL GOODBYE PING PONG LINK; do
	grep -q "^$kind " "$tmp/says" || fail "$page: no $kind"
done

if command -v mandoc >/dev/null; then
	mandoc -Tlint -Wwarning "$page" >&2 || fail "$page: not clean"
fi
exit 0
