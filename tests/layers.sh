#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The layers of HACKING.md: every file of src/ is of one row in that table, and
# includes only files of its own row and of those above it.
set -u

cd "$srcdir" || exit 1
awk '
FILENAME == "HACKING.md" {
	if (!/^\| `/)
		next
	n_rows++
	split($0, cell, "|")
	n = split(cell[2], name, "`")
	for (i = 2; i <= n; i += 2)
		row[name[i]] = n_rows
	next
}
FNR == 1 {
	module = FILENAME
	sub(/^src\//, "", module)
	sub(/\.[ch]$/, "", module)
	if (!(module in row)) {
		print FILENAME " is in no row of HACKING.md"
		failed = 1
		row[module] = n_rows + 1
	}
	seen[module] = 1
}
/^#include "/ {
	split($0, part, "\"")
	included = part[2]
	sub(/\.h$/, "", included)
	if (row[included] > row[module]) {
		print FILENAME ":" FNR ": " part[2] " is of a higher layer"
		failed = 1
	}
}
END {
	for (module in row)
		if (!(module in seen)) {
			print "HACKING.md: there is no module " module
			failed = 1
		}
	exit failed
}' HACKING.md src/*.[ch]
