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
DEMO	:= 256M,512M,1G,2G
# Debian packages of the checks, beside those of the rig
LINTERS	:= coccinelle flake8 g++ ocaml-nox shellcheck

# $(call kbuild,KDIR,FOLDER,TARGETS): the modules, built in FOLDER
kbuild	= mkdir -p $(2) && $(MAKE) -C $(1) M=$(CURDIR)/drivers/vfio/pci/cxl \
	  MO=$(2) CONFIG_VFIO_CXL_PCI=m CONFIG_VFIO_CXL_EMU=m $(3)

.PHONY: help modules install lib examples setup setup-demo rig-modules \
	selftests kunit emu-check demo check lint shell clean

help:
	@echo 'Build and use on this machine:'
	@echo '  modules    the kernel modules, against KDIR=$(KDIR)'
	@echo '  lib        libvfio-cxl, shared and static'
	@echo '  install    modules, library and headers, with DESTDIR, PREFIX=$(PREFIX)'
	@echo 'In an emulated machine; everything needed is fetched and built first:'
	@echo '  demo       four devices, each locked in a window of its own'
	@echo '  check      all tests'
	@echo '  shell      a shell in the machine'
	@echo '  setup      only fetch and build what is needed'
	@echo 'Parts of check:'
	@echo '  lint       sparse, checkpatch, coccicheck, kernel-doc, W=1, shell, Python'
	@echo '  kunit      the register emulation in KUnit, on User Mode Linux'
	@echo '  emu-check  the same suites in user space with sanitizers'
	@echo '  selftests  build what the machine runs'
	@echo 'Also:'
	@echo '  clean      remove build/; the cache stays'

modules:
	@test -e $(KDIR)/Makefile || { \
		echo 'No configured kernel in $(KDIR): install its headers or give KDIR=...'; \
		exit 1; }
	$(call kbuild,$(KDIR),$(O)/host-modules,modules)

install: modules lib
	$(call kbuild,$(KDIR),$(O)/host-modules,INSTALL_MOD_PATH=$(DESTDIR) \
		modules_install)
	$(MAKE) -C tools/lib O=$(O)/lib DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) install

lib:
	$(MAKE) -C tools/lib O=$(O)/lib all

examples: lib
	$(MAKE) -C tools/examples O=$(O)/examples LIB=$(O)/lib all

setup:
	@$(RIG) packages $(LINTERS)
	@$(RIG) setup packages linux kernel kernel-production qemu initramfs \
		sparse

setup-demo:
	@$(RIG) setup packages linux kernel-production qemu initramfs

rig-modules: setup
	@$(call kbuild,$(RIGKDIR),$(O)/modules,--no-print-directory modules)

selftests: rig-modules
	$(MAKE) -C tools/testing/selftests O=$(O)/selftests all linux

demo: setup-demo
	@$(call kbuild,$(PRODKDIR),$(O)/modules-production,\
		--no-print-directory -s modules)
	@$(MAKE) --no-print-directory -s examples
	@$(RIG) run --production --devices $(DEMO) -- \
		tools/examples/demo.sh $(O)/examples/vmm

shell: rig-modules examples
	$(RIG) shell

kunit: setup
	kunit/run.sh $(LINUX) $(O)/kunit

emu-check: setup
	$(MAKE) -C kunit/user O=$(O)/emu LINUX=$(LINUX) check

lint: setup
	tools/testing/lint.sh $(LINUX) $(RIGKDIR) $(O)/lint

check:
	tools/testing/check.py

clean:
	rm -rf $(O)
