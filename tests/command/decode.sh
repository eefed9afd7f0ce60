#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood decode: what it prints for sound frames, and where it says that an input
# is cut short or is none.

set -u
: "${BROOD:?must name the command}"
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "decode: $*" >&2
	exit 1
}

# bytes HEX...: to standard output
bytes()
{
	# Digits only: the format is safe.
	# shellcheck disable=SC2059
	printf "$(printf %s "$*" | tr -d ' ' | sed 's/../\\x&/g' |
	    awk '{ n = split($0, part, "\\\\x")
		for (i = 2; i <= n; i++)
			printf "\\%03o", \
			    (index(h, substr(part[i], 1, 1)) - 1) * 16 + \
			    index(h, substr(part[i], 2, 1)) - 1 }' \
	    h=0123456789abcdef)"
}

# expect STATUS OUTPUT ERRORS [ARG...]: of brood decode on $tmp/in
expect()
{
	want=$1
	printf '%s' "$2" >"$tmp/want"
	printf '%s' "$3" >"$tmp/want.errors"
	shift 3
	"$BROOD" decode "$@" <"$tmp/in" >"$tmp/out" 2>"$tmp/errors"
	status=$?
	diff -a "$tmp/want" "$tmp/out" >&2 || fail "$*: other output"
	diff -a "$tmp/want.errors" "$tmp/errors" >&2 || fail "$*: other errors"
	test "$status" -eq "$want" || fail "$*: status $status, not $want"
}

hello='1b000000 01 00 00 00 0000000000000000 00000000 00000000'
hello="$hello 42524f44 0100 0000 00000000 00000001 6563686f1b5b6dc29b6d21"
request='05000000 02 00 02 00 0100000000000000 02000000 88130000 68690a0022'
part='01000000 03 01 00 00 0100000000000000 00000000 00000000 61'
error='02000000 04 00 00 00 0200000000000000 07000000 00000000 c3a4'

bytes "$hello $request $part $error" >"$tmp/in"
lines='0 HELLO nfds=0 id=0 code=0 timeout=0 length=27 version=1 features=0 limit=16777216 name="echo?[m??m!"
51 REQUEST nfds=2 id=1 code=2 timeout=5000 length=5 "hi\n\x00\""
80 REPLY more nfds=0 id=1 code=0 timeout=0 length=1 "a"
105 ERROR nfds=0 id=2 code=7 (crashed) timeout=0 length=2 "\xc3\xa4"
'
expect 0 "$lines" ''
expect 0 "$lines" '' -
cp "$tmp/in" "$tmp/file"
: >"$tmp/in"
expect 0 "$lines" '' "$tmp/file"
expect 0 '' ''

# A long payload is cut, with --full it is not; what follows it is found.
{
	bytes '70110100 03 00 00 00 0900000000000000 00000000 00000000'
	head -c 70000 /dev/zero | tr '\0' x
	bytes '00000000 07 00 00 00 0000000000000000 00000000 00000000'
} >"$tmp/in"
end='70024 GOODBYE nfds=0 id=0 code=0 timeout=0 length=0 ""
'
head='0 REPLY nfds=0 id=9 code=0 timeout=0 length=70000'
expect 0 "$head \"xxxxx\"...
$end" '' --width 5
"$BROOD" decode --full <"$tmp/in" >"$tmp/out" || fail "--full failed"
test "$(head -n 1 "$tmp/out" | tr -cd x | wc -c)" -eq 70000 ||
    fail "--full does not show all"
tail -n 1 "$tmp/out" | grep -q '^70024 GOODBYE' || fail "--full lost a frame"

# Cut short: in a header, in a payload, in a HELLO.
in='brood: standard input: offset'
bytes "$part 0500000002" >"$tmp/in"
expect 1 '0 REPLY more nfds=0 id=1 code=0 timeout=0 length=1 "a"
' "$in 25: the input ends within a header: 5 of 24 bytes
"
bytes "$part $error" | head -c 50 >"$tmp/in"
expect 1 '0 REPLY more nfds=0 id=1 code=0 timeout=0 length=1 "a"
25 ERROR nfds=0 id=2 code=7 (crashed) timeout=0 length=2 "\xc3"
' "$in 25: the input ends within its payload
"
bytes "$hello" | head -c 45 >"$tmp/in"
expect 1 '0 HELLO nfds=0 id=0 code=0 timeout=0 length=27
' "$in 0: the input ends within its payload
"

# No frames.
bytes "$part 00000000 63 00 00 00 0100000000000000 00000000 00000000" \
    >"$tmp/in"
expect 1 '0 REPLY more nfds=0 id=1 code=0 timeout=0 length=1 "a"
' "$in 25: not a frame: an unknown kind
"
bytes "10000000 01 00 00 00 0000000000000000 00000000 00000000" \
    "42524f44 0200 0000 00000000 00000001" >"$tmp/in"
expect 1 '0 HELLO nfds=0 id=0 code=0 timeout=0 length=16 "BROD\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
' "$in 0: its HELLO is of version 2, not 1
"

: >"$tmp/in"
expect 3 '' "brood: $tmp/none: No such file or directory
" "$tmp/none"
expect 2 '' "brood: --width 0: too small (1 to 65536)
brood: see brood decode --help
" --width 0
if test -c /dev/full; then
	bytes "$part" | "$BROOD" decode >/dev/full 2>"$tmp/errors" &&
	    fail "a full disk goes unnoticed"
	grep -q '^brood: standard output: ' "$tmp/errors" ||
	    fail "a full disk is told as: $(cat "$tmp/errors")"
fi
exit 0
