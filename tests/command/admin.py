# SPDX-License-Identifier: ISC
"""brood scale, reload and stop, and who may use them."""

import os
import shutil
import tempfile

from served import *


def test_reload_waits_for_the_new_workers():
    with Run("-n", "1") as run:
        before = run.status()["workers"][0]["pid"]
        result = run.command("reload")
        check((result.returncode, result.stdout) == (0, b"reloaded\n"), result)
        until(lambda: not is_alive(before))
        run.stop()


def test_no_server_is_named():
    for name in "scale", "reload", "stop":
        result = brood(name, "/nonexistent/s", *["1"] * (name == "scale"))
        check(result.returncode == 3, result)
        check(b"/nonexistent/s" in result.stderr, result)
        check(brood(name).returncode == 2)


def test_reload_of_a_broken_program_leaves_the_old_one_serving():
    directory = tempfile.mkdtemp()
    program = os.path.join(directory, "program")
    os.symlink(WORKER, program)
    with Run("-n", "1", worker=[program]) as run, Client(run.path) as client:
        os.unlink(program)
        with open(program, "w") as file:
            file.write("#!/bin/sh\nexit 7\n")
        os.chmod(program, 0o755)
        result = run.command("reload")
        check(result.returncode == 1, result)
        check(b"cannot start" in result.stderr, result)
        check(client.call(1, ECHO, b"old").payload == b"old")
        run.wait_for("not reloaded")
        run.stop()
    shutil.rmtree(directory)


def test_scale_by_number_and_by_change():
    with Run("-n", "1") as run:
        for argument, words in (("3", b"3 workers\n"), ("-2", b"1 worker\n"),
                                ("+1", b"2 workers\n")):
            result = run.command("scale", argument)
            check((result.returncode, result.stdout) == (0, words), result)
        check(run.status()["pool"]["workers"] == 2)
        for argument in "-9", "+999999999":
            check(run.command("scale", argument).returncode in (1, 2))
        check(run.status()["pool"]["workers"] == 2)
        run.stop()


def test_scale_names_what_is_wrong():
    with Run("-n", "2") as run:
        result = run.command("scale", "--", "-1")
        check((result.returncode, result.stdout) == (0, b"1 worker\n"), result)
        for arguments, words in (
                (("0",), b"0: not a number from 1 to 262144"),
                (("x",), b"x: not a number from 1 to 262144"),
                (("-x",), b"-x: not a change by +1 to +262144"),
                (("--", "-1", "2"), b"2: one argument too many"),
                (("1", "2"), b"2: one argument too many"),
                (("--",), b"an argument is missing")):
            result = run.command("scale", *arguments)
            check(result.returncode == 2, result)
            check(result.stderr.startswith(b"brood: " + words), result)
        check(run.status()["pool"]["workers"] == 1)
        run.stop()


def test_stop_waits_for_the_end():
    with Run("-n", "1") as run:
        result = run.command("stop", "--drain", "1.5", "--wait")
        check((result.returncode, result.stdout) == (0, b"stopped\n"), result)
        check(run.wait() == 0)


def test_admin_methods_are_for_the_owner():
    if os.geteuid() != 0:
        return
    with Run("-n", "1", "-m", "666") as run:
        os.chmod(run.dir, 0o755)
        pid = os.fork()
        if pid == 0:
            try:
                os.setuid(65534)
                with Client(run.path) as client:
                    for method in range(STATUS, STOP + 2):
                        frame = client.call(method, method)
                        check((frame.kind, frame.code) == (ERROR, NOT_ALLOWED))
                    check(client.call(1, ECHO, b"x").payload == b"x")
                os._exit(0)
            finally:
                os._exit(1)
        check(os.waitpid(pid, 0)[1] == 0)
        run.stop()


main(globals())
