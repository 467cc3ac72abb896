# SPDX-License-Identifier: GPL-2.0-only
#
# vfio-cxl-pci: the modules, the library and the tool; tools/testing/lab.mk has the
# tests.
# `make help` lists the goals.

KDIR	?= /lib/modules/$(shell uname -r)/build
PREFIX	?= /usr/local
O	:= $(CURDIR)/build

# $(call kbuild,GOALS): of the modules, against KDIR. Linux before 6.14 does not
# support MO and builds next to the sources: create links to them where it is to
# build.
kbuild	= mkdir -p $(O)/host-modules && \
	  cp -asf $(CURDIR)/drivers/vfio/pci/cxl/. $(O)/host-modules && \
	  $(MAKE) -C $(KDIR) M=$(O)/host-modules MO=$(O)/host-modules \
	  CONFIG_VFIO_CXL_PCI=m CONFIG_VFIO_CXL_EMU=m $(1)

.PHONY: help modules install install-modules install-lib install-tool lib \
	tool examples clean

help:
	@echo 'Build and use on this machine:'
	@echo '  modules    the kernel modules, against KDIR=$(KDIR)'
	@echo '  lib        libvfio-cxl, shared and static'
	@echo '  tool       vfio-cxl, the command-line tool'
	@echo '  examples   programs that use the library'
	@echo '  install    modules, library, headers and tool, with DESTDIR,'
	@echo '             PREFIX=$(PREFIX)'
	@echo '  clean      remove build/; the cache stays'
	@$(MAKE) --no-print-directory help-lab

modules:
	@test -e $(KDIR)/Makefile || { \
		echo 'No configured kernel in $(KDIR): install its headers or set KDIR=...'; \
		exit 1; }
	$(call kbuild,modules)

install: install-modules install-lib install-tool

install-modules: modules
	$(call kbuild,INSTALL_MOD_PATH=$(DESTDIR) modules_install)

install-lib: lib
	$(MAKE) -C tools/lib O=$(O)/lib DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) install

install-tool: tool
	$(MAKE) -C tools/vfio-cxl O=$(O)/tool LIB=$(O)/lib DESTDIR=$(DESTDIR) \
		PREFIX=$(PREFIX) install

lib:
	$(MAKE) -C tools/lib O=$(O)/lib all

tool: lib
	$(MAKE) -C tools/vfio-cxl O=$(O)/tool LIB=$(O)/lib all

examples: lib
	$(MAKE) -C tools/examples O=$(O)/examples LIB=$(O)/lib all

clean:
	rm -rf $(O)

include tools/testing/lab.mk
