#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check the models of rings, ring.pml and switch.pml, with Spin: they have no
# fault, in any order of events, and each of their mutants has one that Spin
# finds.
#
# With the arguments MUTANT SIDE, for instance NO_ASK_FENCE W: show the steps
# that lead to the fault of that mutant of ring.pml.
set -u

test=ring
# shellcheck source=tests/models/spin.sh
. "${srcdir:?}"/tests/models/spin.sh

print_steps()
{
	awk -v trail="$trail" '
	BEGIN {
		who[1] = "memory of the host"
		who[2] = "memory of the worker"
		who[3] = "worker"
		who[4] = "host"
		who[5] = "killer"
	}
	$2 != "proc" { next }
	trail !~ /^ring/ { print; next }
	match($0, /pc==[A-Z_]+/) {
		print who[$3], substr($0, RSTART + 4, RLENGTH - 4)
	}
	/\[words.* = / || /\[is_dead/ {
		sub(/.*\[/, "[")
		print who[$3], $0
	}'
}

if test $# -gt 0
then
	make_checker ring
	check_mutants ring "$*"
	exit 0
fi
check_all switch
check_all ring
