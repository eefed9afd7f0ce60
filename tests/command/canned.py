#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A server that is not brood run: says HELLO and gives canned answers.

canned.py SOCKET FILE...: the connection's nth request of status or scale is
answered by the nth FILE, the last one again and again.  A request of events gets each line
of a file as a part, then the connection ends.  A request of method 0 is echoed,
each line a part of its own, after a PROGRESS; what it holds of "fail" is an
ERROR.  Prints a line when it listens;
ends when its standard input does.
"""

import os
import select
import socket
import struct
import sys

HEADER = struct.Struct("<IBBBBQII")
HELLO, REQUEST, REPLY, ERROR, PROGRESS = range(1, 6)
STATUS, EVENTS, SCALE = 0xFFFF0001, 0xFFFF0002, 0xFFFF0003


def exactly(sock, size):
    data = sock.recv(size, socket.MSG_WAITALL) if size else b""
    if len(data) < size:
        raise EOFError
    return data


def send(sock, kind, ident, code, payload, flags=0):
    header = HEADER.pack(len(payload), kind, flags, 0, 0, ident, code, 0)
    sock.sendall(header + payload)


def status(sock, ident, files):
    send(sock, REPLY, ident, 0, open(files[0], "rb").read())
    if len(files) > 1:
        files.pop(0)


def events(sock, ident, files):
    for line in open(files[0], "rb").read().splitlines():
        send(sock, REPLY, ident, 0, line, 1)
    raise EOFError


def echo(sock, ident, payload):
    if b"fail" in payload:
        send(sock, ERROR, ident, 1, b"it\x1b[2J failed")
        return
    send(sock, PROGRESS, ident, 0, b"half")
    *parts, last = payload.splitlines(True) or [b""]
    for part in parts:
        send(sock, REPLY, ident, 0, part, 1)
    send(sock, REPLY, ident, 0, last)


def serve(sock, files):
    hello = struct.pack("<4sHHII6s", b"BROD", 1, 0, 0, 16 << 20, b"canned")
    send(sock, HELLO, 0, 0, hello)
    while True:
        length, kind, _, _, _, ident, code, _ = HEADER.unpack(
            exactly(sock, HEADER.size))
        payload = exactly(sock, length)
        if kind != REQUEST:
            continue
        if code in (STATUS, SCALE):
            status(sock, ident, files)
        elif code == EVENTS:
            events(sock, ident, files)
        elif code == 0:
            echo(sock, ident, payload)
        else:
            send(sock, ERROR, ident, 2, b"no such method")


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listening", flush=True)
while True:
    ready, _, _ = select.select([listener, sys.stdin], [], [])
    if sys.stdin in ready:
        break
    sock, _ = listener.accept()
    if os.fork() == 0:
        listener.close()
        try:
            serve(sock, sys.argv[2:])
        except (EOFError, OSError):
            os._exit(0)
    sock.close()
os.unlink(sys.argv[1])
