#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Run the commands that README.md shows in its section "The command", as one
# script, and check that what it says of their output is so.
set -u

: "${srcdir:?must name the directory of the sources}"
: "${BROOD:?must name the command}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || { echo "there is no Python"; exit 77; }
"$BROOD" status --help >/dev/null 2>&1 ||
    { echo "the command is built without jansson"; exit 77; }
brood=$(cd "$(dirname "$BROOD")" && pwd)
srcdir=$(cd "$srcdir" && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
PATH=$brood:$PATH
export PATH LC_ALL=C

fail()
{
	echo "readme: $*" >&2
	cat script out err >&2
	exit 1
}

cp -r "$srcdir"/examples .
# If a command fails, end the server that is in the background.
cat >script <<'END'
trap 'set +u; kill $! 2>/dev/null || :' EXIT
trap 'exit 1' HUP INT TERM
END
awk '/^## / { inside = $0 == "## The command" }
    inside && /^    / && !/^    PATH=/ { print substr($0, 5) }' \
    "$srcdir"/README.md >>script
test "$(grep -c '^brood' script)" -ge 6 || fail "too few commands were found"
echo wait >>script

timeout 60 sh -eu script >out 2>err || fail "the script fails: status $?"
# Only on a terminal does call end its output with a newline.
for line in caaaaa hello reloaded stopping
do
	grep -q "^$line" out || fail "no line '$line'"
done
grep -q '^3 transmitted, 3 received' out || fail "ping says something else"
test ! -e echo.sock || fail "the socket is left"
