#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood run and the service manager; see notify.py.

: "${srcdir:?}"
: "${BROOD:?must name the command}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || exit 77
exec "$PYTHON" -S -B "$srcdir/tests/command/notify.py"
