#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Short runs of what shows that nothing grows, and that nobody waits for long;
# `make load' has longer ones.

: "${BROOD:?must name the command}"
: "${ECHO_WORKER:?must name the worker}"

tests/soak/flood -n 20000 -k 600 &&
    tests/soak/turns -w 48 -q 5000 -m 768 -b 150 &&
    tests/soak/threads -n 1000 &&
    tests/soak/clients -c 2000 -t 2 "$BROOD" "$ECHO_WORKER"
