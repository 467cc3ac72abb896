#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Creates a tree of symbolic links to the files of a Linux source, which can be
# modified and built in without touching that source.  It takes seconds and 130
# MB, needs no privilege, and works across file systems.

set -eu

usage() {
	cat <<'EOF'
usage: linktree.sh LINUX TREE

Creates TREE, a tree of links to LINUX, an unpacked and clean Linux source,
which is not changed and must not be moved.  A TREE that exists is kept; if it
is one of another LINUX, it is created anew, and a build below it is removed.
EOF
}

fail() {
	echo "linktree: $*" >&2
	exit 1
}

if [ $# -ne 2 ]; then
	usage >&2
	exit 2
fi
[ -f "$1/drivers/vfio/pci/Kconfig" ] ||
	fail "$1 is not a Linux source tree: unpack one and name its top directory"
linux=$(CDPATH='' cd -- "$1" && pwd -P)
tree=${2%/}
stamp=.vfio-cxl-overlay

case "$linux$tree" in
*[[:space:]:]*)
	fail "make cannot build below a path with a space or colon: $linux, $tree"
	;;
esac

# The stamp is written last, so a tree without one is incomplete, or not ours.
# It identifies what the links depend on.
version=$(stat -c '%n %i %Y' "$linux/Makefile")
if [ -e "$tree" ] && [ "$(cat "$tree/$stamp" 2>/dev/null)" != "$version" ]; then
	[ -e "$tree/$stamp" ] || [ -e "$tree/$stamp.part" ] ||
		[ -z "$(ls -A "$tree")" ] ||
		fail "$tree was not made by this script: remove it or name another"
	# Move it away and delete it at the end: ext4 is slow with freed inodes
	mv "$tree" "$tree.old.$$"
fi
if [ ! -e "$tree/$stamp" ]; then
	mkdir -p "$tree"
	: >"$tree/$stamp.part"
	cp -asT "$linux" "$tree"
	# kunit.py finds the top of its tree through its own real path
	rm -rf "$tree/tools/testing/kunit"
	cp -r "$linux/tools/testing/kunit" "$tree/tools/testing/kunit"
	echo "$version" >"$tree/$stamp"
	rm -f "$tree/$stamp.part"
fi
rm -rf "$tree.old.$$"
