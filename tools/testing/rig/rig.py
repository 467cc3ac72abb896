#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The rig's command."""

import sys
from pathlib import Path

# The checkout may belong to somebody else, and holds sources only.
sys.dont_write_bytecode = True
# The package, where Python puts the folder of the command.
sys.path[0] = str(Path(__file__).resolve().parents[1])

# pylint: disable=wrong-import-position
from rig import cli  # noqa: E402

if __name__ == "__main__":
    sys.exit(cli.main())
