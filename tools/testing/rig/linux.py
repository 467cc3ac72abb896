# SPDX-License-Identifier: GPL-2.0-only
"""Linux, built from the source in Debian's package."""

import re
import shutil

from rig import cache, process
from rig.arch import X86_64
from rig.archive import Archive
from rig.cache import RIG, Fetched, Item, empty
from rig.errors import RigError
from rig.kernel import Kernel

# Suites in which it is searched for, in this order.
SUITES = ("trixie-backports", "forky", "sid")
WANTED = "7.3"
OLDEST = (7, 2)

# Number of lines of make's output for compiled or linked objects, counted
# once; used only for progress.
OBJECTS = 1560


class LinuxSource(Fetched):
    """The unpacked source of Linux."""

    name = "linux"
    gib = 2.5

    def make(self, work, step, log):
        """Fetch and unpack the package."""
        empty(work)
        suite, package, version = self._find(Archive(step, log))
        if self.choose(version):
            return
        download = work.with_name("linux.download")
        deb = suite.download(package, version, download)
        step.phase(f"unpacking {package} {version} of {suite.name}")
        tar = f"./usr/src/{package}.tar.xz"
        process.pipeline(["dpkg-deb", "--fsys-tarfile", deb],
                         ["tar", "-x", "-C", download, tar], log)
        process.logged(["tar", "-xJf", download / tar, "-C", work,
                        "--strip-components=1"], log, step)
        shutil.rmtree(download)

    @staticmethod
    def _find(archive):
        """Return the suite, package and version to take."""
        found = []
        for name in SUITES:
            suite = archive.suite(name)
            for package in suite.packages("linux-source-"):
                match = re.fullmatch(r"linux-source-(\d+)\.(\d+)", package)
                if not match:
                    continue
                series = int(match[1]), int(match[2])
                version = suite.version(package)
                if package == f"linux-source-{WANTED}" and version:
                    return suite, package, version
                if series[0] == OLDEST[0] and series >= OLDEST:
                    found.append((series, suite, package, version))
        if not found:
            raise RigError(f"none of the suites {', '.join(SUITES)} has "
                           f"Linux {WANTED}; check that the machine's "
                           "archive is a complete mirror")
        series, suite, package, version = max(found, key=lambda f: f[0])
        archive.step.done(f"Linux {WANTED} is in none of {', '.join(SUITES)}: "
                          f"taking {package} {version} of {suite.name}")
        return suite, package, version


class Headers(Item):
    """Linux's user-space headers for another architecture."""

    def __init__(self, source, arch):
        self.name = f"headers-{arch.name}"
        self.source = source
        self.arch = arch
        self.needs = (source,)

    def key(self):
        """Return the source's version."""
        return self.source.key()

    def paths(self):
        """Return the path of the directory to include from."""
        return {self.name: lambda: self.path() / "usr/include"}

    def make(self, work, step, log):
        """Let Linux install them."""
        step.phase("writing headers")
        process.logged(["make", "-C", self.source.path(), f"O={work}",
                        *self.arch.make(), process.jobs(), "headers"], log,
                       step)


class BuiltKernel(Kernel):
    """A kernel built for the machine, with everything that it needs to boot.

    Tests run on kernels with debug options. The KCSAN kernel detects data
    races. Compilers for another architecture are in a tree.
    """

    gib = 2.0
    # Every report, not only the first one. Of slab_debug, only what KASAN does
    # not check as well, and without its stack traces.
    arguments = ("kasan_multi_shot", "slab_debug=FZ")

    def __init__(self, source, kind, *fragments, arch=X86_64, tree=None):
        super().__init__(kind, arch)
        self.source = source
        self.tree = tree
        self.needs = (source, tree) if tree else (source,)
        self.fragments = tuple(RIG / f"{name}.config" for name in
                               ("kernel", arch.name, *fragments))

    def key(self):
        """Hash the source's version, the configuration and the compiler."""
        if not all(item.ready() for item in self.needs):
            return None
        compiler = (self.tree.key() if self.tree else
                    process.output(["gcc", "-dumpfullversion"]) or "")
        version = self.source.key()
        return version.split("-")[0] + "-" + cache.digest(
            version, compiler, *self.fragments)

    def paths(self):
        """Return the paths of what is in it."""
        return {**super().paths(), f"headers{self.suffix}": self.headers}

    def command(self, argv):
        """Return a command that runs another one in its compiler's tree."""
        return self.tree.chroot(argv) if self.tree else argv

    def build(self):
        """Return the build directory, for modules outside of the tree."""
        return self.path() / "build"

    def image(self):
        """Return the bootable image."""
        return self.build() / self.arch.image

    def headers(self):
        """Return the kernel's user-space headers."""
        return self.build() / "usr/include"

    def release(self):
        """Return the kernel's release, as uname -r prints it."""
        return (self.build() / "include/config/kernel.release").read_text(
            encoding="ascii").strip()

    def modules(self):
        """Return the directory of the installed modules."""
        return self.path() / "modules/lib/modules" / self.release()

    def make(self, work, step, log):
        """Configure and build."""
        source = self.source.path()
        build = work / "build"
        build.mkdir(exist_ok=True)

        def make(*goals, **how):
            process.logged(self.command(
                ["make", "-C", source, f"O={build}", *self.arch.make(),
                 *goals]), log, step, **how)

        step.phase("configuring")
        # A module of another configuration must not be loaded by accident: the
        # release, which modules contain, distinguishes them.
        local = work / "release.config"
        suffix = self.key().rsplit("-", 1)[1][:6]
        local.write_text(f'CONFIG_LOCALVERSION="-vfio-cxl-{suffix}"\n',
                         encoding="ascii")
        make("tinyconfig")
        process.logged([source / "scripts/kconfig/merge_config.sh", "-m",
                        "-O", build, build / ".config", *self.fragments,
                        local], log, step, cwd=source)
        make("olddefconfig")
        self._check(build / ".config", local, log)

        image = self.image().name
        step.phase(f"building {image} and modules")
        count = 0

        def objects(line):
            nonlocal count
            if re.match(r"  (CC|AS|LD)\b", line):
                count += 1
            return f"{count} of about {OBJECTS} objects"

        make(process.jobs(), image, "modules", on_line=objects)
        step.phase("installing modules and headers")
        make(f"INSTALL_MOD_PATH={work / 'modules'}", "modules_install")
        make(process.jobs(), "headers")
        # It names its own directory, which is renamed when it is complete.
        makefile = build / "Makefile"
        makefile.write_text(makefile.read_text(encoding="utf-8").replace(
            str(work), str(self.path())), encoding="utf-8")

    def _check(self, config, local, log):
        """Check that the configuration has the options of the fragments."""
        lines = set(config.read_text(encoding="ascii").splitlines())
        lost = []
        for fragment in (*self.fragments, local):
            for line in fragment.read_text(encoding="utf-8").splitlines():
                # A later fragment may override a line of an earlier one.
                off = re.fullmatch(r"# (CONFIG_\w+) is not set", line)
                if off:
                    wrong = any(have.startswith(f"{off[1]}=")
                                for have in lines)
                else:
                    wrong = line.startswith("CONFIG_") and line not in lines
                name = off[1] if off else line.split("=")[0]
                if wrong and not self._overridden(fragment, name, local):
                    lost.append(line)
        if lost:
            with open(log, "a", encoding="utf-8") as file:
                file.write("\n".join(["not in the configuration:", *lost]))
            raise RigError(f"{len(lost)} lines of the configuration have no "
                           f"effect, the first is: {lost[0]}; log: {log}; "
                           "correct the fragments in tools/testing/rig")

    def _overridden(self, fragment, name, local):
        """Tell whether a later fragment also sets a name."""
        later = [*self.fragments, local]
        later = later[later.index(fragment) + 1:]
        return any(re.search(rf"^(# )?{name}[= ]",
                             file.read_text(encoding="utf-8"), re.MULTILINE)
                   for file in later)
