#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In a machine on which the packages are installed: use them as described in the
# administrator's guide. Prints TAP.
#
# usage: in_machine.sh VMM	the example, built; addresses of the devices are
#				in $RIG_DEVICES

# check() runs the functions; the list of addresses is to be split into words.
# shellcheck disable=SC2317,SC2086

set -u

vmm=$1
log=/tmp/log
failed=0
nr=0

# check NAME COMMAND...: one test; the command's output is shown if it fails
check()
{
	name=$1
	shift
	nr=$((nr + 1))
	if "$@" > $log 2>&1; then
		echo "ok $nr - in the machine: $name"
	else
		echo "not ok $nr - in the machine: $name"
		sed 's/^/# /' $log
		failed=1
	fi
}

# From the package, not from the rig's build
from_dkms()
{
	case $(modinfo -n vfio-cxl-pci) in
	*/updates/dkms/vfio-cxl-pci.ko*) modprobe -v vfio-cxl-pci ;;
	*) modinfo vfio-cxl-pci; return 1 ;;
	esac
}

# list DRIVER: each device is in the list, with this driver or any
list()
{
	vfio-cxl list | tee /tmp/list
	for device in $RIG_DEVICES; do
		grep "$device.*${1:-}" /tmp/list || return 1
	done
}

bind()
{
	for device in $RIG_DEVICES; do
		vfio-cxl check "$device" && vfio-cxl bind "$device" || return 1
		driver=$(readlink "/sys/bus/pci/devices/$device/driver")
		[ "${driver##*/}" = vfio-cxl-pci ] || return 1
	done
}

echo 1..5
check "vfio-cxl lists the devices" list
check "modprobe loads the module of DKMS" from_dkms
check "vfio-cxl binds the devices" bind
check "vfio-cxl lists them as bound" list vfio-cxl-pci
check "the example VMM gets them" "$vmm" $RIG_DEVICES
exit $failed
