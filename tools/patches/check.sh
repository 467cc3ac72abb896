#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Applies the series to a Linux source and tests it there, in TAP.
#
# usage: check.sh LINUX SERIES TREE WORK [KUNIT]
#	LINUX	a clean Linux source, which is not changed
#	SERIES	directory of the patches
#	TREE	directory kept for Linux with the series, and builds of it
#	WORK	directory for logs
#	KUNIT	a tree of kunit/run.sh, whose build of Linux is reused

# The tests are called by report():
# shellcheck disable=SC2317

set -u

if [ $# -lt 4 ]; then
	sed -n '5,11s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
linux=$1
series=$(realpath "$2")
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$3" "$4"
tree=$(realpath "$3")/linux
build=$(realpath "$3")/build
# Not in the tree, where builds would treat each commit as a new version
git=$(realpath "$3")/git
work=$(realpath "$4")
kunit=${5-}
# The directory of the driver
vfio=drivers/vfio
jobs=-j$(nproc)

fail() {
	echo "Bail out! $*"
	exit 1
}

# Another checkout may be in the tree.
exec 9> "$3/lock"
flock 9
"$top/tools/testing/linktree.sh" "$linux" "$tree" || fail "no tree"
cd "$tree" || exit 1

# git, of the files of the tree that the series has
tree_git() {
	GIT_DIR=$git GIT_WORK_TREE=$tree GIT_CONFIG_GLOBAL=/dev/null \
	GIT_COMMITTER_NAME=check GIT_COMMITTER_EMAIL=check@localhost \
	GIT_AUTHOR_NAME=check GIT_AUTHOR_EMAIL=check@localhost \
		git "$@"
}

# The tree as it is without the series. Files of Linux that it edits are copies,
# because git neither edits nor reads what a link leads to.
pristine() {
	local name edited=()

	if [ -d "$git" ]; then
		tree_git ls-files -z | xargs -0 rm -f
		rm -rf "$git"
	fi
	while read -r name; do
		[ -e "$linux/$name" ] || continue
		cp -pL --remove-destination "$linux/$name" "$name" || return
		edited+=("$name")
	done < <(echo .gitattributes
		 sed -n 's,^--- a/,,p' "$series"/0*.patch | sort -u)
	tree_git init -q && tree_git add -f "${edited[@]}" &&
		tree_git commit -q -m Linux
}

number=0 status=0
# Run a test, named by the rest, and report it; its log is what it prints
report() {
	local log=$work/$((++number)).log start=$SECONDS name=$1

	shift
	if "$@" > "$log" 2>&1; then
		echo "ok $number - $name"
	else
		tail -n 20 "$log" | sed 's/^/# /'
		echo "not ok $number - $name (log in $log)"
		status=1
	fi
	echo "# $((SECONDS - start)) s"
}

applies() {
	tree_git am -q --whitespace=error "$1" || {
		tree_git am --abort
		return 1
	}
}

# make.py has checked that MAINTAINERS covers new files, about which checkpatch
# warns. Selftests are user space: they access registers through mappings, and
# have no BIT().
checkpatch() {
	local ignored=FILE_PATH_CHANGES

	! grep -q '^+++ b/tools/' "$1" || ignored+=,VOLATILE,BIT_MACRO
	scripts/checkpatch.pl --strict --show-types --ignore "$ignored" "$1"
}

# W=1 in the directory, even while allmodconfig lacks the driver, so that what a
# patch adds is compiled with that patch.
builds() {
	make "$jobs" O="$build" W=1 CONFIG_VFIO_CXL_PCI=m "$vfio/" 2>&1 |
		tee "$work/build.log"
	[ "${PIPESTATUS[0]}" -eq 0 ] &&
		! grep -nE 'warning:|error:' "$work/build.log"
}

allmodconfig() {
	make O="$build" allmodconfig
}

# The series' own options build all source files of the driver.
is_whole() {
	local name

	grep -qx CONFIG_VFIO_CXL_PCI=m "$build/.config" || return
	for name in "$vfio"/pci/cxl/*.c "$vfio"/pci/cxl/*/*.c; do
		[ "$build/${name%.c}.o" -nt "$name" ] || {
			echo "$name was not built"
			return 1
		}
	done
}

selftests() {
	rm -rf "$build/kselftest" && make "$jobs" O="$build" headers &&
		make "$jobs" -C tools/testing/selftests O="$build" \
			TARGETS=vfio/cxl FORCE_TARGETS=1
}

# Without devices, all of them skip.
selftests_skip() {
	local test n=0

	for test in "$build"/kselftest/vfio/cxl/*_test; do
		env -u VFIO_SELFTESTS_BDF "$test"
		[ $? -eq 4 ] || return
		n=$((n + 1))
	done
	[ "$n" -gt 0 ]
}

# The documents as Linux has them, with links replaced by files
documents() {
	rm -rf "$work/documents" && mkdir "$work/documents" &&
		cp --parents -t "$work/documents" \
			Documentation/*/vfio-cxl*.rst &&
		cp "$top/Documentation/conf.py" \
			"$work/documents/Documentation" &&
		printf '.. toctree::\n   :glob:\n\n   */*\n' \
			> "$work/documents/Documentation/index.rst" &&
		sphinx-build -W --keep-going -q -b html \
			"$work/documents/Documentation" "$work/documents/html"
}

run_kunit() {
	# Seed the first build from the other tree, whose file names are relative.
	if [ -n "$kunit" ] && [ -d "$kunit/linux/.kunit" ] &&
	   [ ! -d .kunit ]; then
		flock "$kunit/lock" cp -a "$kunit/linux/.kunit" . || return
	fi
	timeout --foreground -k 10 "${KUNIT_TIMEOUT:-1800}" \
		tools/testing/kunit/kunit.py run --build_dir=.kunit \
		--kunitconfig="$vfio/pci/cxl/tests" --timeout=300 \
		--jobs="$(nproc)"
}

pristine || fail "no repository in $git"
echo "TAP version 13"
report "Linux builds without the series" eval "allmodconfig && builds"
for patch in "$series"/0*.patch; do
	name=${patch##*/}
	name=${name%.patch}
	[ "$name" != 0000-cover-letter ] || continue
	report "$name applies" applies "$patch"
	report "$name: checkpatch" checkpatch "$patch"
	if grep -q '^+++ b/.*Kconfig' "$patch"; then
		report "$name: allmodconfig" allmodconfig
	fi
	if grep -q "^+++ b/$vfio" "$patch"; then
		report "$name builds" builds
	fi
	if grep -q '^+++ b/tools/testing/selftests' "$patch"; then
		report "$name: selftests build" selftests
	fi
done
report "the whole driver is built" is_whole
report "selftests skip without a device" selftests_skip
report "documents" documents
report "KUnit" run_kunit
echo "1..$number"
exit $status
