#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A worker for brood that answers each request with the same bytes.

For a worker of your own, change the function answer().  brood-protocol(7)
describes the protocol.  To test a worker: brood conformance -- ./worker.py
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
    """The host broke the protocol: tell it why in an ERROR, and exit."""


def answer(method, data):
    """Do the work.

    If this raises an exception, brood reports that the request failed, and the
    worker goes on with the next.
    """
    return data


def send(sock, kind, ident=0, code=0, payload=b""):
    header = HEADER.pack(len(payload), kind, 0, 0, 0, ident, code, 0)
    sock.sendall(header + payload)


def receive_rest(sock, data, size):
    """Receive until data has this size, and never more.

    A worker must not read ahead.  When a worker dies, brood looks which
    requests are still in its socket, and gives those to another worker.
    """
    while len(data) < size:
        more = sock.recv(min(size - len(data), 1 << 20))
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def receive(sock):
    """Receive one frame.

    Its descriptors come with the first byte.  This worker closes them.
    """
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


def say_hello(sock):
    """Tell the host that this worker is ready, and check the host's HELLO."""
    hello = struct.pack("<4sHHII9s", b"BROD", 1, 0, 0, LIMIT, b"worker.py")
    send(sock, HELLO, payload=hello)
    kind, _, _, payload = receive(sock)
    if kind != HELLO or payload[:4] != b"BROD" or len(payload) < 16:
        raise Refusal(PROTOCOL, "the first frame was not a HELLO")
    if payload[4:8] != b"\1\0\0\0":
        raise Refusal(VERSION, "this side speaks version 1")


def serve(sock):
    """Answer requests until the host says GOODBYE."""
    say_hello(sock)
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


if "BROOD_FD" not in os.environ:
    sys.exit("worker.py: brood starts it: brood map -- ./worker.py")
sock = socket.socket(fileno=int(os.environ.pop("BROOD_FD")))
try:
    sys.exit(serve(sock))
except Refusal as refusal:
    send(sock, ERROR, 0, refusal.args[0], refusal.args[1].encode())
    sys.exit(1)
except (EOFError, ConnectionError):
    sys.exit(0)
