#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood status and brood events against canned answers: what is shown, and that
# nothing a server says reaches a terminal raw.

set -u
: "${srcdir:?must name the directory of the sources}"
: "${BROOD:?must name the command}"
export LC_ALL=C TZ=UTC
: "${PYTHON?must name Python 3, or be empty if there is none}"
test -n "$PYTHON" || exit 77
"$BROOD" --help | grep -q '^  status ' || exit 77
tmp=$(mktemp -d) || exit 1
server=
# Shell, not a function: some shells run an EXIT trap with no status left.
trap 'exec 8>&-; test -z "$server" || wait "$server"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$tmp/in" "$tmp/ready" || exit 1

fail()
{
	echo "status: $*" >&2
	exit 1
}

# serve FILE: on $tmp/s, until the next
serve()
{
	if test -n "$server"; then
		exec 8>&-
		wait "$server"
	fi
	"$PYTHON" -S "$srcdir/tests/command/canned.py" "$tmp/s" "$1" <"$tmp/in" \
	    >"$tmp/ready" &
	server=$!
	exec 8>"$tmp/in"
	read -r line <"$tmp/ready"
	test "$line" = listening || fail "the server does not listen"
}

# expect STATUS ARG...: of brood; the output is in $tmp/out
expect()
{
	want=$1
	shift
	status=0
	"$BROOD" "$@" >"$tmp/out" 2>"$tmp/errors" || status=$?
	test "$status" -eq "$want" ||
	    fail "$*: status $status, not $want: $(cat "$tmp/errors")"
	# All but newlines and what can be printed.
	test "$(tr -d '\n -~' <"$tmp/out" | wc -c)" -eq "${raw:-0}" ||
	    fail "$*: raw bytes: $(od -c "$tmp/out")"
}

same()
{
	diff -a "$tmp/want" "$tmp/out" >&2 || fail "$*: other output"
}

cat >"$tmp/status" <<'EOF'
{"name":"echo","pid":100,"version":"1.2","started":1000,"uptime":60,
 "socket":"/tmp/\u001b[2Js\u007f\u009b","program":["x"],
 "pool":{"workers":2,"ready":2,"spare":1,"busy":1,"queued":3,"in_flight":1,
  "submitted":20,"done":10,"failed":1,"crashed":2,"expired":3,"canceled":4,
  "refused":5,"resubmitted":6,"started":7,"ended":8,"queue_limit":64,
  "supervisor":101},
 "clients":{"connected":1,"accepted":9,"dropped":2},
 "workers":[
  {"slot":0,"generation":1,"state":"busy","pid":102,"served":6,"failures":0,
   "request":17,"age":1.5,"cpu":0.25,"rss":3145728},
  {"slot":1,"generation":4,"state":"idle\u001b[1m","pid":103,"served":4,
   "failures":1,"request":0,"age":0,"cpu":0.5,"rss":1048576}]}
EOF
serve "$tmp/status"

cat >"$tmp/want" <<'EOF'
echo: brood 1.2, pid 100, up 60 s, /tmp/?[2Js???
pool: workers 2, ready 2, spare 1, busy 1, in_flight 1, queued 3, queue_limit 64
requests: submitted 20, done 10, failed 1, crashed 2, expired 3, canceled 4, refused 5
clients: connected 1, accepted 9, dropped 2

SLOT  GEN      PID STATE         SERVED FAILURES    REQUEST     AGE   CPU(s)  MEM(MiB)
   0    1      102 busy               6        0         17     1.5      0.2       3.0
   1    4      103 idle?[1m           4        1          -       -      0.5       1.0
EOF
expect 0 status "$tmp/s"
same status

expect 0 status --json "$tmp/s"
"$PYTHON" -S - "$tmp/status" "$tmp/out" <<'EOF' || fail "--json is another JSON"
import json, sys
a, b = (json.load(open(name)) for name in sys.argv[1:])
sys.exit(a != b)
EOF

expect 0 status --prometheus "$tmp/s"
grep -vE -e '^# TYPE brood_[a-z_]+ (counter|gauge)$' \
    -e '^brood_[a-z_]+\{pool="echo"(,(slot|fate)="[a-z0-9]+")?\} [0-9.]+$' \
    "$tmp/out" && fail "not the format of Prometheus"
for line in 'brood_pool_queued{pool="echo"} 3' \
    'brood_pool_spare{pool="echo"} 1' \
    'brood_requests_total{pool="echo",fate="crashed"} 2' \
    'brood_worker_cpu_seconds_total{pool="echo",slot="1"} 0.5' \
    'brood_worker_resident_bytes{pool="echo",slot="0"} 3145728'; do
	grep -qxF "$line" "$tmp/out" || fail "--prometheus: no $line"
done

expect 2 status --json --prometheus "$tmp/s"
expect 2 status
expect 3 status "$tmp/none"
grep -qF "$tmp/none" "$tmp/errors" || fail "the path is not named"

# What is no status is told, or shown as nothing; it does no harm.
echo '[1]' >"$tmp/odd"
serve "$tmp/odd"
expect 1 status "$tmp/s"
expect 1 scale "$tmp/s" 2
echo '{"pool":[],"workers":[3,{"slot":"x","pid":null,"state":"starting"}],
"name":{}}' >"$tmp/odd"
expect 0 status "$tmp/s"
grep -q 'up 0 s$' "$tmp/out" || fail "no socket: $(cat "$tmp/out")"
grep -q '^   0    0        - starting ' "$tmp/out" ||
    fail "a slot without a process: $(cat "$tmp/out")"
expect 0 status --prometheus "$tmp/s"
expect 1 scale "$tmp/s" 2
grep -q 'does not say how many' "$tmp/errors" ||
    fail "scale without a number is told as: $(cat "$tmp/errors")"

cat >"$tmp/events" <<'EOF'
{"time":1000,"event":"ready","name":"w\u001b]0;x\u0007","slot":1,"generation":2,"pid":77}
{"time":1001.5,"event":"ended","name":"w","slot":1,"generation":2,"pid":77,"status":9,"text":"killed\nby 9","stderr":"one\u001b[31m\ntwo\n"}
{"time":1002,"event":"ended","name":"w","slot":1,"generation":3,"pid":78,"asked":true,"text":"exited"}
{"time":1003,"event":"reloaded","name":"w","text":""}
EOF
serve "$tmp/events"
cat >"$tmp/want" <<'EOF'
1970-01-01 00:16:40 ready w?]0;x? slot 1 generation 2 pid 77
1970-01-01 00:16:41 ended w slot 1 generation 2 pid 77: killed?by 9
    one?[31m
    two
1970-01-01 00:16:42 ended w slot 1 generation 3 pid 78: exited (asked to)
1970-01-01 00:16:43 reloaded w
EOF
expect 3 events "$tmp/s"
same events
grep -q 'the server closed the connection' "$tmp/errors" ||
    fail "a server that goes is told as: $(cat "$tmp/errors")"
expect 3 events --json "$tmp/s"
test "$(wc -l <"$tmp/out")" -eq 4 || fail "events --json: not a line each"
"$PYTHON" -S -c 'import json, sys
a, b = ([json.loads(line) for line in open(name)] for name in sys.argv[1:])
sys.exit(a != b)' "$tmp/events" "$tmp/out" || fail "events --json is other JSON"
exit 0
