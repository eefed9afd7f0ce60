#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Send one request to the socket of "brood run" and print the reply.

usage: client.py SOCKET [TEXT]

Without TEXT, standard input is the request.  brood-protocol(7) describes the
protocol.  Exit status: 0 answered, 1 the request failed, 2 wrong arguments,
3 no connection to a server.
"""

import socket
import struct
import sys

HEADER = struct.Struct("<IBBBBQII")
HELLO, REQUEST, REPLY, ERROR, PROGRESS = range(1, 6)
MORE = 1
LIMIT = 16 << 20


def send(sock, kind, ident=0, payload=b""):
    header = HEADER.pack(len(payload), kind, 0, 0, 0, ident, 0, 0)
    sock.sendall(header + payload)


def exactly(stream, size):
    data = stream.read(size)
    if len(data) < size:
        raise ConnectionError("the server is gone")
    return data


def receive(stream):
    """Receive one frame.

    The stream may read ahead of the frame, which a worker must not do.
    """
    length, kind, flags, _, _, ident, code, _ = HEADER.unpack(
        exactly(stream, HEADER.size))
    if length > LIMIT:
        raise ConnectionError("a payload over the limit")
    return kind, flags, ident, code, exactly(stream, length)


def connect(path):
    """Connect, and exchange HELLO frames."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    stream = sock.makefile("rb")
    send(sock, HELLO, payload=struct.pack("<4sHHII9s", b"BROD", 1, 0, 0, LIMIT,
                                          b"client.py"))
    kind, _, _, _, payload = receive(stream)
    if kind != HELLO or payload[:8] != b"BROD\1\0\0\0" or len(payload) < 16:
        raise ConnectionError("not a server of this protocol, version 1")
    return sock, stream


def call(sock, stream, ident, payload):
    """Send a request and yield the parts of the reply as they come."""
    send(sock, REQUEST, ident, payload)
    more = True
    while more:
        kind, flags, answered, code, payload = receive(stream)
        if kind == ERROR and answered in (0, ident):
            text = payload.decode(errors="replace")
            raise RuntimeError(f"error {code}: {text!r}")
        if kind == PROGRESS and answered == ident:
            continue
        if kind != REPLY or answered != ident:
            raise ConnectionError("an answer to nothing that was asked")
        more = flags & MORE
        yield payload


def main():
    if len(sys.argv) not in (2, 3):
        print("usage: client.py SOCKET [TEXT]", file=sys.stderr)
        return 2
    payload = (sys.argv[2].encode() if len(sys.argv) > 2
               else sys.stdin.buffer.read())
    try:
        for part in call(*connect(sys.argv[1]), 1, payload):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
    except RuntimeError as error:
        print(f"client.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"client.py: {sys.argv[1]}: {error}", file=sys.stderr)
        return 3
    return 0


sys.exit(main())
