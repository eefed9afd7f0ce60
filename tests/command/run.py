# SPDX-License-Identifier: ISC
"""brood run: its signals and reports, what dies and what is left."""

import json
import os
import re
import select
import signal
import subprocess

from served import *


def test_signals_make_it_one_worker_more_or_fewer():
    with Run("-n", "2", ready=2) as run:
        run.kill(signal.SIGTTIN)
        run.wait_for("3 workers from now on")
        run.wait_for(r"worker 2\[\d+\]: ready")
        run.kill(signal.SIGTTOU)
        run.wait_for("2 workers from now on")
        run.wait_for(r"ended: exited with status 0 \(asked to\)")
        run.kill(signal.SIGTTOU)
        run.wait_for("1 workers? from now on")
        run.kill(signal.SIGTTOU)
        run.wait_for("one worker is the least")
        run.stop()


def test_program_that_cannot_be_run_is_told_once_at_once():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "s")
        for program, words in (("./missing", b"No such file or directory"),
                               (directory, b"Permission denied")):
            result = brood("run", "-n", "3", "-l", path, "--", program)
            check(result.returncode == 3, program, result)
            check(b"brood: %s: %s" % (program.encode(), words)
                  in result.stderr, program, result)
            check(result.stderr.count(words) == 1, program, result)
            check(not os.path.exists(path), program)


def test_kill_of_a_worker_costs_the_request_that_it_ran():
    reader, writer = os.pipe()
    with Run("-n", "1") as run, Client(run.path) as client:
        # It runs once it has read, and reads to an end that never comes.
        os.write(writer, b"x")
        client.request(1, READ_FDS, fds=[reader])
        client.request(2, ECHO, b"behind it")
        until(lambda: not select.select([reader], [], [], 0)[0])
        pid = run.status()["workers"][0]["pid"]
        os.kill(pid, signal.SIGKILL)
        first, second = client.recv(), client.recv()
        check((first.kind, first.id, first.code) == (ERROR, 1, CRASHED), first)
        check(b"signal 9" in first.payload, first)
        check((second.kind, second.id) == (REPLY, 2), second)
        check(second.payload == b"behind it", second)
        run.wait_for(r"worker 0\[%d\]: ended: killed by signal 9 \(Killed\)$"
                     % pid)
        run.stop()
    os.close(reader)
    os.close(writer)


def test_spare_takes_the_place_of_a_killed_worker():
    with Run("-n", "1", "--spare", "1", ready=2) as run, \
            Client(run.path) as client:
        until(lambda: run.status()["pool"]["spare"] == 1)
        pids = {worker["state"]: worker["pid"]
                for worker in run.status()["workers"]}
        client.call(1)
        os.kill(pids["idle"], signal.SIGKILL)
        run.wait_for("killed by signal 9")
        until(lambda: run.status()["pool"]["spare"] == 1)
        after = {worker["state"]: worker["pid"]
                 for worker in run.status()["workers"]}
        # On a busy machine the next one may be ready as soon as the server
        # looks, and then either has the place.
        check(pids["spare"] in after.values(), pids, after)
        check(pids["idle"] not in after.values(), pids, after)
        run.stop()


def test_reload_replaces_every_worker():
    with Run("-n", "2", ready=2) as run:
        before = {worker["pid"] for worker in run.status()["workers"]}
        run.kill(signal.SIGHUP)
        run.wait_for("reloading")
        run.wait_for("worker: reloaded")
        after = {worker["pid"] for worker in run.status()["workers"]
                 if worker["state"] != "leaving"}
        check(len(after) == 2 and not before & after, before, after)
        run.stop()


def test_term_finishes_what_was_accepted():
    with Run("-n", "1") as run, Client(run.path) as client:
        for i in range(1, 11):
            client.request(i, NAP, b"%d" % i)
        check(client.recv().payload == b"1")
        run.kill(signal.SIGTERM)
        run.wait_for("stopping")
        for i in range(2, 11):
            frame = client.recv()
            check((frame.kind, frame.payload) == (REPLY, b"%d" % i), frame)
        check(client.ends())
        check(run.wait() == 0)


def test_request_while_it_stops_is_refused():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.request(1, PAUSE)
        until(lambda: run.status()["pool"]["in_flight"] == 1)
        run.kill(signal.SIGTERM)
        run.wait_for("stopping")
        frame = client.call(2)
        check((frame.kind, frame.code) == (ERROR, STOPPING), frame)
        run.kill(signal.SIGINT)
        check(run.wait() == 1)
        check(not os.path.exists(run.path))


def test_kill_leaves_no_process_and_the_next_takes_the_socket():
    with Run("-n", "2", ready=2) as run:
        status = run.status()
        pids = [worker["pid"] for worker in status["workers"]]
        pids.append(status["pool"]["supervisor"])
        run.kill(signal.SIGKILL)
        run.wait()
        run.read_to_end()
        until(lambda: not any(map(is_alive, pids)))
        check(os.path.exists(run.path))
        with Run("-n", "1", path=run.path) as again:
            with Client(run.path) as client:
                check(client.call(1, ECHO, b"new").payload == b"new")
            again.stop()


def test_second_server_on_the_socket_is_refused():
    with Run("-n", "1") as run:
        result = brood("run", "-l", run.path, "--", WORKER)
        check(result.returncode == 3, result)
        check(run.path.encode() in result.stderr, result)
        with Client(run.path) as client:
            check(client.call(1).kind == REPLY)
        run.stop()


def test_program_that_cannot_start_ends_it():
    with Run("-n", "1", worker=["sh", "-c", "exit 7"], ready=0) as run:
        run.wait_for("not started: boot: exited with status 7")
        run.wait_for("broken: .*status 7")
        check(run.wait() == 3)


def test_environment_directory_and_name_reach_the_workers():
    with Run("-n", "1", "--env", "COLOUR=green", "--chdir", "/usr", "--name",
             "painter", ready=0) as run:
        run.wait_for(r"painter 0\[\d+\]: ready")
        with Client(run.path) as client:
            check(client.call(1, GETENV, b"COLOUR").payload == b"green")
            check(client.call(2, GETCWD).payload == b"/usr")
            check(client.call(3, GETENV, b"LISTEN_FDS").kind == ERROR)
        run.stop()


def test_what_a_worker_prints_is_in_the_log():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.call(1, PRINT, b"a remark\n")
        run.wait_for("worker.*: a remark$")
        run.stop()


def test_status_counts():
    with Run("-n", "1", "--queue", "5") as run, Client(run.path) as client:
        client.call(1)
        client.call(2, ABORT)
        status = run.status()
        pool = status["pool"]
        check((pool["submitted"], pool["done"], pool["crashed"],
               pool["queue_limit"]) == (2, 1, 1, 5), status)
        check(status["pid"] == run.process.pid)
        check(status["socket"] == run.path)
        check(status["program"] == [WORKER])
        check(status["clients"]["connected"] == 2, status)
        run.stop()


def test_events_are_followed_to_the_end():
    with Run("-n", "1") as run, Client(run.path) as client:
        client.request(1, EVENTS)
        with Client(run.path) as other:
            other.call(1, ABORT)
        seen = []
        while len(seen) < 2:
            frame = client.recv()
            check((frame.kind, frame.flags) == (REPLY, 1), frame)
            seen.append(json.loads(frame.payload))
        check([event["event"] for event in seen] == ["ended", "ready"], seen)
        check(seen[0]["signal"] == signal.SIGABRT, seen)
        run.kill(signal.SIGTERM)
        frame = client.recv()
        while frame.flags == 1:
            last, frame = frame, client.recv()
        check(json.loads(last.payload)["event"] == "stopped", last)
        check(frame.kind == REPLY, frame)
        check(run.wait() == 0)


def test_events_command_prints_nothing_but_events():
    with Run("-n", "1") as run, subprocess.Popen(
            [BROOD, "events", run.path], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) as events:
        # A line says that the server has begun to send events.
        until(lambda: run.command("scale", "+1").returncode == 0 and
              select.select([events.stdout], [], [], 0.005)[0])
        run.kill(signal.SIGTERM)
        output, errors = events.communicate(timeout=PATIENCE)
        lines = output.decode().splitlines()
        check(lines[-1].endswith(" stopped worker"), lines)
        for line in lines:
            check(re.match(r"[-\d]{10} [:\d]{8} (stopped worker$|[a-z_]+ "
                           r"worker slot \d+ generation \d+)", line), lines)
        check(b"closed the connection" in errors, errors)
        check(events.returncode == 3, events.returncode)
        check(run.wait() == 0)


def test_wrong_options_are_named():
    for arguments in (("-n", "0"), ("-m", "888"), ("--env", "x"),
                      ("--timeout", "soon"), ("--queue", "0")):
        result = brood("run", *arguments, "--", WORKER)
        check(result.returncode == 2, result)
        check(arguments[1].encode() in result.stderr, result)
    check(brood("run", "-n", "1").returncode == 2)


main(globals())
