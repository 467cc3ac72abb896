# SPDX-License-Identifier: GPL-2.0-only
"""Run the tool: $VFIO_CXL, or the one that make builds."""

import json
import os
import subprocess
import unittest
from pathlib import Path

TOOL = os.environ.get("VFIO_CXL") or str(
    Path(__file__).resolve().parents[3] / "build/tool/vfio-cxl")
# Exit status: see vfio-cxl(1)
OK, NO, USAGE, FAILED = range(4)
MIB = 1 << 20


def run(*words, text="", env=None):
    """Run it; return subprocess's result."""
    return subprocess.run([TOOL, *map(str, words)], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=env, timeout=60, check=False,
                          universal_newlines=True)


def memory_options(devices):
    """Return --memory options: devices are addresses and sizes in MiB."""
    return [word for address, mib in devices
            for word in ("--memory", f"{address}={mib}M")]


class ToolCase(unittest.TestCase):
    """Tests of its output and exit status."""

    maxDiff = None

    def succeed(self, *words, status=OK, text=""):
        """Run it, expect a status and nothing on stderr; return stdout."""
        result = run(*words, text=text)
        self.assertEqual(("", status), (result.stderr, result.returncode),
                         result.stdout)
        return result.stdout

    def ask(self, *words, status=OK, text=""):
        """Do the same with --json; return the parsed output."""
        return json.loads(self.succeed(words[0], "--json", *words[1:],
                                       status=status, text=text))

    def refuse(self, status, pattern, *words, text=""):
        """Run it, expect a status and a message, and no other output."""
        result = run(*words, text=text)
        self.assertEqual(status, result.returncode, result.stderr)
        self.assertEqual("", result.stdout)
        self.assertRegex(result.stderr, pattern)
