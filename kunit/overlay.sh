#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Adds the project to a Linux source tree, where it would be in mainline,
# without touching that tree: the result is a tree of symbolic links to the
# source's files, with copies of the project's files beside them.  It takes
# seconds and 130 MB, needs no privilege, and works across file systems.
# Another run, after edits in the project, takes a fraction of a second.
#
# VFIO_PCI_CORE builds on UML too (KUNIT_UML_PCI brings PCI, and VFIO brings the
# IOMMU API), so that kunit/.kunitconfig enables it and nothing else is needed
# for drivers/vfio/pci/ to be entered there.

set -eu

usage() {
	cat <<'EOF'
usage: kunit/overlay.sh LINUX TREE

Makes TREE a Linux source tree with the project in it, based on LINUX, an
unpacked and clean Linux source, which is not changed and must not be moved.
TREE is created, or updated; with another LINUX it is created anew, and a build
below TREE is removed with it.  Build in it with O=, for instance

  make -C TREE O=BUILD drivers/vfio/pci/cxl/
EOF
}

fail() {
	echo "overlay: $*" >&2
	exit 1
}

case "${1-}" in
-h | --help)
	usage
	exit 0
	;;
esac
if [ $# -ne 2 ]; then
	usage >&2
	exit 2
fi

project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
linux=$(CDPATH='' cd -- "$1" && pwd -P)
tree=${2%/}
vfio=drivers/vfio/pci

[ ! -e "$linux/$vfio/cxl" ] ||
	fail "$linux has $vfio/cxl already: take a source without it"

# Write standard input to file $1, unless the file already has these contents:
# builds depend on the modification time.
update() {
	cat >"$1.new"
	if [ ! -L "$1" ] && cmp -s "$1.new" "$1"; then
		rm -f "$1.new"
	else
		mv -f "$1.new" "$1"
	fi
}

"$project/tools/testing/linktree.sh" "$linux" "$tree"

# The project's files.  Unchanged ones keep their modification time, those of
# another checkout that are older than what was built get a new one, and those
# that no longer exist are removed.
old=$tree/$vfio/cxl
new=$tree/$vfio/.cxl.new
rm -rf "$new"
mkdir -p "$new/emu" "$new/tests"
cxl=$project/$vfio/cxl
cp "$cxl"/*.[ch] "$cxl/Kconfig" "$cxl/Makefile" "$new"
cp "$cxl"/emu/*.[ch] "$new/emu"
cp "$project"/kunit/*.[ch] "$project/kunit/Makefile" \
	"$project/kunit/.kunitconfig" "$new/tests"
rm -f "$new"/*.mod.c
find "$new" -type f | while read -r file; do
	was=$old${file#"$new"}
	! cmp -s "$file" "$was" || touch -r "$was" "$file"
done
rm -rf "$old"
mv "$new" "$old"
update "$tree/include/uapi/linux/vfio_cxl.h" \
	<"$project/include/uapi/linux/vfio_cxl.h"

# One line each
sed '/^endmenu/i source "drivers/vfio/pci/cxl/Kconfig"\n' \
	"$linux/$vfio/Kconfig" | update "$tree/$vfio/Kconfig"
grep -q '^source "drivers/vfio/pci/cxl/Kconfig"' "$tree/$vfio/Kconfig" ||
	fail "$linux/$vfio/Kconfig has no endmenu to put the driver before"
{
	cat "$linux/$vfio/Makefile"
	printf "\nobj-\$(CONFIG_VFIO_CXL_EMU) += cxl/\n"
} | update "$tree/$vfio/Makefile"
