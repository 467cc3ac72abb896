# SPDX-License-Identifier: GPL-2.0-only
"""What the rig asks of a kernel, wherever it comes from."""

from rig.cache import CHECKOUT, Item


class Kernel(Item):
    """A kernel for the machine."""

    # Of its command line, beside those of the platform and of every run.
    arguments = ()
    # Modules that the machine cannot mount its root without.
    first_modules = ()

    def __init__(self, kind, arch):
        self.arch = arch
        # The kernel of the tests is the default.
        self.suffix = "" if kind == "debug" else f"-{kind}"
        self.name = f"kernel{self.suffix}"
        # Where the project's modules for it are built.
        self.own_modules = CHECKOUT / f"build/modules{self.suffix}"

    def paths(self):
        """Return the paths of what is in it."""
        return {
            self.name: self.build,
            f"headers{self.suffix}": self.headers,
            f"image{self.suffix}": self.image,
            f"modules{self.suffix}": self.modules,
        }

    def build(self):
        """Return the build folder, for modules outside of the tree."""
        raise NotImplementedError

    def image(self):
        """Return the bootable image."""
        raise NotImplementedError

    def headers(self):
        """Return the kernel's user-space headers."""
        raise NotImplementedError

    def release(self):
        """Return the kernel's release, as uname -r prints it."""
        raise NotImplementedError

    def modules(self):
        """Return the folder of the installed modules."""
        raise NotImplementedError
