# SPDX-License-Identifier: GPL-2.0-only
"""Unit tests of the rig's logic, without a machine or the network.

    python3 -B -m unittest discover -t tools/testing -s tools/testing/rig/tests

and, for TAP, the same with -m tap (Debian's python3-tap).
"""
