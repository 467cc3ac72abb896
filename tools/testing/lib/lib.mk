# SPDX-License-Identifier: GPL-2.0-only
#
# Common part of the Makefiles of test programs.  They set programs, the names
# of the programs, each with its main() in a file of that name, and include this
# file; they add other objects of a program to its prerequisites.
#
#   make [O=DIRECTORY]
#
# HEADERS is what Linux's "make headers" installed, by default the rig's.  For
# another architecture, set HEADERS and CC; LDFLAGS=-static builds programs that
# need no libraries there.

root := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../../..)
here := $(abspath $(dir $(firstword $(MAKEFILE_LIST))))
lib := $(root)/tools/testing/lib
rig := $(root)/tools/testing/rig/rig.py

O ?= $(root)/build/$(notdir $(here))
HEADERS ?= $(shell python3 $(rig) path headers)
# Expanded once, for rig.py is slow to start
override HEADERS := $(HEADERS)

CFLAGS ?= -O2 -g
flags := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread -MMD -MP \
	 -I$(root)/include/uapi -I$(root)/tools/testing -isystem $(HEADERS)

programs := $(addprefix $(O)/,$(programs))
lib_objects := $(patsubst $(lib)/%.c,$(O)/lib/%.o,$(wildcard $(lib)/*.c))

.PHONY: all clean
.DELETE_ON_ERROR:

all: $(programs)

$(programs): %: %.o $(lib_objects)
	$(CC) -pthread $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS)

$(O)/lib/%.o: $(lib)/%.c $(lib)/lib.mk
	@mkdir -p $(@D)
	$(CC) $(flags) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/%.o: $(here)/%.c $(here)/Makefile $(lib)/lib.mk
	@mkdir -p $(@D)
	$(CC) $(flags) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

clean:
	$(RM) -r $(O)

-include $(wildcard $(O)/*.d $(O)/lib/*.d)
