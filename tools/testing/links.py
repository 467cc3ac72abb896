#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Check the references between files in the project's documents.

Links in Markdown are relative to the document; names of files and directories
that are set as code, such as `tools/lib`, begin at the top. Sphinx checks the
links between reStructuredText documents.
"""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
# Suffixes of documents, as opposed to sources of programs
DOCUMENTS = ("*.md", "*.rst", "*README")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"(?<!`)(`{1,2})([^`]+)\1(?!`)")
PATH = re.compile(r"(?:\.ci|Documentation|drivers|include|kunit|tools)/"
                  r"[\w./*-]*")


def exists(folder, name):
    """Return whether a file has this name, which may be a pattern."""
    return any(folder.glob(name.rstrip("/"))) if name else True


def broken(document):
    """Return the broken references of a document."""
    text = document.read_text(encoding="utf-8")
    links = [target.split("#")[0] for target in LINK.findall(text)
             if "://" not in target]
    paths = [code for _, code in CODE.findall(text) if PATH.fullmatch(code)]
    return ([name for name in links if not exists(document.parent, name)] +
            [name for name in paths if not exists(TOP, name)])


def main():
    """Check all documents."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard",
         "--", *DOCUMENTS], cwd=TOP, check=True, capture_output=True,
        text=True).stdout.splitlines()
    status = 0
    for name in names:
        for reference in broken(TOP / name):
            print(f"{name}: {reference} does not exist")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
