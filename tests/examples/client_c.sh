#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/client.c with servers that start at the same time: an answer to
# each word, though the client takes fewer at once; and a request that expires
# in the server, before any worker is ready.

set -u
: "${BROOD:?must name the command}"
: "${ECHO_WORKER:?must name a worker}"
: "${EXAMPLES:?must name the directory of the built examples}"
: "${RAW_WORKER:?must name a worker}"
tmp=$(mktemp -d) || exit 1
server=
# Shell, not a function: some shells run an EXIT trap with no status left.
trap 'test -z "$server" || kill -9 "$server"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "client: $*" >&2
	exit 1
}

# serve ARG...: start a server, and do not wait for it
serve()
{
	"$BROOD" run -l "$tmp/s" -n 2 "$@" 2>>"$tmp/log" &
	server=$!
}

# expect STATUS WORD...: run the client; what it prints is in $tmp/out
expect()
{
	want=$1
	shift
	status=0
	timeout 20 "$EXAMPLES/client" "$tmp/s" "$@" >"$tmp/out" || status=$?
	test "$status" -eq "$want" ||
	    fail "status $status, not $want: $(cat "$tmp/out" "$tmp/log")"
}

words=$(awk 'BEGIN { for (i = 10; i < 60; i++) print "word" i }')
for word in $words
do
	echo "$word: $(echo "$word" | tr a-z A-Z)"
done >"$tmp/want"
serve -- "$RAW_WORKER"
# shellcheck disable=SC2086  # a list of words
expect 0 $words
sort "$tmp/out" | diff "$tmp/want" - >&2 || fail "other answers"
expect 0 "$(printf 'a\033b')"
test "$(tail -c 4 "$tmp/out")" = 'A?B' || fail "a control character is printed"
kill "$server"
wait "$server" || fail "the server ends with status $?: $(cat "$tmp/log")"
server=

serve --timeout 0.1 -- "$ECHO_WORKER" mute
expect 1 one
test "$(cat "$tmp/out")" = 'one: expired, not run: its deadline passed' ||
    fail "what has expired is told as: $(cat "$tmp/out")"
exit 0
