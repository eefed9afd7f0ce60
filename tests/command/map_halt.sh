#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood map --lines with programs that are no line filters: each is found out
# soon, told in few words, and leaves no process behind.

set -u
: "${BROOD:?must name the command}"
export LC_ALL=C
ulimit -c 0
tmp=$(mktemp -d) || exit 1
: >"$tmp/pids"
# Processes that a filter has started, and that should have been ended.
trap 'kill -9 $(cat "$tmp/pids") 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "map_halt: $*" | cut -c 1-500 >&2
	exit 1
}

# stops STATUS WORDS FILTER...: it ends before the input does, and says why.
stops()
{
	want=$1 words=$2
	shift 2
	timeout 60 "$BROOD" map -n 2 --lines -- "$@" <input >got 2>errors
	status=$?
	test "$status" -eq "$want" ||
	    fail "$*: exit status $status: $(cat errors)"
	tail -n 1 errors | grep -q "^brood: $1: $words.*one line for each" ||
	    fail "$*: says $(cat errors)"
	test "$(wc -l <errors)" -le 4 || fail "$*: says much: $(cat errors)"
	test "$(wc -l <got)" -lt "$(wc -l <input)" || fail "$*: does not stop"
}

# Lines of which each one fails.
seq 1 100000 >input
stops 1 stopped false
stops 1 stopped grep 1
stops 1 stopped sed p
stops 1 stopped echo hi
stops 1 stopped sh -c 'exec >&-; cat >/dev/null'
stops 1 stopped sh -c 'exec >&-; sleep 60'
grep -q 'printed no line and closed its output$' errors ||
    fail "a closed output is told as: $(cat errors)"
sed 's/.*/&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&/' input >long
grep . long | head -n 10000 >input
stops 1 stopped fold -w 40
awk 'BEGIN { for (i = 0; i < 10000; i++) print "x" }' >input

# Lines that depend on each other, or on the end of the input: none fails alone.
stops 3 'printed 1 line for 4, but' head -n 1
stops 3 'printed 1 line for 4, but' tail -n 1
stops 3 'printed 1 line for 4, but' uniq
stops 3 'printed 1 line for 4, but' tr '\n' ' '
stops 3 'printed [0-9]* lines for [0-9]*, but' awk 'NR == 50 { exit } { print }'
stops 3 'printed [0-9]* lines for [0-9]* and exited with status 3, but' \
    awk 'NR == 50 { exit 3 } { print }'

# Lines that are moved are seen if the program keeps more than any buffer.
seq 1 100000 >input
stops 3 'printed nothing until its input ended, and then' sort
awk 'BEGIN { for (i = 0; i < 400000; i++) print (i * 7) % 90 + 10 }' >input
stops 3 'printed nothing until its input ended, and then' sort

# --halt 0 takes what there is.
seq 1 300 >input
timeout 60 "$BROOD" map --halt 0 --lines -- head -n 1 <input >got 2>errors ||
    fail "--halt 0: exit status $?: $(cat errors)"
cmp input got >&2 || fail "--halt 0: other output"
timeout 60 "$BROOD" map --halt 0 --lines --failed failed -- grep 1 \
    <input >got 2>errors
test $? -eq 1 || fail "--halt 0, grep: no failure"
grep 1 input | cmp - got >&2 || fail "--halt 0, grep: other output"
sort -n failed >got
grep -v 1 input | cmp - got >&2 || fail "--halt 0, grep: --failed"
test "$(tail -n 1 errors)" = "brood: $(grep -vc 1 input) of 300 lines failed" ||
    fail "--halt 0, grep: says $(cat errors)"

# --halt N counts lines.  What is done is printed, what is not tried has no row.
seq 1 1000 >input
timeout 60 "$BROOD" map -n 1 --halt 3 --lines --joblog log --failed failed -- \
    awk '/7/ { exit 1 } { print; fflush() }' <input >got 2>errors
test $? -eq 1 || fail "--halt 3: no failure"
printf '7\n17\n27\n' | cmp - failed >&2 || fail "--halt 3: --failed"
grep -q ': stopped, as --halt asks$' errors || fail "--halt 3: $(cat errors)"
awk -F '\t' '$6 == "done" { print $1 }' log | sort -n >want
sort -n got | cmp want - >&2 || fail "--halt 3: other output than in --joblog"

# No line is printed in the place of a neighbour that the filter left out.
seq 1 40 >input
timeout 60 "$BROOD" map -n 1 --lines --joblog log -- \
    awk '$1 == 20 { next } $1 == 22 { exit 1 } { print; fflush() }' \
    <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "a line left out: exit status $status"
grep -vx -e 20 -e 22 input | cmp - got >&2 || fail "a line left out: $(cat got)"
awk -F '\t' '$6 == "failed" { print $1 }' log | sort -n >got
printf '20\n22\n' | cmp - got >&2 || fail "a line left out: --joblog"

# A filter that ends badly is not trusted, though it printed enough.
seq 1 40 >input
timeout 60 "$BROOD" map -n 1 --lines -- \
    awk '{ print } $1 == 20 { bad = 1 } END { exit bad }' <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "a bad end: exit status $status"
grep -vx 20 input | cmp - got >&2 || fail "a bad end: $(cat got)"
grep -q '^brood: line 20: exited with status 1$' errors ||
    fail "a bad end: says $(cat errors)"

# What a filter has started ends with brood, also if it ignores SIGTERM.
command -v ps >/dev/null || { echo "there is no ps(1)"; exit 77; }
seq 1 20 >input
# shellcheck disable=SC2016
for end in 'cat' 'sed s/x/x/' 'read -r line; kill -9 $PPID; cat'; do
	timeout 60 "$BROOD" map -n 2 --lines -- sh -c '
	    trap "" TERM HUP INT
	    sleep 1000 & echo $! >>pids
	    if mkdir once 2>/dev/null; then '"$end"'; else cat; fi' \
	    <input >got 2>errors || fail "$end: exit status $?: $(cat errors)"
	cmp input got >&2 || fail "$end: $(cat got): $(cat errors)"
	rmdir once
	test -s pids || fail "$end: no child"
	for pid in $(cat pids); do
		# The guard of a worker outlives it for a moment.
		tries=0
		while case $(ps -o stat= -p "$pid") in ''|Z*) false ;; esac; do
			tries=$((tries + 1))
			test $tries -lt 1000 || fail "$end: $pid is left over"
		done
	done
	: >pids
done
exit 0
