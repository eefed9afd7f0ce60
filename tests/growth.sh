#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check that a field can be added to each struct of the interface: by giving it a
# reserved place, in a copy of the headers.
#
# - Every struct that has room keeps its size, and every field its place.  So a
#   program that was compiled before runs with the new library, and sets the new
#   field to 0.
# - A program that sets a new field is refused by a library that does not know
#   it, and is not misunderstood.
set -u

: "${srcdir:?must name the directory of the sources}"
: "${CC:?must name the C compiler}"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$srcdir" || exit 1
srcdir=$(pwd)
cd - >/dev/null || exit 1

fail()
{
	echo "growth: $*" >&2
	exit 1
}

# grow HEADER: print it, with the field `added' in front of reserved fields
grow()
{
	awk '
	/^\tuint64_t[\t ]+reserved\[[0-9]+\];$/ {
		n = $0
		sub(/.*\[/, "", n)
		sub(/\].*/, "", n)
		print "\tuint64_t added;"
		sub(/\[[0-9]+\]/, "[" n - 1 "]")
	}
	{ print }' "$1"
}

# fields HEADER...: print STRUCT FIELD for each field, in lines
fields()
{
	cat "$@" | sed 's|/\*.*\*/||' | awk '
	inside_comment && !sub(/.*\*\//, "") { next }
	{ inside_comment = sub(/\/\*.*/, "") }
	/^struct brood_[a-z_]+ \{/ { name = $2; next }
	/^}/ { name = "" }
	name != "" && /;/ {
		sub(/;.*/, "")
		sub(/\[.*/, "")
		sub(/.*[\t *]/, "")
		print name, $0
	}'
}

# layout INCLUDE: print the size of each struct and the place of each field
layout()
{
	{
		echo '#include <stdio.h>'
		echo '#include <brood.h>'
		echo 'int main(void) {'
		while read -r name field
		do
			echo "printf(\"$name %zu $field %zu\\n\"," \
			    "sizeof(struct $name)," \
			    "offsetof(struct $name, $field));"
		done <"$tmp"/fields
		echo 'return 0; }'
	} >"$tmp"/layout.c
	# shellcheck disable=SC2086  # CC and CFLAGS may be lists of words
	$CC $CFLAGS -w -I"$1" "$tmp"/layout.c -o "$tmp"/layout &&
	    "$tmp"/layout || fail "the layout of $1 cannot be printed"
}

mkdir -p "$tmp"/new/brood
for header in "$srcdir"/include/brood.h "$srcdir"/include/brood/*.h
do
	grow "$header" >"$tmp/new/${header#"$srcdir"/include/}"
done
fields "$srcdir"/include/brood/*.h | grep -v ' reserved$' >"$tmp"/fields
structs=$(cut -d' ' -f1 "$tmp"/fields | sort -u | wc -l)
grown=$(cat "$tmp"/new/brood/*.h | grep -c 'uint64_t added;')
test "$structs" -eq "$grown" ||
    fail "$structs structs, but $grown have reserved fields"
layout "$srcdir"/include | grep -v ' reserved ' >"$tmp"/before
layout "$tmp"/new | grep -v ' reserved ' >"$tmp"/after
test "$(wc -l <"$tmp"/before)" -gt 100 || fail "too few fields were found"
diff "$tmp"/before "$tmp"/after >&2 || fail "a field has moved"

# A program of the future, with the library of today.
cat >"$tmp"/future.c <<'END'
#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
echo(struct brood_request *request, void *arg)
{
	(void)arg;
	return brood_request_reply(request, 0, brood_request_data(request),
	    brood_request_len(request));
}

int
main(void)
{
	struct brood_pool_options options = { .handler = echo, .workers = 1 };
	struct brood_request_options request = { .added = 1 };
	struct brood_message msg = { .data = "x", .len = 1 };
	struct brood_completion done;
	struct brood_pool *pool;
	char text[BROOD_TEXT_SIZE];

	options.added = 1;
	if (brood_pool_new(&pool, &options, text) != -EINVAL ||
	    strstr(text, "newer library") == NULL)
		return 1;
	options.added = 0;
	if (brood_pool_new(&pool, &options, text) < 0)
		return 2;
	if (brood_pool_call(pool, &msg, &request, &done) != -EINVAL)
		return 3;
	request.added = 0;
	msg.added = 1;
	if (brood_pool_call(pool, &msg, &request, &done) != -EINVAL)
		return 4;
	msg.added = 0;
	if (brood_pool_call(pool, &msg, &request, &done) < 0 ||
	    done.fate != BROOD_DONE || done.reply.len != 1)
		return 5;
	brood_completion_fini(&done);
	brood_pool_free(pool);
	return 0;
}
END
# shellcheck disable=SC2086  # CC and CFLAGS may be lists of words
$LIBTOOL --quiet --mode=link --tag=CC $CC $CFLAGS -I"$tmp"/new \
    "$tmp"/future.c -o "$tmp"/future libbrood.la >"$tmp"/errors 2>&1 ||
    { cat "$tmp"/errors >&2; fail "a program of the future does not link"; }
"$tmp"/future
status=$?
test "$status" -eq 0 || fail "a program of the future failed in step $status"
echo "$structs structs have room"
