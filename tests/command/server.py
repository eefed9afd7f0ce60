# SPDX-License-Identifier: ISC
"""brood run's socket: what clients get, and what they cannot do to others."""

import os
import resource
import tempfile
import time

from served import *


def test_reply_parts_and_progress_come_in_order():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.request(9, STREAM)
        got = [client.recv() for _ in range(5)]
        check([(frame.kind, frame.flags, frame.payload) for frame in got] == [
            (PROGRESS, 0, b"0"), (REPLY, 1, b"a"), (PROGRESS, 0, b"1"),
            (REPLY, 1, b"b"), (REPLY, 0, b"c")], got)
        check(all(frame.id == 9 for frame in got) and got[4].code == 7, got)
        run.stop()


def test_ping_is_answered_without_a_worker():
    with Run("-n", "1", worker=[WORKER, "mute"], ready=0) as run:
        until(lambda: listens(run.path))
        with Client(run.path) as client:
            client.send(PING, 5, b"data")
            frame = client.recv()
            check((frame.kind, frame.id, frame.payload) == (PONG, 5, b"data"))
        run.kill(9)


def test_full_queue_is_refused_at_once():
    with Run("-n", "1", "--queue", "1") as run, Client(run.path) as client:
        for i in 1, 2, 3:
            client.request(i, PAUSE)
        frame = client.recv()
        check((frame.kind, frame.id, frame.code, frame.flags) ==
              (ERROR, 3, NO_CAPACITY, NOT_RUN), frame)
        run.kill(9)


def test_errors_say_whether_the_request_ran():
    with Run("-n", "1") as run, Client(run.path) as client:
        frame = client.call(1, ABORT, b"0000")
        check((frame.code, frame.flags) == (CRASHED, MAY_HAVE_RUN), frame)
        frame = client.call(2, 999)
        check((frame.code, frame.flags) == (NO_METHOD, RAN), frame)
        run.stop()


def test_run_limit_stops_the_worker_that_runs_too_long():
    with Run("-n", "1", "--run-timeout", "0.1") as run, \
            Client(run.path) as client:
        for id in 1, 2:
            frame = client.call(id, PAUSE)
            check((frame.code, frame.flags, frame.payload) ==
                  (EXPIRED, MAY_HAVE_RUN, b"it ran for too long"), frame)
        check(client.call(3, ECHO, b"x").payload == b"x")
        run.stop()


def test_worker_of_a_client_that_is_gone_is_stopped_if_asked():
    with Run("-n", "1", "--cancel-timeout", "0.1") as run:
        with Client(run.path) as client:
            client.request(1, PAUSE)
            client.request(2, ECHO)
            # The worker has it, so that there is a worker to be stopped.
            until(lambda: run.status()["pool"]["in_flight"] == 1)
        with Client(run.path) as client:
            check(client.call(1, ECHO, b"x").payload == b"x")
        run.stop()


def test_smaller_of_two_timeouts_counts():
    with Run("-n", "1", "--timeout", "0.1") as run, \
            Client(run.path) as client:
        for id, timeout in (1, 0), (2, 60000):
            frame = client.call(id, PAUSE, timeout=timeout)
            check((frame.kind, frame.code) == (ERROR, EXPIRED), frame)
        run.stop()
    with Run("-n", "1", "--timeout", "60") as run, \
            Client(run.path) as client:
        frame = client.call(1, PAUSE, timeout=50)
        check((frame.kind, frame.code) == (ERROR, EXPIRED), frame)
        run.stop()


def test_cancel_is_answered():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.request(1, AWAIT_CANCEL)
        client.send(CANCEL, 1)
        frame = client.recv()
        check((frame.kind, frame.id, frame.code) == (ERROR, 1, CANCELED))
        client.send(CANCEL, 77)
        check(client.call(2).kind == REPLY)
        run.stop()


def test_goodbye_is_followed_by_what_is_outstanding():
    with Run("-n", "1") as run, Client(run.path) as client:
        for i in 1, 2, 3:
            client.request(i, NAP)
        client.send(GOODBYE)
        check([client.recv().id for _ in range(3)] == [1, 2, 3])
        check(client.ends())
        run.stop()


def test_requests_of_a_client_that_is_gone_are_canceled():
    with Run("-n", "1") as run:
        with Client(run.path) as client:
            client.request(1, AWAIT_CANCEL)
            until(lambda: run.status()["pool"]["in_flight"] == 1)
        until(lambda: run.status()["pool"]["canceled"] == 1)
        until(lambda: run.status()["pool"]["in_flight"] == 0)
        run.stop()


def test_stalled_clients_do_not_block_others():
    with Run("-n", "1") as run, Client(run.path) as client:
        silent = Client(run.path, hello=False)
        half = Client(run.path)
        half.socket.sendall(HEADER.pack(1 << 20, REQUEST, 0, 0, 0, 1, 0, 0)
                            + b"x" * 1000)
        deaf = Client(run.path)
        for i in range(1, 9):
            deaf.request(i, BIG_REPLY, b"1000000")
        check(client.call(1, ECHO, b"y").payload == b"y")
        for other in silent, half, deaf:
            other.close()
        run.stop()


def test_client_that_does_not_read_a_stream_is_dropped():
    with Run("-n", "1") as run, Client(run.path) as client:
        deaf = Client(run.path)
        deaf.request(1, PARTS, b"200 1000000")
        until(lambda: run.status()["clients"]["dropped"] == 1)
        check(client.call(1).kind == REPLY)
        with open("/proc/%d/status" % run.process.pid) as file:
            peak = int(re.search(r"VmHWM:\s*(\d+)", file.read()).group(1))
        # A sanitizer keeps what was freed for a while: 256 MiB of it.
        room = 420 if "-fsanitize" in os.environ.get("CFLAGS", "") else 120
        check(peak < room * 1024, peak)
        deaf.close()
        run.stop()


def test_flood_of_requests_is_read_no_further_than_its_share():
    with Run("-n", "1") as run, Client(run.path) as client:
        flood = Client(run.path)
        flood.request(1, AWAIT_CANCEL)
        for i in range(2, 40):
            flood.request(i)
        until(lambda: run.status()["pool"]["submitted"] == 16)
        check(run.status()["pool"]["queued"] == 15)
        client.request(1)
        until(lambda: run.status()["pool"]["queued"] == 16)
        flood.close()
        check(client.recv().kind == REPLY)
        run.stop()


def test_client_without_a_hello_is_dropped():
    with Run("-n", "1") as run:
        before = time.monotonic()
        with Client(run.path, hello=False) as client:
            check(client.ends())
        check(4 < time.monotonic() - before < 20)
        run.stop()


def test_client_that_breaks_the_protocol_is_dropped_alone():
    with Run("-n", "1") as run, Client(run.path) as client:
        for violation in (lambda bad: bad.send(REPLY, 1),
                       lambda bad: bad.socket.sendall(b"\xff" * 24),
                       lambda bad: [bad.request(1, AWAIT_CANCEL)
                                    for _ in range(2)]):
            with Client(run.path) as bad:
                violation(bad)
                frame = bad.recv()
                check((frame.kind, frame.code) == (ERROR, PROTOCOL), frame)
                check(bad.ends())
        check(run.status()["clients"]["dropped"] == 3)
        check(client.call(1, timeout=20000).kind == REPLY)
        run.stop()


def test_request_with_id_0_is_a_protocol_error():
    with Run("-n", "1") as run, Client(run.path) as client:
        for method in ECHO, STATUS:
            with Client(run.path) as bad:
                bad.request(0, method)
                frame = bad.recv()
                check((frame.kind, frame.id, frame.code) ==
                      (ERROR, 0, PROTOCOL), frame)
                check(bad.ends())
        check(run.status()["clients"]["dropped"] == 2)
        check(run.status()["pool"]["submitted"] == 0)
        check(client.call(1).kind == REPLY)
        run.stop()


def test_follower_that_got_an_error_gets_no_more_events():
    with Run("-n", "1") as run, \
            Client(run.path, max_payload=100) as client:
        client.request(1, EVENTS)
        frames = []
        for _ in range(2):
            check(run.command("scale", "+1").returncode == 0)
            run.wait_for(r"\]: ready$")
        client.send(PING, 9)
        while not frames or frames[-1].kind != PONG:
            frames.append(client.recv())
        check([frame.kind for frame in frames] == [ERROR, PONG], frames)
        check((frames[0].id, frames[0].code) == (1, TOO_LARGE), frames)
        run.stop()


def test_descriptors_of_requests_pass_and_of_replies_only_if_asked():
    with tempfile.TemporaryFile() as file:
        file.write(b"in the file")
        file.flush()
        for options, kind, n_fds in (((), ERROR, 0),
                                     (("--fds-from-worker",), REPLY, 3)):
            file.seek(0)
            with Run("-n", "1", *options) as run, \
                    Client(run.path) as client:
                frame = client.call(1, READ_FDS, fds=[file.fileno()])
                check(frame.payload == b"in the file", frame)
                frame = client.call(2, GIVE_FDS, b"x")
                check((frame.kind, frame.n_fds) == (kind, n_fds), frame)
                run.stop()


def test_clients_beyond_the_descriptors_wait():
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))
    with Run("-n", "1", preexec_fn=limit) as run:
        clients = [Client(run.path, hello=False) for _ in range(80)]
        with Client(run.path, hello=False) as waiting:
            for client in clients:
                client.close()
            check(waiting.recv().kind == HELLO)
        run.stop()


def test_socket_of_a_server_that_stops_belongs_to_who_made_it():
    with tempfile.TemporaryDirectory() as dir, \
            socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(dir, "s")
        listener.bind(path)
        listener.listen()
        script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 </dev/null'
        server = subprocess.Popen(
            ["sh", "-c", script, "sh", BROOD, "run", "-n", "1", "--", WORKER],
            stdin=listener, stderr=subprocess.DEVNULL)
        with Client(path) as client:
            client.request(1, AWAIT_CANCEL)
            client.request(2, STOP)
            # The next server gets this one.
            with Client(path, hello=False):
                check(sleeps(server.pid))
            client.send(CANCEL, 1)
            check(client.ends())
        check(server.wait(PATIENCE) == 0)


main(globals())
