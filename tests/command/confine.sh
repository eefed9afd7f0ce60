#!/bin/sh
# SPDX-License-Identifier: ISC
#
# brood run and brood map confine their workers as asked, or say why not; brood
# doctor says what can be asked for.

set -u
: "${BROOD:?must name the command}"
: "${ECHO_WORKER:?must name a worker}"
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
server=
chmod 755 "$tmp"
cd "$tmp" || exit 1

fail()
{
	echo "confine: $*" | cut -c 1-600 >&2
	exit 1
}

# map ARGUMENT...: of two lines; what it prints is in out and err
map()
{
	printf 'a\nb\n' | timeout 20 "$BROOD" map "$@" >out 2>err
}

# says PATTERN WHAT: the messages have the pattern
says()
{
	grep -q -- "$1" err || fail "$2: says $(cat err)"
}

# What is wrong with the command line is said, and nothing is started.
for wrong in "--confine 5" "--confine 2-1" "--confine x" "--rlimit as" \
    "--rlimit foo=1" "--rlimit as=1X" "--rlimit as=99999999999T" \
    "--user no-such-user" "--group no-such-group" "--user root" \
    "--chroot relative" "--memory 0" "--memory unlimited" "--cpus 0" \
    "--cpus nan" "--cpus 0x1" "--pids 0" "--pids 9999999" "--cgroup relative"
do
	# shellcheck disable=SC2086  # two words
	map $wrong -- "$ECHO_WORKER" && fail "$wrong: accepted"
	says "brood: ${wrong%% *}" "$wrong"
done
map --confine 2 --lines -- cat && fail "level 2 for a filter: accepted"
says "reaches level 1" "level 2 for a filter"

"$BROOD" doctor >doctor

# Control groups: a worker has one of its own, and so has a filter.  What there
# is no controller for is said.
if grep -q '^groups *yes' doctor
then
	group=$(sed -n 's/^0:://p' /proc/self/cgroup)
	for mount in /sys/fs/cgroup /sys/fs/cgroup/unified
	do
		test ! -e "$mount$group/cgroup.procs" || directory=$mount$group
	done
	map --cgroup "$directory" --lines -- sh -c \
	    'while read -r line; do grep ^0:: /proc/self/cgroup; done'
	grep -q '^0::.*/brood-[0-9]*-[0-9]*$' out ||
	    fail "group of a filter: $(cat out err)"
	map --cgroup "$directory" -- "$ECHO_WORKER" ||
	    fail "group of a worker: $(cat err)"
	for controller in memory=1G pids=20 cpus=0.5
	do
		if map "--${controller%=*}" "${controller#*=}" -- "$ECHO_WORKER"
		then
			grep -q "^ *${controller%=*} *yes" doctor ||
			    fail "$controller: doctor says no"
		else
			grep -q "^ *${controller%=*} *no" doctor ||
			    fail "$controller: $(cat err)"
			says "without that controller" "$controller"
		fi
	done
else
	map --cgroup "$tmp" -- "$ECHO_WORKER" && fail "no group: accepted"
	says "control group" "no group"
fi

highest=$(awk '$1 == "level" && $3 == "yes" { n = $2 } END { print n }' doctor)
grep -q '^level 0 *yes' doctor || fail "doctor: $(cat doctor)"
test "$highest" -ge 1 || {
	map --confine 1 --lines -- cat && fail "level 1 where there is none"
	says "cannot confine" "level 1 where there is none"
	echo "only errors are tested: this system cannot confine processes"
	exit 0
}

# A program that reads lines, at level 1.
map --confine 1 --lines -- sed s/^/x/ || fail "level 1: $(cat err)"
printf 'xa\nxb\n' | cmp - out || fail "level 1: $(cat out)"
if grep -q '^ *files *yes' doctor
then
	mkdir open
	map --confine 1 --lines -- sed "w $tmp/open/file" && fail "it wrote"
	says "Permission denied" "outside of --rw"
	map --confine 1 --ro "$tmp/open" --lines -- sed "w $tmp/open/file" &&
	    fail "it wrote below --ro"
	# It writes before it prints: after that it may be stopped.
	cat >keep.sh <<-'END'
		while read -r line
		do
			echo "$line" >>open/file
			echo "$line"
		done
	END
	map --confine 1 --rw "$tmp/open" --ro keep.sh --lines -- sh keep.sh ||
	    fail "below --rw: $(cat err)"
	sort -u open/file | cmp - out || fail "below --rw: $(cat open/file)"
	map --confine 1 --ro /no/such --lines -- cat && fail "no such path"
	says "/no/such: No such file" "no such path"
fi
map --rlimit nofile=20 --lines -- sh -c 'while read -r x; do ulimit -n; done'
printf '20\n20\n' | cmp - out || fail "rlimit: $(cat out err)"
if [ "$(id -u)" = 0 ]
then
	map --user nobody --lines -- sh -c 'while read -r x; do id -un; done'
	printf 'nobody\nnobody\n' | cmp - out || fail "user: $(cat out err)"
fi

# A worker that speaks the protocol.
map --confine 1 --ro /no/such -- "$ECHO_WORKER" && fail "no such path, worker"
says "/no/such: No such file" "no such path, worker"
map --confine 0-4 --ro / -- "$ECHO_WORKER" || fail "0-4: $(cat err)"
printf 'a\nb\n' | cmp - out || fail "0-4: $(cat out)"
test "$highest" -ge 2 || exit 0
map --confine 2 --allow-call no_such_call -- "$ECHO_WORKER" &&
    fail "no such call"
says "no_such_call is no system call" "no such call"
map --confine 2 --ro / -- "$ECHO_WORKER" || fail "level 2: $(cat err)"
printf 'a\nb\n' | cmp - out || fail "level 2: $(cat out)"
map --confine learn -- "$ECHO_WORKER" || fail "learn: $(cat err)"
printf 'a\nb\n' | cmp - out || fail "learn: $(cat out)"

"$BROOD" run -l sock -n 1 --confine 2 --ro / -- "$ECHO_WORKER" 2>log &
server=$!
test "$("$BROOD" call --wait 20 sock hello)" = hello ||
    fail "brood run: $(cat log)"
grep -q 'ready: confined to level 2' log || fail "brood run: $(cat log)"
exit 0
