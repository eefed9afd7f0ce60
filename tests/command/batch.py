# SPDX-License-Identifier: ISC
"""brood run's socket: what clients get that send many requests at once, and
what they cannot do to others."""

import fcntl
import tempfile
import termios
import threading

from served import *

SHARE = 16  # unanswered requests of one client, with few workers


def frame(kind, id=0, payload=b"", code=0):
    return HEADER.pack(len(payload), kind, 0, 0, 0, id, code, 0) + payload


def requests(ids, code=ECHO, payload=b""):
    return b"".join(frame(REQUEST, id, payload, code) for id in ids)


def n_unread(client):
    """How many bytes the server has left in the socket.  The system counts its
    own bookkeeping too, so only 0 is a plain answer."""
    return struct.unpack("i", fcntl.ioctl(client.socket, termios.TIOCOUTQ,
                                          b"\0" * 4))[0]


class Sender:
    """Sends in the background, so that this side can receive meanwhile."""

    def __init__(self, function):
        self.thread = threading.Thread(target=function)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.thread.join(PATIENCE)
        check(not self.thread.is_alive(), "not all was read")


def test_batch_of_all_sizes_and_with_descriptors_is_answered_in_order():
    sizes = 0, 1, 64, 5000, 64, 200000, 64
    text = b"in the file"

    def payload(id):
        return b"%c" % (id % 251) * sizes[id % 7]

    def send(client, path):
        batch = b""
        for id in range(1, 400):
            if id % 9:
                batch += frame(REQUEST, id, payload(id), ECHO)
                continue
            client.socket.sendall(batch)
            batch = b""
            files = [os.open(path, os.O_RDONLY) for _ in range(1 + id % 2)]
            client.request(id, READ_FDS, fds=files)
            for file in files:
                os.close(file)
        client.socket.sendall(batch)

    for options in (), ("--in-flight", "16"):
        with tempfile.NamedTemporaryFile() as file, \
                Run("-n", "1", *options) as run, Client(run.path) as client:
            file.write(text)
            file.flush()
            with Sender(lambda: send(client, file.name)):
                for id in range(1, 400):
                    got = client.recv()
                    check((got.kind, got.id) == (REPLY, id), id, got)
                    check(got.payload == (payload(id) if id % 9 else
                                          text * (1 + id % 2)), id, got)
            run.stop()


def test_worker_has_as_many_requests_as_asked_for():
    for options, n in ((), 1), (("--in-flight", "5"), 5):
        with Run("-n", "1", *options) as run, Client(run.path) as client:
            client.socket.sendall(requests(range(1, 11), AWAIT_CANCEL))
            until(lambda: run.status()["pool"]["in_flight"] == n)
            check(run.status()["pool"]["queued"] == 10 - n)
            run.kill(9)


def test_crash_costs_one_request_of_those_that_a_worker_has():
    with Run("-n", "1", "--in-flight", "8") as run, \
            Client(run.path) as client:
        client.socket.sendall(requests([1], ABORT, b"0000") +
                              requests(range(2, 9)))
        got = sorted((client.recv() for _ in range(8)), key=lambda f: f.id)
        check(got[0].code == CRASHED, got[0])
        check([(f.kind, f.id) for f in got[1:]] ==
              [(REPLY, id) for id in range(2, 9)], got)
        run.stop()


def test_client_that_is_alone_is_not_refused():
    with Run("-n", "2", "--in-flight", "64", ready=2) as run, \
            Client(run.path) as client:
        client.socket.sendall(requests(range(1, 1001), AWAIT_CANCEL))
        until(lambda: run.status()["pool"]["submitted"] >= 256)
        check(run.status()["pool"]["submitted"] == 256)
        check(not select.select([client.socket], [], [], 0)[0])
        run.kill(9)


def test_share_of_a_client_is_twice_what_the_workers_have():
    with Run("-n", "2", "--in-flight", "12", ready=2) as run, \
            Client(run.path) as client:
        client.socket.sendall(requests(range(1, 101), AWAIT_CANCEL))
        until(lambda: run.status()["pool"]["submitted"] == 48)
        until(lambda: run.status()["pool"]["in_flight"] == 24)
        run.kill(9)


def test_batch_is_read_at_once_whatever_may_run_of_it():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.socket.sendall(requests([1], AWAIT_CANCEL) +
                              requests(range(2, 200)))
        until(lambda: run.status()["pool"]["submitted"] == SHARE)
        until(lambda: n_unread(client) == 0)
        check(run.status()["pool"]["queued"] == SHARE - 1)
        run.kill(9)


def test_server_sleeps_while_a_client_may_not_be_read():
    with Run("-n", "1") as run, Client(run.path) as client:
        # More than is read ahead, so that the socket stays readable.
        client.socket.sendall(requests(range(1, 2000), AWAIT_CANCEL))
        until(lambda: run.status()["pool"]["submitted"] == SHARE)
        check(n_unread(client) > 0)
        check(sleeps(run.process.pid))
        run.kill(9)


def test_what_was_read_is_run_without_another_byte_from_the_client():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.socket.sendall(requests(range(1, 101), NAP))
        check([client.recv().id for _ in range(100)] == [*range(1, 101)])
        run.stop()


def test_requests_behind_the_hello_are_run():
    with Run("-n", "1") as run, Client(run.path, hello=False) as client:
        hello = b"BROD" + struct.pack("<HHII", 1, 0, 0, 1 << 24)
        client.socket.sendall(frame(HELLO, 0, hello) +
                              requests(range(1, 101)))
        check(client.recv().kind == HELLO)
        check([client.recv().id for _ in range(100)] == [*range(1, 101)])
        run.stop()


def test_goodbye_behind_a_batch_is_followed_by_all_answers():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.socket.sendall(requests(range(1, 101), NAP) + frame(GOODBYE))
        check([client.recv().id for _ in range(100)] == [*range(1, 101)])
        check(client.ends())
        run.stop()


def test_client_that_leaves_behind_a_batch_has_none_of_it_run_any_more():
    with Run("-n", "1") as run:
        with Client(run.path) as client:
            client.socket.sendall(requests(range(1, 101), AWAIT_CANCEL))
            until(lambda: run.status()["pool"]["submitted"] == SHARE)
        until(lambda: run.status()["pool"]["canceled"] == SHARE)
        until(lambda: run.status()["pool"]["in_flight"] == 0)
        check(run.status()["pool"]["submitted"] == SHARE)
        run.stop()


def test_client_that_reads_late_gets_all_and_holds_up_nobody():
    with Run("-n", "1") as run, Client(run.path) as client:
        late = Client(run.path)
        late.socket.sendall(requests(range(1, 51), BIG_REPLY, b"1000000"))
        for id in range(1, 51):
            check(client.call(id, ECHO, b"x").payload == b"x")
        # It is read no further than that, until it takes what is its.
        check(run.status()["pool"]["submitted"] <= 50 + SHARE)
        for id in range(1, 51):
            got = late.recv()
            check((got.id, len(got.payload)) == (id, 1000000), got)
        late.close()
        run.stop()


def test_long_batch_leaves_others_their_turn():
    with Run("-n", "1") as run, Client(run.path) as client:
        batch = frame(CANCEL, 1) * 5000 + requests([1], PRINT, b"long\n")
        with Client(run.path) as other:
            # Both are there when the server looks.
            run.kill(signal.SIGSTOP)
            client.socket.sendall(batch)
            other.request(1, PRINT, b"short\n")
            run.kill(signal.SIGCONT)
            check(run.wait_for(r"(long|short)$").group(1) == "short")
            check(run.wait_for(r"(long|short)$").group(1) == "long")
        run.stop()


def test_violation_in_a_batch_breaks_off_what_is_behind_it():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.socket.sendall(requests([1, 2]) + frame(REPLY, 3) +
                              requests([4, 5]))
        check([client.recv().kind for _ in range(1)] == [ERROR])
        check(client.ends())
        check(run.status()["pool"]["submitted"] == 2)
        run.stop()


main(globals())
