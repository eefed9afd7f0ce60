#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check the layers of HACKING.md by the names of the folders.  A file under src/
# may include files of its own folder, and of the folders before it in this
# list:
#
#	base wire socket process worker supervisor host
#
# The command uses the library as any other program does.  Of src/, files under
# src/command/ may include those of base, and wire/frame.h.  They may include
# the files directly in src/command/ and those of their own folder, but not
# those of another folder of the command.
#
# Four more rules: an include of a file under src/ has quotes and names the
# folder ("wire/frame.h"), a file that is included as <brood/...> exists, no two
# files under src/ have the same name, and the include guard of a header follows
# from its name.
set -u

: "${srcdir:?must name the directory of the sources}"
cd "$srcdir" || exit 1
find src -name '*.[ch]' | sort | awk '
function fail(text)
{
	print text
	failed = 1
}

# May a file of this folder include the file name, which is in folder target?
function may_include(folder, target, name)
{
	if (target == folder)
		return 1
	if (folder ~ /^command/)
		return target == "command" || target == "base" ||
		    name == "wire/frame.h"
	return target in rank && rank[target] < rank[folder]
}

# Check one include; where is the place of the line.
function check_include(where, folder, mark, name,    target)
{
	if (mark == "<") {
		if (name ~ /^brood\// && system("test -f include/" name) != 0)
			fail(where ": there is no include/" name)
		else if (("src/" name) in folder_of)
			fail(where ": <" name "> must have quotes")
		return
	}
	target = name
	if (!sub(/\/[^\/]*$/, "", target))
		fail(where ": \"" name "\" names no folder")
	else if (!may_include(folder, target, name))
		fail(where ": " folder " may not include " name)
}

# The include guard follows from the name of the file, which no other has.
function check_guard(path, line,    wanted)
{
	wanted = path
	gsub(/^.*\/|\.h$/, "", wanted)
	wanted = "#ifndef BROOD__" toupper(wanted) "_H"
	if (line != wanted)
		fail(path ":2: the guard should be: " wanted)
}

function check_file(path, folder, at,    line, mark)
{
	while ((getline line < path) > 0) {
		at++
		if (at == 2 && line ~ /^#ifndef /)
			check_guard(path, line)
		if (!sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line))
			continue
		mark = substr(line, 1, 1)
		line = substr(line, 2)
		sub(/[>"].*/, "", line)
		check_include(path ":" at, folder, mark, line)
	}
	close(path)
}

BEGIN {
	n = split("base wire socket process worker supervisor host", layer)
	for (i = 1; i <= n; i++)
		rank[layer[i]] = i
}
{
	folder = base = $0
	sub(/^src\//, "", folder)
	sub(/\/[^\/]*$/, "", folder)
	sub(/.*\//, "", base)
	if (folder !~ /^command/ && !(folder in rank))
		fail($0 ": " folder " is no layer")
	if (base in seen)
		fail($0 ": " seen[base] " has the same name")
	seen[base] = $0
	folder_of[$0] = folder
}
END {
	if (NR == 0)
		fail("there is no file under src")
	for (path in folder_of)
		check_file(path, folder_of[path])
	exit failed
}'
