#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check shutdown.pml, the model of how all processes end, with Spin: the model
# has no fault, in any order of events, and each of its mutants has one that
# Spin finds.
#
# With the argument deep: check it with more slots and workers, which takes
# minutes and much memory.  With the arguments MUTANT SIDE, for instance
# NO_GETPPID W: show the steps that lead to the fault of that mutant.
set -u

test=shutdown
# shellcheck source=tests/models/spin.sh
. "${srcdir:?}"/tests/models/spin.sh

case ${1-} in
'')
	check_all shutdown
	;;
deep)
	make_checker shutdown -DDEEP
	check_model shutdown
	;;
*)
	make_checker shutdown
	check_mutants shutdown "$*"
	;;
esac
