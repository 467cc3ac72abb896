#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build Debian packages from the last commit, in the rig's Debian 13 tree for
# packaging, and check them with lintian.
#
# usage: deb.sh DIRECTORY	below the checkout; it is emptied

set -eu

here=$(cd "$(dirname "$0")" && pwd)
rig=$here/../testing/rig/rig.py
out=$(realpath -m "$1")

rm -rf "$out"
version=$("$here/export.sh" "$out")
cd "$out/vfio-cxl-$version"
cp -r tools/packaging/debian debian
cat > debian/changelog <<END
vfio-cxl ($version) unstable; urgency=medium

  * Built from commit $(git rev-parse HEAD).

 -- $(sed -n 's/^Maintainer: //p' debian/control)  $(git log -1 --format=%cD)
END

# shellcheck disable=SC2016 # expanded by the inner shell
"$rig" tree --name tree-packaging -- sh -ec 'cd "$1"
	DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage --no-sign
	lintian --allow-root --fail-on error ../*.changes' sh "$PWD" \
	> ../build.log 2>&1 || {
		tail -n 40 ../build.log
		echo "full log: $out/build.log"
		exit 1
	}
sed -n '/^[EWI]: /p' ../build.log
ls "$out"/*.deb
