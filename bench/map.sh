#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Measure how many lines per second two programs pass through cat(1), with two
# workers each:
#
#	brood map --lines	which keeps one cat running in each worker
#	GNU parallel		which starts a cat for each line
#
#	usage: bench/map.sh [BROOD [LINES [SAMPLE]]]
#
# brood gets LINES lines, and parallel, which is slower, SAMPLE lines.  The exit
# status is 1 if brood is not at least 1,000 times as fast, or if an output
# differs from the input, and 77 without GNU parallel.

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
	format = "%-28s %7d lines %8.3f s %10.0f lines/s\n"
	printf format, "parallel -j2 -N1 --pipe cat",
	    sample, parallel_ns / 1e9, slow
	printf format, "brood map -n 2 --lines cat",
	    lines, brood_ns / 1e9, fast
	printf "%.0f times as fast (at least %d wanted)\n", fast / slow, target
	exit fast < target * slow
}'
