# SPDX-License-Identifier: GPL-2.0-only
"""The interface of the rig's kernels, wherever they come from."""

from rig.arch import X86_64
from rig.cache import CHECKOUT, Item


class Kernel(Item):
    """A kernel for the machine."""

    # Of its command line, besides those of the platform and of every run.
    arguments = ()
    # Modules without which the machine cannot mount its root, and those that
    # are not loaded automatically.
    first_modules = ()
    later_modules = ()

    def __init__(self, kind, arch):
        self.kind = kind
        self.arch = arch
        self.suffix = f"-{kind}" if arch is X86_64 else f"-{arch.name}-{kind}"
        if kind == X86_64.kernel:
            # It is the default for all architectures.
            self.suffix = ""
        self.name = f"kernel{self.suffix}"
        # Where the project's modules for it are built.
        self.own_modules = CHECKOUT / f"build/modules{self.suffix}"

    def paths(self):
        """Return the paths of what is in it."""
        return {
            self.name: self.build,
            f"image{self.suffix}": self.image,
            f"modules{self.suffix}": self.modules,
        }

    def build(self):
        """Return the build directory, for modules outside of the tree."""
        raise NotImplementedError

    def image(self):
        """Return the bootable image."""
        raise NotImplementedError

    def release(self):
        """Return the kernel's release, as uname -r prints it."""
        raise NotImplementedError

    def modules(self):
        """Return the directory of the installed modules."""
        raise NotImplementedError

    def command(self, argv):
        """Return a command that runs another one in its compiler's tree."""
        raise NotImplementedError
