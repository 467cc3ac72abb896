# SPDX-License-Identifier: GPL-2.0-only
"""The exception that ends the rig with a line for the user."""


class RigError(Exception):
    """A failure that is explained in one line: what, where, what to do."""
