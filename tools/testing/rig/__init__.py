# SPDX-License-Identifier: GPL-2.0-only
"""The test rig: a machine with CXL memory devices, from Debian packages."""
