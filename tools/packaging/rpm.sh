#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build a source RPM from the last commit and check, to the extent that Debian's
# rpm can, that Fedora can build it: Debian's rpm builds the binary packages,
# but knows neither Fedora's packages nor all of its macros, so they are not
# kept.
#
# usage: rpm.sh DIRECTORY	below the checkout; it is emptied

set -eu

here=$(cd "$(dirname "$0")" && pwd)
rig=$here/../testing/rig/rig.py
out=$(realpath -m "$1")

rm -rf "$out"
version=$("$here/export.sh" "$out")
cd "$out"
tar -cJf "vfio-cxl-$version.tar.xz" --owner=0 --group=0 "vfio-cxl-$version"
maintainer=$(sed -n 's/^Maintainer: //p' "$here/debian/control")
sed "s/@VERSION@/$version/" "$here/vfio-cxl.spec" > vfio-cxl.spec
cat >> vfio-cxl.spec <<END
* $(LC_ALL=C git log -1 --format=%cd --date=format:'%a %b %d %Y') $maintainer - $version-1
- Built from commit $(git rev-parse HEAD).
END

# Errors of rpmlint are fatal; its warnings are in the log.
# shellcheck disable=SC2016 # expanded by the inner shell
"$rig" tree --name tree-packaging -- sh -ec 'cd "$1"
	rpmspec -P vfio-cxl.spec > /dev/null
	build() {
		rpmbuild "--define=_topdir $PWD/work" \
			"--define=_sourcedir $PWD" --nodeps "$@" vfio-cxl.spec
	}
	build -bs
	build -bb
	rpmlint --config "$2" vfio-cxl.spec work/SRPMS/*.rpm \
		work/RPMS/*/*.rpm
	mv work/SRPMS/*.rpm .' \
	sh "$out" "$here/rpmlint.toml" > build.log 2>&1 || {
		tail -n 40 build.log
		echo "full log: $out/build.log"
		exit 1
	}
rm -r work "vfio-cxl-$version" "vfio-cxl-$version.tar.xz" vfio-cxl.spec
ls "$out"/*.rpm
