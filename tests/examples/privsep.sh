#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/privsep: the answers are those of the resolver, and when a line
# kills the parser, only that line is lost, the second time too.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"
privsep=$(cd "$EXAMPLES" && pwd)/privsep
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "privsep: $*" >&2
	exit 1
}

cat >table <<EOF
localhost 127.0.0.1
www.example 192.0.2.80
EOF
cat >input <<EOF
localhost
nowhere
poison
www.example
<script>
poison
localhost
EOF
cat >want <<EOF
localhost: 127.0.0.1
nowhere: unknown
parser ended: Aborted
poison: lost
www.example: 192.0.2.80
<script>: not a name
parser ended: Aborted
poison: lost
localhost: 127.0.0.1
EOF
# shellcheck disable=SC3045  # dash and bash have it
ulimit -c 0
timeout 60 "$privsep" table <input >got 2>err
status=$?
diff want got >&2 || fail "other answers (exit status $status): $(cat err)"
test "$status" -eq 0 || fail "exit status $status: $(cat err)"

timeout 60 "$privsep" nosuch </dev/null >out 2>err
status=$?
test "$status" -eq 1 || fail "no table: exit status $status, not 1"
grep -q nosuch err || fail "no table: it is not named: $(cat err)"
exit 0
