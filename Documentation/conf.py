# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx: make htmldocs."""

import re

project = "vfio-cxl-pci"
author = "vfio-cxl-pci contributors"
copyright = "2026, the vfio-cxl-pci contributors"
html_theme = "alabaster"
html_copy_source = False
html_theme_options = {"page_width": "66em"}
nitpicky = True


def link_documents(app, docname, source):
    """Make links of file names, as the kernel's automarkup does.

    A document that does not exist is then a warning.
    """
    source[0] = re.sub(r"(?<![\w/`])Documentation/([\w/-]+)\.rst\b",
                       r":doc:`/\1`", source[0])


def setup(app):
    """Register what is above."""
    app.connect("source-read", link_documents)
