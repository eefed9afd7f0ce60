# SPDX-License-Identifier: ISC
"""brood run and the service manager: NOTIFY_SOCKET and the watchdog."""

import os
import signal
import socket
import tempfile

from served import *


def manager(name):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.settimeout(PATIENCE)
    server.bind(name.replace("@", "\0", 1))
    return server


def messages(server, last):
    got = []
    while not got or last not in got[-1].split("\n"):
        got.append(server.recv(4096).decode())
    return "\n".join(got).split("\n")


def test_life_is_told_by_file_and_by_abstract_name():
    with tempfile.TemporaryDirectory() as directory:
        for name in directory + "/n", "@" + directory:
            with manager(name) as server, \
                    Run("-n", "1", env={"NOTIFY_SOCKET": name}) as run:
                messages(server, "READY=1")
                check("STATUS=1 of 1 workers are ready" in messages(
                    server, "STATUS=1 of 1 workers are ready"))
                run.kill(signal.SIGHUP)
                lines = messages(server, "READY=1")
                check("RELOADING=1" in lines, lines)
                check(any(re.match(r"MONOTONIC_USEC=\d+$", line)
                          for line in lines), lines)
                with Client(run.path) as client:
                    frame = client.call(1, GETENV, b"NOTIFY_SOCKET")
                    check(frame.kind == ERROR, frame)
                run.stop()
                messages(server, "STOPPING=1")


def test_watchdog_is_fed():
    with tempfile.TemporaryDirectory() as directory:
        with manager(directory + "/n") as server, \
                Run("-n", "1", env={"NOTIFY_SOCKET": directory + "/n",
                                    "WATCHDOG_USEC": "40000"}) as run:
            for _ in range(3):
                messages(server, "WATCHDOG=1")
            run.stop()


def test_manager_that_is_gone_is_no_harm():
    with Run("-n", "1", env={"NOTIFY_SOCKET": "/nonexistent/n"}) as run:
        run.stop()


main(globals())
