#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The layers of HACKING.md, checked from the folders alone.  A file under src/
# includes from its own folder and from those above it in this list:
#
#	base wire socket process worker supervisor host
#
# src/command uses the library as any program does.  Of src/ it sees base, and
# wire/frame.h.  A folder in it sees command/*.h and itself, no other folder.
#
# Also: an include names the folder ("wire/frame.h"), <brood/...> is what
# include/ has, and no two source files have the same name.
set -u

: "${srcdir:?must name the directory of the sources}"
cd "$srcdir" || exit 1
find src -name '*.[ch]' | sort | awk '
function fail(text)
{
	print text
	failed = 1
}

# May a file of folder include what is in target?
function may_include(folder, target, name)
{
	if (target == folder)
		return 1
	if (folder ~ /^command/)
		return target == "command" || target == "base" ||
		    name == "wire/frame.h"
	return target in rank && rank[target] < rank[folder]
}

function check_file(path, folder, at,    line, name, target)
{
	while ((getline line < path) > 0) {
		at++
		if (line ~ /^#include <brood\//) {
			name = line
			gsub(/^#include <|>.*/, "", name)
			if (system("test -f include/" name) != 0)
				fail(path ":" at ": no include/" name)
			continue
		}
		if (line !~ /^#include "/)
			continue
		split(line, part, "\"")
		name = target = part[2]
		if (!sub(/\/[^\/]*$/, "", target))
			fail(path ":" at ": " name " names no folder")
		else if (!may_include(folder, target, name))
			fail(path ":" at ": " name " is not above " folder)
	}
	close(path)
}

BEGIN {
	n = split("base wire socket process worker supervisor host", layer)
	for (i = 1; i <= n; i++)
		rank[layer[i]] = i
}
{
	path = folder = base = $0
	sub(/^src\//, "", folder)
	sub(/\/[^\/]*$/, "", folder)
	sub(/.*\//, "", base)
	if (folder !~ /^command/ && !(folder in rank))
		fail(path ": " folder " is no layer")
	if (base in seen)
		fail(path ": the name of " seen[base] " too")
	seen[base] = path
	check_file(path, folder)
}
END {
	exit failed || NR == 0
}'
