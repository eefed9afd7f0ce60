#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Clients of brood run that want too much; see hostile.py.

: "${srcdir:?}"
: "${BROOD:?must name the command}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || exit 77
# Without jansson the admin methods are missing.
"$BROOD" --help | grep -q '^  scale ' || exit 77
exec "$PYTHON" -S -B "$srcdir/tests/command/hostile.py"
