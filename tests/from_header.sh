#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Check that man/from-header makes mdoc of a small header, and that it reports
# the place of what it does not understand, rather than leave it out.
set -u

: "${srcdir:?must name the directory of the sources}"
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || { echo "Python 3 is missing"; exit 77; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/brood-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp"/brood
header=$tmp/brood/nest.h
failed=0

# page: read what follows the first lines of a header, which are 4; and make the
# page
page()
{
	{
		echo '/* SPDX-License-Identifier: ISC */'
		echo '#ifndef BROOD_NEST_H'
		printf '#define BROOD_NEST_H\n\n'
		cat
		printf '\n#endif\n'
	} >"$header"
	"$PYTHON" -B -S "$srcdir"/man/from-header "$header" "$tmp"/addition \
	    >"$tmp"/page 2>"$tmp"/errors
}

# shows TEXT: the page must have this line
shows()
{
	grep -q -x -F -e "$1" "$tmp"/page && return
	echo "not in the page: $1"
	failed=1
}

# refuses LINE WHAT: read part of a header, which must be refused in this line
refuses()
{
	if page
	then
		echo "accepted: $2"
		failed=1
	elif ! grep -q "nest\.h:$1: " "$tmp"/errors
	then
		echo "$2: is not said to be in line $1:"
		cat "$tmp"/errors
		failed=1
	fi
}

cat >"$tmp"/addition <<-'EOT'
	.Nd where eggs are
	.Sh SEE ALSO
	.Xr brood 3
EOT

page <<'EOT' || { cat "$tmp"/errors; exit 1; }
/*
 * A nest.  See unix(7), "brood_nest_new()" and brood/nest.h.
 *
 *   - first
 *     of two
 *   - .second \ of two
 *
 *	code(1, "\n");
 */

/* How to build. */
struct brood_nest_options {
	int	 eggs;	/* how many; this text is so long that a page for
			   a terminal has no room for it in one line */
};

/*
 * Build a nest, within timeout_ms (-1: NULL).
 *
 *   -EINVAL, ...	the options
 *			make no sense
 */
int	brood_nest_new(struct brood_nest **ret_nest,
	    const struct brood_nest_options *options);
EOT
shows '.Nm brood_nest ,'
shows '.Nm brood_nest_options'
shows '.Nd where eggs are'
shows '.Fa "const struct brood_nest_options *options"'
shows '.Xr unix 7 ,'
shows '.Pf \(dq Fn brood_nest_new Ns \(dq'
shows '.In brood/nest.h .'
shows 'first of two'
shows '\&.second \e of two'
shows 'code(1, "\en");'
shows '.Ss struct brood_nest_options'
shows '        int      eggs;  /* how many; this text is so long that a page for'
shows '                           a terminal has no room for it in one line */'
shows '.Fa timeout_ms'
shows '(\-1:'
shows '.Dv NULL ) .'
shows '.It Bq Er EINVAL , No ...'
shows 'the options make no sense'
if command -v mandoc >/dev/null &&
    ! mandoc -Tlint -Wwarning "$tmp"/page >"$tmp"/errors
then
	cat "$tmp"/errors
	failed=1
fi

refuses 7 'a function without a comment' <<'EOT'
/* A nest. */

int	brood_nest_new(int eggs);
EOT
refuses 8 'a parameter without a name' <<'EOT'
/* A nest. */

/* Build. */
int	brood_nest_new(int);
EOT
refuses 8 'a function of another kind' <<'EOT'
/* A nest. */

/* Build. */
static inline int brood_nest_new(int eggs)
{
	return eggs;
}
EOT
refuses 8 'a condition' <<'EOT'
/* A nest. */

/* Build. */
#if 1
int	brood_nest_new(int eggs);
#endif
EOT
refuses 6 'a function that is in no header' <<'EOT'
/*
 * A nest, of brood_tree_new().
 */
EOT
refuses 6 'indented text' <<'EOT'
/*
 *    A nest.
 */
EOT
refuses 7 'text right after a list' <<'EOT'
/*
 *   - A nest.
 * Two nests.
 */
EOT
refuses 7 'a comment without an end' <<'EOT'
/*
 * A nest.
EOT
refuses 8 'a struct without an end' <<'EOT'
/* A nest. */

/* A nest. */
struct brood_nest {
	int	 eggs;
EOT
refuses 8 'a comment of a field without an end' <<'EOT'
/* A nest. */

/* A nest. */
struct brood_nest {
	/* how many
	int	 eggs;
};
EOT
exit "$failed"
