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
	for n in $lines; do echo "brood: line $n: $why"; done >want.errors
	seq 1 300 >input
	grep -vxF -f want.failed input >want
	timeout 60 "$BROOD" map -n 2 --lines --failed failed --joblog log "$@" \
	    <input >got 2>errors
	status=$?
	test "$status" -eq 1 || fail "$name: exit status $status"
	diff want got >&2 || fail "$name: other output"
	sort -V errors | diff want.errors - >&2 || fail "$name: other messages"
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
lost "an exit" "64" "printed 0 lines for 1 and exited with status 4" -- \
    awk '$1 == 64 { exit 4 } { print; fflush() }'
lost "lines left out" "5 6 77" "printed 0 lines for 1" -- \
    sed -e '/^[56]$/d' -e /^77$/d
lost "lines too many" "100" "printed 2 lines for 1" -- sed '/^100$/p'
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
test "$(wc -l <errors)" -eq 1 || fail "--retries 2, in vain: not one message"

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

# A line over the limit.
awk 'BEGIN { s = "x"; for (i = 0; i < 24; i++) s = s s; print 1; print s "y";
    print 3; print s; printf "%s", s "z" }' >input
timeout 60 "$BROOD" map -n 1 --lines -- cat <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "long lines: exit status $status"
sed -n '1p;3p;4p' input | cmp - got >&2 || fail "long lines: other output"
printf 'brood: line 2: longer than 16777216 bytes
brood: line 5: longer than 16777216 bytes\n' | diff - errors >&2 ||
    fail "long lines: other messages"

# Nothing that was started stays.
seq 1 1000 | timeout 20 "$BROOD" map -n 2 --lines -- \
    cat - "$tmp/nosuch" >got 2>errors
if ps -eo args | grep -F "cat - $tmp/nosuch" | grep -qv grep; then
	fail "a filter was left behind"
fi
exit 0
