#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check what is installed, as a new user would.  Compile and run the program in
# README.md, outside the tree, with the flags that pkg-config gives.  Run the
# installed command.
set -eu

: "${srcdir:?must name the directory of the sources}"
: "${libdir:?must name the directory of the libraries}"
: "${bindir:?must name the directory of the commands}"
: "${docdir:?must name the directory of the documents}"
: "${includedir:?must name the directory of the headers}"
: "${mandir:?must name the directory of the manual}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
unset LD_LIBRARY_PATH MAKEFLAGS MFLAGS MAKELEVEL
root=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX")
server=
build=$(pwd)
trap 'test -z "$server" || kill "$server"; rm -rf "$root"' EXIT

$MAKE install DESTDIR="$root" >"$root"/install.log 2>&1 ||
    { cat "$root"/install.log; exit 1; }

awk '/^```/ { inside = /^```c$/; next } inside' "$srcdir"/README.md \
    >"$root"/upcase.c
test -s "$root"/upcase.c

# Before pkg-config is told that everything is below $root.
image_flags=$($PKG_CONFIG --cflags --libs libpng libjpeg 2>/dev/null) ||
    image_flags=
PKG_CONFIG_PATH=$root$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
PKG_CONFIG_SYSROOT_DIR=$root
PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS
flags=$($PKG_CONFIG --cflags --libs brood)

worker=$(cd "$srcdir" && pwd)/examples/worker.py
symbols=$(cd "$srcdir" && pwd)/tests/symbols.txt
cd "$root"
# shellcheck disable=SC2086  # lists of words
$CC $CFLAGS upcase.c -o upcase $flags
LD_LIBRARY_PATH=$root$libdir
export LD_LIBRARY_PATH
output=$(./upcase)
echo "$output"
test "$output" = "PING
crash!: killed by signal 6 (Aborted)
PONG"

# Every example in C compiles with the line of README.md, where it is installed,
# and needs nothing but libc and brood; thumbs.c needs libpng and libjpeg too.
# gnu17 is what compilers do by default; the other flags are those of the build,
# because a library with sanitizers needs them.
for source in "$root$docdir"/examples/*.c
do
	more=
	case $source in
	*/thumbs.c)
		test -n "$image_flags" || continue
		more=$image_flags ;;
	esac
	(cd "$root$docdir"/examples &&
	    # shellcheck disable=SC2086  # lists of words
	    $CC $CFLAGS -std=gnu17 "$(basename "$source")" -o "$root"/example $flags \
	    $more) \
	    >"$root"/errors 2>&1 && test ! -s "$root"/errors ||
	    { echo "$source does not compile:"; cat "$root"/errors; exit 1; }
done
test -f "$root$docdir"/examples/upcase.c

brood=$root$bindir/brood
"$brood" ping -c 2 | grep -q '2 transmitted, 2 received'

# Each function has a page: its own, or one that includes that of its header.
while read -r function
do
	function=${function%%@*}
	page=$root$mandir/man3/$function.3
	included=$(sed -n 's/^\.so //p' "$page")
	test -z "$included" || page=$root$mandir/$included
	grep -q "^\.Nm $function" "$page" ||
	    { echo "$function: not in $page"; exit 1; }
done <"$symbols"

seq 1 200000 >numbers
"$brood" map --lines -n 2 -- cat <numbers >got
cmp got numbers
"$brood" conformance --help | grep -q PROGRAM
uninstalled()
{
	$MAKE -C "$build" uninstall DESTDIR="$root" >"$root"/uninstall.log 2>&1
	test ! -e "$root$includedir"/brood
	left=$(find "$root$libdir" "$root$bindir" "$root$includedir" \
	    "$root$mandir" ! -type d)
	test -z "$left" || { echo "left behind: $left"; exit 1; }
}

if test -z "$PYTHON"
then
	uninstalled
	exit 0
fi

mkfifo log
"$brood" run -n 2 -l socket -- "$PYTHON" -S "$worker" 2>log &
server=$!
exec 3<log
for worker in 1 2; do
	read -r line <&3
	case $line in *ready) ;; *) echo "$line"; exit 1 ;; esac
done
test "$("$brood" call socket hello)" = hello
"$brood" scale socket 3
"$brood" reload socket
test "$("$brood" call socket again)" = again
"$brood" stop socket
wait "$server"
server=
test ! -e socket
uninstalled
