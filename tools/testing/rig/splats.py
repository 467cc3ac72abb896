# SPDX-License-Identifier: GPL-2.0-only
"""Detect reports of bugs in a kernel log."""

import re

from rig.cache import RIG

PATTERNS = RIG / "splats.txt"
# A report is shown to its end, but not more than this many lines.
LENGTH = 80
_END = re.compile(r"---\[ end trace|={40}")


def patterns():
    """Return the patterns, one per line; the machine's tests use them, too."""
    lines = PATTERNS.read_text(encoding="ascii").splitlines()
    return re.compile("|".join(f"(?:{line})" for line in lines
                               if line and not line.startswith("#")))


def first(log, known=""):
    """Return the lines of the first unknown report in a log."""
    lines = log.splitlines()
    find = patterns()
    for start, line in enumerate(lines):
        if find.search(line) and not (known and re.search(known, line)):
            break
    else:
        return []
    report = [lines[start]]
    for line in lines[start + 1:start + LENGTH]:
        report.append(line)
        if _END.search(line):
            break
    return report
