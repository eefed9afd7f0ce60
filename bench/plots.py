# SPDX-License-Identifier: ISC
"""The plots of bench/run, drawn by gnuplot."""

import subprocess

# The plots: name, title, names of axes, prefix of the figures, how to scale x
# and y.  x is what follows the prefix.
PLOTS = (
    ("latency", "Blocking call, 64 bytes", "percentile", "us", "call.p",
     lambda x: 100 / (100 - x), 1e-3,
     "set xtics ('0' 1, '50' 2, '90' 10, '99' 100, '99.9' 1000, "
     "'99.99' 10000)\n"),
    ("depth", "Calls per second, 1 worker, 64 bytes", "calls open",
     "calls/s", "depth.", lambda x: x, 1, "set logscale x 4\n"),
    ("payload", "Payloads to one worker", "bytes", "GB/s", "payload.",
     lambda x: x, 1, "set logscale x 4\nset format x '%.0b %BB'\n"),
    ("workers", "Calls per second, 64 open, 64 bytes", "workers", "calls/s",
     "workers_open_64.", lambda x: x, 1, "set logscale x 4\n"),
)


def plot_points(results, label, prefix, scale_x, scale_y):
    points = []
    for who, metric in results.values:
        if who != label or not metric.startswith(prefix):
            continue
        at, y = metric[len(prefix):], results.median(label, metric) * scale_y
        if at == "all":     # a peer that is given all calls at once
            points += [(1, y), (256, y)]
        else:
            points.append((scale_x(float(at)), y))
    return sorted(points)


def draw(results, plot):
    """Write one plot, if there is a figure for it."""
    name, title, x_name, y_name, prefix, scale_x, scale_y, extra = plot
    labels = results.labels(prefix)
    if not labels:
        return
    script = (f"set terminal svg size 900,540 background 'white'\n"
              f"set output 'bench/{name}.svg'\nset title '{title}'\n"
              f"set xlabel '{x_name}'\nset ylabel '{y_name}'\nset grid\n"
              f"set key outside right\nset logscale xy\n{extra}")
    for number, label in enumerate(labels):
        script += f"$data{number} << END\n"
        for point in plot_points(results, label, prefix, scale_x, scale_y):
            script += "{} {}\n".format(*point)
        script += "END\n"
    script += "plot " + ", ".join(
        f"$data{number} with linespoints lw {3 if 'brood' in label else 1} "
        f"dashtype {number // 8 + 1} "
        f"title '{label}'" for number, label in enumerate(labels)) + "\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
