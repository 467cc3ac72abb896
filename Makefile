# SPDX-License-Identifier: GPL-2.0-only
#
# vfio-cxl-pci: modules, library and tests. `make help` lists the targets.

KDIR	?= /lib/modules/$(shell uname -r)/build
PREFIX	?= /usr/local
O	:= $(CURDIR)/build

RIG	:= tools/testing/rig/rig.py
# What the rig has set up, asked for when it is needed
LINUX	= $(shell $(RIG) path linux)
RIGKDIR	= $(shell $(RIG) path kernel)
PRODKDIR = $(shell $(RIG) path kernel-production)
KCSANKDIR = $(shell $(RIG) path kernel-kcsan)
DEMO	:= 256M,512M,1G,2G
GUEST	:= tools/testing/guest
GUESTS	:= 512M,512M,256M,256M
GUESTPKGS := python3-tap
# Debian packages of the checks, beside those of the rig
LINTERS	:= clang coccinelle flake8 g++ llvm ocaml-nox shellcheck
# Of make torture: how often a VMM is killed
KILLS	?= 50

# $(call kbuild,KDIR,SOURCE,FOLDER,TARGETS): modules, built in FOLDER
kbuild	= mkdir -p $(3) && $(MAKE) -C $(1) M=$(CURDIR)/$(2) MO=$(3) \
	  CONFIG_VFIO_CXL_PCI=m CONFIG_VFIO_CXL_EMU=m $(4)
DRIVER	:= drivers/vfio/pci/cxl

.PHONY: help modules install lib examples setup setup-demo rig-modules \
	selftests kunit emu-check fuzz demo check lint shell clean qemu \
	guest-image guest torture torture-kcsan bench

help:
	@echo 'Build and use on this machine:'
	@echo '  modules    the kernel modules, against KDIR=$(KDIR)'
	@echo '  lib        libvfio-cxl, shared and static'
	@echo '  install    modules, library and headers, with DESTDIR, PREFIX=$(PREFIX)'
	@echo 'In an emulated machine; everything needed is fetched and built first:'
	@echo '  demo       a guest with four devices, each in a window of its own'
	@echo '  check      all tests'
	@echo '  shell      a shell in the machine'
	@echo '  setup      only fetch and build what is needed'
	@echo '  qemu       only QEMU with the series of tools/qemu'
	@echo '  bench      what the driver costs, beside stock vfio-pci: build/bench.json'
	@echo 'Parts of check:'
	@echo '  lint       sparse, checkpatch, coccicheck, kernel-doc, W=1, shell, Python'
	@echo '  kunit      the register emulation in KUnit, on User Mode Linux'
	@echo '  emu-check  the same suites in user space with sanitizers'
	@echo '  fuzz       the emulation under libFuzzer, for SECONDS=60'
	@echo '  selftests  build what the machine runs'
	@echo '  torture    the whole driver at random, for SECONDS=120, from SEED=...,'
	@echo '             and a VMM that is killed, KILLS=$(KILLS) times'
	@echo '  guest      guests inside the machine; TESTS= picks some'
	@echo 'Also:'
	@echo '  torture-kcsan  torture with a kernel that looks for data races'
	@echo '  clean      remove build/; the cache stays'

modules:
	@test -e $(KDIR)/Makefile || { \
		echo 'No configured kernel in $(KDIR): install its headers or give KDIR=...'; \
		exit 1; }
	$(call kbuild,$(KDIR),$(DRIVER),$(O)/host-modules,modules)

install: modules lib
	$(call kbuild,$(KDIR),$(DRIVER),$(O)/host-modules,\
		INSTALL_MOD_PATH=$(DESTDIR) modules_install)
	$(MAKE) -C tools/lib O=$(O)/lib DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) install

lib:
	$(MAKE) -C tools/lib O=$(O)/lib all

examples: lib
	$(MAKE) -C tools/examples O=$(O)/examples LIB=$(O)/lib all

setup:
	@$(RIG) packages $(LINTERS) $(GUESTPKGS)
	@$(RIG) setup packages linux kernel kernel-production qemu-source qemu \
		initramfs sparse

setup-demo:
	@$(RIG) packages $(GUESTPKGS)
	@$(RIG) setup packages linux kernel-production qemu initramfs

qemu:
	@$(RIG) setup packages qemu
	@echo "QEMU with the series: $$($(RIG) path qemu-guest)"

guest-image: setup-demo
	@$(call kbuild,$(PRODKDIR),$(DRIVER),$(O)/modules-production,\
		--no-print-directory -s modules)
	@$(call kbuild,$(PRODKDIR),$(GUEST)/inside/accel,$(O)/guest/accel,\
		--no-print-directory -s modules)
	@$(MAKE) --no-print-directory -s -C $(GUEST) O=$(O)/guest \
		MODULES="$$($(RIG) path modules-production) $(O)/guest/accel"

# What a program in the machine needs to start guests
GUESTARGS = --qemu $$($(RIG) path qemu-guest) \
	--stock-qemu $$($(RIG) path qemu) \
	--python $$($(RIG) path qemu-python) \
	--kernel $$($(RIG) path image-production) \
	--initrd $(O)/guest/initramfs.cpio
GUESTRUN = $(RIG) run --production --memory 5G

guest: guest-image
	@$(GUESTRUN) --devices $(GUESTS) --timeout 2400 -- \
		$(GUEST)/run.py $(GUESTARGS) $(TESTS)

rig-modules: setup
	@$(call kbuild,$(RIGKDIR),$(DRIVER),$(O)/modules,\
		--no-print-directory modules)

selftests: rig-modules
	$(MAKE) -C tools/testing/selftests O=$(O)/selftests all linux

# PARTS= picks some
bench: guest-image lib
	@$(RIG) packages gnuplot-nox
	@$(MAKE) --no-print-directory -s -C tools/testing/bench O=$(O)/bench \
		LIB=$(O)/lib HEADERS=$(PRODKDIR)/usr/include
	@$(call kbuild,$(PRODKDIR),tools/testing/bench/memset,$(O)/bench/memset,\
		--no-print-directory -s modules)
	@$(MAKE) --no-print-directory -s -C $(GUEST) O=$(O)/bench/guest \
		MODULES="$$($(RIG) path modules-production)" \
		PROGRAMS=$(O)/bench/access
	@tools/testing/bench/bench.py $(PARTS)

demo: guest-image
	@$(MAKE) --no-print-directory -s examples
	@$(GUESTRUN) --devices $(DEMO) -- sh -ec ' \
		tools/examples/run-vmm.sh $(O)/examples/vmm; \
		exec $(GUEST)/demo.py '"$(GUESTARGS)"

shell: rig-modules examples
	$(RIG) shell

kunit: setup
	kunit/run.sh $(LINUX) $(O)/kunit

emu-check: setup
	$(MAKE) -C kunit/user O=$(O)/emu LINUX=$(LINUX) check

fuzz: setup
	$(MAKE) -C kunit/fuzz O=$(O)/fuzz LINUX=$(LINUX)
	kunit/fuzz/run.sh $(O)/fuzz $(or $(SECONDS),60)

# Linux 7.3 has a cycle of its own: SET_IRQS takes kernfs_rwsem inside VFIO's
# memory_lock, a fault of a BAR takes that inside mmap_lock, and a reader of a
# folder of sysfs takes this inside kernfs_rwsem, with vfio-pci, too.
TORTURE_KNOWN := possible circular locking dependency detected

define run-torture
	@$(MAKE) --no-print-directory -s -C tools/testing/torture O=$(O)/torture
	@$(RIG) run $(1) --known '$(TORTURE_KNOWN)' --timeout \
		$$((2 * $(or $(SECONDS),120) + 4 * $(KILLS) + 300)) -- sh -ec ' \
		torture=$(O)/torture/torture; \
		$$torture --seconds $(or $(SECONDS),120) $(SEED:%=--seed %); \
		$$torture --kill --rounds $(KILLS) $(SEED:%=--seed %)'
endef

# Rounds that were begun in time, a kill a second or two, and the leaks' scan
torture: rig-modules
	$(call run-torture,--leaks)

# Most accesses are not watched: more of them than by default
torture-kcsan: setup
	@$(RIG) setup kernel-kcsan
	@$(call kbuild,$(KCSANKDIR),$(DRIVER),$(O)/modules-kcsan,\
		--no-print-directory -s modules)
	$(call run-torture,--kcsan --append kcsan.skip_watch=200)

lint: setup
	tools/testing/lint.sh $(LINUX) $(RIGKDIR) $(O)/lint

check:
	tools/testing/check.py

clean:
	rm -rf $(O)
