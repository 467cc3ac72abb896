# SPDX-License-Identifier: GPL-2.0-only
"""Guests inside the machine, and tests of what they see."""
