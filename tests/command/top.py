#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Drive brood top on a pseudo-terminal: top.py SERVER; see top.sh.

What appears is looked for in the stream of bytes; nothing waits for time to
pass, but for at most a minute for what must come.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios

LIMIT = 60
RESTORED = b"\x1b[?1049l"


def status(served, cpu, uptime):
    workers = [dict(slot=i, generation=1, state="busy\x1b[5m", pid=4711 + i,
                    served=served, failures=0, request=9, age=2.5, cpu=cpu,
                    rss=1 << 20) for i in range(30)]
    return dict(name="watched", pid=1, version="1", uptime=uptime,
                socket="/s", pool=dict(workers=1, queued=5), clients={},
                workers=workers)


def resize(fd, rows, columns):
    size = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, size)


class Top:
    def __init__(self, path):
        try:
            self.pid, self.fd = pty.fork()
        except OSError as error:
            print("no terminal can be made here: %s" % error)
            sys.exit(77)
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            resize(0, 24, 120)
            os.execv(os.environ["BROOD"],
                     ["brood", "top", "--delay", "0.05", path])
        self.seen = b""

    def expect(self, *wanted):
        while not all(text in self.seen for text in wanted):
            ready, _, _ = select.select([self.fd], [], [], LIMIT)
            assert ready, (wanted, self.seen)
            try:
                more = os.read(self.fd, 65536)
            except OSError:
                more = b""
            assert more, (wanted, self.seen)
            self.seen += more

    def end(self, wanted):
        try:
            while more := os.read(self.fd, 65536):
                self.seen += more
        except OSError:
            pass
        _, result = os.waitpid(self.pid, 0)
        os.close(self.fd)
        assert os.waitstatus_to_exitcode(result) == wanted, (result, self.seen)
        assert RESTORED in self.seen, self.seen


def run(server, directory):
    files = []
    for i, (served, cpu, uptime) in enumerate(
            [(111, 1.0, 10), (222, 1.5, 11), (222, 2.0, 12)]):
        files.append(os.path.join(directory, str(i)))
        with open(files[-1], "w") as out:
            json.dump(status(served, cpu, uptime), out)
    path = os.path.join(directory, "s")
    daemon = subprocess.Popen([sys.executable, server, path] + files,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        daemon.stdout.readline()
        top = Top(path)
        top.expect(b"watched", b"queued 5", b"busy?[5m", b"4711", b"111",
                   b"CPU(s)")
        top.expect(b"222", b"CPU%", b"H50")
        assert b"\x1b[5m" not in top.seen, top.seen
        assert b"4740" not in top.seen, top.seen
        resize(top.fd, 40, 100)
        top.expect(b"4740")
        os.write(top.fd, b"xq")
        top.end(0)
        top = Top(path)
        top.expect(b"watched")
        with open(files[0], "w") as out:
            out.write("no JSON")
        for name in files[1:]:
            with open(name, "w") as out:
                out.write("no JSON")
        top.expect(b"no JSON object", RESTORED)
        top.end(1)
    finally:
        daemon.stdin.close()
        daemon.wait()


with tempfile.TemporaryDirectory() as directory:
    signal.alarm(2 * LIMIT)
    run(sys.argv[1], directory)
