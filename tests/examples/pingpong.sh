#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/pingpong: what the two processes print, the summary of -n, and
# the messages for a bad COUNT.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"
pingpong=$(cd "$EXAMPLES" && pwd)/pingpong
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "pingpong: $*" >&2
	exit 1
}

# Two processes print, so the lines of one may come before or after the other's.
cat >want <<EOF
in child, waiting for message
in parent, sending message
message from parent: ping
response from child: pong
EOF
for i in 1 2 3 4 5 6 7 8 9 10; do
	timeout 20 "$pingpong" >out || fail "exit status $?"
	sort out >got
	diff want got >&2 || fail "run $i: not the four lines"
	grep -e child, -e 'from parent' out | head -n 1 | grep -q waiting ||
	    fail "run $i: the child got its message before it waited"
done

timeout 20 "$pingpong" -n 100 >got || fail "-n 100: exit status $?"
number='[0-9][0-9]*\.[0-9][0-9]*'
{ grep -q "^100 round trips in $number ms, [0-9][0-9]* round trips/s\$" got &&
    grep -q "^rtt min/avg/max = $number/$number/$number us\$" \
    got && test "$(wc -l <got)" -eq 2; } || fail "-n 100 prints: $(cat got)"
sed -n 's/^rtt.*= \(.*\) us$/\1/p' got |
    awk -F/ '{ exit !(0 < $1 && $1 <= $2 && $2 <= $3) }' ||
    fail "not min <= avg <= max: $(cat got)"

for count in abc 0 -1 1x 1.5 99999999999999999999; do
	timeout 20 "$pingpong" -n "$count" >out 2>err
	status=$?
	test "$status" -eq 2 || fail "-n $count: exit status $status, not 2"
	grep -qF -e "'$count'" err || fail "-n $count is not named: $(cat err)"
	test ! -s out || fail "-n $count prints: $(cat out)"
done
timeout 20 "$pingpong" extra >out 2>err
status=$?
test "$status" -eq 2 || fail "an operand: exit status $status, not 2"
exit 0
