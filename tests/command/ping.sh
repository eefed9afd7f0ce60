#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood ping, with a worker of its own and with a socket; see ping.py.

: "${srcdir:?}"
command -v python3 >/dev/null 2>&1 || exit 77
PYTHONDONTWRITEBYTECODE=1 exec python3 "$srcdir/tests/command/ping.py"
