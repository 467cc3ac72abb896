#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#
# Test the library as its users see it: symbols, headers, pkg-config.  Run by
# "make check", which sets O, LIB, CC, CXX, NM, PKG_CONFIG and MAKE.

# check() runs the functions; pkg-config's output is to be split into words.
# shellcheck disable=SC2317,SC2046,SC2086

set -u
: "${O:?run this by make check}" "${LIB:?}"
: "${CC:=cc}" "${CXX:=c++}" "${NM:=nm}" "${PKG_CONFIG:=pkg-config}"
: "${MAKE:=make}"

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
root=$tmp/root
so=$O/libvfio-cxl.so.0.4.0
# Symbols, and the version that each came with
public="dma_buf@@VFIO_CXL_2.1 find@@VFIO_CXL_2.0 lock@@VFIO_CXL_2.0"
public="$public map@@VFIO_CXL_2.0 select@@VFIO_CXL_2.0"
public="$public verdict_name@@VFIO_CXL_2.0"
nr=0
failed=0

# check NAME COMMAND...: one test; the command's output is shown if it fails
check()
{
	name=$1
	shift
	nr=$((nr + 1))
	if "$@" >"$tmp/log" 2>&1; then
		echo "ok $nr - $name"
	else
		echo "not ok $nr - $name"
		sed 's/^/# /' "$tmp/log"
		failed=1
	fi
}

# same WANT GOT: two files
same()
{
	diff -u "$1" "$2"
}

exported_symbols()
{
	for s in $public; do
		echo "vfio_cxl_$s"
	done | sort >"$tmp/want"
	$NM -D --defined-only "$so" | awk '$2 != "A" { print $3 }' |
		sort >"$tmp/got"
	same "$tmp/want" "$tmp/got"
}

# What the map lists is what the header declares.
declared_symbols()
{
	grep -o 'vfio_cxl_[a-z_]*;' "$LIB/libvfio-cxl.map" | tr -d ';' |
		sort >"$tmp/want"
	sed -n 's/^[a-z].*[ *]\(vfio_cxl_[a-z_]*\)(.*/\1/p' \
		"$LIB/include/vfio-cxl.h" | sort >"$tmp/got"
	same "$tmp/want" "$tmp/got"
}

# Licence texts have none; the UAPI header is not in this directory.
licences()
{
	! grep -rL 'SPDX-License-Identifier: LGPL-2.1-or-later OR MIT' \
		"$LIB" --include='*.[ch]' --include='*.sh' --include='*.map' \
		--include=Makefile | grep . &&
		test -s "$LIB/LICENSES/LGPL-2.1-or-later.txt" &&
		test -s "$LIB/LICENSES/MIT.txt"
}

soname()
{
	readelf -d "$so" | grep -F 'Library soname: [libvfio-cxl.so.1]'
}

# Names of the static library that could clash with a program's
static_symbols()
{
	! $NM --defined-only -g "$O/libvfio-cxl.a" |
		awk 'NF == 3 { print $3 }' | grep -v '^vfio_cxl_'
}

# Everything that the library imports: nothing that prints, exits or blocks
imported_symbols()
{
	$NM -D --undefined-only "$so" | awk '{ print $2 }' | sed 's/@.*//' |
		grep -v '^_' | sort >"$tmp/got"
	! grep -vxE 'bsearch|calloc|free|ioctl|mem(cpy|move|set)|mmap|munmap|qsort|str(cmp|error)|v?snprintf' \
		"$tmp/got"
}

# No variables: nothing in the sections for them
no_state()
{
	size -A "$O/libvfio-cxl.a" |
		awk '$1 ~ /^\.t?(data|bss)$/ && $2 { bad = 1; print }
		     END { exit bad }'
}

install_tree()
{
	"$MAKE" -C "$LIB" -s install O="$O" DESTDIR="$root" PREFIX=/usr &&
		(cd "$root" && find . ! -type d | sort) >"$tmp/got" || return 1
	cat >"$tmp/want" <<-END
	./usr/include/vfio-cxl/linux/vfio_cxl.h
	./usr/include/vfio-cxl/vfio-cxl.h
	./usr/lib/libvfio-cxl.a
	./usr/lib/libvfio-cxl.so
	./usr/lib/libvfio-cxl.so.0.4.0
	./usr/lib/libvfio-cxl.so.1
	./usr/lib/pkgconfig/libvfio-cxl.pc
	END
	same "$tmp/want" "$tmp/got"
}

# runs_ldconfig USER DESTDIR: whether "make install" runs ldconfig; it and id
# are replaced, so that any user can run the test.
runs_ldconfig()
{
	rm -f "$tmp/ran"
	mkdir -p "$tmp/bin"
	printf '#!/bin/sh\necho %s\n' "$1" >"$tmp/bin/id"
	printf '#!/bin/sh\ntouch "%s"\n' "$tmp/ran" >"$tmp/bin/ldconfig"
	chmod +x "$tmp/bin/id" "$tmp/bin/ldconfig"
	PATH=$tmp/bin:$PATH "$MAKE" -C "$LIB" -s install O="$O" DESTDIR="$2" \
		PREFIX="$tmp/prefix" || exit 1
	test -e "$tmp/ran"
}

# Only root updates the dynamic linker's cache, and only that of the system.
ldconfig_by_root()
{
	runs_ldconfig 0 '' && ! runs_ldconfig 0 "$tmp/staged" &&
		! runs_ldconfig 1000 ''
}

pc()
{
	PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/pkgconfig \
		PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 $PKG_CONFIG "$@" libvfio-cxl
}

# It can be linked into any shared object, whatever the compiler's default is
position_independent()
{
	"$MAKE" -C "$LIB" -s O="$tmp/static" CFLAGS='-O2 -fno-pie' \
		"$tmp/static/libvfio-cxl.a" &&
		$CC -shared -Wl,-z,text -o "$tmp/other.so" -Wl,--whole-archive \
			"$tmp/static/libvfio-cxl.a" -Wl,--no-whole-archive
}

pc_version()
{
	test "$(pc --modversion)" = 0.4.0
}

# A program in C and C++: places a device, and gets a reason for a bad one.
cat >"$tmp/use.c" <<'END'
#include <vfio-cxl.h>
#include <linux/vfio_cxl.h>
#include <string.h>

int main(void)
{
	const char *const target = "cxl.0";
	struct vfio_cxl_window window;
	struct vfio_cxl_device device;
	struct vfio_cxl_placement placement;
	struct vfio_cxl_reason reason;
	struct vfio_cxl_hdm hdm;
	void *memory;
	int dma_buf;

	memset(&window, 0, sizeof(window));
	memset(&device, 0, sizeof(device));
	window.argsz = sizeof(window);
	device.argsz = sizeof(device);
	placement.argsz = sizeof(placement);
	hdm.argsz = sizeof(hdm);
	hdm.size = VFIO_CXL_ALIGN;
	hdm.region_offset = 0;
	window.name = "window.0";
	window.base = UINT64_C(0x80000000000);
	window.size = VFIO_CXL_ALIGN;
	window.targets = &target;
	window.nr_targets = 1;
	window.placed = true;
	device.name = "device";
	device.host_bridge = "cxl.0";
	device.hdm_size = VFIO_CXL_ALIGN;
	if (vfio_cxl_select(&window, 1, &device, 1, &placement) ||
	    placement.window != &window)
		return 1;
	if (strcmp(vfio_cxl_verdict_name(placement.verdict), "accepted"))
		return 2;
	if (!vfio_cxl_find(-1, device.name, &hdm, &reason) || !reason.text[0])
		return 3;
	if (!vfio_cxl_lock(-1, &device, &window, &reason) || !reason.text[0])
		return 4;
	if (!vfio_cxl_map(-1, device.name, &hdm, &memory, &reason) ||
	    !reason.text[0])
		return 5;
	if (!vfio_cxl_dma_buf(-1, device.name, &hdm, &dma_buf, &reason) ||
	    !reason.text[0])
		return 6;
	return VFIO_DEVICE_FEATURE_CXL_HDM_DECODER == 0x1e98 ? 0 : 7;
}
END
cp "$tmp/use.c" "$tmp/use.cc"
for header in vfio-cxl.h linux/vfio_cxl.h; do
	echo "#include <$header>" | tee "$tmp/alone-${header#linux/}.c" \
		>"$tmp/alone-${header#linux/}.cc"
done

use_shared()
{
	$CC -Wall -Wextra -Werror $(pc --cflags) -o "$tmp/use-shared" \
		"$tmp/use.c" $(pc --libs) &&
		readelf -d "$tmp/use-shared" | grep -F 'libvfio-cxl.so.1' &&
		LD_LIBRARY_PATH=$root/usr/lib "$tmp/use-shared"
}

use_static()
{
	$CC -static -Wall -Wextra -Werror $(pc --cflags) \
		-o "$tmp/use-static" "$tmp/use.c" $(pc --static --libs) &&
		"$tmp/use-static"
}

use_cxx()
{
	$CXX -std=c++17 -Wall -Wextra -Werror $(pc --cflags) \
		-o "$tmp/use-cxx" "$tmp/use.cc" $(pc --libs) &&
		LD_LIBRARY_PATH=$root/usr/lib "$tmp/use-cxx"
}

# musl-gcc uses musl's headers only: the kernel's come after them.
use_musl()
{
	musl="musl-gcc -idirafter /usr/include"
	musl="$musl -idirafter /usr/include/$($CC -print-multiarch)"

	"$MAKE" -C "$LIB" -s O="$tmp/musl" CC="$musl" all &&
		$musl -static -Wall -Wextra -Werror $(pc --cflags) \
			-o "$tmp/use-musl" "$tmp/use.c" \
			"$tmp/musl/libvfio-cxl.a" &&
		"$tmp/use-musl"
}

# Each header alone; the library's own is strict, the kernel's need not be.
compile_c()
{
	for std in c11 c17 gnu11; do
		$CC -std=$std -Wall -Wextra -Werror -fsyntax-only \
			$(pc --cflags) "$tmp/alone-vfio-cxl.h.c" &&
			$CC -std=$std -Wall -Wextra -Werror -fsyntax-only \
				$(pc --cflags) "$tmp/alone-vfio_cxl.h.c" ||
			return 1
	done
}

compile_cxx()
{
	for std in c++11 c++17 c++20; do
		$CXX -std=$std -Wall -Wextra -Werror -fsyntax-only \
			$(pc --cflags) "$tmp/alone-vfio-cxl.h.cc" &&
			$CXX -std=$std -Wall -Wextra -Werror -fsyntax-only \
				$(pc --cflags) "$tmp/alone-vfio_cxl.h.cc" ||
			return 1
	done
}

echo 1..17
check "shared library exports the map's symbols, versioned" exported_symbols
check "map and header agree" declared_symbols
check "soname" soname
check "licences" licences
check "static library defines vfio_cxl_* only" static_symbols
check "static library is position independent" position_independent
check "nothing is imported that prints or exits" imported_symbols
check "no variables" no_state
check "install with DESTDIR and PREFIX" install_tree
check "install runs ldconfig as root and without DESTDIR" ldconfig_by_root
check "pkg-config knows the version" pc_version
check "headers compile alone, C" compile_c
check "headers compile alone, C++" compile_cxx
check "a program uses the installed shared library" use_shared
check "a program uses the installed static library" use_static
check "a C++ program uses the installed shared library" use_cxx
if command -v musl-gcc >/dev/null; then
	check "builds with musl, and a program uses it" use_musl
else
	echo "ok 17 - builds with musl # SKIP no musl-gcc"
fi
exit $failed
