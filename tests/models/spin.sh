# SPDX-License-Identifier: ISC
#
# What the scripts of this directory share: to have Spin check a model, and each
# of the mutants in its table.  A script sets `test' to its own name and then
# reads this file.

: "${srcdir:?must name the directory of the sources}"
: "${CC:?must name the C compiler}"

if ! command -v spin >/dev/null
then
	echo "Spin is not installed"
	exit 77
fi
mib=2000				# of memory at most
states=					# how the checker keeps them
tmp=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
	echo "${test:?}: $*" >&2
	exit 1
}

# make_checker MODEL [OPTION]...: of tests/models/MODEL.pml, with these options
# of the preprocessor
make_checker()
{
	model=$1
	shift
	cp "$srcdir/tests/models/$model.pml" "$tmp" || exit 1
	if ! (cd "$tmp" && spin "$@" -a "$model.pml") >"$tmp"/spin.log 2>&1
	then
		cat "$tmp"/spin.log >&2
		fail "Spin does not understand $model.pml"
	fi
	# Without the flags of the build: sanitizers would only make it slow.
	# shellcheck disable=SC2086  # CC may be a list of words
	$CC -O2 -w -DSAFETY -DNOFAIR -DVECTORSZ=512 -DMEMLIM="$mib" $states \
	    -o "$tmp"/pan "$tmp"/pan.c || fail "the checker cannot be compiled"
}

# check NAME VARIABLE=VALUE...: let the checker run with these variables.  True:
# it has found no fault.
#
# Options: 2^22 slots in its table of states, and paths of at most 99999 steps.
check()
{
	name=$1
	shift
	(cd "$tmp" && env "$@" ./pan -w22 -m99999) >"$tmp/$name" 2>&1
	! grep -E "search depth too small|reached -DMEMLIM" "$tmp/$name" >&2 ||
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
	(cd "$tmp" && env "$@" ./pan -r "$trail") | print_steps
}

# print_steps: of the trail that the checker prints, all.  A script may have its
# own.
print_steps()
{
	awk '$2 == "proc"'
}

# mutants FILE: print name, number, side and plan of each in its table
mutants()
{
	awk '
	/^#define [A-Z_]+[ \t]+[0-9]+[ \t]+\/\* [HSW][0-9][: ]/ {
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
		fault=$(say "$name")
		test -n "$fault" || fail "$name $side: the checker has failed"
		echo "$name $side: $fault"
		n_caught=$((n_caught + 1))
		# shellcheck disable=SC2086
		test -z "$only" || steps "$1" $set_to
	done <"$tmp"/mutants
	test "$n_caught" -gt 0 || fail "there is no such mutant"
}

# check_model MODEL PLAN: the model has no fault in this plan, 0: in any
check_model()
{
	if ! check "$1" MUTANT=0 PLAN="$2"
	then
		steps "$1" MUTANT=0 PLAN="$2" >&2
		fail "$1.pml: $(say "$1")"
	fi
	awk -v model="$1" -v plan="$2" '
	/states, stored/ { n = $1 }
	/elapsed time/ { seconds = $4 }
	END {
		print model ".pml: " (plan ? "plan " plan ": " : "") n \
		    " states without a fault, in " seconds " s"
	}' "$tmp/$1"
}

# check_all MODEL: the model, and all its mutants
check_all()
{
	make_checker "$1"
	check_mutants "$1"
	check_model "$1" 0
	echo "$1.pml: $n_caught mutants caught"
}

# check_deep MODEL PLAN...: the model, with DEEP, in these plans
check_deep()
{
	mib=${MIB:-12000}
	states=-DCOLLAPSE
	make_checker "$1" -DDEEP
	model=$1
	shift
	for plan
	do
		check_model "$model" "$plan"
	done
}
