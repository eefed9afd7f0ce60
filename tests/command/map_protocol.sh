#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood map with workers that speak the protocol: a line is a request, and one
# whose worker dies, refuses or takes too long is named and costs no other.

set -u
: "${ECHO_WORKER:?must name the worker to be tested with}"
: "${BROOD:?must name the command}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
: "${srcdir:?}"
told=$(cd "$srcdir/tests/command" && pwd)/told_worker.py
echo_worker=$(cd "$(dirname "$ECHO_WORKER")" && pwd)/echo_worker
export LC_ALL=C
ulimit -c 0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "map_protocol: $*" | cut -c 1-300 >&2
	exit 1
}

seq 1 3000 >input
printf '\n\na\000b' >>input
{ cat input; echo; } >want
timeout 60 "$BROOD" map -n 2 -- "$echo_worker" <input >got 2>errors ||
    fail "exit status $?: $(cat errors)"
cmp want got >&2 || fail "other output"
timeout 60 "$BROOD" map -n 2 --unordered -- "$echo_worker" <want >got ||
    fail "--unordered: exit status $?"
sort want >sorted
sort got | cmp sorted - >&2 || fail "--unordered: other lines"

echo x | timeout 20 "$BROOD" map -- ./nosuch 2>errors
status=$?
test "$status" -eq 3 || fail "no program: exit status $status"
test "$(cat errors)" = 'brood: ./nosuch: No such file or directory' ||
    fail "no program: says $(cat errors)"
printf '#!/nosuch\n' >script
chmod +x script
echo x | timeout 20 "$BROOD" map -- ./script 2>errors
test "$(cat errors)" = \
    'brood: ./script: its interpreter: No such file or directory' ||
    fail "no interpreter: says $(cat errors)"

# A program that is no worker is found out at its first end, and told the way.
echo x | timeout 20 "$BROOD" map -- cat >got 2>errors
test $? -eq 3 || fail "no worker: exit status other than 3"
test "$(wc -l <errors)" -eq 1 || fail "no worker: says $(cat errors)"
grep -q '^brood: cat: exited with status 0 .* say --lines$' errors ||
    fail "no worker: says $(cat errors)"

if test -c /dev/full; then
	for option in --joblog --failed; do
		echo x | timeout 20 "$BROOD" map --lines $option /dev/full -- \
		    sed 's/x/x\nx/' >got 2>errors
		test $? -eq 3 || fail "$option /dev/full: status other than 3"
		grep -q '^brood: /dev/full: No space left on device$' errors ||
		    fail "$option /dev/full: says $(cat errors)"
	done
fi

test -n "$PYTHON" || exit 77
printf '1\ndie\n2\nno\n3\nhang\n4\n' >input
timeout 60 "$BROOD" map -n 2 --timeout 1 --failed failed --joblog log -- \
    "$PYTHON" -S "$told" <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "three faults: exit status $status"
printf '1\n2\n3\n4\n' | diff - got >&2 || fail "three faults: other output"
printf 'die\nhang\nno\n' >want
sort failed | diff want - >&2 || fail "three faults: --failed"
grep -q '^brood: line 2: .*signal 6 (Aborted)$' errors ||
    fail "a crash is told as: $(cat errors)"
grep -qx 'brood: line 4: not ?\[31mthis' errors ||
    fail "a refusal is told as: $(cat errors)"
grep -q '^brood: line 6: ' errors || fail "no word of line 6: $(cat errors)"
awk -F '\t' 'NR > 1 { print $1, $6, $7 }' log | sort -n >got
printf '1 done 0\n2 crashed 134\n3 done 0\n4 failed 0\n5 done 0
6 expired 0\n7 done 0\n' | diff - got >&2 || fail "three faults: --joblog"

grep -qx 'brood: 3 of 7 lines failed' errors || fail "no count: $(cat errors)"

# One newline at the end of an answer is not a line; one within is too many.
printf 'tail a|\ntail |\ntail b\ntail c|d\ntail e||\ntail |f\n' >input
timeout 60 "$BROOD" map -n 2 --failed failed -- "$PYTHON" -S "$told" \
    <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "newlines: exit status $status"
printf 'a\n\nb\n' | cmp - got >&2 || fail "newlines: other output"
# Two workers: which of the lines fails first is chance.
sed -n '4,6p' input | sort >want
sort failed | cmp want - >&2 || fail "newlines: --failed"
grep -q '^brood: line [456]: its answer has more than one line$' errors ||
    fail "newlines: says $(cat errors)"

# The status of a reply is no failure, but it shows.
printf 'status 3\nx\nstatus 4294967295\nstatus 3\n' >input
timeout 60 "$BROOD" map -n 1 --halt 1 --failed failed --joblog log -- \
    "$PYTHON" -S "$told" <input >got 2>errors
status=$?
test "$status" -eq 4 || fail "status: exit status $status"
cmp input got >&2 || fail "status: other output"
test ! -s failed || fail "status: --failed has $(cat failed)"
printf 'brood: line 1: the reply has status 3
brood: line 3: the reply has status 4294967295
brood: 1 more like line 1: 4\n' | diff - errors >&2 ||
    fail "status: says $(cat errors)"
awk -F '\t' 'NR > 1 { print $1, $6, $7 }' log | sort -n >got
printf '1 done 3\n2 done 0\n3 done 4294967295\n4 done 3\n' |
    diff - got >&2 || fail "status: --joblog"

# --halt: without --lines only if it is asked for.
yes no | head -n 200 >input
timeout 60 "$BROOD" map -n 1 --failed failed -- "$PYTHON" -S "$told" \
    <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "200 refusals: exit status $status"
cmp input failed >&2 || fail "200 refusals: --failed"
test "$(wc -l <errors)" -eq 3 || fail "200 refusals: says $(cat errors)"
timeout 60 "$BROOD" map -n 1 --halt 5 --failed failed -- \
    "$PYTHON" -S "$told" <input >got 2>errors
status=$?
test "$status" -eq 1 || fail "--halt 5: exit status $status"
test "$(wc -l <failed)" -eq 5 || fail "--halt 5: $(wc -l <failed) failed"
grep -q 'stopped, as --halt asks$' errors || fail "--halt 5: $(cat errors)"

printf '1\nonce\n2\n' >input
timeout 60 "$BROOD" map -n 2 --retries 1 -- "$PYTHON" -S "$told" <input >got ||
    fail "--retries: exit status $?"
diff input got >&2 || fail "--retries: other output"
exit 0
