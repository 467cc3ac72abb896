#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the KUnit suites on User Mode Linux with the kernel's own kunit.py.

set -eu

usage() {
	cat <<'EOF'
usage: kunit/run.sh LINUX WORK [ARGUMENT]...

Adds the project to the Linux source LINUX, builds a UML kernel and runs the
suites in it.  LINUX is not changed; everything is built below WORK, which is a
cache: the next run builds only what changed.  ARGUMENTs go to kunit.py run, for
instance

  --kernel_args=vfio_cxl_kunit.seed=42     another run of random accesses
  --kernel_args=vfio_cxl_kunit.accesses=10000000
  'vfio-cxl-hdm*'                          this suite alone
  --raw_output                             what the kernel prints

The exit status is kunit.py's, or 124 after KUNIT_TIMEOUT (1800) seconds; running
alone is limited by --timeout (300).
EOF
}

case "${1-}" in
-h | --help)
	usage
	exit 0
	;;
esac
if [ $# -lt 2 ]; then
	usage >&2
	exit 2
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
linux=$1
mkdir -p "$2"
work=$(CDPATH='' cd -- "$2" && pwd -P)
shift 2

# Another checkout may be using it; kunit.py holds the lock until it exits.
exec 9>"$work/lock"
flock 9
"$here/overlay.sh" "$linux" "$work/linux"

cd "$work/linux"
# The build directory is in the tree, so that neither outlives the other.  In
# the foreground, so that the terminal's interrupt reaches the build.
exec timeout --foreground -k 10 "${KUNIT_TIMEOUT:-1800}" \
	tools/testing/kunit/kunit.py run --build_dir=.kunit \
	--kunitconfig=drivers/vfio/pci/cxl/tests --timeout=300 \
	--jobs="$(nproc)" "$@"
