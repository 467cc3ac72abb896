#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The rig's command."""

import sys
from pathlib import Path

# The checkout may belong to another user, and contains only sources.
sys.dont_write_bytecode = True
# The parent of the package, in place of the command's directory
sys.path[0] = str(Path(__file__).resolve().parents[1])

# pylint: disable=wrong-import-position
from rig import cli  # noqa: E402

if __name__ == "__main__":
    sys.exit(cli.main())
