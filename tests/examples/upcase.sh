#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/upcase: the answer, and a word that the handler refuses.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"

got=$(timeout 20 "$EXAMPLES/upcase" 'ping, 42!') || exit 1
if [ "$got" != 'PING, 42!' ]; then
	echo "upcase: got '$got', not 'PING, 42!'" >&2
	exit 1
fi
if timeout 20 "$EXAMPLES/upcase" "$(printf '%300s' x)" >/dev/null 2>&1; then
	echo "upcase: a word that is too long was accepted" >&2
	exit 1
fi
exit 0
