#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood conformance: the workers that are right pass all of it, and one that
# breaks a rule is found out by the case of that rule.

set -u
: "${srcdir:?must name the directory of the sources}"
: "${BROOD:?must name the command}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
: "${ECHO_WORKER:=tests/support/echo_worker}"
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "conformance: $*" >&2
	exit 1
}

# passes COMMAND...: all of it
passes()
{
	"$BROOD" conformance --timeout 60 -- "$@" >"$tmp/out" 2>"$tmp/errors" ||
	    fail "$*: $(grep -A 1 '^not ok' "$tmp/out")"
	awk 'NR == 1 { sub(/1\.\./, ""); n_planned = $0; next }
	/^ok [0-9]+ - / && $2 == NR - 1 && !/SKIP/ { n_ok++; next }
	{ exit 1 }
	END { exit n_ok != n_planned || n_ok < 30 }' "$tmp/out" ||
	    fail "$*: a report other than all ok: $(cat "$tmp/out")"
}

passes "$ECHO_WORKER"
if command -v node >/dev/null; then
	passes node "$srcdir/examples/worker.js"
fi

status=0
"$BROOD" conformance -- "$tmp/none" >"$tmp/out" 2>"$tmp/errors" || status=$?
test "$status" -eq 3 || fail "no program: status $status, not 3"
grep -q "^brood: $tmp/none: No such file" "$tmp/errors" ||
    fail "no program is told as: $(cat "$tmp/errors")"
status=0
"$BROOD" conformance --only 'no claim' -- cat >"$tmp/out" 2>&1 || status=$?
test "$status" -eq 2 || fail "no claim: status $status, not 2"
grep -q '^  the first frame is HELLO' "$tmp/out" ||
    fail "no claim: the claims are not shown: $(cat "$tmp/out")"

# A program that is no worker at all ends it at once.
status=0
"$BROOD" conformance -- cat >"$tmp/out" 2>"$tmp/errors" || status=$?
test "$status" -eq 1 || fail "cat: status $status, not 1"
grep -q '^not ok 1 ' "$tmp/out" || fail "cat says HELLO: $(cat "$tmp/out")"
grep -q '^Bail out!' "$tmp/out" || fail "cat is asked for more"

test -n "$PYTHON" || exit 77
worker=$srcdir/examples/worker.py
passes "$PYTHON" -S "$worker"
"$PYTHON" -S "$worker" 2>"$tmp/errors" && fail "starts by hand"
test "$(cat "$tmp/errors")" = \
    'worker.py: brood starts it: brood map -- ./worker.py' ||
    fail "started by hand it says: $(cat "$tmp/errors")"

# broken CLAIM DIAGNOSTIC OLD NEW [OLD NEW]...: worker.py with each text OLD
# replaced fails the case of CLAIM, for that reason.
broken()
{
	claim=$1
	why=$2
	shift 2
	"$PYTHON" -S - "$worker" "$tmp/worker.py" "$@" <<-'EOF' ||
	import sys
	text = open(sys.argv[1]).read()
	for old, new in zip(sys.argv[3::2], sys.argv[4::2]):
	    assert old in text, old
	    text = text.replace(old, new)
	open(sys.argv[2], "w").write(text)
	EOF
	    fail "$claim: cannot break worker.py"
	status=0
	"$BROOD" conformance --timeout "${timeout:-60}" --only "$claim" -- \
	    "$PYTHON" -S "$tmp/worker.py" >"$tmp/out" 2>"$tmp/errors" || status=$?
	test "$status" -eq 1 || fail "$claim: passes: $(cat "$tmp/out")"
	grep -i -A 1 "^not ok .*$claim" "$tmp/out" | grep -q "^# .*$why" ||
	    fail "$claim: fails for another reason: $(cat "$tmp/out")"
}

broken 'first frame is HELLO' 'version 2' 'b"BROD", 1, 0' 'b"BROD", 2, 0'
broken 'first frame is HELLO' 'before HELLO' '    say_hello(sock)
' '    raise EOFError
'
broken 'echoes 1 byte' 'is 1 bytes short' 'return data
' 'return data[:-1]
'
broken 'echoes 65536' 'is not what was sent' 'return data
' 'return data[:65535] + b"x"
'
broken 'a byte more' 'signal 6' 'raise Refusal(TOO_LARGE' 'os.abort()
        raise Refusal(TOO_LARGE'
broken 'a byte more' 'it answered' 'length > LIMIT' 'length > 2 * LIMIT'
broken 'ping with its payload' 'another payload' \
    'PONG, ident, payload=payload' 'PONG, ident'
broken 'in order' 'kind 3, id 1,' 'send(sock, REPLY, ident, payload=reply)' \
    'send(sock, REPLY, ident, payload=reply); send(sock, REPLY, ident)'
broken 'reads no request ahead' 'when it had answered' \
    'socket.recv_fds(sock, HEADER.size, MAX_FDS)' \
    '(READER.read(HEADER.size), [], 0, 0)' \
    'sock.recv(min(size - len(data), 1 << 20))' \
    'READER.read(size - len(data))' \
    'try:
    sys.exit' 'READER = sock.makefile("rb")
try:
    sys.exit'
broken 'ignores CANCEL' 'ERROR 10' 'kind != CANCEL' 'kind'
broken 'exits with 0 on GOODBYE' 'status 3' 'return 0
' 'return 3
'
broken 'within a payload' 'signal 6' 'except (EOFError,' 'except EOFError:
    os.abort()
except (TypeError,'
broken 'do not come' 'kind 3' 'nfds != len(fds)' 'False'
broken 'ends on kind 255' 'kind 3' 'not HELLO <= kind <= LINK or ' '' \
    'elif kind != CANCEL' 'elif kind == 0'
broken 'reserved byte' 'kind 3' 'zero or' ''
# What never answers is found out by time.
timeout=0.3
broken 'first frame is HELLO' 'nothing came from it in time' \
    '    say_hello(sock)
' '    sock.recv(1)
'
timeout=2
broken 'a request brings' 'keeps the descriptor' 'os.close(fd)' 'pass' \
    'socket.recv_fds(' 'KEPT.append(socket.recv_fds(' 'MAX_FDS)
' 'MAX_FDS)) or KEPT[-1]
' '16 << 20, 253' '16 << 20, 253; KEPT = []'
broken 'at the end of file' 'does not end' \
    'except (EOFError, ConnectionError):' 'except (EOFError, ConnectionError):
    import signal
    signal.pause()'
exit 0
