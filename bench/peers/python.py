#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""python: what Python brings for work in other processes.

    python.py pipe | apply | map | executor [-q]

pipe and apply are blocking calls: multiprocessing.Pipe, and Pool.apply.  map
and executor are given many items at once: Pool.map with chunksize 1, and
ProcessPoolExecutor.map.  One worker, 64 bytes there and back.  The figures are
printed as the C programs do it: see measure.h.
"""

import concurrent.futures
import multiprocessing
import sys
import time

PERCENT = 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99


def echo(data):
    return data


def serve(pipe):
    while data := pipe.recv_bytes():
        pipe.send_bytes(data)


def message(number):
    return number.to_bytes(8, "little") + bytes(56)


def measure_call(call, seconds):
    """Print the percentiles of call(message)."""
    times = []
    end = time.perf_counter_ns() + int(seconds * 1e9)
    while (begin := time.perf_counter_ns()) < end:
        data = message(len(times))
        if call(data) != data:
            sys.exit("a wrong answer")
        times.append(time.perf_counter_ns() - begin)
    times.sort()
    for percent in PERCENT:
        at = int(len(times) * percent / 100)
        print(f"call.p{percent} {times[at]} ns")


def measure_map(map_all, seconds):
    """Print the calls per second of map_all(messages)."""
    n_items, took = 100, 0
    # Enough items that starting and ending do not count.
    while took < seconds / 2:
        n_items *= 2
        items = [message(i) for i in range(n_items)]
        begin = time.perf_counter()
        results = list(map_all(items))
        took = time.perf_counter() - begin
        if results != items:
            sys.exit("a wrong answer")
    print(f"depth.all {n_items / took:.6g} calls/s")


def pipe(seconds):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs,))
    process.start()

    def call(data):
        ours.send_bytes(data)
        return ours.recv_bytes()

    measure_call(call, seconds)
    ours.send_bytes(b"")
    process.join()


def apply(seconds):
    with multiprocessing.Pool(1) as pool:
        measure_call(lambda data: pool.apply(echo, (data,)), seconds)


def map_(seconds):
    with multiprocessing.Pool(1) as pool:
        measure_map(lambda items: pool.map(echo, items, chunksize=1), seconds)


def executor(seconds):
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        measure_map(lambda items: pool.map(echo, items), seconds)


def main():
    seconds = 0.2 if "-q" in sys.argv else 1
    questions = {"pipe": pipe, "apply": apply, "map": map_,
                 "executor": executor}
    if len(sys.argv) < 2 or sys.argv[1] not in questions:
        sys.exit(__doc__)
    questions[sys.argv[1]](seconds)


if __name__ == "__main__":
    main()
