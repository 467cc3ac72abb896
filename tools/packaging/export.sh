#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Export the last commit, and print the version of its packages.
#
# usage: export.sh DIRECTORY	writes DIRECTORY/vfio-cxl-VERSION

set -eu

out=$(realpath -m "$1")
cd "$(dirname "$0")/../.."

# The library's version and, unless this is its release, the commit and its
# date, so that later commits have higher versions. This works in a shallow
# clone, too.
version=$(sed -n 's/^VERSION[[:space:]]*:= //p' tools/lib/Makefile)
if ! git describe --exact-match --match "v$version" > /dev/null 2>&1; then
	version=$version+$(TZ=UTC git log -1 --format=%cd.g%h --abbrev=12 \
		--date=format-local:%Y%m%d%H%M%S)
fi
[ -z "$(git status --porcelain --untracked-files=no)" ] ||
	echo 'Uncommitted changes will not be in the packages.' >&2

mkdir -p "$out"
git archive --prefix="vfio-cxl-$version/" HEAD | tar -x -C "$out"
echo "$version"
