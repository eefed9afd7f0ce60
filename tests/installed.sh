#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The program in README.md, outside the tree, against the installed library and
# by the README's flags.
set -eu

unset MAKEFLAGS MFLAGS MAKELEVEL
root=$(mktemp -d "${TMPDIR:-/tmp}/brood.XXXXXX")
trap 'rm -rf "$root"' EXIT

$MAKE install DESTDIR="$root" >"$root"/install.log 2>&1 ||
    { cat "$root"/install.log; exit 1; }

awk '/^```/ { inside = /^```c$/; next } inside' "$srcdir"/README.md \
    >"$root"/upcase.c
test -s "$root"/upcase.c

PKG_CONFIG_PATH=$root$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
PKG_CONFIG_SYSROOT_DIR=$root
PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS
flags=$($PKG_CONFIG --cflags --libs brood)

cd "$root"
$CC $CFLAGS upcase.c -o upcase $flags
output=$(LD_LIBRARY_PATH=$root$libdir ./upcase)
echo "$output"
test "$output" = "PING
crash!: killed by signal 6 (Aborted)
PONG"
