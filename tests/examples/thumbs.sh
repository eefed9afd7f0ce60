#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check examples/thumbs: images become small images, and of every other file a
# line says what is wrong with it, whatever it is made to do to the decoder.

set -u
: "${EXAMPLES:?must name the directory of the built examples}"
: "${HIJACKED_THUMBS:?must name thumbs with a hijacked decoder}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
: "${srcdir:?must name the directory of the sources}"
thumbs=$(cd "$EXAMPLES" && pwd)/thumbs
test -x "$thumbs" || { echo "built without libpng and libjpeg"; exit 77; }
test -n "$PYTHON" || { echo "there is no Python"; exit 77; }
PYTHONPATH=$(cd "$srcdir" && pwd)/examples
PYTHONDONTWRITEBYTECODE=1
export LC_ALL=C PYTHONPATH PYTHONDONTWRITEBYTECODE
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

fail()
{
	echo "thumbs: $*" >&2
	cat err >&2
	exit 1
}

# run STATUS PROGRAM ARGUMENT...: run it, with its messages, sorted, in err
run()
{
	wanted=$1
	shift
	timeout 30 "$@" >out 2>errors
	status=$?
	sort errors >err
	test "$status" -eq "$wanted" ||
	    fail "$*: exit status $status, not $wanted"
	test ! -s out || fail "$*: prints $(cat out)"
}

# told: what is in err must be standard input
told()
{
	sort | diff - err >&2 || fail "other messages"
}

# shades FILE: the bytes of its pixels, each with how often it follows itself
shades()
{
	tail -c +"$((1 + $(head -n 3 "$1" | wc -c)))" "$1" |
	    od -An -v -tu1 | xargs | tr ' ' '\n' | uniq -c | xargs
}

case ${CFLAGS-} in
*-fsanitize*) memory=1000000000 ;;	# it reserves far more than it uses
*) memory=512 ;;
esac

"$PYTHON" -m images files || fail "the files cannot be made"
mkdir thumbs

# Where the system cannot confine a worker, it says so, and decodes nothing.
timeout 60 "$thumbs" -m $memory -o thumbs files/rgb.png 2>err
if grep -q 'built without libseccomp\|cannot confine processes' err; then
	grep -q '^thumbs: cannot start a worker at level 2: ' err ||
	    fail "says something else"
	test -z "$(ls thumbs)" || fail "it decodes although it cannot confine"
	echo "this build cannot confine processes to level 2"
	exit 77
fi

# The names, too, can be a trap.
cp files/text.png 'files/new
line'
cp files/rgb.png files/-j
mkdir files/directory
mkfifo files/fifo
ln -s rgb.png files/link
# What takes long is for later.
mv files/slow.jpg .
# How libpng and libjpeg say it depends on their version.
run 1 "$thumbs" -j 2 -m $memory -s 4 -t 60 -o thumbs files/* files/nosuch
sed -i 's/^\(thumbs: files\/\(half\.\|bad-\).*: failed: \).*/\1.../' err
told <<'END'
thumbs: 'files/new'$'\n''line': failed: it is neither PNG nor JPEG
thumbs: files/bad-checksum.png: failed: ...
thumbs: files/directory: cannot open: not a regular file
thumbs: files/empty.png: failed: it is empty
thumbs: files/fifo: cannot open: not a regular file
thumbs: files/half.jpg: failed: ...
thumbs: files/half.png: failed: ...
thumbs: files/huge.jpg: failed: 65500 x 65500 pixels are too many
thumbs: files/huge.png: failed: 100000 x 100000 pixels are too many
thumbs: files/link: cannot open: a symbolic link
thumbs: files/nosuch: cannot open: No such file or directory
thumbs: files/text.png: failed: it is neither PNG nor JPEG
END
printf '%s\n' -j.ppm gray.jpg.ppm half-transparent.png.ppm rgb.png.ppm \
    zeros.png.ppm | sort >want
(cd thumbs && printf '%s\n' *) | sort | diff want - >&2 ||
    fail "other thumbnails"

for file in thumbs/*; do
	test "$(head -n 3 "$file" | xargs)" = "P6 4 4 255" ||
	    fail "$file is $(head -n 3 "$file" | xargs)"
done
test "$(shades thumbs/gray.jpg.ppm)" = "24 200 24 40" ||
    fail "gray.jpg has $(shades thumbs/gray.jpg.ppm)"
# Green above, and white below, where nothing is.
green=$(printf '0 200 0 %.0s' 1 2 3 4 5 6 7 8 | tr ' ' '\n' | uniq -c | xargs)
test "$(shades thumbs/half-transparent.png.ppm)" = "$green 24 255" ||
    fail "half-transparent.png has $(shades thumbs/half-transparent.png.ppm)"
cmp thumbs/rgb.png.ppm thumbs/-j.ppm >&2 || fail "one image differs from itself"

# It is not made larger, and keeps its shape.
"$PYTHON" -c '
import images, zlib
def write(name, width, height):
    rows = (b"\0" + bytes(3 * width)) * height
    with open(name, "wb") as out:
        out.write(images.png(width, height, zlib.compress(rows)))
for width in range(1, 9):
    write(f"{width}.png", width, 1)
write("wide.png", 700, 300)
write("high.png", 1, 3000)
write("low.png", 3000, 1)
'
run 0 "$thumbs" -m $memory -o thumbs wide.png high.png low.png files/rgb.png
for size in wide.png:256:109 high.png:1:256 low.png:256:1 rgb.png:64:64; do
	file=thumbs/${size%%:*}.ppm
	test "$(head -n 2 "$file" | xargs | tr ' ' ':')" = "P6:${size#*:}" ||
	    fail "$file is $(head -n 2 "$file" | xargs), not $size"
done

# A decoder that does not end, and one that was taken over: hijacked.c.
run 1 "$HIJACKED_THUMBS" -j 2 -m $memory -t 2 -o thumbs files/rgb.png \
    slow.jpg 1.png 2.png 3.png 4.png 5.png 6.png 7.png 8.png files/gray.jpg
told <<'END'
thumbs: 1.png: crashed: killed by signal 11 (Segmentation fault)
thumbs: 2.png: expired: it ran for too long
thumbs: 3.png: crashed: ended for calling ptrace (seccomp)
thumbs: 4.png: failed: nothing is there
thumbs: 5.png: failed: the worker sent no image
thumbs: 6.png: failed: the worker sent no image
thumbs: 7.png: failed: the worker sent no image
thumbs: slow.jpg: expired: it ran for too long
END
test -s thumbs/8.png.ppm || fail "a file after the attacks has no thumbnail"
for file in 1.png 2.png 3.png 4.png 5.png 6.png 7.png slow.jpg; do
	test ! -e thumbs/$file.ppm || fail "$file has a thumbnail"
done

# The limit of memory is a worker's, and holds for what it decodes.
if [ $memory -eq 512 ]; then
	run 1 "$thumbs" -m 40 -o thumbs files/zeros.png files/rgb.png
	told <<-'END'
	thumbs: files/zeros.png: failed: not enough memory for its pixels
	END
	run 1 "$thumbs" -m 1 files/rgb.png
	grep -q '^thumbs: cannot start a worker at level 2: ' err ||
	    fail "no memory to start with: says something else"
fi
run 1 "$thumbs" -m $memory -o nosuch files/rgb.png
told <<'END'
thumbs: nosuch: No such file or directory
END
mkdir thumbs/taken.png.ppm
cp files/rgb.png taken.png
run 1 "$thumbs" -m $memory -l 1 -o thumbs taken.png
told <<'END'
thumbs: taken.png: cannot write: Is a directory
END
for arguments in '-j 0 x' '-l 3 x' '-s 2049 x' '-t 0 x' '-x' ''; do
	# Each word of the string is an argument.
	# shellcheck disable=SC2086
	timeout 60 "$thumbs" $arguments >out 2>&1
	status=$?
	test "$status" -eq 2 || fail "'$arguments': exit status $status, not 2"
done
exit 0
