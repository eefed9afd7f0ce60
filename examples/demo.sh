#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Show what brood does: demo.sh BUILD-DIRECTORY
#
# It runs two of the examples, and a third where libpng and libjpeg are there.
# It prints what they print, and fails if that is not what it should be.
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

# The counts must be those of wc(1), for every file but one.  The columns of the
# two may differ in width.
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

First a parent sent "ping" to a forked child, and the child sent "pong" back.
Then the workers of a pool counted $n files, whose descriptors were passed to
them, and found the same numbers as wc(1).  The worker that had $victim
aborted: that one request failed, and every other was answered.
EOF

test -x "$bin"/thumbs && command -v python3 >/dev/null || exit 0

echo
echo "\$ images.py files; mkdir thumbs; thumbs -t 2 -o thumbs files/*"
python3 examples/images.py "$seen"/files || die "images.py failed"
mkdir "$seen"/thumbs
(cd "$seen" && "$bin"/thumbs -t 2 -o thumbs files/*) 2>"$seen"/err
status=$?
cat "$seen"/err
if grep -q 'cannot start a worker at level 2' "$seen"/err
then
	echo
	echo "This system cannot confine a worker: nothing was decoded."
	exit 0
fi
test "$status" -eq 1 || die "thumbs exited with $status instead of 1"
grep -qxF "thumbs: files/slow.jpg: expired: it ran for too long" "$seen"/err ||
    die "thumbs did not stop the decoder of slow.jpg"
echo
echo "\$ ls thumbs"
ls "$seen"/thumbs
for image in gray.jpg half-transparent.png rgb.png
do
	test -s "$seen"/thumbs/"$image".ppm || die "$image has no thumbnail"
done

cat <<EOF

At last libpng and libjpeg decoded files that are made to harm them, in workers
that could reach nothing but the file.  What cannot be decoded has cost a line
of text; slow.jpg, which would have taken more than a minute, two seconds.
EOF
