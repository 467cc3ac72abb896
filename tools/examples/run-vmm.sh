#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In a machine with CXL.mem devices, bind each of them to vfio-cxl-pci as an
# administrator does, then run the VMM program on them. With an iommufd it must
# also map their memory for DMA.
#
# usage: run-vmm.sh VMM		addresses of the devices in $RIG_DEVICES

set -eu

driver=/sys/bus/pci/drivers/vfio-cxl-pci

modprobe vfio-cxl-pci
for bdf in $RIG_DEVICES; do
	echo vfio-cxl-pci > "/sys/bus/pci/devices/$bdf/driver_override"
	echo "$bdf" > $driver/bind
done

output=/tmp/vmm.output
# shellcheck disable=SC2086 # a list of addresses
if "$1" $RIG_DEVICES > $output; then status=0; else status=$?; fi
cat $output
if [ -e /dev/iommu ] && grep -q 'no DMA mapping' $output; then
	echo "WRONG: /dev/iommu exists"
	status=1
fi
exit $status
