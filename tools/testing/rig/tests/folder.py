# SPDX-License-Identifier: GPL-2.0-only
"""A test with its own directory."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path


class FolderCase(unittest.TestCase):
    """Has a directory, and captures stderr."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="rig-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        stderr = contextlib.redirect_stderr(io.StringIO())
        self.stderr = stderr.__enter__()
        self.addCleanup(stderr.__exit__, None, None, None)

    def said(self):
        """Return what was written to stderr."""
        return self.stderr.getvalue()
