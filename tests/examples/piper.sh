#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/piper, with itself and with a counterpart in Python: what each
# process receives, and that no socket is left.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || exit 77
piper=$(cd "$EXAMPLES" && pwd)/piper
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
mkdir d && mkfifo line || exit 1

fail()
{
	echo "piper: $*" >&2
	exit 1
}

none_left()
{
	test -z "$(ls -A d)" || fail "$*: leaves $(ls -A d)"
}

# heard NAME COUNT OTHER: print what NAME should print after COUNT datagrams
# from OTHER
heard()
{
	yes "$1 received: '$3'" | head -n "$2"
}

# The two forked children, twice one after the other.
for run in 1 2; do
	timeout 20 "$piper" -d d -n 3 >out 2>err || fail "run $run: status $?"
	{ heard ping 3 pong; heard pong 3 ping; } >want
	sort out | diff want - >&2 || fail "run $run: another chat"
	test ! -s err || fail "run $run: says $(cat err)"
	none_left "run $run"
done

# read_until LINE: read descriptor 3 up to this line
read_until()
{
	while read -r line <&3; do
		test "$line" != "$1" || return 0
	done
	fail "no line like '$1' came"
}

# Without a count piper runs until the parent gets a signal.  `cat' ends when no
# process has the fifo open for writing: so the children have ended, too.
for signal in INT TERM KILL; do
	timeout 60 "$piper" -d d >line 2>&1 &
	timeout_pid=$!
	exec 3<line
	read_until "ping received: 'pong'"
	read_until "pong received: 'ping'"
	pid=$(ps -o pid= --ppid "$timeout_pid" | tr -d ' ')
	# The children remove their files when the parent ends, if they can.
	children=
	test "$signal" != KILL || children=$(ps -o pid= --ppid "$pid")
	# shellcheck disable=SC2086  # a list
	kill -s "$signal" $children "$pid"
	wait "$timeout_pid" 2>/dev/null
	status=$?
	cat <&3 >rest
	if test "$signal" = KILL; then
		continue
	fi
	test "$status" -eq 0 || fail "$signal: exit status $status, not 0"
	none_left "$signal"
done
test -S d/piper-ping || fail "a killed pair has removed its files"
timeout 20 "$piper" -d d -n 1 >out 2>err || fail "after KILL: $(cat err)"
none_left "after KILL"

# The counterpart in Python does and prints the same.
cat >piper.py <<'EOT'
import os, socket, sys
name, peer, count, begins = sys.argv[1:5]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(20)
s.bind('d/piper-' + name)
if begins == 'begins':
    print('bound', flush=True)
    s.sendto(name.encode(), 'd/piper-' + peer)
for i in range(int(count)):
    data, address = s.recvfrom(65)
    assert address == 'd/piper-' + data.decode(), address
    print("%s received: '%s'" % (name, data.decode()), flush=True)
    try:
        s.sendto(name.encode(), 'd/piper-' + data.decode())
    except (FileNotFoundError, ConnectionRefusedError):
        assert i == int(count) - 1
os.unlink('d/piper-' + name)
EOT

# bound NAME: wait until the socket of NAME is there, by inotify(7).  (To try
# with a datagram would not do: piper counts it.)
bound()
{
	timeout 20 "$PYTHON" -S - "$1" <<'EOT' || fail "$1 is never bound"
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init()
assert fd >= 0 and libc.inotify_add_watch(fd, b'd', 0x104) >= 0
path = 'd/piper-' + sys.argv[1]
while not os.path.exists(path) or not os.stat(path).st_mode & 0o200:
    os.read(fd, 4096)
EOT
}

timeout 30 "$piper" -d d -n 5 c py >c.out 2>c.err &
c_pid=$!
bound c
timeout 30 "$PYTHON" -S piper.py py c 5 begins >py.out ||
    fail "Python: status $?"
wait "$c_pid" || fail "with Python: exit status $?"
heard c 5 py | diff - c.out >&2 || fail "C hears otherwise"
{ echo bound; heard py 5 c; } | diff - py.out >&2 ||
    fail "Python hears otherwise"
test ! -s c.err || fail "with Python: says $(cat c.err)"
none_left "with Python"

timeout 30 "$PYTHON" -S piper.py py c 5 waits >py.out &
py_pid=$!
bound py
timeout 30 "$piper" -d d -n 5 --start c py >c.out 2>c.err ||
    fail "--start: exit status $?"
wait "$py_pid" || fail "Python: status $?"
heard c 5 py | diff - c.out >&2 || fail "--start: C hears otherwise"
heard py 5 c | diff - py.out >&2 || fail "--start: Python hears otherwise"
test ! -s c.err || fail "--start: says $(cat c.err)"
none_left "--start"

# Datagrams that are no name are reported, and piper goes on.  Control
# characters in them are not printed as they are.
timeout 30 "$piper" -d d -n 3 c nobody >c.out 2>c.err &
c_pid=$!
bound c
"$PYTHON" -S - <<'EOT' || fail "strange datagrams: Python status $?"
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for data in b'nobody', b'a/b', b'x' * 1000, b'\033[2J':
    s.sendto(data, 'd/piper-c')
EOT
wait "$c_pid" || fail "strange datagrams: exit status $?"
diff - c.out >&2 <<'EOT' || fail "strange datagrams print otherwise"
c received: 'nobody'
c received: 'a/b'
c received: '^[[2J'
EOT
diff - c.err >&2 <<'EOT' || fail "strange datagrams are told otherwise"
piper: nobody: No such file or directory
piper: a/b: Invalid argument
piper: a datagram of 1000 bytes is no name
EOT
none_left "strange datagrams"

timeout 20 "$piper" -d nosuch c py 2>err
test $? -eq 1 || fail "no directory: exit status is not 1"
grep -q '^piper: .*nosuch/piper-c.*No such file' err ||
    fail "no directory: says $(cat err)"
for arguments in one 'one two three' '-n 0' '-n x' --nosuch; do
	# Each word of the string is an argument.
	# shellcheck disable=SC2086
	timeout 20 "$piper" -d d $arguments >out 2>err
	status=$?
	test "$status" -eq 2 || fail "'$arguments': exit status $status, not 2"
done
exit 0
