#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood ping, with a worker of its own and with a socket; see ping.py.

: "${srcdir:?}"
: "${BROOD:?must name the command}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || exit 77
exec "$PYTHON" -S -B "$srcdir/tests/command/ping.py"
