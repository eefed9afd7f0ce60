# SPDX-License-Identifier: ISC
"""brood ping: its lines, its statistics, and how it ends."""

import os
import re
import signal
import subprocess

from served import *


def judge(output, peer, count, size):
    lines = output.decode().splitlines()
    pattern = re.compile(r"%d bytes from %s: seq=(\d+) time=\d+ us$"
                         % (size, peer))
    seen = [int(match.group(1)) for match in map(pattern.match, lines)
            if match]
    check(seen == list(range(1, count + 1)), output)
    check(lines[-2] == "%d transmitted, %d received, 0%% loss"
          % (count, count), output)
    low, mean, high, _ = map(int, re.match(
        r"rtt min/avg/max/mdev = (\d+)/(\d+)/(\d+)/(\d+) us$",
        lines[-1]).groups())
    check(low <= mean <= high, output)


def test_worker_of_its_own_answers():
    for size in 0, 56, 1 << 20:
        result = brood("ping", "-c", "3", "-i", "0", "-s", str(size))
        check(result.returncode == 0 and not result.stderr, result)
        judge(result.stdout, r"worker \d+", 3, size)


def test_interval_is_kept():
    import time
    before = time.monotonic()
    check(brood("ping", "-c", "3", "-i", "0.1").returncode == 0)
    check(time.monotonic() - before >= 0.199)


def test_interrupt_prints_the_statistics():
    with subprocess.Popen([BROOD, "ping", "-i", "60"],
                          stdout=subprocess.PIPE) as ping:
        lines = [ping.stdout.readline() for _ in range(2)]
        pid = int(re.search(rb"worker (\d+)", lines[0]).group(1))
        ping.send_signal(signal.SIGINT)
        judge(b"".join(lines) + ping.stdout.read(), r"worker \d+", 1, 56)
        check(ping.wait() == 0 and not is_alive(pid))


def test_peer_that_dies_is_told():
    with subprocess.Popen([BROOD, "ping", "-i", "60"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as ping:
        pid = int(re.search(rb"worker (\d+)", ping.stdout.readline()).group(1))
        ping.stdout.readline()
        os.kill(pid, signal.SIGKILL)
        check(b"is gone" in ping.stderr.readline())
        check(b"1 transmitted" in ping.stdout.read())
        check(ping.wait() == 1)


def test_server_answers():
    with Run("-n", "1") as run:
        result = brood("ping", "-c", "2", "-i", "0", run.path)
        check(result.returncode == 0, result)
        judge(result.stdout, re.escape(run.path), 2, 56)
        run.stop()


def test_wrong_use_is_told():
    for status, arguments in ((2, ("-c", "0")), (2, ("-s", "-1")),
                              (2, ("-i", "x")), (2, ("a", "b")),
                              (3, ("/nonexistent/s",))):
        result = brood("ping", *arguments)
        check(result.returncode == status, result)
        check(result.stderr.startswith(b"brood: "), result)


main(globals())
