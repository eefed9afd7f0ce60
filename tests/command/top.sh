#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood top on a terminal: it shows the table and follows changes, resizes, ends
# on q, and gives the terminal back, also when the server goes.

set -u
: "${srcdir:?must name the directory of the sources}"
./brood --help | grep -q '^  top ' || exit 77
command -v python3 >/dev/null || exit 77
exec python3 "$srcdir/tests/command/top.py" "$srcdir/tests/command/canned.py"
