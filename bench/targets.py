# SPDX-License-Identifier: ISC
"""What brood should reach: the rows of the table that bench/run prints."""

SOCKET, RINGS = "brood socket", "brood rings"
ONE_CPU = ", one CPU"
CACHE_LINE, MEMCPY, BY_HAND = "cache line", "memcpy", "by hand"
LIMITS = CACHE_LINE, MEMCPY


class Row:
    """A line of the table: a figure, and what it should reach.

    ours    the label of the figure; DEFAULT: the transport that pools have
            when nothing is chosen
    metric  the name of the figure, also of the best peer's and the limit's
    versus  (label, metric): what it is divided by for the ratio; None: the
            figure itself must reach the target
    target  the ratio, or the figure
    less    whether less is better
    """

    def __init__(self, what, ours, metric, versus, target, less=True):
        self.what, self.ours, self.metric = what, ours, metric
        self.versus, self.target, self.less = versus, target, less


DEFAULT = None
GIVEN_AWAY = "brood, request_alloc"
AHEAD = "brood, 16 in flight"
LARGE_RING = ", ring_bytes 8 MiB"
SPARE = "brood, one spare"


def payload_rows():
    rows = []
    for size, text, ring in ((1 << 16, "64 KiB", ""), (1 << 18, "256 KiB", ""),
                             (1 << 20, "1 MiB", LARGE_RING)):
        metric = f"payload.{size}"
        rows.append(Row(f"{text}, rings, request_alloc", GIVEN_AWAY + ring,
                        metric, (MEMCPY, metric), 1, less=False))
        rows.append(Row(f"{text}, rings, plain buffers", RINGS + ring, metric,
                        ("raw", metric), 2, less=False))
    for size, text in ((1 << 24, "16 MiB"), (1 << 26, "64 MiB")):
        metric = f"payload.{size}"
        rows.append(Row(f"{text}, plain buffers", DEFAULT, metric,
                        ("raw", metric), 0.75, less=False))
        rows.append(Row(f"{text}, request_alloc", GIVEN_AWAY, metric,
                        ("raw", metric), 0.9, less=False))
    return rows


def depth_rows():
    rows = []
    for depth, target in ((16, 4e6), (64, 8e6), (256, 8e6)):
        metric = f"depth.{depth}"
        what = f"calls/s, rings, {depth} in flight"
        rows.append(Row(what, RINGS, metric, None, target, less=False))
        rows.append(Row(what, RINGS, metric, ("zeromq", metric), 10,
                        less=False))
        rows.append(Row(what, RINGS, metric, ("python Pool.map", "depth.all"),
                        100, less=False))
    return rows


ROWS = [
    Row("blocking call, rings, median", RINGS, "call.p50",
        (CACHE_LINE, "call.p50"), 5),
    Row("blocking call, rings, median", RINGS, "call.p50",
        ("raw", "call.p50"), 1 / 20),
    Row("blocking call, socket, median", SOCKET, "call.p50",
        ("raw", "call.p50"), 1.15),
    Row("blocking call, rings, one CPU", RINGS + ONE_CPU, "call.p50",
        (SOCKET + ONE_CPU, "call.p50"), 1),
    *depth_rows(),
    Row("host's instructions for a call, 64 in flight", DEFAULT,
        "smoke.instructions", None, 400),
    Row("system calls for a call, 64 in flight", RINGS, "smoke.syscalls.64",
        None, 0),
    *payload_rows(),
    Row("spawn to ready, host of 4 GiB : 1 MiB", DEFAULT, "spawn.4294967296",
        (DEFAULT, "spawn.1048576"), 1.2),
    Row("SIGKILL to first answer", DEFAULT, "kill.p50", (BY_HAND, "kill.p50"),
        1.8),
    Row("SIGKILL to first answer, with a spare", SPARE, "kill.p50",
        (BY_HAND, "kill.p50"), 0.5),
    Row("host's time for a call, 1,024 : 2 workers, 1 open", DEFAULT,
        "workers_cpu_1.1024", (DEFAULT, "workers_cpu_1.2"), 1.2),
    Row("host's time for a call, 1,024 : 2 workers, 64 open", DEFAULT,
        "workers_cpu_64.1024", (DEFAULT, "workers_cpu_64.2"), 1.2),
    Row("all ready, 1,024 : 128 workers", DEFAULT, "ready.1024",
        (DEFAULT, "ready.128"), 9),
    Row("brood run, one client, depth 64", DEFAULT, "served.64",
        ("before", "served.64"), 5, less=False),
    Row("brood run --in-flight 16, the same", AHEAD, "served.64",
        ("before", "served.64"), 5, less=False),
    Row("PSS of a worker, never used", DEFAULT, "memory.unused",
        ("before", "memory.unused"), 1),
    Row("PSS of a worker, after 100,000 calls", DEFAULT, "memory.used", None,
        200),
    Row("idle pool, context switches in 5 s", DEFAULT, "idle.pool", None, 0),
    Row("idle pool, wakes of the host in 5 s", DEFAULT, "idle.host", None, 0),
]
