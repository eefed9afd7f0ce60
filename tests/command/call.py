# SPDX-License-Identifier: ISC
"""brood call: data in, replies out, exit status by fate."""

import os
import re
import tempfile

from served import *


def test_data_comes_from_argument_file_and_standard_input():
    data = bytes(range(256)) * 1000
    with Run("-n", "1") as run:
        name = os.path.join(run.dir, "data")
        with open(name, "wb") as file:
            file.write(data)
        for arguments, want in ((("word",), b"word"), (("@" + name,), data),
                                (("-",), data), ((), b"")):
            result = run.command("call", *arguments, input=data)
            check((result.returncode, result.stdout) == (0, want), arguments)
        run.stop()


def test_exit_status_says_what_became_of_it():
    with Run("-n", "1") as run:
        for arguments, status, text in (
                (("-c", "15", "why"), 1, b"why"),
                # Before ABORT: after that there is no worker for a moment.
                (("-c", str(PAUSE), "-t", "1"), 124, b"time ran out"),
                (("-c", str(ABORT)), 125, b"killed by signal 6"),
                (("-c", "99"), 1, b"no such method")):
            result = run.command("call", *arguments)
            check(result.returncode == status, arguments, result)
            check(text in result.stderr and not result.stdout, result)
            check(result.stderr.startswith(b"brood: " + run.path.encode()))
        run.stop()


def test_failure_says_whether_the_request_ran():
    with Run("-n", "1") as run:
        # PAUSE before ABORT: after that there is no worker for a moment.
        for arguments, end in (
                (("-c", str(PAUSE), "-t", "1"),
                 b"time ran out: its deadline passed (may have run)\n"),
                (("-c", str(ABORT)), b"(Aborted) (may have run)\n"),
                (("-c", "16", "why"), b": failed: why\n")):
            result = run.command("call", *arguments)
            check(result.stderr.endswith(end), result)
        process = subprocess.Popen(
            [BROOD, "call", run.path, "-c", str(PAUSE)],
            stderr=subprocess.PIPE)
        until(lambda: run.status()["pool"]["in_flight"] == 1)
        run.kill(9)
        text = process.communicate(timeout=PATIENCE)[1]
        check(text.endswith(b"closed the connection (may have run)\n"), text)
        check(process.returncode == 3, process.returncode)


def test_commands_wait_for_a_server_that_starts():
    with tempfile.TemporaryDirectory() as dir:
        path = os.path.join(dir, "s")
        result = brood("call", path, "--wait", "0.1")
        check(result.returncode == 3 and b"No such file" in result.stderr,
              result)
        # The file of a server that was killed.
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        result = brood("call", path, "-w", "0.1")
        check(result.returncode == 3 and b"refused" in result.stderr, result)
        waiting = [subprocess.Popen([BROOD, name, "--wait", "30", path, *rest],
                                    stdout=subprocess.PIPE)
                   for name, *rest in (("call", "word"), ("status",),
                                       ("reload",), ("scale", "+1"))]
        with Run("-n", "1", path=path) as run:
            got = [process.communicate(timeout=PATIENCE)[0]
                   for process in waiting]
            check(got[0] == b"word" and b"pool: workers" in got[1], got)
            check(got[2:] == [b"reloaded\n", b"2 workers\n"], got)
            run.stop()


def test_timeout_is_one_for_the_connection_and_the_request():
    with tempfile.TemporaryDirectory() as dir, \
            socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(dir, "s")
        listener.bind(path)
        listener.listen()
        process = subprocess.Popen([BROOD, "call", path, "-t", "10"],
                                   stdout=subprocess.PIPE)
        with Client.accept(listener) as client:
            # The time that the connection takes, which is what is tested.
            time.sleep(0.3)
            client.hello()
            frame = client.recv()
            check(frame.kind == REQUEST, frame)
            check(0 < frame.timeout <= 9700, frame.timeout)
            client.send(REPLY, frame.id, b"x")
        check(process.communicate(timeout=PATIENCE)[0] == b"x")
        check(process.returncode == 0, process.returncode)


def test_data_that_looks_like_an_option_needs_dashes():
    with Run("-n", "1") as run:
        result = run.command("call", "-x")
        check(result.returncode == 2 and b"-x: no such option (an argument "
              b"that begins with '-' needs -- before it)" in result.stderr)
        check(run.command("call", "--", "-x").stdout == b"-x")
        run.stop()


def test_parts_go_to_stdout_and_progress_to_stderr():
    with Run("-n", "1") as run:
        result = run.command("call", "-c", str(STREAM))
        check(result.stdout == b"abc", result)
        check(result.stderr.startswith(b"0\n1\n"), result)
        run.stop()


TOLD = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "told_worker.py")


def run_told():
    return Run("-n", "1", worker=[sys.executable, "-S", TOLD, "progress"])


def test_status_of_a_reply_is_told():
    with run_told() as run:
        result = run.command("call", "-c", "7", "x")
        check((result.returncode, result.stdout) == (4, b"x"), result)
        check(result.stderr.endswith(
            b"brood: %s: the reply has status 7\n" % run.path.encode()),
            result)
        result = run.command("call", "-c", "0", "x")
        check((result.returncode, result.stderr) == (0, b"x\n"), result)
        run.stop()


def test_a_newline_at_the_end_of_a_text_is_not_shown():
    with run_told() as run:
        for text, told in (("x\n", b"x"), ("x\n\n", b"x?"), ("\n", b""),
                           ("x\ny", b"x?y")):
            result = run.command("call", "-c", "0", text)
            check(result.stderr == told + b"\n", text, result)
            check(result.stdout == text.encode(), text, result)
        result = run.command("call", "-c", "99", "not this\n")
        check(result.stderr.endswith(b": not this\n"), result)
        run.stop()


def test_reply_ends_its_line_on_a_terminal():
    with run_told() as run:
        for text in ("x", "x\n", ""):
            master, slave = os.openpty()
            subprocess.run([BROOD, "call", run.path, text], stdout=slave,
                           stderr=subprocess.DEVNULL, timeout=PATIENCE)
            os.write(slave, b"end")
            os.close(slave)
            shown = b""
            while not shown.endswith(b"end"):
                shown += os.read(master, 100)
            os.close(master)
            check(shown == (b"x\r\nend" if text else b"end"), text, shown)
        run.stop()


def test_descriptors_are_passed():
    with Run("-n", "1") as run:
        names = [os.path.join(run.dir, name) for name in ("a", "b")]
        arguments = []
        for name in names:
            with open(name, "w") as file:
                file.write("in " + name[-1])
            arguments += ["--fd", name]
        result = run.command("call", "-c", str(READ_FDS), *arguments)
        check((result.returncode, result.stdout) == (0, b"in ain b"), result)
        run.stop()


def test_text_of_a_worker_reaches_the_terminal_without_controls():
    with Run("-n", "1") as run:
        result = run.command("call", "-c", "16", "a\033[31mb\u009bc")
        check(b"a?[31mb??c" in result.stderr, result)
        run.stop()


def test_every_command_reports_wrong_options_in_the_same_words():
    help = brood("--help").stdout.decode()
    for name in re.findall(r"^  ([a-z]+) ", help, re.M):
        for arguments, words in (
                (("-9",), b"-9: no such option"),
                (("--nonsense",), b"--nonsense: no such option"),
                (("--help=x",), b"--help=x: it takes no argument")):
            result = brood(name, *arguments)
            check(result.returncode == 2, name, result)
            check(result.stderr.startswith(b"brood: " + words), name, result)
            check(b"see brood %s --help" % name.encode() in result.stderr)
    for arguments, words in (
            (("call", "-t"), b"-t: its argument is missing"),
            (("ping", "--count"), b"--count: its argument is missing"),
            (("call", "--fd"), b"--fd: its argument is missing"),
            (("ping", "-c", "0"), b"--count 0: too small (1 to 2147483647)"),
            (("ping", "-c", "abc"),
             b"--count abc: not a number (1 to 2147483647)"),
            (("top", "-d", "0", "s"), b"--delay 0: at least 0.01 seconds"),
            (("run", "--timeout", "0"), b"--timeout 0: at least 0.001"),
            (("call", "-t", "x"), b"--timeout x: not a number of seconds"),
            (("run",), b"an argument is missing: brood run -- PROGRAM"),
            (("stop", "a", "b"), b"b: one argument too many")):
        if arguments[0] == "top" and b"top" not in help.encode():
            continue
        result = brood(*arguments)
        check(result.returncode == 2, arguments, result)
        check(result.stderr.startswith(b"brood: " + words), result)


def test_wrong_use_is_told():
    for status, arguments in ((2, ()), (2, ("a", "b", "c")), (2, ("-t", "x")),
                              (3, ("/nonexistent/s",)),
                              (3, ("s", "@/nonexistent"))):
        result = brood("call", *arguments)
        check(result.returncode == status, result)
        check(result.stderr.startswith(b"brood: "), result)
    result = brood("call", "s", "-", input=bytes((16 << 20) + 1))
    check(result.returncode == 1 and b"16777216" in result.stderr, result)


def test_closed_output_is_an_error():
    with Run("-n", "1") as run:
        for arguments in (("call", run.path, "x"), ("ping", "-c", "1"),
                          ("--version",)):
            result = subprocess.run([BROOD, *arguments], timeout=PATIENCE,
                                    stderr=subprocess.PIPE,
                                    preexec_fn=lambda: os.close(1))
            check(result.returncode == 3, arguments, result)
            check(b"standard output: Bad file" in result.stderr, result)
        check(brood("call", run.path, "x").stdout == b"x")
        run.stop()


main(globals())
