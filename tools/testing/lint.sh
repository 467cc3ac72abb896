#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Static checks, each reported as a TAP line.
#
# usage: lint.sh LINUX KDIR WORK TREE
#	LINUX	Linux source with scripts/
#	KDIR	build directory of a configured kernel
#	WORK	directory for logs and objects
#	TREE	directory kept for the build in Linux's own tree

# The checks are called by name:
# shellcheck disable=SC2317

set -u

if [ $# -ne 4 ]; then
	sed -n '5,11s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
linux=$1 kdir=$2 work=$3 tree=$4
top=$(cd "$(dirname "$0")/../.." && pwd)
driver=$top/drivers/vfio/pci/cxl
sparse=$("$top/tools/testing/rig/rig.py" path sparse)
cd "$top" || exit 2
mkdir -p "$work" "$tree"
# Another checkout may be using the tree.
exec 9> "$tree/lock"
flock 9

files() {
	git ls-files --cached --others --exclude-standard -- "$@"
}

# A log is clean if no line matches.
no_match() {
	! grep -nE "$1" "$2"
}

# Make targets in a separate directory below $work.
kbuild() {
	local folder=$work/$1

	shift
	rm -rf "$folder" && mkdir -p "$folder" &&
		make --no-print-directory -C "$kdir" M="$driver" MO="$folder" \
			CONFIG_VFIO_CXL_PCI=m CONFIG_VFIO_CXL_EMU=m "$@"
}

check_sparse_and_W1() {
	kbuild modules W=1 C=2 CHECK="$sparse" modules \
		> "$work/kbuild.log" 2>&1 &&
		no_match 'warning|error|not available' "$work/kbuild.log"
}

check_in_tree_W1() {
	local build=$tree/build

	mkdir -p "$build" && cp "$kdir/.config" "$build/" &&
		printf 'CONFIG_%s=y\n' VFIO_CXL_PCI KUNIT \
			VFIO_CXL_PCI_KUNIT_TEST >> "$build/.config" &&
		make -C "$tree/linux" O="$build" olddefconfig prepare \
			> "$work/tree.log" 2>&1 &&
		rm -rf "$build/drivers/vfio/pci/cxl" &&
		make -C "$tree/linux" O="$build" W=1 \
			drivers/vfio/pci/cxl/ > "$work/tree-W1.log" 2>&1 &&
		grep -q CONFIG_VFIO_CXL_PCI=y "$build/.config" &&
		no_match 'warning|error' "$work/tree-W1.log"
}

# Does an architecture offer the driver with these options?
offers() {
	local folder=$work/kconfig arch=$1

	shift
	rm -rf "$folder" && mkdir -p "$folder" &&
		printf 'CONFIG_%s\n' PCI=y VFIO=y VFIO_CXL_PCI=y "$@" \
			> "$folder/wanted" &&
		make -s -C "$tree/linux" O="$folder" ARCH="$arch" allnoconfig \
			KCONFIG_ALLCONFIG="$folder/wanted" \
			>> "$work/kconfig.log" 2>&1 || return 2
	grep -q '^CONFIG_VFIO=y' "$folder/.config" || return 2
	grep -q '^CONFIG_VFIO_CXL_PCI=y' "$folder/.config"
}

refuses() {
	offers "$@"
	[ $? -eq 1 ]
}

# If the driver cannot clear the memory, or cannot map all of it, it cannot be
# enabled, nor built out of tree.
check_kconfig() {
	: > "$work/kconfig.log"
	offers x86_64 64BIT=y && offers arm64 ARM64_PMEM=y || return
	refuses x86 64BIT=n && refuses arm64 ARM64_PMEM=n || return

	echo "#undef CONFIG_ARCH_HAS_PMEM_API" > "$work/undef.h"
	! kbuild undef KCFLAGS="-include $work/undef.h" modules \
		> "$work/undef.log" 2>&1 &&
		grep -q 'error: #error .*arch_wb_cache_pmem' "$work/undef.log"
}

check_coccicheck() {
	kbuild cocci coccicheck MODE=report J="$(nproc)" \
		> "$work/cocci.log" 2>&1 &&
		no_match '^[^ ]+:[0-9]+:.*(WARNING|ERROR)' "$work/cocci.log"
}

checkpatch() {
	xargs -d '\n' "$linux/scripts/checkpatch.pl" --no-tree --strict --terse \
		--show-types --max-line-length=80 --ignore "$1" -f \
		>> "$work/checkpatch.log" 2>&1
}

# Ignore what does not apply outside of the kernel: its types, its macros, its
# ban on volatile and on camel case, as in libFuzzer's names; and names of files
# in Makefiles, which are rules. A macro of the compatibility layer replaces a
# member that older kernels do not have.
check_checkpatch() {
	local both=SPDX_LICENSE_TAG,CONFIG_DESCRIPTION,EMBEDDED_FILENAME
	local user=PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,BIT_MACRO
	local compat=drivers/vfio/pci/cxl/compat

	rm -f "$work/checkpatch.log"
	files drivers include kunit Kconfig Makefile ":!$compat" \
		':!kunit/fuzz' |
		grep -E '(\.[ch]|Kconfig|Kbuild|Makefile)$' | checkpatch "$both"
	files "$compat" | checkpatch "$both,COMPLEX_MACRO"
	user=$user,VOLATILE,EMBEDDED_FUNCTION_NAME,SPLIT_STRING,CAMELCASE
	files 'tools/*.[ch]' 'tools/*Makefile' 'kunit/fuzz/*.[ch]' |
		checkpatch "$both,$user"
	no_match '(ERROR|WARNING|CHECK):' "$work/checkpatch.log"
}

check_kernel_doc() {
	files 'drivers/*.[ch]' 'include/*.h' | xargs -d '\n' \
		"$linux/scripts/kernel-doc" -none -Wall \
		> "$work/kernel-doc.log" 2>&1 &&
		no_match '.' "$work/kernel-doc.log"
}

check_shellcheck() {
	git grep -lE --untracked '^#!.*(/| )(ba)?sh\b' | xargs -d '\n' shellcheck
}

check_flake8() {
	flake8 --max-line-length 80 Documentation tools kunit
}

# Warnings are errors: a table that does not render, a missing document.
check_htmldocs() {
	sphinx-build -W --keep-going -q -b html -d "$work/doctrees" \
		Documentation "$work/htmldocs"
}

check_links() {
	tools/testing/links.py
}

# The series have a copy of the UAPI header, as headers_install leaves it.
check_qemu_series() {
	local series source patch

	source=$(tools/testing/rig/rig.py path qemu-source) || return
	sed -n '/^+++ .*linux\/vfio_cxl\.h$/,/^diff /s/^+//p' \
		tools/qemu/common/0001-* |
		grep -v '^++' > "$work/vfio_cxl.h"
	sed 's/_UAPI_LINUX/_LINUX/' include/uapi/linux/vfio_cxl.h |
		diff -u - "$work/vfio_cxl.h" || return
	for series in tools/qemu/*/series; do
		while read -r patch; do
			"$source/scripts/checkpatch.pl" --no-tree --terse \
				"${series%/*}/$patch" || return
		done < "$series"
	done > "$work/qemu-checkpatch.log"
	no_match 'ERROR:' "$work/qemu-checkpatch.log"
}

# The series for Linux drops and replaces sentences of documents, by their text.
check_linux_series() {
	tools/patches/make.py "$linux" "$work/patches"
}

kunit/overlay.sh "$linux" "$tree/linux" || exit 2
checks=(sparse_and_W1 in_tree_W1 kconfig coccicheck checkpatch kernel_doc
	shellcheck flake8 htmldocs links qemu_series linux_series)
status=0
echo "TAP version 13"
echo "1..${#checks[@]}"
# Run as many in parallel as there are processors, and report them in the order
# above.
rm -f "$work"/*.status
for name in "${checks[@]}"; do
	[ "$(jobs -pr | wc -l)" -lt "$(nproc)" ] || wait -n
	{
		"check_$name" > "$work/$name.out" 2>&1
		echo $? > "$work/$name.status"
	} &
done
wait
for i in "${!checks[@]}"; do
	name=${checks[i]}
	if [ "$(cat "$work/$name.status")" = 0 ]; then
		echo "ok $((i + 1)) - $name"
	else
		status=1
		sed 's/^/# /' "$work/$name.out"
		echo "not ok $((i + 1)) - $name (logs in $work)"
	fi
done
exit $status
