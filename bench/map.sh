#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Lines per second of `brood map --lines -- cat` and of GNU parallel starting
# one cat per line, with two workers each, in one run.
#
#	bench/map.sh [BROOD [LINES [SAMPLE]]]
#
# parallel gets SAMPLE lines, as many as it can finish in a while.  The exit
# status is 1 if brood is not at least 1,000 times as fast, or its output is not
# its input.

set -u
brood=${1:-./brood}
lines=${2:-200000}
sample=${3:-500}
target=1000

if ! parallel --version 2>/dev/null | grep -q 'GNU parallel'; then
	echo "skipped: GNU parallel is not here (Debian: apt install parallel)"
	exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

now()
{
	date +%s%N
}

seq 1 "$lines" >"$tmp/input"
seq 1 "$sample" >"$tmp/sample"

begin=$(now)
parallel --will-cite -j2 -N1 --pipe cat <"$tmp/sample" >"$tmp/got" || exit 1
end=$(now)
parallel_ns=$((end - begin))
sort -n "$tmp/got" | cmp - "$tmp/sample" || exit 1

begin=$(now)
"$brood" map -n 2 --lines -- cat <"$tmp/input" >"$tmp/got" || exit 1
end=$(now)
brood_ns=$((end - begin))
cmp "$tmp/got" "$tmp/input" || exit 1

awk -v sample="$sample" -v parallel_ns="$parallel_ns" -v lines="$lines" \
    -v brood_ns="$brood_ns" -v target="$target" 'BEGIN {
	slow = sample * 1e9 / parallel_ns
	fast = lines * 1e9 / brood_ns
	printf "parallel -j2 -N1 --pipe cat  %7d lines %8.3f s %10.0f lines/s\n",
	    sample, parallel_ns / 1e9, slow
	printf "brood map -n 2 --lines cat   %7d lines %8.3f s %10.0f lines/s\n",
	    lines, brood_ns / 1e9, fast
	printf "%.0f times as fast (at least %d wanted)\n", fast / slow, target
	exit fast < target * slow
}'
