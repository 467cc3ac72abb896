#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the machine: measure the cost of its devices for their user.
#
# usage: device.sh BUILD ROUNDS TOPIC...
#	BUILD	directory with bench and memset/
#	TOPIC	one of bench's; only scrub clears the memory

set -eu

if [ $# -lt 3 ]; then
	sed -n '5,7s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
build=$1 rounds=$2
shift 2

# Clear the memory with one processor, with two, and only with memset()
scrub() {
	local cpus=/sys/devices/virtual/workqueue/cpumask
	local parameters=/sys/module/bench_memset/parameters
	local base size mask name i

	read -r _ _ base size < /run/rig/firmware
	for ((i = 0; i < rounds; i++)); do
		for mask in 1 3; do
			echo $mask > $cpus
			"$build/bench" scrub 1 | sed "s/ours/cpus-$mask/"
		done
		insmod "$build/memset/bench-memset.ko" "base=$base" "size=$size"
		for name in ns ns_written_back; do
			echo "@ memset.$name" \
				$((size * 1000000000 / $(cat $parameters/$name)))
		done
		rmmod bench-memset
	done
}

modprobe vfio-cxl-pci scrub=off
for topic; do
	case $topic in
	scrub)
		modprobe -r vfio-cxl-pci
		modprobe vfio-cxl-pci scrub=on
		scrub
		;;
	count)
		# It repeats each call several times itself
		"$build/bench" count 1
		;;
	*)
		"$build/bench" "$topic" "$rounds"
		;;
	esac
done
