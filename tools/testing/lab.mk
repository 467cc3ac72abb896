# SPDX-License-Identifier: GPL-2.0-only
#
# Tests, and the emulated machines in which most of them run. Included by the
# Makefile at the top; tools/testing/README describes the directories.

RIG	:= tools/testing/rig/rig.py
# Paths of what the rig has set up, determined when needed
CACHE	= $(shell $(RIG) path cache)
LINUX	= $(shell $(RIG) path linux)
RIGKDIR	= $(shell $(RIG) path kernel)
HEADERS	= $(shell $(RIG) path headers)
DEMO	:= 256M,512M,1G,2G
GUEST	:= tools/testing/guest
GUESTS	:= 512M,512M,256M,256M
# A memory device, one of an accelerator's class that has D3hot, one with
# another function, and one below a switch
TOOL_DEVICES := 256M,512M:x-accel=on:x-pm=on
TOOL_DEVICES := $(TOOL_DEVICES),256M:x-flr=on:companion=virtio-rng-pci
TOOL_DEVICES := $(TOOL_DEVICES):passthrough=on
TOOL_DEVICES := $(TOOL_DEVICES),512M:switch=on
# The second one's memory is Soft Reserved, type 0xefffffff, in the memory map
TOOL_MEMMAP := memmap=512M%0x1d0000000+0xefffffff
# Debian packages for the checks, besides those of the rig
CHECKERS := busybox-static clang coccinelle flake8 g++ groff-base llvm \
	musl-tools ocaml-nox python3-sphinx python3-tap shellcheck
# Build dependencies of the tool
CHECKERS += libcxl-dev libjson-c-dev libpci-dev libsmartcols-dev libxml2-dev
# Debian's kernels, and the machine's kernel if no particular one is needed
KERNELS	:= debian-6.12 debian-7.2 debian
KERNEL	?= debian
# With the series for Debian 13's QEMU; qemu-guest-x86_64 is that of make qemu
GUEST_QEMU ?= qemu-guest
# What the tests with guests may take
GUESTS_SECONDS := $(if $(LONG),4500,2400)
# How long fuzz and torture run, and how often torture kills a VMM
SECONDS	?= 60
KILLS	?= 50

.PHONY: help-lab setup setup-demo lab-build check check-long demo shell qemu \
	qemu-install qemu-check qemu-qtests bench lint kunit emu-check fuzz \
	rig-check tool-check tool-machine \
	rig-modules kernels kernels-table selftests selftests-debian \
	selftests-arm64 arm64 arm64-1T torture-program torture torture-kcsan \
	guest-image guest guest-dma guest-smmu guest-image-arm64 tool-arm64 \
	guest-arm64 demo-arm64 htmldocs svg patches patches-check deb deb-check rpm \
	libvirt-check

help-lab:
	@echo '  qemu       QEMU with the series of tools/qemu, for x86-64 and arm64 guests'
	@echo '  qemu-install  install it, with DESTDIR, PREFIX=$(PREFIX)'
	@echo 'In an emulated machine; everything needed is fetched and built first:'
	@echo '  demo       a guest with four devices, each in a window of its own;'
	@echo '             KERNEL=debian-6.12 runs it on that kernel'
	@echo '  demo-arm64 the same on arm64, with windows of 256 GiB'
	@echo '  check      half an hour of tests, once the caches are filled'
	@echo '  check-long all tests, at full length'
	@echo '  shell      a shell in the machine'
	@echo '  setup      only fetch and build what is needed'
	@echo '  bench      overhead compared with vfio-pci: build/bench.json'
	@echo 'Parts of check:'
	@echo '  lint       sparse, checkpatch, coccicheck, kernel-doc, W=1, shell, Python,'
	@echo '             documentation'
	@echo '  kunit      the register emulation in KUnit, on User Mode Linux'
	@echo '  emu-check  the same suites in user space with sanitizers'
	@echo '  fuzz       the emulation under libFuzzer, for SECONDS=60, from SEED=...'
	@echo '  rig-check  unit tests of the rig and of the guest tests'
	@echo '  tool-check tests of the command-line tool that need no machine'
	@echo '  tool-machine  tests of the tool that need one'
	@echo '  selftests  build what the machine runs'
	@echo '  arm64      selftests on arm64; KERNEL= debian, debian-16k,'
	@echo '             debian-6.12 or 64k'
	@echo '  arm64-1T   some of them on memory of 1 TiB'
	@echo '  kernels    build the driver for kernels of Debian, without warnings'
	@echo '  selftests-debian  selftests on a kernel of Debian; KERNEL=$(KERNEL)'
	@echo '  torture    the whole driver at random, for SECONDS=60, from SEED=...,'
	@echo '             and a VMM that is killed, KILLS=$(KILLS) times'
	@echo '  guest      guests inside the machine; TESTS= picks some, LONG=1 runs'
	@echo '             all, SEED=... otherwise chooses a sample;'
	@echo '             GUEST_QEMU=qemu-guest-x86_64 uses the QEMU that'
	@echo '             make qemu builds'
	@echo '  guest-dma  DMA by other devices, through iommufd'
	@echo '  guest-smmu  guests with accelerated SMMUv3s, on QEMU 11.1'
	@echo '  guest-arm64  guest on arm64, with guests on QEMU virt; KERNEL= and'
	@echo '             GUEST_KERNEL=, such as 64k, select other page sizes'
	@echo 'Also:'
	@echo '  qemu-check  test what qemu-install installs, as an unprivileged user'
	@echo '  qemu-qtests  tests of QEMU itself, plain and with the series'
	@echo '  torture-kcsan  torture with a kernel that detects data races'
	@echo '  kernels-table  run selftests and the demo on the kernels of Debian, and'
	@echo '             write the results into the table; takes hours'
	@echo '  htmldocs   the documentation, in build/htmldocs'
	@echo '  patches    a series for Linux, in build/patches'
	@echo '  patches-check  apply, build and test that series'
	@echo '  deb        packages for Debian 13, in build/deb'
	@echo '  deb-check  install them on Debian 13 with its stock kernel, and use,'
	@echo '             upgrade and purge them'
	@echo '  rpm        a source RPM for Fedora, in build/rpm, checked with rpmlint'
	@echo '  libvirt-check  guests of libvirt, on Debian 13 with the packages'
	@echo '  svg        redraw the picture of the data path'

setup: setup-demo
	@$(RIG) packages $(CHECKERS)
	@$(RIG) setup linux kernel qemu-source initramfs-x86_64 sparse \
		tree-arm64 kernel-arm64-debian kernel-arm64-debian-16k \
		qemu-arm64 initramfs-arm64 headers-arm64 qemu-guest-arm64 \
		tree-packaging

setup-demo:
	@$(RIG) setup tree kernel-debian qemu initramfs-x86_64

# A copy in build/, so that root can install what a user has built
qemu:
	@$(RIG) setup qemu-host
	@mkdir -p $(O)
	@rm -rf $(O)/qemu
	@cp -a "$$($(RIG) path qemu-host)" $(O)/qemu
	@echo "QEMU with the series: $(O)/qemu/bin; make qemu-install installs it"

# Existing directories, such as /usr/local/bin, keep owner and mode.
qemu-install:
	@test -d $(O)/qemu || $(MAKE) qemu
	@mkdir -p $(DESTDIR)$(PREFIX)
	@tar -C $(O)/qemu -c . | tar -C $(DESTDIR)$(PREFIX) -x --no-same-owner \
		--no-overwrite-dir
	@echo "QEMU with the series: $(DESTDIR)$(PREFIX)/bin"

# In Debian 13 with Debian's own QEMU, which has the libraries that it needs
qemu-check: qemu
	@rm -rf $(O)/qemu-check
	@$(MAKE) --no-print-directory -s qemu-install DESTDIR=$(O)/qemu-check \
		PREFIX=/opt/vfio-cxl
	@$(RIG) tree -- env TIME_SCALE=$${TIME_SCALE:-1} \
		tools/testing/qemu/installed.py \
		--python "$$($(RIG) path qemu-host-python)" \
		$(O)/qemu-check/opt/vfio-cxl

qemu-qtests:
	@$(RIG) setup qemu-qtests
	@tools/testing/qemu/qtests.py "$$($(RIG) path qemu-qtests-plain)" \
		"$$($(RIG) path qemu-qtests-series)"

# Everything that several steps of the check need
lab-build: examples tool selftests selftests-arm64 torture-program guest-image

check:
	@tools/testing/check.py $(SEED:%=--seed %) $(STEPS)

check-long:
	@tools/testing/check.py --long $(SEED:%=--seed %) $(STEPS)

shell: rig-modules examples
	$(RIG) shell

# The register emulation alone

# Directories in the cache are shared by checkouts: most of their contents is
# Linux's own.
kunit: setup
	kunit/run.sh $(LINUX) $(CACHE)/kunit-$(notdir $(LINUX))

emu-check: setup
	$(MAKE) -C kunit/user O=$(O)/emu LINUX=$(LINUX) check

fuzz: setup
	$(MAKE) -C kunit/fuzz O=$(O)/fuzz LINUX=$(LINUX)
	kunit/fuzz/run.sh $(O)/fuzz $(SECONDS) $(SEED:%=-seed=%)

lint: setup
	tools/testing/lint.sh $(LINUX) $(RIGKDIR) $(O)/lint \
		$(CACHE)/lint-$(notdir $(LINUX))

# The documentation

htmldocs:
	@$(RIG) packages python3-sphinx
	sphinx-build -W --keep-going -q -b html -d $(O)/doctrees \
		Documentation $(O)/htmldocs
	@echo "HTML: $(O)/htmldocs/index.html"

svg:
	@$(RIG) packages graphviz fonts-dejavu-core
	dot -Tsvg -o Documentation/data-path.svg Documentation/data-path.dot

# The series for Linux

patches:
	@$(RIG) setup linux
	@tools/patches/make.py $(LINUX) $(O)/patches

patches-check: setup patches
	tools/patches/check.sh $(LINUX) $(O)/patches \
		$(CACHE)/patches-$(notdir $(LINUX)) $(O)/patches-check \
		$(CACHE)/kunit-$(notdir $(LINUX))

# Packages

deb:
	@tools/packaging/deb.sh $(O)/deb

deb-check: deb
	tools/testing/packaging/run.py $(O)/deb $(O)/deb-check

# apt, libvirt and AppArmor on a booted Debian 13, or TREE=tree-libvirt-forky
libvirt-check: TREE ?= tree-libvirt
libvirt-check: deb qemu guest-image
	tools/testing/libvirt/run.py $(TREE) $(O)/deb \
		$(O)/guest/initramfs.cpio $(O)/libvirt-check

rpm:
	@tools/packaging/rpm.sh $(O)/rpm

rig-check: setup
	@cd tools/testing && /usr/bin/python3 -B -m tap discover -t . -s rig/tests
	@tools/testing/guest/guest_test.py

tool-check: setup
	@$(MAKE) --no-print-directory -C tools/vfio-cxl O=$(O)/tool LIB=$(O)/lib \
		check

# The driver in the machine

rig-modules: setup
	@$(RIG) modules

selftests: rig-modules
	@$(RIG) modules tools/testing/selftests/modules
	$(MAKE) -C tools/testing/selftests O=$(O)/selftests all linux

# Static, so that they need nothing from the machine's root
selftests-arm64: setup
	@$(RIG) tree -- $(MAKE) --no-print-directory -s \
		-C tools/testing/selftests O=$(O)/selftests-arm64 \
		CC=aarch64-linux-gnu-gcc LDFLAGS=-static LINUX=$(LINUX) \
		HEADERS=$$($(RIG) path headers-arm64) all

# Tests that need no property of the rig's own device. The last device differs
# in size and has a base whose lower half is not 0.
ARM64_TESTS := $(addsuffix _test,regs config feature mem bind reset scrub \
	poison kvm cache watch dmabuf)

arm64: selftests-arm64
	@$(RIG) modules --arch arm64 --kernel $(KERNEL)
	@$(RIG) modules --arch arm64 --kernel $(KERNEL) \
		tools/testing/selftests/modules
	@$(RIG) run --arch arm64 --kernel $(KERNEL) --devices 256M,512M \
		--timeout 900 -- tools/testing/selftests/run.sh \
		$(O)/selftests-arm64 $(ARM64_TESTS)

# Memory of 1 TiB, the maximum for a VFIO region.  It is sparse, so it must not
# be cleared.  The processor of a q35 machine cannot address it.
TERABYTE_TESTS := mem_test:region_info mem_test:one_memory \
	mem_test:end_of_region feature_test:window_may_be_exactly_the_memory

arm64-1T: selftests-arm64
	@$(RIG) modules --arch arm64 --kernel debian
	@$(RIG) run --arch arm64 --kernel debian --devices 1024G:sparse=on -- \
		sh -ec 'modprobe vfio-cxl-pci scrub=off; \
		for test in $(TERABYTE_TESTS); do \
			$(O)/selftests-arm64/$${test%:*} -t $${test#*:}; \
		done'

# On x86-64, tests that need no debug option of the kernel
DEBIAN_TESTS := $(addsuffix _test,regs config feature mem gate bind reset \
	scrub aer kvm poison sleep late watch)

selftests-debian: selftests
	@$(RIG) modules --kernel $(KERNEL)
	@$(RIG) modules --kernel $(KERNEL) tools/testing/selftests/modules
	@$(RIG) run --kernel $(KERNEL) --timeout 900 -- \
		tools/testing/selftests/run.sh $(O)/selftests $(DEBIAN_TESTS)

# One line of TAP for each
kernels: setup
	@status=0; n=0; echo "1..$$((2 * $(words $(KERNELS))))"; \
	for kernel in $(KERNELS); do for arch in x86_64 arm64; do \
		n=$$((n + 1)); \
		if $(RIG) modules --strict --arch $$arch --kernel $$kernel \
			--output $(O)/modules/$$kernel-$$arch; \
		then echo "ok $$n $$kernel, $$arch"; \
		else echo "not ok $$n $$kernel, $$arch"; status=1; fi; \
	done; done; exit $$status

# Results are kept in build/kernels; without that directory all runs again.
kernels-table:
	@tools/testing/kernels.py

torture-program: rig-modules
	@$(MAKE) --no-print-directory -s -C tools/testing/torture O=$(O)/torture

# Linux 7.3 has a cycle of its own: SET_IRQS takes kernfs_rwsem inside VFIO's
# memory_lock, a fault of a BAR takes that inside mmap_lock, and a reader of a
# directory in sysfs takes this inside kernfs_rwsem, with vfio-pci, too.
TORTURE_KNOWN := possible circular locking dependency detected

# Rounds that began in time, a kill every second or two, and the scan for leaks
define run-torture
	@$(RIG) run $(1) --known '$(TORTURE_KNOWN)' --timeout \
		$$((2 * $(SECONDS) + 4 * $(KILLS) + 300)) -- sh -ec ' \
		torture=$(O)/torture/torture; \
		$$torture --seconds $(SECONDS) $(SEED:%=--seed %); \
		$$torture --kill --rounds $(KILLS) $(SEED:%=--seed %)'
endef

torture: torture-program
	$(call run-torture,--leaks)

# KCSAN watches few accesses: watch more of them than by default
torture-kcsan: torture-program
	@$(RIG) modules --kernel kcsan
	$(call run-torture,--kernel kcsan --append kcsan.skip_watch=200)

# The command-line tool on devices of the machine
tool-machine: setup tool
	@$(RIG) modules --kernel debian
	@$(RIG) run --kernel debian --devices $(TOOL_DEVICES) -- \
		env VFIO_CXL=$(O)/tool/vfio-cxl \
		tools/testing/tool/in_machine.py
	@$(RIG) run --kernel debian --devices $(TOOL_DEVICES) \
		--append $(TOOL_MEMMAP) -- \
		env VFIO_CXL=$(O)/tool/vfio-cxl \
		tools/testing/tool/in_machine.py SoftReserved Stuck

# Guests in the machine, on Debian's kernel on both levels

guest-image: setup-demo
	@$(RIG) modules --kernel debian
	@$(RIG) modules --kernel debian --output $(O)/guest/accel \
		$(GUEST)/inside/accel
	@$(RIG) tree -- $(MAKE) --no-print-directory -s -C $(GUEST) \
		O=$(O)/guest \
		MODULES="$$($(RIG) path modules-debian) $(O)/guest/accel"

# The same on arm64: a guest on QEMU's virt. The two levels may have kernels with
# pages of different sizes.
GUEST_KERNEL ?= debian
GUEST_QEMU_ARM64 ?= qemu-guest-arm64
GUEST_ARM64 = $(O)/guest-arm64-$(GUEST_KERNEL)
guest-image-arm64:
	@$(RIG) setup tree kernel-arm64-$(KERNEL) \
		kernel-arm64-$(GUEST_KERNEL) qemu-arm64 initramfs-arm64 \
		$(sort qemu-guest-arm64 $(GUEST_QEMU_ARM64))
	@$(RIG) modules --arch arm64 --kernel $(KERNEL)
	@$(RIG) modules --arch arm64 --kernel $(GUEST_KERNEL)
	@$(RIG) modules --arch arm64 --kernel $(GUEST_KERNEL) \
		--output $(GUEST_ARM64)/accel $(GUEST)/inside/accel
	@$(RIG) tree -- $(MAKE) --no-print-directory -s -C $(GUEST) \
		O=$(GUEST_ARM64) CC=aarch64-linux-gnu-gcc \
		BUSYBOX="$$($(RIG) path tree-arm64)/usr/bin/busybox" \
		MODULES="$$($(RIG) path modules-arm64-$(GUEST_KERNEL)) \
			$(GUEST_ARM64)/accel"

# What a program in the machine needs to start guests
GUESTARGS = --qemu $$($(RIG) path $(GUEST_QEMU)) \
	--stock-qemu /usr/bin/qemu-system-x86_64 \
	--python $$($(RIG) path qemu-python) \
	--kernel $$($(RIG) path image-debian) \
	--initrd $(O)/guest/initramfs.cpio \
	--fail-ioctl $(O)/guest/fail-ioctl.so
GUESTRUN = $(RIG) run --kernel $(KERNEL) --memory 5G

guest: guest-image tool
	@$(RIG) setup $(GUEST_QEMU:qemu-guest=qemu)
	@$(RIG) modules --kernel $(KERNEL)
	@$(GUESTRUN) --devices $(GUESTS) --timeout $(GUESTS_SECONDS) -- \
		$(GUEST)/run.py \
		$(GUESTARGS) --tool $(O)/tool/vfio-cxl \
		$(if $(LONG),--long,$(SEED:%=--seed %)) $(TESTS)

# Debian's kernels have no IOMMUFD.
guest-dma: examples rig-modules
	@$(RIG) run -- tools/examples/run-vmm.sh $(O)/examples/vmm
	@$(MAKE) --no-print-directory guest KERNEL=debug TESTS=test_dma \
		GUEST_QEMU=qemu-guest-x86_64

demo: guest-image
	@$(RIG) modules --kernel $(KERNEL)
	@$(MAKE) --no-print-directory -s examples
	@$(GUESTRUN) --devices $(DEMO) -- sh -ec ' \
		tools/examples/run-vmm.sh $(O)/examples/vmm; \
		exec $(GUEST)/demo.py '"$(GUESTARGS)"

# The tool for arm64, with the libraries of that machine's root
tool-arm64: guest-image-arm64
	@root=$$($(RIG) path tree-arm64); \
	libraries=$$root/usr/lib/aarch64-linux-gnu/pkgconfig; \
	for part in lib vfio-cxl; do \
		$(RIG) tree -- env PKG_CONFIG_SYSROOT_DIR=$$root \
			PKG_CONFIG_LIBDIR=$$libraries \
			$(MAKE) --no-print-directory -s -C tools/$$part \
			O=$(O)/arm64/$$part LIB=$(O)/arm64/lib \
			CC="aarch64-linux-gnu-gcc --sysroot=$$root" \
			AR=aarch64-linux-gnu-ar all || exit; \
	done

GUESTARGS_ARM64 = --qemu $$($(RIG) path $(GUEST_QEMU_ARM64)) \
	--python $$($(RIG) path qemu-guest-arm64-python) \
	--kernel $$($(RIG) path image-arm64-$(GUEST_KERNEL)) \
	--initrd $(GUEST_ARM64)/initramfs.cpio
GUESTRUN_ARM64 = $(RIG) run --arch arm64 --kernel $(KERNEL) --memory 3G

# Page size of a kernel in KiB, with which its name ends unless it is 4
pages = $(or $(patsubst %k,%,$(filter %k,$(lastword $(subst -, ,$(1))))),4)

guest-arm64: tool-arm64
	@$(GUESTRUN_ARM64) --devices $(GUESTS) --timeout $(GUESTS_SECONDS) -- \
		$(GUEST)/run.py $(GUESTARGS_ARM64) \
		--pages $(call pages,$(KERNEL)) $(call pages,$(GUEST_KERNEL)) \
		--tool $(O)/arm64/vfio-cxl/vfio-cxl \
		$(if $(LONG),--long,$(SEED:%=--seed %)) $(TESTS)

# SMMUv3s with accel=on, of a newer QEMU and a kernel with IOMMUFD
guest-smmu:
	@$(RIG) setup kernel-arm64-64k
	@$(RIG) modules --arch arm64 --kernel 64k tools/testing/selftests/modules
	@$(MAKE) --no-print-directory guest-arm64 KERNEL=64k TESTS=test_virt \
		GUEST_QEMU_ARM64=qemu-guest-arm64-11.1

demo-arm64: guest-image-arm64
	@$(GUESTRUN_ARM64) --devices $(GUESTS) -- $(GUEST)/demo.py \
		$(GUESTARGS_ARM64)

# PARTS= selects some
bench: guest-image lib setup
	@$(RIG) packages gnuplot-nox
	@$(MAKE) --no-print-directory -s -C tools/testing/bench O=$(O)/bench \
		LIB=$(O)/lib HEADERS=$(HEADERS)
	@$(RIG) modules --kernel debian --output $(O)/bench/memset \
		tools/testing/bench/memset
	@$(MAKE) --no-print-directory -s -C $(GUEST) O=$(O)/bench/guest \
		MODULES="$$($(RIG) path modules-debian)" \
		PROGRAMS=$(O)/bench/access
	@tools/testing/bench/bench.py $(PARTS)
