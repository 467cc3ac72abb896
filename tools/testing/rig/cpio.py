# SPDX-License-Identifier: GPL-2.0-only
"""The archive format of an initramfs ("newc"), as much as the rig needs."""

import os
import stat


class Cpio:
    """Collects members; Linux unpacks several such archives in a row."""

    def __init__(self):
        self.data = bytearray()
        self.inode = 0
        self.folders = set()

    def _add(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        encoded = os.fsencode(name) + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device,
                  len(encoded), 0)
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields)
        self.data += encoded
        self.data += b"\0" * (-len(self.data) % 4)
        self.data += data
        self.data += b"\0" * (-len(self.data) % 4)

    def folder(self, name):
        """Add a folder and those above it, once."""
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        if name not in self.folders:
            self.folders.add(name)
            self._add(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        """Add a file."""
        self.folder(os.path.dirname(name))
        self._add(name, stat.S_IFREG | mode, data)

    def character_device(self, name, major, minor):
        """Add a character device."""
        self.folder(os.path.dirname(name))
        self._add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def tree(self, name, source):
        """Add the files below a folder."""
        for folder, _, files in os.walk(source):
            below = os.path.normpath(
                os.path.join(name, os.path.relpath(folder, source)))
            for file in sorted(files):
                path = os.path.join(folder, file)
                # Links of a module folder lead to the build folder.
                if os.path.islink(path):
                    continue
                with open(path, "rb") as data:
                    self.file(os.path.join(below, file), data.read())

    def finish(self):
        """Return the archive."""
        self._add("TRAILER!!!", 0)
        self.data += b"\0" * (-len(self.data) % 512)
        return bytes(self.data)
