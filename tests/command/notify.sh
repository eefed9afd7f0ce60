#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood run and the service manager; see notify.py.

: "${srcdir:?}"
command -v python3 >/dev/null 2>&1 || exit 77
PYTHONDONTWRITEBYTECODE=1 exec python3 "$srcdir/tests/command/notify.py"
