#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood map --lines: a line that its filter cannot bear is the only one that is
# lost, it is named, and nobody who dies takes or repeats another.

set -u
: "${BROOD:?must name the command}"
export LC_ALL=C
ulimit -c 0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "map_faults: $*" | cut -c 1-300 >&2
	exit 1
}

# lost NAME LINES WHY OPTION... -- FILTER...: of 1 to 300 only LINES are lost.
lost()
{
	name=$1 lines=$2 why=$3
	shift 3
	for n in $lines; do echo "$n"; done >want.failed
	seq 1 300 >input
	grep -vxF -f want.failed input >want
	timeout 60 "$BROOD" map -n 2 --lines --failed failed --joblog log "$@" \
	    <input >got 2>errors
	status=$?
	test "$status" -eq 1 || fail "$name: exit status $status"
	diff want got >&2 || fail "$name: other output"
	# One line is told with the reason, the others by their numbers.
	n=$(wc -l <want.failed)
	{ sed -n "s/^brood: line \([0-9]*\): $why\$/\1/p" errors
	sed -n 's/^brood: .* more like line .*: //p' errors | tr -d , |
	    tr ' ' '\n'; } | sort -n | diff want.failed - >&2 ||
	    fail "$name: other messages: $(cat errors)"
	test "$(tail -n 1 errors)" = "brood: $n of 300 lines failed" ||
	    fail "$name: ends with $(tail -n 1 errors)"
	test "$(wc -l <errors)" -eq $((n > 1 ? 3 : 2)) ||
	    fail "$name: says more: $(cat errors)"
	sort -n failed | diff want.failed - >&2 || fail "$name: --failed"
	awk -F '\t' 'NR > 1 && NF == 7 && $4 == length($1) { print $1 }' log |
	    sort -n | diff input - >&2 || fail "$name: --joblog: other lines"
	awk -F '\t' 'NR > 1 && $6 != "done" { print $1 }' log |
	    sort -n | diff want.failed - >&2 || fail "$name: --joblog: fates"
}

# The variables are the filters' own.
# shellcheck disable=SC2016
{
lost "a crash" "57 200" "killed by signal 11 (Segmentation fault)" -- \
    awk '$1 == 57 || $1 == 200 { system("kill -SEGV $PPID") }
    { print; fflush() }'
test "$(awk -F '\t' '$1 == 57 { print $5, $6, $7 }' log)" = "0 crashed 139" ||
    fail "a crash in the joblog: $(grep '^57' log)"
test "$(awk -F '\t' '$1 == 58 { print $5, $6, $7 }' log)" = "2 done 0" ||
    fail "a line in the joblog: $(grep '^58' log)"
lost "a crash of one that holds back" "1 300" \
    "killed by signal 6 (Aborted)" -- \
    awk '$1 == 1 || $1 == 300 { system("kill -ABRT $PPID") } { print }'
lost "an exit" "64" "printed no line and exited with status 4" -- \
    awk '$1 == 64 { exit 4 } { print; fflush() }'
lost "lines left out" "5 6 77" "printed no line" -- \
    sed -e '/^[56]$/d' -e /^77$/d
lost "lines too many" "100" "printed more than one line" -- sed '/^100$/p'
lost "time out" "30" "no line came in time" --timeout 0.5 -- \
    sed -u '/^30$/{s/.*/sleep 60/;e
}'
}

# The lines that failed, tried again with the same name for --failed: the file
# is the input, and stays.
seq 1 3 >failed
timeout 20 "$BROOD" map --lines --failed failed -- cat <failed >got 2>errors
status=$?
test "$status" -eq 3 || fail "--failed is the input: exit status $status"
seq 1 3 | cmp - failed >&2 || fail "--failed is the input: it was changed"
test "$(cat errors)" = 'brood: failed: it is the input too' ||
    fail "--failed is the input: says $(cat errors)"

# A line that is tried again.
: >tries
# shellcheck disable=SC2016
echo 7 | timeout 20 "$BROOD" map --lines --retries 2 -- sh -c 'read -r line
echo x >>tries
if [ "$(wc -l <tries)" -lt 3 ]; then exit 1; fi
echo "$line"' >got 2>errors || fail "--retries 2: exit status $?"
test "$(cat got)" = 7 || fail "--retries 2: $(cat got)"
test ! -s errors || fail "--retries 2: says $(cat errors)"
: >tries
# shellcheck disable=SC2016
echo 7 | timeout 20 "$BROOD" map --lines --retries 2 -- \
    sh -c 'echo x >>tries; read -r line; exit 1' >got 2>errors
test $? -eq 1 || fail "--retries 2, in vain: no failure"
printf 'brood: line 1: printed no line and exited with status 1
brood: 1 of 1 line failed\n' | cmp - errors >&2 ||
    fail "--retries 2, in vain: says $(cat errors)"
test "$(wc -l <tries)" -ge 3 || fail "--retries 2, in vain: too few tries"

# A request that fails costs each of its lines one more run, alone.
for lines in 1 7 1000; do
	seq 1 1000 >input
	: >tries
	# shellcheck disable=SC2016
	timeout 60 "$BROOD" map -n 2 --lines -- sh -c 'while read -r line; do
	echo "$line" >>tries
	if [ "$line" = '$lines' ]; then exit 1; fi
	echo "$line"
done' <input >got 2>errors
	test $? -eq 1 || fail "line $lines of 1000: no failure"
	grep -vx $lines input | cmp - got >&2 ||
	    fail "line $lines of 1000: other output"
	test "$(sort tries | uniq -c | sort -rn | awk '{ print $1; exit }')" \
	    -le 2 || fail "line $lines of 1000: run more than twice"
done

# The same if the filter reads a line and then ends well without output.
seq 1 100 >input
: >tries
# shellcheck disable=SC2016
timeout 60 "$BROOD" map -n 1 --lines -- sh -c 'while read -r line; do
echo "$line" >>tries
if [ "$line" = 50 ]; then exit 0; fi
echo "$line"
done' <input >got 2>errors
test $? -eq 1 || fail "an end at line 50: no failure"
grep -vx 50 input | cmp - got >&2 || fail "an end at line 50: other output"
test "$(sort tries | uniq -c | sort -rn | awk '{ print $1; exit }')" -le 2 ||
    fail "an end at line 50: a line ran more than twice"

# A line over the limit.
awk 'BEGIN { s = "x"; for (i = 0; i < 24; i++) s = s s; print 1; print s "y";
    print 3; print s; printf "%s", s "z" }' >input
timeout 60 "$BROOD" map -n 1 --lines -- cat <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "long lines: exit status $status"
sed -n '1p;3p;4p' input | cmp - got >&2 || fail "long lines: other output"
printf 'brood: line 2: longer than 16777216 bytes
brood: 1 more like line 2: 5
brood: 2 of 5 lines failed\n' | diff - errors >&2 ||
    fail "long lines: other messages"

# Output over the limit: of one line, whole or without an end; and of several.
# shellcheck disable=SC2016
for output in \
    'head -c 16777217 /dev/zero | tr "\0" a; echo' \
    'head -c 16777300 /dev/zero | tr "\0" a'; do
	echo a | timeout 60 "$BROOD" map -n 1 --lines -- \
	    sh -c "read -r line; $output" >got 2>errors
	status=$?
	test "$status" -eq 1 || fail "$output: exit status $status"
	test ! -s got || fail "$output: there is output"
	printf '%s\n' 'brood: line 1: its output is too long for a line' \
	    'brood: 1 of 1 line failed' | diff - errors >&2 ||
	    fail "$output: other messages"
done
seq 1 8 >input
timeout 60 "$BROOD" map -n 1 --lines -- \
    awk '{ printf "%*s\n", 6000000, $1; fflush() }' <input >got 2>errors ||
    fail "much output: exit status $?: $(cat errors)"
awk '{ printf "%*s\n", 6000000, $1 }' input | cmp - got >&2 ||
    fail "much output: other output"

command -v ps >/dev/null || { echo "there is no ps(1)"; exit 77; }

# Workers are killed in the middle, again and again.
seq 1 150000 >input
mkfifo in || exit 1
: >got
timeout 60 "$BROOD" map -n 2 --lines -- cat <in >got 2>errors &
pid=$!
exec 3>in
check_running()
{
	case $(ps -o stat= -p "$pid") in
	''|Z*) fail "kill -9: ended: $(cat errors)" ;;
	esac
}

# children PID: those of a process, when there is one.
children()
{
	found=
	while [ -z "$found" ]; do
		check_running
		found=$(ps -o pid= --ppid "$1")
	done
	echo "$found"
}

# Not before a line has come out: then all are started.
echo first >&3
while [ ! -s got ]; do check_running; done
map=$(children "$pid") || exit 1
supervisor=$(children "${map##* }") || exit 1
# Few enough that no place is given up, whatever the workers were doing.
split -l 40000 input part.
for part in part.*; do
	cat "$part" >&3
	workers=$(children "${supervisor##* }") || exit 1
	for worker in $workers; do
		kill -9 "$worker" 2>/dev/null
	done
done
exec 3>&-
wait "$pid" || fail "kill -9: exit status $?: $(cat errors)"
{ echo first; cat input; } | cmp - got >&2 || fail "kill -9: other output"

# Nothing that was started stays.
seq 1 1000 | timeout 20 "$BROOD" map -n 2 --lines -- \
    cat - "$tmp/nosuch" >got 2>errors
status=$?
# cat ends badly, but on a busy machine only its lines may be blamed for that.
case $status in
0|1) ;;
*) fail "cat and no file: exit status $status: $(cat errors)" ;;
esac
if ps -eo args | grep -F "cat - $tmp/nosuch" | grep -qv grep; then
	fail "a filter was left behind"
fi
exit 0
