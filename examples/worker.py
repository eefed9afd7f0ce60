#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A brood worker: answers each request with its own bytes.

The protocol is in brood-protocol(7).  Try: brood conformance -- ./worker.py
To make it your own, change answer().
"""

import os
import socket
import struct
import sys

HEADER = struct.Struct("<IBBBBQII")
HELLO, REQUEST, REPLY, ERROR, PROGRESS = range(1, 6)
CANCEL, GOODBYE, PING, PONG, LINK = range(6, 11)
FAILED, TOO_LARGE, VERSION, PROTOCOL = 1, 3, 9, 10
LIMIT, MAX_FDS = 16 << 20, 253


class Refusal(Exception):
    """What the host sent is no protocol: say why, and end."""


def answer(method, data):
    """The work.  An exception fails this request and no other."""
    return data


def send(sock, kind, ident=0, code=0, payload=b""):
    header = HEADER.pack(len(payload), kind, 0, 0, 0, ident, code, 0)
    sock.sendall(header + payload)


def receive_rest(sock, data, size):
    """Never more than asked for: what is not begun must stay in the socket."""
    while len(data) < size:
        more = sock.recv(min(size - len(data), 1 << 20))
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def receive(sock):
    """One frame.  Descriptors come with its first byte; none is wanted here."""
    data, fds, flags, _ = socket.recv_fds(sock, HEADER.size, MAX_FDS)
    for fd in fds:
        os.close(fd)
    if not data:
        raise EOFError
    header = receive_rest(sock, bytearray(data), HEADER.size)
    length, kind, bits, nfds, zero, ident, code, timeout = HEADER.unpack(header)
    timed = timeout and kind != REQUEST
    if not HELLO <= kind <= LINK or bits or zero or timed or nfds > MAX_FDS:
        raise Refusal(PROTOCOL, "not a frame of this protocol")
    if nfds != len(fds) or flags & socket.MSG_CTRUNC:
        raise Refusal(PROTOCOL, "other descriptors came than were announced")
    if length > LIMIT:
        raise Refusal(TOO_LARGE, "the payload is over the limit")
    return kind, ident, code, receive_rest(sock, bytearray(), length)


def greet(sock):
    hello = struct.pack("<4sHHII9s", b"BROD", 1, 0, 0, LIMIT, b"worker.py")
    send(sock, HELLO, payload=hello)
    kind, _, _, payload = receive(sock)
    if kind != HELLO or payload[:4] != b"BROD" or len(payload) < 16:
        raise Refusal(PROTOCOL, "the first frame was not a HELLO")
    if payload[4:8] != b"\1\0\0\0":
        raise Refusal(VERSION, "this side speaks version 1")


def serve(sock):
    greet(sock)
    while True:
        kind, ident, code, payload = receive(sock)
        if kind == REQUEST:
            try:
                reply = answer(code, payload)
            except Exception as error:
                send(sock, ERROR, ident, FAILED, str(error).encode())
            else:
                send(sock, REPLY, ident, payload=reply)
        elif kind == PING:
            send(sock, PONG, ident, payload=payload)
        elif kind == GOODBYE:
            return 0
        elif kind != CANCEL:
            raise Refusal(PROTOCOL, "a worker takes no frame of this kind")


sock = socket.socket(fileno=int(os.environ.pop("BROOD_FD")))
try:
    sys.exit(serve(sock))
except Refusal as refusal:
    send(sock, ERROR, 0, refusal.args[0], refusal.args[1].encode())
    sys.exit(1)
except (EOFError, ConnectionError):
    sys.exit(0)
