#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood run --quarantine keeps the requests that workers have died of, with a
# report, no more than its bound; and brood call tries one again.

set -u
: "${BROOD:?must name the command}"
: "${ECHO_WORKER:?must name a worker}"
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
server=
cd "$tmp" || exit 1

readonly exit_method=10		# METHOD_EXIT: exit with the status in the payload

fail()
{
	echo "quarantine: $*" | cut -c 1-600 >&2
	exit 1
}

# serve ARGUMENT...: start a server, and wait until it answers
serve()
{
	"$BROOD" run -l sock -n 1 --quarantine kept "$@" -- "$ECHO_WORKER" \
	    2>log &
	server=$!
	test "$("$BROOD" call --wait 20 sock hello)" = hello ||
	    fail "it does not serve: $(cat log)"
}

# crash DATA...: send what a worker dies of
crash()
{
	timeout 20 "$BROOD" call --method "$exit_method" sock "$@" 2>err
	test $? = 125 || fail "$*: exit status $?, $(cat err)"
}

stop()
{
	kill "$server"
	wait "$server"
}

serve
test -d kept || fail "the directory was not made"
crash 7
printf 7 | cmp - kept/000001.request || fail "another payload"
for line in "method: $exit_method" "workers: 1" "exited with status 7" \
    "again: brood call --method $exit_method SOCKET @kept/000001.request"
do
	grep -q -- "$line" kept/000001.report ||
	    fail "no \"$line\" in $(cat kept/000001.report)"
done
grep -q "kept/000001.request: a worker has died of it" log ||
    fail "the log is silent: $(cat log)"
crash @kept/000001.request
cmp kept/000001.request kept/000002.request || fail "not the same again"
test "$("$BROOD" call sock fine)" = fine || fail "it serves no more"
test "$(find kept -type f | wc -l)" = 4 || fail "more than died: $(ls kept)"
stop

# Numbers go on after those of an earlier run; there are never more than 100.
i=0
while [ "$i" -lt 96 ]
do
	i=$((i + 1))
	echo old >kept/"$(printf %06d $((1000 + i)))".request
done
echo other >kept/notes
serve --idempotent
for status in 11 12 13 14
do
	crash "$status"
done
grep -q "workers: 2" kept/001097.report || fail "$(cat kept/001097.report)"
grep -q "with status 11; the worker before it: exited with status 11" \
    kept/001097.report || fail "not both ends: $(cat kept/001097.report)"
test "$(find kept -name '*.request' | wc -l)" = 100 ||
    fail "$(find kept -name '*.request' | wc -l) requests are kept"
test -e kept/000001.request && fail "the oldest is still there"
test -e kept/000001.report && fail "the oldest report is still there"
test -e kept/001001.request || fail "a newer one is gone"
test -e kept/notes || fail "a file that is not its own is gone"
stop

# What cannot be used is refused at the start.
: >file
"$BROOD" run -l sock --quarantine file -- "$ECHO_WORKER" 2>err &&
    fail "a file was taken for a directory"
grep -q "file: Not a directory" err || fail "says $(cat err)"
exit 0
