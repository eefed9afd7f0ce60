#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A pool in hosts of every kind; and what strace(1) sees of one: that it installs
# no signal handler, waits for no child but its own, and prints nothing.

tmp=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

tests/soak/guest || exit 1
# The sanitizers install handlers, and cannot look for leaks under strace.
command -v strace >/dev/null &&
    ! grep -q __asan_init tests/soak/guest || exit 0
strace -qq -o "$tmp/calls" -e signal=none \
    -e trace=rt_sigaction,wait4,waitid,write,writev tests/soak/guest --one \
    >"$tmp/printed" 2>&1 || {
	# Where tracing is not allowed.
	grep -q "Operation not permitted" "$tmp/printed" && exit 0
	cat "$tmp/printed" >&2
	exit 1
}
# Only what waits for its supervisor process tells that it was traced at all.
grep -Eq '^wait(4|id)\((P_PID|[0-9])' "$tmp/calls" || {
	echo "guest: strace saw no wait" >&2
	exit 1
}
if grep -E 'sa_handler=0x|wait4\(-1|waitid\(P_ALL|^writev?\([12],' \
    "$tmp/calls" >&2 || test -s "$tmp/printed"; then
	echo "guest: a pool did this in its host" >&2
	exit 1
fi
