#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check that a project of CMake finds the installed library, and builds and runs
# with it; and that it is refused another version than it asks for.
set -eu

: "${srcdir:?must name the directory of the sources}"
: "${libdir:?must name the directory of the libraries}"
command -v cmake >/dev/null || { echo "cmake is missing"; exit 77; }
unset LD_LIBRARY_PATH MAKEFLAGS MFLAGS MAKELEVEL
root=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX")
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT TERM

# Not all of "make install": that links the command anew, and another test may
# do so at this moment.
$MAKE install-includeHEADERS install-broodincludeHEADERS \
    install-libLTLIBRARIES install-cmakeDATA DESTDIR="$root" \
    >"$root"/log 2>&1 || { cat "$root"/log; exit 1; }

mkdir "$root"/project
cat >"$root"/project/CMakeLists.txt <<'EOT'
cmake_minimum_required(VERSION 3.16)
project(nest LANGUAGES C)
find_package(brood ${VERSION} REQUIRED)
add_executable(nest nest.c)
target_link_libraries(nest PRIVATE brood::brood)
EOT
cat >"$root"/project/nest.c <<'EOT'
#include <brood.h>
#include <stdio.h>

int
main(void)
{
	return puts(brood_version()) < 0;
}
EOT

# configured VERSION: configure the project, which asks for this version
configured()
{
	rm -rf "$root"/build
	cmake -S "$root"/project -B "$root"/build -DVERSION="$1" \
	    -Dbrood_DIR="$root$libdir"/cmake/brood >"$root"/log 2>&1
}

version=$(sed -n 's/^#define BROOD_VERSION.*"\(.*\)"/\1/p' \
    "$srcdir"/include/brood/version.h)
configured "${version%.*}" || { cat "$root"/log; exit 1; }
cmake --build "$root"/build >"$root"/log 2>&1 || { cat "$root"/log; exit 1; }
test "$("$root"/build/nest)" = "$version"
for other in 999 "${version%.*}.999" 0.0.1
do
	if configured "$other"
	then
		echo "$version was taken for $other"
		exit 1
	fi
	grep -q "version: $version" "$root"/log || { cat "$root"/log; exit 1; }
done
