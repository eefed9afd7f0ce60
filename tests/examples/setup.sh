#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/setup: each worker loads the file once, whatever the number of
# requests; and a file that is not there is named.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"
setup=$(cd "$EXAMPLES" && pwd)/setup
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "setup: $*" >&2
	cat out err >&2
	exit 1
}

printf 'pear apple\nplum\n' >words
# shellcheck disable=SC2046  # a word each
timeout 60 "$setup" words apple grape $(yes plum | head -n 50) >out 2>err ||
    fail "exit status $?"
test "$(head -n 2 out)" = "apple: yes
grape: no" || fail "other answers"
test "$(grep -c '^plum: yes$' out)" -eq 50 || fail "not 50 answers"
for worker in 0 1
do
	test "$(grep -c "worker $worker has loaded 3 words" err)" -le 1 ||
	    fail "worker $worker has loaded the words more than once"
done
grep -q 'has loaded 3 words' err || fail "no worker has loaded the words"

status=0
timeout 60 "$setup" nosuch apple >out 2>err || status=$?
test "$status" -eq 1 || fail "no file: exit status $status"
grep -q 'setup.*No such file or directory' err || fail "the cause is not told"
