#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/embed_poll: every line is answered once, also when there are
# more lines than the pool takes at a time, and an answer comes before the end
# of input.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"
embed_poll=$(cd "$EXAMPLES" && pwd)/embed_poll
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "embed_poll: $*" >&2
	exit 1
}

# check NAME: run it with the file `input'; the sorted answers must be the file
# `want'
check()
{
	timeout 60 "$embed_poll" <input >out || fail "$1: exit status $?"
	sort -n out >got
	diff want got >&2 || fail "$1: other answers"
}

awk 'BEGIN { for (i = 1; i <= 2000; i++) print "line " i }' >input
awk '{ print NR, toupper($0) }' input >want
check "2000 lines from a file"

sed -n p input | timeout 60 "$embed_poll" >out || fail "a pipe: exit status $?"
sort -n out >got
diff want got >&2 || fail "a pipe: other answers"

printf 'a\n\nno newline at the end' >input
printf '1 A\n2 \n3 NO NEWLINE AT THE END\n' >want
check "the last line"

: >input
: >want
check "no lines"

mkfifo in out.fifo || exit 1
timeout 20 "$embed_poll" <in >out.fifo &
pid=$!
exec 3>in 4<out.fifo
for word in one two; do
	echo "$word" >&3
	read -r answer <&4 || fail "no answer while input is open"
	echo "$answer" >>answers
done
exec 3>&-
wait "$pid" || fail "after the end of input: exit status $?"
printf '1 ONE\n2 TWO\n' >want
diff want answers >&2 || fail "a dialogue: other answers"
exit 0
