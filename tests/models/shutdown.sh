#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check shutdown.pml, the model of how all processes end, with Spin: the model
# has no fault, in any order of events, and each of its mutants has one that
# Spin finds.
#
# With the argument deep, and perhaps numbers of plans: check it with more slots
# and workers, which takes many minutes and much memory (MIB=12000).  With the
# arguments MUTANT SIDE, for instance NO_GETPPID W: show the steps that lead to
# the fault of that mutant.
set -u

test=shutdown
# shellcheck source=tests/models/spin.sh
. "${srcdir:?}"/tests/models/spin.sh

case ${1-} in
'')
	check_all shutdown
	;;
deep)
	shift
	# shellcheck disable=SC2046  # one word for each plan
	test $# -gt 0 || set -- $(seq 9)
	check_deep shutdown "$@"
	;;
*)
	make_checker shutdown
	check_mutants shutdown "$*"
	;;
esac
