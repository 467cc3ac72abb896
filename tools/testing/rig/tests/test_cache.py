# SPDX-License-Identifier: GPL-2.0-only
"""What is created, in which order, and what is left after a failure."""

import os
import shutil
import unittest
from unittest import mock

from rig import cache
from rig.cache import Fetched, Item
from rig.errors import RigError
from rig.tests.folder import FolderCase


class Thing(Item):
    """An item that creates a file; it fails while it has failures."""

    gib = 0

    def __init__(self, name, *needs, key="1"):
        self.name = name
        self.needs = needs
        self.fixed_key = key
        self.made = []
        self.failures = 0

    def key(self):
        """Return the given key."""
        return self.fixed_key

    def make(self, work, step, log):
        """Append to what an earlier attempt may have left."""
        self.made.append(sorted(p.name for p in work.iterdir()))
        (work / f"part{len(self.made)}").touch()
        if self.failures:
            self.failures -= 1
            raise RigError("it failed")


class Derived(Thing):
    """An item whose key is known once another one exists."""

    def key(self):
        """Ask the other one."""
        other, = self.needs
        return f"of-{other.key()}" if other.ready() else None


class Download(Fetched):
    """An item of an archive with one version."""

    name = "download"
    gib = 0

    def __init__(self, version):
        self.version = version

    def make(self, work, step, log):
        """Take the version."""
        if self.choose(self.version):
            return
        (work / "file").touch()


class CacheCase(FolderCase):
    """Has its own cache."""

    def setUp(self):
        super().setUp()
        change = mock.patch.dict(os.environ,
                                 XDG_CACHE_HOME=str(self.folder))
        change.start()
        self.addCleanup(change.stop)
        self.root = self.folder / "vfio-cxl"

    def present(self):
        """Return the names of items and partial items in the cache."""
        return sorted(p.name for p in self.root.iterdir()
                      if p.is_dir() and p.name != "log")

    def fails(self, item):
        """Make an item fail once."""
        item.failures = 1
        with self.assertRaisesRegex(RigError, f"{item.name}: it failed"):
            cache.ensure([item])


class Needed(CacheCase):
    """needed()"""

    def test_order(self):
        base = Thing("base")
        left, right = Thing("left", base), Thing("right", base)
        top = Thing("top", left, right)
        self.assertEqual(cache.needed([right, top]),
                         [base, right, left, top])

    def test_ready_needs_nothing(self):
        source = Thing("source")
        tool = Thing("tool", source)
        cache.ensure([tool])
        source.fixed_key = "2"
        self.assertEqual(cache.needed([tool]), [tool])
        tool.fixed_key = "2"
        self.assertEqual(cache.needed([tool]), [source, tool])


class Ensure(CacheCase):
    """ensure()"""

    def test_once(self):
        source = Thing("source")
        tool = Thing("tool", source)
        for _ in range(2):
            cache.ensure([tool])
        self.assertEqual((source.made, tool.made), ([[]], [[]]))
        self.assertEqual(self.present(), ["source-1", "tool-1"])
        self.assertTrue((tool.path() / "part1").exists())

    def test_key_unknown_before(self):
        source = Thing("source", key="7")
        tool = Derived("tool", source)
        self.assertIsNone(tool.path())
        cache.ensure([tool])
        self.assertEqual(self.present(), ["source-7", "tool-of-7"])

    def test_key_unknown_but_there(self):
        source = Thing("source")
        (self.root / "tool-of-1").mkdir(parents=True)
        tool = Derived("tool", source)
        cache.ensure([tool])
        self.assertEqual(tool.made, [])

    def test_interrupted_is_resumed(self):
        thing = Thing("thing")
        self.fails(thing)
        self.assertEqual(self.present(), ["thing-1.partial"])
        self.assertFalse(thing.ready())
        cache.ensure([thing])
        self.assertEqual(thing.made, [[], ["part1"]])
        self.assertEqual(self.present(), ["thing-1"])

    def test_resumed_and_failed_begins_afresh(self):
        thing = Thing("thing")
        self.fails(thing)
        self.fails(thing)
        self.assertEqual(self.present(), [])
        cache.ensure([thing])
        self.assertEqual(thing.made, [[], ["part1"], []])

    def test_what_fails_ends_it(self):
        source = Thing("source")
        tool = Thing("tool", source)
        source.failures = 1
        with self.assertRaises(RigError):
            cache.ensure([tool])
        self.assertEqual(tool.made, [])

    def test_no_space(self):
        thing = Thing("thing")
        thing.gib = 1 << 40
        with self.assertRaisesRegex(RigError, "GiB free"):
            cache.ensure([thing])
        self.assertEqual(thing.made, [])

    def test_nowhere_to_write(self):
        (self.folder / "vfio-cxl").write_text("no folder", "ascii")
        with self.assertRaisesRegex(RigError, "XDG_CACHE_HOME"):
            cache.ensure([Thing("thing")])


class Versions(CacheCase):
    """Items of the archive"""

    def test_kept_until_forgotten(self):
        item = Download("1.0")
        cache.ensure([item])
        item.version = "1:2.0~rc1"
        cache.ensure([item])
        self.assertEqual(self.present(), ["download", "download-1.0"])
        self.assertEqual(item.key(), "1.0")
        item.forget()
        self.assertFalse(item.ready())
        cache.ensure([item])
        self.assertEqual(item.key(), "1_2.0_rc1")

    def test_removed_by_hand(self):
        item = Download("1.0")
        cache.ensure([item])
        shutil.rmtree(item.path())
        cache.ensure([item])
        self.assertTrue(item.ready())

    def test_update_finds_what_is_there(self):
        item = Download("1.0")
        cache.ensure([item])
        item.forget()
        cache.ensure([item])
        self.assertTrue(item.ready())
        self.assertEqual(self.present(), ["download", "download-1.0"])
        self.assertTrue((item.path() / "file").exists())


class Digest(FolderCase):
    """digest()"""

    def test_parts_count(self):
        self.assertNotEqual(cache.digest("ab", "c"), cache.digest("a", "bc"))
        self.assertNotEqual(cache.digest("a", "b"), cache.digest("b", "a"))

    def test_contents_count(self):
        file = self.folder / "name"
        other = self.folder / "other"
        file.write_text("text", "ascii")
        other.write_text("text", "ascii")
        same = cache.digest(file)
        self.assertEqual(cache.digest(other), same)
        self.assertEqual(cache.digest("text"), same)
        file.write_text("texts", "ascii")
        self.assertNotEqual(cache.digest(file), same)


if __name__ == "__main__":
    unittest.main()
