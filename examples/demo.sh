#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Show brood at work: demo.sh BUILD-DIRECTORY
#
# Fails if what it promises is not seen.
set -u

if test $# -ne 1
then
	echo "usage: $0 BUILD-DIRECTORY" >&2
	exit 2
fi
bin=$(cd "$1" && pwd)/examples || exit 1
cd "$(dirname "$0")"/.. || exit 1

seen=$(mktemp -d) || exit 1
trap 'rm -rf "$seen"' EXIT

die()
{
	echo "demo: $*" >&2
	exit 1
}

echo
echo "\$ pingpong"
"$bin"/pingpong >"$seen"/pingpong || die "pingpong failed"
cat "$seen"/pingpong
for line in \
    "in parent, sending message" \
    "in child, waiting for message" \
    "message from parent: ping" \
    "response from child: pong"
do
	grep -qxF "$line" "$seen"/pingpong ||
	    die "pingpong did not print \"$line\""
done

victim=src/host/pool.c
echo
echo "\$ fdwc --crash-on $victim src/host/*.c"
"$bin"/fdwc --crash-on "$victim" src/host/*.c >"$seen"/out 2>"$seen"/err
status=$?
cat "$seen"/out "$seen"/err
test "$status" -eq 1 || die "fdwc exited with $status instead of 1"
test "$(wc -l <"$seen"/err)" -eq 1 ||
    die "fdwc did not print one line about the crash"
grep -F "$victim" "$seen"/err | grep -qiE 'abort|sigabrt|signal 6' ||
    die "fdwc did not name $victim and the signal"

# The same counts as wc's, of every file but one; widths of columns aside.
squeeze()
{
	awk -v victim="$victim" '
	$4 != victim && $4 != "total" { print $1, $2, $3, $4 }' "$@"
}
LC_ALL=C wc src/host/*.c | squeeze >"$seen"/wanted
squeeze "$seen"/out | diff -u "$seen"/wanted - ||
    die "fdwc and wc do not agree"
n=$(wc -l <"$seen"/wanted)

cat <<EOF

A parent sent "ping" to a forked child and got "pong" back over one socketpair.
A pool of workers then counted $n files through descriptors that were passed to
them, agreeing with wc(1) on each, although the worker that had $victim
aborted on it: that one request was reported, and no other was harmed.
EOF
