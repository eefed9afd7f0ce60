#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood map --lines: what comes out is what the filter alone prints, whatever
# sort of filter it is, at once, and in bounded memory.

set -u
: "${BROOD:?must name the command}"
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "map: $*" | cut -c 1-300 >&2
	exit 1
}

# same NAME FILTER...: as the filter alone, for the file `input'.
same()
{
	name=$1
	shift
	"$@" <input >want || fail "$name: the filter itself fails"
	timeout 60 "$BROOD" map -n 2 --lines -- "$@" <input >got 2>errors ||
	    fail "$name: exit status $?: $(cat errors)"
	cmp want got >&2 || fail "$name: other output"
	test ! -s errors || fail "$name: says $(cat errors)"
}

seq 1 200000 >input
same "200,000 lines" cat
same "a filter that holds back" sed s/x/x/
same "another" awk '{ print }'
same "a third" tr 0-9 A-J
same "one that is a pipeline" sh -c 'sed s/1/2/ | tr 2 3'
seq 1 5000 >input
same "one that prints by the line" sed -u s/1/one/

printf 'a\n\n\nb\000c\n\n\377\n' >input
same "empty lines, NUL and high bytes" cat
awk 'BEGIN { s = "x"; for (i = 0; i < 20; i++) s = s s; print s; print 1;
    print s s s; print 2 }' >input
same "long lines" cat
same "long lines through one that holds back" tr x y
: >input
same "no lines" cat

# Blocks of the filter's output that end where a request ends.
awk 'BEGIN { for (i = 0; i < 5000; i++) printf "%063d\n", i }' >input
same "lines that fill blocks" sed s/x/x/

printf 'a\nb' | timeout 20 "$BROOD" map --lines -- cat >got ||
    fail "no newline at the end: exit status $?"
printf 'a\nb\n' | cmp - got >&2 || fail "no newline at the end"

# More is printed than is read in one request.
seq 1 40 >input
# shellcheck disable=SC2016
same "output much longer than input" \
    awk '{ s = $0 "x"; while (length(s) < 500000) s = s s; print s }'

# A filter that reads no more than one line of each run.
# shellcheck disable=SC2016
same "a filter that ends early" sh -c 'read -r line; echo "$line"; cat'
seq 1 50 | timeout 20 "$BROOD" map -n 2 --halt 0 --lines -- head -n 1 \
    >got 2>errors || fail "head -n 1: exit status $?: $(cat errors)"
seq 1 50 | cmp - got >&2 || fail "head -n 1: other output"

seq 1 20000 >input
timeout 20 "$BROOD" map -n 2 --unordered --lines -- cat <input |
    sort -n | cmp - input >&2 || fail "--unordered: other lines"

# A slow line does not keep back those of another worker; it may keep what was
# sent ahead to its own.
mkfifo gate in out || exit 1
printf 'wait\n1\n2\n3\n' >input
# The filter's own variable.
# shellcheck disable=SC2016
timeout 20 "$BROOD" map -n 2 --unordered --lines -- sh -c 'while read -r line
do
	if [ "$line" = wait ]; then read -r line <gate; fi
	echo "$line"
done' <input >out &
pid=$!
exec 4<out
read -r line <&4 || fail "no line while another is slow"
test "$line" != late || fail "the slow line comes first"
echo late >gate
{ echo "$line"; cat <&4; } | sort >got
wait "$pid" || fail "a slow line: exit status $?"
exec 4<&-
printf '1\n2\n3\nlate\n' | cmp - got >&2 || fail "a slow line: other lines"

# A dialogue: a line is answered while the next is not there.
for filter in cat 'sed s/x/x/'; do
	# The words are the arguments.
	# shellcheck disable=SC2086
	timeout 20 "$BROOD" map --lines -- $filter <in >out &
	pid=$!
	exec 3>in 4<out
	for word in one two three four; do
		echo "$word" >&3
		read -r answer <&4 || fail "$filter: no answer to $word"
		test "$answer" = "$word" || fail "$filter: $answer for $word"
	done
	exec 3>&-
	wait "$pid" || fail "$filter: a dialogue: exit status $?"
	exec 4<&-
done

# The reader leaves: quietly, and although no line follows.
{
	yes | timeout 20 "$BROOD" map --lines -- cat 2>errors
	echo $? >status
} | head -n 3 >got
test "$(wc -l <got)" -eq 3 || fail "head: other output"
test "$(cat status)" -eq 3 || fail "head: exit status $(cat status)"
test ! -s errors || fail "head: says $(cat errors)"

# While the first line is stuck, no more is read than the window holds.
case ${CFLAGS-} in
*-fsanitize*) limit=unlimited ;;	# it reserves far more than it uses
*) limit=120000 ;;
esac
awk 'BEGIN { print "stuck"; for (i = 0; i < 1000; i++) s = s "x";
    for (i = 0; i < 100000; i++) print s }' >input
# shellcheck disable=SC3045
(ulimit -v $limit && exec timeout 60 "$BROOD" map -n 2 --lines --timeout 1 -- \
    awk '/stuck/ { system("sleep 60") } { print; fflush() }') \
    <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "a stuck line: exit status $status: $(cat errors)"
sed 1d input | cmp - got >&2 || fail "a stuck line: other output"
printf 'brood: line 1: no line came in time
brood: 1 of 100001 lines failed\n' | cmp - errors >&2 ||
    fail "a stuck line is told as: $(cat errors)"

for arguments in '--halt x cat' '--halt 101% cat' '-n 0 cat' '-n x cat' '--nosuch cat' '--timeout 0 cat' \
    '--retries' '--lines' ''; do
	# shellcheck disable=SC2086
	timeout 20 "$BROOD" map $arguments </dev/null >got 2>errors
	status=$?
	test "$status" -eq 2 || fail "'$arguments': exit status $status"
	grep -q '^brood: ' errors || fail "'$arguments': says nothing"
done
"$BROOD" map --help | grep -q -e --joblog || fail "--help: no --joblog"
# What prints by itself is no filter, also when the numbers of lines fit.
for run in 1 2 3 4 5 6 7 8; do
	seq 3 | timeout 20 "$BROOD" map --lines -- echo hi >got 2>errors
	status=$?
	test "$status" -eq 1 || fail "echo: run $run: exit status $status"
	test ! -s got || fail "echo: run $run: prints $(cat got)"
	grep -q 'line [123]: printed without reading its input' errors &&
	    grep -q '^brood: 3 of 3 lines failed$' errors ||
	    fail "echo: run $run: says $(cat errors)"
done

echo x | timeout 20 "$BROOD" map --lines -- ./nosuch 2>errors
status=$?
test "$status" -eq 3 || fail "no program: exit status $status"
test "$(cat errors)" = 'brood: ./nosuch: No such file or directory' ||
    fail "no program: says $(cat errors)"
exit 0
