#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood top on a terminal: it shows the table and follows changes, resizes, ends
# on q, and gives the terminal back, also when the server goes.

set -u
: "${srcdir:?must name the directory of the sources}"
: "${BROOD:?must name the command}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
"$BROOD" --help | grep -q '^  top ' || exit 77
test -n "$PYTHON" || exit 77
exec "$PYTHON" -S "$srcdir/tests/command/top.py" "$srcdir/tests/command/canned.py"
