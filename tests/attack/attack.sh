#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Attacks of a worker on its host and its sibling, at every level of
# confinement: tests/attack/attack.h.
#
# The host writes a secret over this variable, where an attack looks for it.

ATTACK_SECRET=0123456789abcdef
export ATTACK_SECRET
tests/attack/attack "$@"
