#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/echo_server and echo_client, each with the other and with a
# counterpart in Python.  What they send and print must be the same in C and in
# Python.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || exit 77
server=$(cd "$EXAMPLES" && pwd)/echo_server
client=$(cd "$EXAMPLES" && pwd)/echo_client
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
pid=
trap 'test -z "$pid" || kill -9 "$pid"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
chmod 755 . && mkfifo log || exit 1

fail()
{
	echo "echo: $*" >&2
	exit 1
}

cat >server.py <<'EOT'
import os, socket, sys
def say(text): print(text, file=sys.stderr, flush=True)
path = sys.argv[1]
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
say('starting up on ' + path)
listener.bind(path)
listener.listen(1)
while True:
    say('waiting for a connection')
    connection, address = listener.accept()
    with connection:
        while True:
            data = connection.recv(16)
            say('received "%s"' % data.decode())
            if not data:
                break
            connection.sendall(data)
EOT
cat >client.py <<'EOT'
import socket, sys
message = b'This is the message.  It will be repeated.'
if len(sys.argv) > 2:
    message = sys.argv[2].encode()
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.settimeout(20)
s.connect(sys.argv[1])
s.sendall(message)
n = 0
while n < len(message):
    data = s.recv(16)
    n += len(data)
    print('received "%s"' % data.decode())
print('closing socket')
EOT

# start COMMAND...: start a server, and wait until it waits for connections; its
# log can then be read from descriptor 3
start()
{
	timeout 60 "$@" 2>log &
	timeout_pid=$!
	exec 3<log
	while read -r line <&3; do
		test "$line" != 'waiting for a connection' || break
	done
	pid=$(ps -o pid= --ppid "$timeout_pid" | tr -d ' ')
	test -n "$pid" || fail "$*: does not run: $line"
}

# stop SIGNAL: end the server, and return its exit status; its log is in ./said
stop()
{
	kill -s "$1" "$pid"
	pid=
	cat <&3 >said
	wait "$timeout_pid" 2>/dev/null
}

# The client in C and a server in Python, compared with Python alone.
start "$PYTHON" -S server.py s
for message in '' x 'exactly sixteen.' "$(seq 1 200)"; do
	timeout 20 "$PYTHON" -S client.py s "$message" >want ||
	    fail "Python alone: status $?"
	timeout 20 "$client" s "$message" >got || fail "C client: status $?"
	tr -d '\n' <want >want.1; sed 's/\\n//g' got | tr -d '\n' >got.1
	cmp want.1 got.1 >&2 || fail "the C client of a Python server differs"
done
timeout 20 "$PYTHON" -S client.py s >want ||
    fail "Python alone: status $?"
timeout 20 "$client" s >got || fail "the C client of a Python server: $?"
diff want got >&2 || fail "the C client prints otherwise"
stop KILL

# The Python server was killed and has left its socket.  The server in C takes
# its place.
test -S s || fail "the file of a killed server is gone"
start "$server" s
for _ in 1 2 3; do
	timeout 20 "$PYTHON" -S client.py s >got ||
	    fail "Python client: status $?"
	diff want got >&2 || fail "a Python client gets another echo"
	timeout 20 "$client" s >got || fail "C client: status $?"
	diff want got >&2 || fail "a C client gets another echo"
done
stop TERM
test $? -eq 0 || fail "TERM: exit status is not 0"
test ! -e s || fail "TERM leaves the file"
test ! -e s.lock || fail "TERM leaves the lock"

# ./uds_socket is the default.  Check the log of the server for one client.
start "$server"
test -S uds_socket || fail "./uds_socket is not the default"
test "$(stat -c %a uds_socket)" = 600 || fail "the mode is not 600"
timeout 20 "$client" >got || fail "./uds_socket is not the client's default"
diff want got >&2 || fail "./uds_socket is another server"
stop INT
test $? -eq 0 || fail "INT: exit status is not 0"
test ! -e uds_socket || fail "INT leaves the file"
sed -i 's/pid [0-9][0-9]*$/pid N/' said
diff - said >&2 <<EOT || fail "the log is another"
connection from uid $(id -u), pid N
waiting for a connection
received "This is the mess"
sending data back to the client
received "age.  It will be"
sending data back to the client
received " repeated."
sending data back to the client
no more data
EOT

# Many clients at once, and one that does not receive its echo: no other client
# has to wait for it.
start "$server" s
timeout 30 "$PYTHON" -S - >got <<'EOT' || fail "many clients: status $?"
import socket
def client():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(20)
    s.connect('s')
    return s
def take(s, n):
    data = b''
    while len(data) < n:
        data += s.recv(n - len(data))
    return data
greedy = client()
greedy.setblocking(False)
sent = 0
try:
    while sent < 12800:
        sent += greedy.send(b'.' * 16)
except BlockingIOError:
    pass
many = [client() for i in range(50)]
for turn in range(2):
    for i, s in enumerate(many):
        s.sendall(b'client %d' % i)
    for i, s in reversed(list(enumerate(many))):
        want = b'client %d' % i
        assert take(s, len(want)) == want, i
greedy.settimeout(20)
assert take(greedy, sent) == b'.' * sent
EOT

stop TERM

# When descriptors run out, the clients that are connected are served, and the
# others later.
# shellcheck disable=SC3045  # dash and bash have it
(ulimit -n 10 && exec "$server" s) 2>log &
timeout_pid=$!
exec 3<log
read -r line <&3 && read -r line <&3
pid=$timeout_pid
timeout 30 "$PYTHON" -S - <<'EOT' || fail "out of descriptors: status $?"
import socket
many = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for i in range(20)]
for s in many:
    s.settimeout(20)
    s.connect('s')
    s.sendall(b'x')
for s in many:
    assert s.recv(1) == b'x'
    s.close()
EOT
stop TERM
test $? -eq 0 || fail "out of descriptors: exit status is not 0"
start "$server" s

# A second server on the same path fails, and the first one runs on.
timeout 20 "$server" s 2>err
status=$?
test "$status" -eq 1 || fail "a second server: exit status $status, not 1"
grep -q '^echo_server: .*s: another process has it$' err ||
    fail "a second server says: $(cat err)"
timeout 20 "$client" s >got || fail "no echo after a second server"
stop KILL

# After the kill a server can start again.  -m sets the mode of the socket.
start "$server" -m 666 s
test "$(stat -c %a s)" = 666 || fail "-m 666 gives $(stat -c %a s)"
stop TERM

# A client that has no permission.
start "$server" -m 0 s
cat >nobody.py <<'EOT'
import os, sys
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
os.execv(sys.argv[1], sys.argv[1:])
EOT
timeout 20 "$PYTHON" -S nobody.py "$client" --help >got 2>&1
if test $? -eq 2; then
	timeout 20 "$PYTHON" -S nobody.py "$client" "$tmp/s" >got 2>err
	status=$?
	test "$status" -eq 1 || fail "no permission: exit status $status"
	echo "connecting to $tmp/s: Permission denied" | diff - err >&2 ||
	    fail "no permission is told otherwise"
else
	echo "another user cannot run the client: permissions not tried"
fi
stop TERM

timeout 20 "$client" s >got 2>err
status=$?
test "$status" -eq 1 || fail "no server: exit status $status, not 1"
grep -qx 'connecting to s: No such file or directory' err ||
    fail "no server: says $(cat err)"

for mode in 8 x 1777 '' -1 0x1; do
	timeout 20 "$server" -m "$mode" s 2>err
	status=$?
	test "$status" -eq 2 || fail "-m '$mode': exit status $status, not 2"
	grep -qF -e "'$mode'" err || fail "-m '$mode': says $(cat err)"
done
timeout 20 "$server" s more 2>err
test $? -eq 2 || fail "a second path: exit status is not 2"
exit 0
