# SPDX-License-Identifier: ISC
"""A worker that does what it is told to, without the library.

In a request of `brood map`, which has method 0, these lines are told:

die         the worker aborts
once        the worker is killed, but only if the file "once" is not there
hang        no answer comes
no          the answer is an ERROR with the text "not this" and controls
status N    the reply has this status
tail TEXT   the reply is TEXT, with newlines instead of |

All others are the reply.  With the argument "progress", as `brood call` has it,
the method says what is answered: 99 is an ERROR with the data as text, any other
one a PROGRESS and a reply, with the method as status.
"""

import os
import signal
import socket
import struct
import sys

HELLO, REQUEST, REPLY, ERROR, PROGRESS, _, GOODBYE = range(1, 8)
HEADER = struct.Struct("<IBBBBQII")
sock = socket.socket(fileno=int(os.environ["BROOD_FD"]))


def recv(size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def send(kind, ident, code, data):
    sock.sendall(HEADER.pack(len(data), kind, 0, 0, 0, ident, code, 0) + data)


def kill_once():
    try:
        os.close(os.open("once", os.O_CREAT | os.O_EXCL))
        os.kill(os.getpid(), signal.SIGKILL)
    except FileExistsError:
        pass


def answer_line(ident, data):
    if data == b"die":
        os.kill(os.getpid(), signal.SIGABRT)
    elif data == b"once":
        kill_once()
    elif data == b"hang":
        while True:
            signal.pause()
    if data == b"no":
        send(ERROR, ident, 1, b"not \x1b[31mthis\n")
    elif data.startswith(b"status "):
        send(REPLY, ident, int(data[7:]), data)
    elif data.startswith(b"tail "):
        send(REPLY, ident, 0, data[5:].replace(b"|", b"\n"))
    else:
        send(REPLY, ident, 0, data)


def answer_call(ident, method, data):
    if method == 99:
        send(ERROR, ident, 1, data)
    else:
        send(PROGRESS, ident, 0, data)
        send(REPLY, ident, method, data)


send(HELLO, 0, 0, b"BROD" + struct.pack("<HHII", 1, 0, 0, 1 << 24) + b"told")
while True:
    length, kind, _, _, _, ident, method, _ = HEADER.unpack(recv(HEADER.size))
    data = recv(length)
    if kind == GOODBYE:
        break
    if kind == REQUEST and "progress" in sys.argv:
        answer_call(ident, method, data)
    elif kind == REQUEST:
        answer_line(ident, data)
