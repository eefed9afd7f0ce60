#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Compare examples/fdwc with the wc(1) of GNU coreutils: output, messages and
# exit status must be the same.  Also check what fdwc does after a crash, which
# wc does not have.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"
fdwc=$(cd "$EXAMPLES" && pwd)/fdwc
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "fdwc: $*" | cut -c 1-300 >&2
	exit 1
}

# check INPUT ARGUMENT...: run both with INPUT as standard input, and compare
check()
{
	input=$1
	shift
	wc "$@" <"$input" >"$tmp/want" 2>"$tmp/want.err"
	want_status=$?
	sed 's/^wc: /fdwc: /' "$tmp/want.err" >"$tmp/want.errors"
	timeout 60 "$fdwc" "$@" <"$input" >"$tmp/got" 2>"$tmp/got.errors"
	status=$?
	diff -a "$tmp/want" "$tmp/got" >&2 || fail "$*: other output"
	diff -a "$tmp/want.errors" "$tmp/got.errors" >&2 ||
	    fail "$*: other messages"
	test "$status" -eq "$want_status" ||
	    fail "$*: exit status $status, not $want_status"
}

mkdir files files/dir files/bytes || exit 1
cd files || exit 1
printf 'hello world\n' >hello
printf 'two words, no newline' >open
: >empty
printf 'a\0b c\177d \200\201 \001\002 x\351y\t\v\f\rz\n\n' >odd
awk 'BEGIN { for (i = 0; i < 30000; i++) print i, "some words here" }' >large
cp hello 'with space'
cp hello "it's"
cp hello 'new
line'
cp hello "$(printf 'control\001 \351')"

for name in hello open empty odd large dir nosuch /dev/null -; do
	check hello "$name"
done
check /dev/null hello open empty odd large
check /dev/null large hello large large
check /dev/null empty empty
check /dev/null hello nosuch open
check /dev/null nosuch nosuch
check /dev/null nosuch dir
check /dev/null hello dir /dev/null large
check /dev/null hello hello/x dir/y open
check hello hello - - open
check large -- - hello
check large - - -
check /dev/null ./*
# Nothing in these names is to be expanded.
# shellcheck disable=SC2016
check /dev/null 'no such' "isn't" 'a:b' '$x' '~' '#' 'a
b' "isn't \$x" '{' '[' "$(printf 'tab\t')" "$(printf '\351')"

# Each byte, alone and within a word.  The format is made of the digits.
# shellcheck disable=SC2059
for i in 0 1 2 3; do
	for j in 0 1 2 3 4 5 6 7; do
		for k in 0 1 2 3 4 5 6 7; do
			printf "\\$i$j$k" >"bytes/$i$j$k"
			printf "a\\$i$j${k}b" >"bytes/a$i$j${k}b"
		done
	done
done
check /dev/null bytes/*

mkfifo fifo || exit 1
timeout 60 sh -c 'cat large >fifo' &
timeout 60 "$fdwc" fifo hello >"$tmp/got" || fail "a fifo: exit status $?"
timeout 60 sh -c 'cat large >fifo' &
wc fifo hello >"$tmp/want"
wait
diff "$tmp/want" "$tmp/got" >&2 || fail "a fifo: other output"

# Many more files than descriptors.
set --
while [ $# -lt 2000 ]; do
	set -- "$@" hello open empty odd large hello open empty odd nosuch \
	    hello open empty odd dir hello open empty odd hello
done
wc "$@" </dev/null >"$tmp/want" 2>"$tmp/want.err"
# shellcheck disable=SC3045  # dash and bash have it
(ulimit -n 64 && exec timeout 120 "$fdwc" -j 4 "$@") </dev/null \
    >"$tmp/got" 2>"$tmp/got.errors"
status=$?
cmp "$tmp/want" "$tmp/got" >&2 ||
    fail "2000 files: other output: $(head -n 3 "$tmp/got.errors")"
sed 's/^wc: /fdwc: /' "$tmp/want.err" | cmp - "$tmp/got.errors" >&2 ||
    fail "2000 files: other messages"
test "$status" -eq 1 || fail "2000 files: exit status $status, not 1"

# After a crash only the line of its own file is missing, and the columns are as
# wide as with it.
# shellcheck disable=SC3045  # dash and bash have it
ulimit -c 0
wc hello large open odd | grep -v -e ' large$' -e ' total$' >"$tmp/want"
wc hello open odd | awk 'END { print $1, $2, $3, $4 }' >"$tmp/want.total"
timeout 60 "$fdwc" -j 2 --crash-on large hello large open odd \
    >"$tmp/out" 2>"$tmp/got.errors"
status=$?
test "$status" -eq 1 || fail "a crash: exit status $status, not 1"
grep -v ' total$' "$tmp/out" | diff "$tmp/want" - >&2 ||
    fail "a crash: other lines"
awk 'END { print $1, $2, $3, $4 }' "$tmp/out" | diff "$tmp/want.total" - >&2 ||
    fail "a crash: another total"
test "$(wc -l <"$tmp/got.errors")" -eq 1 ||
    fail "a crash: not one line: $(cat "$tmp/got.errors")"
grep -q '^fdwc: large: .*signal 6 (Aborted)$' "$tmp/got.errors" ||
    fail "a crash is told as: $(cat "$tmp/got.errors")"

if [ -c /dev/full ]; then
	timeout 60 "$fdwc" hello >/dev/full 2>"$tmp/got.errors"
	status=$?
	test "$status" -eq 1 || fail "/dev/full: exit status $status, not 1"
	grep -q 'write error' "$tmp/got.errors" ||
	    fail "/dev/full: says $(cat "$tmp/got.errors")"
fi
for arguments in '-j 0 hello' '-j x hello' '-j' '--nosuch' ''; do
	# Each word of the string is an argument.
	# shellcheck disable=SC2086
	timeout 60 "$fdwc" $arguments >"$tmp/got" 2>&1
	status=$?
	test "$status" -eq 2 || fail "'$arguments': exit status $status, not 2"
done
exit 0
