# SPDX-License-Identifier: ISC
"""brood run and clients that want more than their share.

Clients of other users: this process connects with another effective uid, which
is what the server sees.  That takes root; without it these tests are left out.
"""

import array
import contextlib
import os
import resource
import signal
import socket
import struct
import sys
import time

from served import *

OTHER, ANOTHER = 65533, 65532   # uids that nobody has
SO_PASSRIGHTS = 83
IS_ROOT = os.geteuid() == 0


@contextlib.contextmanager
def user(uid):
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def client_of(uid, path, **options):
    with user(uid):
        return Client(path, **options)


def open_run(*options, **popen):
    """A server that every user may connect to."""
    run = Run("-n", "1", "--mode", "666", *options, **popen)
    os.chmod(run.dir, 0o755)
    return run


def few_fds():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


def n_fds_of(run):
    return len(os.listdir("/proc/%d/fd" % run.process.pid))


def half_frame(client, length, fds=(), data=b"", prefix=b""):
    head = prefix + HEADER.pack(length, REQUEST, 0, len(fds), 0, 1, ECHO, 0)
    client.socket.sendmsg([head + data], [(
        socket.SOL_SOCKET, socket.SCM_RIGHTS,
        array.array("i", fds))] if fds else [])


def server_refuses_fds():
    """Was brood built to have the kernel refuse them, and can the kernel?"""
    with open("config.h") as config:
        if "#define HAVE_SO_PASSRIGHTS 1" not in config.read():
            return False
    one, other = socket.socketpair()
    with one, other:
        try:
            one.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
            return True
        except OSError:
            return False


def lingering():
    """A TCP socket whose last close(2) waits for 10 s, and its other end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        slow = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 10))
    slow.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            slow.send(bytes(65536))
    return slow, peer


def test_frame_must_come_whole_in_time():
    with Run("-n", "1", "--frame-timeout", "1") as run, \
            Client(run.path) as patient, Client(run.path) as slow:
        check(patient.call(1, ECHO, b"x").payload == b"x")
        start = time.monotonic()
        half_frame(slow, 5, data=b"1234")
        frame = slow.recv()
        check((frame.kind, frame.code) == (ERROR, PROTOCOL), frame)
        check(b"does not come whole" in frame.payload, frame)
        check(time.monotonic() - start >= 0.99)  # it counts milliseconds
        # It is the frame that has the time, not the connection.
        half_frame(patient, 1)
        for _ in range(8):
            select.select([], [], [], 0.15)
            half_frame(patient, 1, prefix=b"x")
            check(patient.recv().payload == b"x")
        run.stop()


def test_half_frame_that_keeps_its_connection_open_is_dropped():
    with Run("-n", "1", "--frame-timeout", "0.2") as run:
        before = n_fds_of(run)
        with Client(run.path) as client:
            half_frame(client, 5, fds=[client.socket.fileno()])
            until(lambda: n_fds_of(run) > before + 1)
        # The client's end is now held by the server alone.
        until(lambda: n_fds_of(run) == before)
        run.stop()


def test_descriptors_of_half_frames_leave_the_server_enough():
    with Run("-n", "1", preexec_fn=few_fds) as run, \
            contextlib.ExitStack() as stack, open("/dev/null") as file:
        for _ in range(12):
            client = stack.enter_context(Client(run.path))
            half_frame(client, 5, fds=[file.fileno()] * 250)
        until(lambda: run.status()["clients"]["dropped"] >= 11)
        pid = run.status()["workers"][0]["pid"]
        os.kill(pid, signal.SIGKILL)
        run.wait_for(r"\]: ready$")
        with Client(run.path) as client:
            check(client.call(1, ECHO, b"x").payload == b"x")
        run.stop()


def test_idle_client_is_dropped_if_asked():
    with Run("-n", "1", "--idle-timeout", "1") as run, \
            Client(run.path) as idle, Client(run.path) as busy:
        busy.request(1, AWAIT_CANCEL)
        start = time.monotonic()
        for _ in range(4):
            idle.send(PING, 5)
            check(idle.recv().kind == PONG)
            select.select([], [], [], 0.3)
        frame = idle.recv()
        check(b"no request for too long" in frame.payload, frame)
        check(time.monotonic() - start >= 1.8)
        busy.send(CANCEL, 1)
        check(busy.recv().kind == ERROR)
        check(busy.ends())
        run.stop()


def test_descriptors_of_another_user_are_refused():
    if not IS_ROOT or not server_refuses_fds():
        return
    with open_run() as run:
        slow, peer = lingering()
        before = n_fds_of(run)
        for complete in True, False:
            with client_of(OTHER, run.path) as client:
                try:
                    if complete:
                        client.request(1, READ_FDS, fds=[slow.fileno()])
                    else:
                        half_frame(client, 5, fds=[slow.fileno()])
                    check(False, "the descriptor was sent")
                except PermissionError:
                    pass
                check(client.call(2, ECHO, b"x").payload == b"x")
        # And before the server has looked who it is.
        run.kill(signal.SIGSTOP)
        with client_of(OTHER, run.path, hello=False) as client:
            try:
                half_frame(client, 5, fds=[slow.fileno()])
                check(False, "the descriptor was sent")
            except PermissionError:
                pass
        run.kill(signal.SIGCONT)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 0, 0))
        slow.close()
        peer.close()
        until(lambda: n_fds_of(run) == before)
        run.stop()


def test_descriptors_of_another_user_are_taken_if_asked():
    if not IS_ROOT:
        return
    with open_run("--fds-from-others") as run, open("/dev/null") as file:
        with client_of(OTHER, run.path) as client:
            frame = client.call(1, READ_FDS, fds=[file.fileno()])
            check((frame.kind, frame.payload) == (REPLY, b""), frame)
        run.stop()


def test_user_has_a_quarter_of_the_connections():
    if not IS_ROOT:
        return
    with open_run(preexec_fn=few_fds) as run, \
            contextlib.ExitStack() as stack:
        numbers = []
        for uid in OTHER, ANOTHER:
            for n in range(1000):
                client = stack.enter_context(
                    client_of(uid, run.path, hello=False))
                frame = client.recv()
                if frame.kind != HELLO:
                    break
            check(b"too many connections" in frame.payload, frame)
            check(client.ends())
            numbers.append(n)
            with Client(run.path) as owner:
                check(owner.call(1, ECHO, b"x").payload == b"x")
        check(20 < numbers[0] < 100 and numbers[0] == numbers[1], numbers)
        run.stop()


def test_user_has_a_quarter_of_the_requests():
    if not IS_ROOT:
        return
    with open_run("--queue", "39") as run, contextlib.ExitStack() as stack:
        n = 0
        for _ in range(4):
            client = stack.enter_context(client_of(OTHER, run.path))
            for id in range(1, 5):
                client.request(id, AWAIT_CANCEL)
            client.send(PING, 9)
            frames = [client.recv()]
            while frames[-1].kind != PONG:
                frames.append(client.recv())
            check(all(frame.code == NO_CAPACITY for frame in frames[:-1]))
            n += 4 - len(frames[:-1])
        check(n == 10, n)
        with Client(run.path) as owner:
            for id in range(1, 21):
                owner.request(id, AWAIT_CANCEL)
            until(lambda: run.status()["pool"]["queued"] >= 25)
        run.kill(9)


def test_user_cannot_have_the_server_hold_much():
    if not IS_ROOT:
        return
    with open_run("--frame-timeout", "60") as run, \
            contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client_of(OTHER, run.path))
                   for _ in range(10)]
        for client in clients:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                half_frame(client, 15 << 20)
                client.socket.sendall(bytes((15 << 20) - 1))
        until(lambda: run.status()["clients"]["dropped"] == 6)
        check(run.status()["clients"]["connected"] == 5)
        with Client(run.path) as owner:
            check(owner.call(1, ECHO, b"x").payload == b"x")
        run.stop()


if not IS_ROOT:
    print("not root: what other users may do is left out", file=sys.stderr)
main(globals())
