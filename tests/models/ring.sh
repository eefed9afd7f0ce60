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

: "${srcdir:?must name the directory of the sources}"
: "${CC:?must name the C compiler}"

if ! command -v spin >/dev/null
then
	echo "Spin is not installed"
	exit 77
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "ring: $*" >&2
	exit 1
}

# check NAME VARIABLE=VALUE...: let the checker run with these variables.  True:
# it has found no fault.
#
# Options: 2^22 slots in its table of states, and paths of at most 9999 steps.
check()
{
	name=$1
	shift
	(cd "$tmp" && env "$@" ./pan -w22 -m9999) >"$tmp/$name" 2>&1
	! grep -E "max search depth too small|reached -DMEMLIM" "$tmp/$name" >&2 ||
	    fail "$name was not looked at as a whole"
	grep -q "errors: 0$" "$tmp/$name"
}

# say NAME: print what the checker has found
say()
{
	sed -n '
	s/^pan:1: invalid end state .*/it stands still before all is done/p
	s/^pan:1: assertion violated \(.*\) (at depth.*/not true: \1/p
	' "$tmp/$1"
}

# steps MODEL VARIABLE=VALUE...: print the steps to the fault that was found
steps()
{
	trail=$1.pml.trail
	shift
	(cd "$tmp" && env "$@" ./pan -r "$trail") | awk -v trail="$trail" '
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

# mutants FILE: print name, number, side and plan of each in its table
mutants()
{
	awk '
	/^#define [A-Z_]+[ \t]+[0-9]+[ \t]+\/\* [HW][0-9][: ]/ {
		for (i = 5; i <= NF; i++) {
			print $2, $3, substr($i, 1, 1), substr($i, 2, 1)
			if ($i ~ /:$/)
				break
		}
	}' "$1"
}

# settings NUMBER SIDE PLAN: print the variables by which the model knows them
settings()
{
	case $2 in
	H) side=0 ;;
	*) side=1 ;;
	esac
	echo "MUTANT=$1 SIDE=$side PLAN=$3"
}

# check_mutants MODEL [NAME SIDE]: check all of them, or show the steps of one
check_mutants()
{
	mutants "$tmp/$1.pml" >"$tmp"/mutants
	only=${2-}
	n_caught=0
	while read -r name number side plan
	do
		test -z "$only" || test "$name $side" = "$only" || continue
		set_to=$(settings "$number" "$side" "$plan")
		# shellcheck disable=SC2086  # one word for each variable
		if check "$name" $set_to
		then
			fail "$name $side: Spin finds no fault in this mutant"
		fi
		echo "$name $side: $(say "$name")"
		n_caught=$((n_caught + 1))
		# shellcheck disable=SC2086
		test -z "$only" || steps "$1" $set_to
	done <"$tmp"/mutants
	test "$n_caught" -gt 0 || fail "there is no such mutant"
}

# make_checker MODEL: of tests/models/MODEL.pml
make_checker()
{
	cp "$srcdir/tests/models/$1.pml" "$tmp" || exit 1
	if ! (cd "$tmp" && spin -a "$1.pml") >"$tmp"/spin.log 2>&1
	then
		cat "$tmp"/spin.log >&2
		fail "Spin does not understand $1.pml"
	fi
	# Without the flags of the build: sanitizers would only make it slow.
	# shellcheck disable=SC2086  # CC may be a list of words
	$CC -O2 -w -DSAFETY -DNOFAIR -DVECTORSZ=256 -DMEMLIM=2000 \
	    -o "$tmp"/pan "$tmp"/pan.c || fail "the checker cannot be compiled"
}

if test $# -gt 0
then
	make_checker ring
	check_mutants ring "$*"
	exit 0
fi
for model in switch ring
do
	make_checker "$model"
	check_mutants "$model"
	if ! check "$model" MUTANT=0
	then
		steps "$model" MUTANT=0 >&2
		fail "$model.pml: $(say "$model")"
	fi
	awk -v model="$model" -v n_caught="$n_caught" '/states, stored/ {
		print model ".pml: " $1 " states without a fault, " n_caught \
		    " mutants caught"
	}' "$tmp/$model"
done
