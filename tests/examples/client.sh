#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/client.py: replies in one frame and in several, an ERROR, and a
# server that is not there.

set -u
: "${srcdir:?must name the directory of the sources}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || exit 77
tmp=$(mktemp -d) || exit 1
server=
trap 'exec 8>&-; test -z "$server" || wait "$server"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$tmp/in" "$tmp/ready" || exit 1

fail()
{
	echo "client: $*" >&2
	exit 1
}

# expect STATUS ARG...: run client.py with $tmp/input, and check its exit status
expect()
{
	want=$1
	shift
	status=0
	"$PYTHON" -S "$srcdir/examples/client.py" "$@" <"$tmp/input" \
	    >"$tmp/out" 2>"$tmp/errors" || status=$?
	test "$status" -eq "$want" ||
	    fail "$*: status $status, not $want: $(cat "$tmp/errors")"
}

# echoes SOCKET: check that the server there answers with the request
echoes()
{
	expect 0 "$1"
	cmp "$tmp/input" "$tmp/out" >&2 || fail "another reply"
	expect 0 "$1" text
	test "$(cat "$tmp/out")" = text || fail "another reply to text"
	expect 0 "$1" ''
	test ! -s "$tmp/out" || fail "a reply to nothing"
}

awk 'BEGIN { for (i = 0; i < 20000; i++) print "line", i }' >"$tmp/input"
expect 3 "$tmp/s" x
grep -q "^client.py: $tmp/s: " "$tmp/errors" || fail "the path is not named"
expect 2

"$PYTHON" -S "$srcdir/tests/command/canned.py" "$tmp/s" <"$tmp/in" \
    >"$tmp/ready" &
server=$!
exec 8>"$tmp/in"
read -r line <"$tmp/ready"
test "$line" = listening || fail "the server does not listen"
echoes "$tmp/s"
expect 1 "$tmp/s" 'fail, please'
test "$(cat "$tmp/errors")" = "client.py: error 1: 'it\\x1b[2J failed'" ||
    fail "an ERROR is told as: $(cat "$tmp/errors")"
exit 0
