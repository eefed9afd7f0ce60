#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check completion.pml, the model of how requests complete, with Spin: the model
# has no fault, in any order of events, and each of its mutants has one that
# Spin finds.
#
# With the argument deep, and perhaps numbers of plans: check it with more
# requests, workers and deaths, in smaller steps, which takes many minutes and
# much memory (MIB=12000).  With the arguments MUTANT SIDE, for instance
# NO_GATE H: show the steps that lead to the fault of that mutant.
set -u

test=completion
# shellcheck source=tests/models/spin.sh
. "${srcdir:?}"/tests/models/spin.sh

case ${1-} in
'')
	check_all completion
	;;
deep)
	shift
	# shellcheck disable=SC2046  # one word for each plan
	test $# -gt 0 || set -- $(seq 12)
	check_deep completion "$@"
	;;
*)
	make_checker completion
	check_mutants completion "$*"
	;;
esac
