# SPDX-License-Identifier: ISC
"""What the tests of brood run share: a server of its own in a directory of its
own, whose log is awaited line by line, and a client that speaks the protocol by
hand, so that it can also break it."""

import array
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BROOD = os.path.abspath(os.environ["BROOD"])
WORKER = os.environ["ECHO_WORKER"]
PATIENCE = 30  # seconds: for what should take milliseconds

HELLO, REQUEST, REPLY, ERROR, PROGRESS, CANCEL, GOODBYE, PING, PONG = range(
    1, 10)
ECHO, COUNT, HOLD, NAP, PAUSE, PAUSE_HARD = range(6)
ABORT, AWAIT_CANCEL, PRINT = 8, 7, 11
STREAM, PARTS, BIG_REPLY, READ_FDS, GIVE_FDS = range(18, 23)
GETENV, GETCWD = 25, 26
(FAILED, NO_METHOD, TOO_LARGE, NO_CAPACITY, EXPIRED, CANCELED, CRASHED,
 STOPPING, VERSION, PROTOCOL, NOT_ALLOWED) = range(1, 12)
NOT_RUN, MAY_HAVE_RUN, RAN = 2, 4, 6  # flags of an ERROR
STATUS, EVENTS, SCALE, RELOAD, STOP = range(0xffff0001, 0xffff0006)

HEADER = struct.Struct("<IBBBBQII")


def check(what, *facts):
    if not what:
        raise AssertionError(" ".join(map(repr, facts)) or "see above")


class Frame:
    def __init__(self, header, payload, n_fds):
        (_, self.kind, self.flags, _, _, self.id, self.code,
         self.timeout) = HEADER.unpack(header)
        self.payload, self.n_fds = payload, n_fds

    def __repr__(self):
        return "kind %d id %d code %d flags %d %r" % (
            self.kind, self.id, self.code, self.flags, self.payload[:200])


class Client:
    def __init__(self, path, hello=True, max_payload=1 << 24):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        if hello:
            self.hello(max_payload)

    @classmethod
    def accept(cls, listener):
        """The other end: a server's, for a client of brood."""
        listener.settimeout(PATIENCE)
        self = cls.__new__(cls)
        self.socket = listener.accept()[0]
        self.socket.settimeout(PATIENCE)
        return self

    def hello(self, max_payload=1 << 24):
        self.send(HELLO, payload=b"BROD" + struct.pack(
            "<HHII", 1, 0, 0, max_payload))
        check(self.recv().kind == HELLO)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, kind, id=0, payload=b"", code=0, timeout=0, fds=()):
        head = HEADER.pack(len(payload), kind, 0, len(fds), 0, id, code,
                           timeout)
        data = head + payload
        n = self.socket.sendmsg([data], [(
            socket.SOL_SOCKET, socket.SCM_RIGHTS,
            array.array("i", fds))] if fds else [])
        # Not an empty rest: by now the server may have closed its end.
        if n < len(data):
            self.socket.sendall(data[n:])

    def request(self, id, code=ECHO, payload=b"", timeout=0, fds=()):
        self.send(REQUEST, id, payload, code, timeout, fds)

    def read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def recv(self):
        head, ancillary, _, _ = self.socket.recvmsg(HEADER.size, 2048)
        if not head:
            raise EOFError
        head += self.read(HEADER.size - len(head))
        n_fds = 0
        for _, _, data in ancillary:
            fds = array.array("i", data[:len(data) // 4 * 4])
            n_fds += len(fds)
            for fd in fds:
                os.close(fd)
        return Frame(head, self.read(HEADER.unpack(head)[0]), n_fds)

    def call(self, id, code=ECHO, payload=b"", timeout=0, fds=()):
        self.request(id, code, payload, timeout, fds)
        while True:
            frame = self.recv()
            if frame.id == id:
                return frame

    def ends(self):
        """Has the server closed this connection?  Waits for it."""
        try:
            while True:
                self.recv()
        except (EOFError, ConnectionResetError):
            return True


class Run:
    def __init__(self, *options, worker=None, path=None, env=None, ready=1,
                 **popen):
        self.dir = tempfile.mkdtemp()
        self.path = path or os.path.join(self.dir, "s")
        self.lines, self.rest = [], b""
        self.process = subprocess.Popen(
            [BROOD, "run", "-l", self.path, *options, "--",
             *(worker or [WORKER])],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env=dict(os.environ, **(env or {})), **popen)
        for _ in range(ready):
            self.wait_for(r"\]: ready$")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        # The supervisor holds the pipe until the last worker has ended.
        self.read_to_end()
        self.process.stderr.close()
        shutil.rmtree(self.dir)

    def read_to_end(self):
        while self.read_some():
            pass

    def read_some(self):
        fd = self.process.stderr.fileno()
        if not select.select([fd], [], [], PATIENCE)[0]:
            raise AssertionError("nothing in time behind %r" % self.lines[-9:])
        data = os.read(fd, 65536)
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.lines += [line.decode(errors="replace") for line in lines]
        return bool(data)

    def wait_for(self, pattern):
        """The match of the next line of the log that has it."""
        while True:
            while self.lines:
                match = re.search(pattern, self.lines.pop(0))
                if match:
                    return match
            if not self.read_some():
                raise AssertionError("the log ended before %r" % pattern)

    def kill(self, sig):
        self.process.send_signal(sig)

    def wait(self):
        return self.process.wait(PATIENCE)

    def stop(self, status=0):
        self.kill(signal.SIGTERM)
        check(self.wait() == status, self.process.returncode)
        check(not os.path.exists(self.path), "the socket's file is there")

    def command(self, name, *arguments, **options):
        return brood(name, self.path, *arguments, **options)

    def status(self):
        import json
        with Client(self.path) as client:
            return json.loads(client.call(1, STATUS).payload)


def brood(*arguments, input=b"", **options):
    return subprocess.run([BROOD, *arguments], input=input,
                          capture_output=True, timeout=PATIENCE, **options)


def until(fact):
    """For what no event tells: ask again, soon."""
    end = time.monotonic() + PATIENCE
    while not fact():
        check(time.monotonic() < end, "not in time")
        select.select([], [], [], 0.005)


def listens(path):
    """A socket's file is there a moment before anyone listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def is_alive(pid):
    # A zombie that nobody has waited for has ended all the same.  Opening the
    # file fails if the process is gone, reading it if it goes meanwhile.
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processor_time(pid):
    """Seconds that the process has used."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sleeps(pid):
    """Does the process use no processor, for half a second?"""
    before = processor_time(pid)
    select.select([], [], [], 0.5)
    return processor_time(pid) - before < 0.1


def main(cases):
    """Run what is named test_*; the names are the claims."""
    for name, case in list(cases.items()):
        if name.startswith("test_"):
            try:
                case()
            except BaseException:
                print("%s: %s" % (sys.argv[0], name), file=sys.stderr)
                raise
