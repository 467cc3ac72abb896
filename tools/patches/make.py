#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write the series for Linux: patches of this checkout against a Linux source.

series.toml says what goes into which patch, and the text files beside it are
the messages. The contents of files are those of the checkout. The series
depends on nothing else: the author and the dates are those of the last commit.
"""

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
# Directories of the checkout that the series must account for, file by file
WHOLE = ("drivers", "include", "kunit", "Documentation")


class SeriesError(Exception):
    """A request in series.toml cannot be fulfilled."""


def git(*args, cwd=TOP, **more):
    """Run git and return its output."""
    return subprocess.run(["git", *args], cwd=cwd, check=True, text=True,
                          stdout=subprocess.PIPE, **more).stdout


def files(*patterns):
    """Return the names of the checkout's files, including new ones."""
    return git("ls-files", "--cached", "--others", "--exclude-standard", "--",
               *(f":(glob){pattern}" for pattern in patterns)).splitlines()


def find_line(lines, wanted, name):
    """Return the index of the only line that has the given contents."""
    found = [i for i, line in enumerate(lines) if line == wanted]
    if len(found) != 1:
        raise SeriesError(f"{name}: {len(found)} lines are {wanted!r}, "
                          "instead of one")
    return found[0]


def until(text, line, name):
    """Return the text before a line."""
    lines = text.splitlines()
    before = lines[:find_line(lines, line, name)]
    return "\n".join(before).rstrip("\n") + "\n"


def sections(text, titles, name):
    """Return a document's introduction, and the sections with these titles."""
    parts = re.split(r"(?m)^(?=[^\n]+\n(?:={4,}|-{4,})$)", text)
    # The first two are the line above the title, and the introduction
    by_title = {part.split("\n")[0]: part for part in parts[2:]}
    for title in titles:
        if title not in by_title:
            raise SeriesError(f"{name}: no section {title!r}")
    return ("".join(parts[:2]) +
            "".join(part for title, part in by_title.items()
                    if title in titles)).rstrip("\n") + "\n"


def drop(text, start, name):
    """Return a document without the paragraph that starts like this."""
    paragraphs = text.split("\n\n")
    kept = [p for p in paragraphs if not p.lstrip("\n").startswith(start)]
    if len(kept) != len(paragraphs) - 1:
        raise SeriesError(f"{name}: {len(paragraphs) - len(kept)} paragraphs "
                          f"start with {start!r}, instead of one")
    return "\n\n".join(kept).rstrip("\n") + "\n"


def replace(text, pair, name):
    """Return a text in which one string is replaced by another."""
    old, new = pair
    if old not in text:
        raise SeriesError(f"{name}: has no {old!r}")
    return text.replace(old, new)


def change(text, changes, name):
    """Return a file's text with the changes that its patch asks for."""
    if "until" in changes:
        text = until(text, changes["until"], name)
    if "sections" in changes:
        text = sections(text, changes["sections"], name)
    for start in changes.get("drop", ()):
        text = drop(text, start, name)
    for pair in changes.get("replace", ()):
        text = replace(text, pair, name)
    return text


def insert(edit, tree, linux):
    """Insert lines before or after a line of a file of Linux."""
    path = tree / edit["file"]
    lines = path.read_text(encoding="utf-8").splitlines()
    if "before" in edit:
        at = find_line(lines, edit["before"], linux / edit["file"])
    else:
        at = find_line(lines, edit["after"], linux / edit["file"]) + 1
    lines[at:at] = edit["text"].splitlines()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Series:
    """The series, patch by patch in a separate repository."""

    def __init__(self, linux, tree):
        self.linux, self.tree = linux, tree
        self.description = tomllib.loads(
            (HERE / "series.toml").read_text(encoding="utf-8"))
        self.taken = set()
        self.cut = {}
        self.maintained = set()
        name, mail, date = git("log", "-1",
                               "--format=%cn%n%ce%n%cI").splitlines()
        self.environment = {
            **os.environ, "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": name, "GIT_COMMITTER_NAME": name,
            "GIT_AUTHOR_EMAIL": mail, "GIT_COMMITTER_EMAIL": mail,
            "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}

    def git(self, *args, **more):
        """Run git in the repository."""
        return git(*args, cwd=self.tree, env=self.environment, **more)

    def begin(self):
        """Create the repository: the files of Linux that the series edits."""
        self.git("init", "-q", "-b", "series")
        # Abbreviated as in Linux's own patches, so that git am can look them up
        self.git("config", "core.abbrev", "12")
        edited = {edit["file"] for patch in self.description["patch"]
                  for edit in patch.get("insert", ())}
        for name in sorted(edited | {"MAINTAINERS"}):
            if not (self.linux / name).is_file():
                raise SeriesError(f"{self.linux} has no {name}")
            to = self.tree / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.linux / name, to)
        self.git("add", ".")
        self.git("commit", "-q", "-m", "Linux")
        self.git("tag", "linux")

    def copy(self, entry, changes):
        """Copy files: a pattern, and the directory to which they go."""
        pattern, _, folder = entry.partition(" -> ")
        names = files(pattern)
        if not names:
            raise SeriesError(f"no file is {pattern}")
        for name in names:
            source = TOP / name
            to = self.tree / (folder + source.name if folder else name)
            if to.is_symlink() or (self.linux / to.relative_to(
                    self.tree)).exists():
                raise SeriesError(f"{to.relative_to(self.tree)}: Linux has it")
            text = source.read_text(encoding="utf-8")
            own = changes.get(name, {})
            self.cut[name] = "until" in own
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(change(text, own, name), encoding="utf-8")
            self.taken.add(name)
            self.covered(to.relative_to(self.tree))

    def covered(self, name):
        """Check that MAINTAINERS covers a file."""
        if not any(fnmatch.fnmatch(name, pattern + "*" * pattern.endswith("/"))
                   for pattern in self.maintained):
            raise SeriesError(f"{name} is not among what the patches maintain")

    def maintain(self, patterns):
        """Add files to the project's entry in MAINTAINERS."""
        entry = (TOP / "MAINTAINERS").read_text(encoding="utf-8").splitlines()
        head = [line for line in entry if line and not line.startswith("F:")]
        path = self.tree / "MAINTAINERS"
        lines = path.read_text(encoding="utf-8").splitlines()
        if self.maintained:
            at = find_line(lines, head[0], "MAINTAINERS")
            del lines[at:at + len(head) + len(self.maintained) + 1]
        else:
            at = find_line(lines, self.description["maintainers_before"],
                           self.linux / "MAINTAINERS")
        self.maintained |= set(patterns)
        lines[at:at] = [*head, *(f"F:\t{p}" for p in sorted(self.maintained)),
                        ""]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def add(self, patch):
        """Commit a patch."""
        if "maintain" in patch:
            self.maintain(patch["maintain"])
        for entry in patch["files"]:
            self.copy(entry, patch.get("change", {}))
        for edit in patch.get("insert", ()):
            insert(edit, self.tree, self.linux)
        self.git("add", "-A")
        self.git("commit", "-q", "-s", "-F", str(HERE / patch["message"]))

    def complete(self):
        """Check that no file of the checkout is missing or incomplete."""
        kept = self.description["not_for_linux"]
        for name in files(*(f"{folder}/**" for folder in WHOLE)):
            left = any(fnmatch.fnmatch(name, pattern) for pattern in kept)
            if left == (name in self.taken):
                raise SeriesError(
                    f"{name} is {'both' if left else 'neither'} in a patch "
                    f"{'and' if left else 'nor'} in not_for_linux: edit "
                    f"{(HERE / 'series.toml').relative_to(TOP)}")
        for name, cut in self.cut.items():
            if cut:
                raise SeriesError(f"the last patch that has {name} "
                                  "has a part of it only")

    def write(self, folder):
        """Write the patches, and the cover letter."""
        shutil.rmtree(folder, ignore_errors=True)
        order = self.tree / ".git" / "order"
        # Readers of a patch, including checkpatch, see its maintainers first
        order.write_text("MAINTAINERS\nDocumentation/*\n*.h\n*Kconfig\n"
                         "*Makefile\n*.c\n", encoding="utf-8")
        self.git("format-patch", "-q", "--rfc", "--cover-letter", "--stat=75",
                 f"-O{order}", "--signature=", "-o", str(folder), "linux")
        subject, _, blurb = (HERE / self.description["cover"]).read_text(
            encoding="utf-8").partition("\n\n")
        cover = folder / "0000-cover-letter.patch"
        text = cover.read_text(encoding="utf-8")
        for pair in (("*** SUBJECT HERE ***", subject),
                     ("*** BLURB HERE ***", blurb.rstrip("\n"))):
            text = replace(text, pair, cover.name)
        cover.write_text(text, encoding="utf-8")


def main():
    """Write the series."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("linux", type=Path, help="a Linux source")
    parser.add_argument("folder", type=Path, help="where the patches go")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as tree:
        series = Series(args.linux.resolve(), Path(tree))
        try:
            series.begin()
            for patch in series.description["patch"]:
                series.add(patch)
            series.complete()
            series.write(args.folder.resolve())
        except SeriesError as error:
            sys.exit(f"patches: {error}")
    for patch in sorted(args.folder.iterdir()):
        print(patch)


if __name__ == "__main__":
    main()
