#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood run's socket: clients of every kind; see server.py.

: "${srcdir:?}"
command -v python3 >/dev/null 2>&1 || exit 77
# Without jansson the admin methods are missing.
./brood --help | grep -q '^  scale ' || exit 77
PYTHONDONTWRITEBYTECODE=1 exec python3 "$srcdir/tests/command/server.py"
