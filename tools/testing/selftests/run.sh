#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run selftests in the rig's machine:
#
#   run.sh DIRECTORY [NAME...]
#
# DIRECTORY is the Makefile's O, NAME a program in it; without a NAME, all of
# them run, and then Linux's own VFIO selftests in DIRECTORY/linux. The latter
# run twice on the same device, bound to vfio-pci and to vfio-cxl-pci; an
# additional test compares the results.
#
# Prints TAP, one document after another.  Exit status: 0, or 1 if a test failed
# or did not finish.

set -u

driver=vfio-cxl-pci
linux_tests=(vfio_pci_device_test vfio_dma_mapping_test vfio_iommufd_setup_test)
status=0

fail() {
	echo "Bail out! $*"
	exit 1
}

# Run a program; its TAP is also in $output.  For a program that did not
# complete its plan, print a "not ok" after the last line.
run() {
	local name=${1##*/} start=$SECONDS code planned seen

	"$@" 2>&1 | tee "$output"
	code=${PIPESTATUS[0]}
	planned=$(sed -n -E 's/^1\.\.([0-9]+).*/\1/p' "$output")
	seen=$(grep -c -E '^(ok|not ok) ' "$output")
	echo "# $name: exit status $code, $((SECONDS - start)) s"
	[ "$code" -eq 0 ] || status=1
	if [ "${planned:-none}" != "$seen" ]; then
		echo "not ok $((seen + 1)) $name: $seen of ${planned:-?} tests"
		status=1
	fi
}

# The result of each test in a program's TAP: ok, not ok, or skipped
results() {
	sed -n -E -e '/^ok .*# SKIP/ { s/^ok ([0-9]+ [^#]*).*/skip \1/p; d }' \
		-e '/^(not )?ok / { s/ *#.*//; p }' "$1"
}

# Run the same program with both drivers.  Its TAP is only informative.
compare() {
	local number=$1 name=$2 with

	for with in vfio-pci "$driver"; do
		echo "# $name with $with"
		"$folder/rebind" 0 "$with" || fail "cannot bind to $with"
		"$folder/linux/$name" "$bdf" > "$output" 2>&1
		echo "# exit status $?"
		sed 's/^/#   /' "$output"
		results "$output" > "$output.$with"
	done
	if [ -s "$output.vfio-pci" ] &&
	   cmp -s "$output.vfio-pci" "$output.$driver"; then
		echo "ok $number $name: the same with vfio-pci and $driver"
	else
		diff "$output.vfio-pci" "$output.$driver" | sed 's/^/# /'
		echo "not ok $number $name: differs with $driver"
		status=1
	fi
}

[ $# -ge 1 ] || fail "usage: $0 DIRECTORY [NAME...]"
folder=$1
shift
bdf=${RIG_DEVICES%% *}
output=$(mktemp) || exit 1
trap 'rm -f "$output" "$output".*' EXIT

# Some tests compare the two
modprobe -a "$driver" vfio-pci || fail "cannot load $driver"

if [ $# -gt 0 ]; then
	for name; do
		run "$folder/$name"
	done
	exit $status
fi
for program in "$folder"/*_test; do
	run "$program"
done

# Some of Linux's tests need huge pages, and are skipped without them.
for size in 2048kB:16 1048576kB:1; do
	pages=/sys/kernel/mm/hugepages/hugepages-${size%:*}/nr_hugepages
	[ ! -w "$pages" ] || echo "${size#*:}" > "$pages"
done
echo "TAP version 13"
echo "1..${#linux_tests[@]}"
for i in "${!linux_tests[@]}"; do
	compare $((i + 1)) "${linux_tests[i]}"
done
"$folder/rebind" 0 "$driver" || fail "cannot bind to $driver"
exit $status
