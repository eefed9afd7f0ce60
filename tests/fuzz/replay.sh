#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Each fuzz target runs the inputs of its corpus, in which are those that once
# found something.  `make fuzz' finds new ones.

for corpus in "$srcdir"/tests/fuzz/corpus/*
do
	target=tests/fuzz/${corpus##*/}
	# A target with the fuzzer in it takes a directory for its corpus; files
	# it only runs.
	"$target" "$corpus"/* 2>"$target.out" </dev/null || {
		cat "$target.out"
		echo "$target: failed"
		exit 1
	}
	tail -n 1 "$target.out"
done
