# SPDX-License-Identifier: GPL-2.0-only
"""What the rig fetches and builds: Linux and QEMU."""

import os
import re
import shutil
import subprocess

from rig import cache, process
from rig.archive import Archive
from rig.cache import CHECKOUT, RIG, Fetched, Item
from rig.errors import RigError

# The Debian suite for all but the kernel, and where the kernel is looked
# for, in this order.
SUITE = "trixie"
# Older ones do not know __typeof_unqual__, which Linux 7.3 uses.
SPARSE_SUITE = "forky"
LINUX_SUITES = ("trixie-backports", "forky", "sid")
LINUX_WANTED = "7.3"
LINUX_OLDEST = (7, 2)

# Lines of make's output that stand for a compiled or linked object, counted
# once; only progress depends on it.
KERNEL_OBJECTS = 1560

# The project's own patches, a quilt series
SERIES = CHECKOUT / "tools/qemu/patches"
QEMU_OPTIONS = """
    --target-list=x86_64-softmmu --without-default-features --enable-kvm
    --enable-tcg --enable-virtfs --enable-attr --enable-cap-ng
    --disable-docs --disable-install-blobs --disable-werror
    --python=/usr/bin/python3
""".split()


def jobs():
    """Return make's option for as many jobs as there are processors."""
    return f"-j{len(os.sched_getaffinity(0))}"


def empty(folder):
    """Empty a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def pipeline(first, second, log):
    """Run two commands, the output of one being the input of the other."""
    with open(log, "ab") as errors:
        with subprocess.Popen(first, stdout=subprocess.PIPE, stderr=errors,
                              preexec_fn=process.ended_with_parent) as source:
            status = subprocess.run(
                second, stdin=source.stdout, stdout=errors, stderr=errors,
                preexec_fn=process.ended_with_parent, check=False).returncode
            source.stdout.close()
    if status or source.returncode:
        raise RigError(process.explain(
            log, shutil.disk_usage(log.parent).free))


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
        pipeline(["dpkg-deb", "--fsys-tarfile", deb],
                 ["tar", "-x", "-C", download, tar], log)
        process.logged(["tar", "-xJf", download / tar, "-C", work,
                        "--strip-components=1"], log, step)
        shutil.rmtree(download)

    @staticmethod
    def _find(archive):
        """Return the suite, package and version to take."""
        found = []
        for name in LINUX_SUITES:
            suite = archive.suite(name)
            for package in suite.packages("linux-source-"):
                match = re.fullmatch(r"linux-source-(\d+)\.(\d+)", package)
                if not match:
                    continue
                series = int(match[1]), int(match[2])
                version = suite.version(package)
                if package == f"linux-source-{LINUX_WANTED}" and version:
                    return suite, package, version
                if series[0] == LINUX_OLDEST[0] and series >= LINUX_OLDEST:
                    found.append((series, suite, package, version))
        if not found:
            raise RigError("none of the suites "
                           f"{', '.join(LINUX_SUITES)} has Linux "
                           f"{LINUX_WANTED}; check that the machine's "
                           "archive is a complete mirror")
        series, suite, package, version = max(found, key=lambda f: f[0])
        archive.step.done(f"Linux {LINUX_WANTED} is in none of "
                          f"{', '.join(LINUX_SUITES)}: taking {package} "
                          f"{version} of {suite.name}")
        return suite, package, version


class Kernel(Item):
    """The machine's kernel, its modules and its build folder.

    Tests run on the one with debug options. The production one is as fast
    as the machine allows. The KCSAN one looks for data races.
    """

    gib = 2.0

    def __init__(self, source, kind="debug"):
        self.source = source
        suffix = "" if kind == "debug" else f"-{kind}"
        self.name = f"kernel{suffix}"
        # Where the project's modules for it are built.
        self.own_modules = CHECKOUT / f"build/modules{suffix}"
        self.fragments = (RIG / "kernel.config",)
        if kind != "production":
            self.fragments += (RIG / f"{kind}.config",)

    def key(self):
        """Hash the source's version, the configuration and the compiler."""
        if not self.source.ready():
            return None
        compiler = process.output(["gcc", "-dumpfullversion"]) or ""
        version = self.source.key()
        return version.split("-")[0] + "-" + cache.digest(
            version, compiler, *self.fragments)

    def build(self):
        """Return the build folder, for modules outside of the tree."""
        return self.path() / "build"

    def image(self):
        """Return the bootable image."""
        return self.build() / "arch/x86/boot/bzImage"

    def headers(self):
        """Return the kernel's user-space headers."""
        return self.build() / "usr/include"

    def release(self):
        """Return the kernel's release, as uname -r prints it."""
        return (self.build() / "include/config/kernel.release").read_text(
            encoding="ascii").strip()

    def modules(self):
        """Return the folder of the installed modules."""
        return self.path() / "modules/lib/modules" / self.release()

    def make(self, work, step, log):
        """Configure and build."""
        source = self.source.path()
        build = work / "build"
        build.mkdir(exist_ok=True)
        make = ["make", "-C", source, f"O={build}"]

        step.phase("configuring")
        # A module of another configuration must not load by accident: the
        # release, which modules carry, tells them apart.
        local = work / "release.config"
        suffix = self.key().rsplit("-", 1)[1][:6]
        local.write_text(f'CONFIG_LOCALVERSION="-vfio-cxl-{suffix}"\n',
                         encoding="ascii")
        process.logged([*make, "tinyconfig"], log, step)
        process.logged([source / "scripts/kconfig/merge_config.sh", "-m",
                        "-O", build, build / ".config", *self.fragments,
                        local], log, step, cwd=source)
        process.logged([*make, "olddefconfig"], log, step)
        self._check(build / ".config", local, log)

        step.phase("building bzImage and modules")
        count = 0

        def objects(line):
            nonlocal count
            if re.match(r"  (CC|AS|LD)\b", line):
                count += 1
            return f"{count} of about {KERNEL_OBJECTS} objects"

        process.logged([*make, jobs(), "bzImage", "modules"], log, step,
                       on_line=objects)
        step.phase("installing modules and headers")
        process.logged([*make, f"INSTALL_MOD_PATH={work / 'modules'}",
                        "modules_install"], log, step)
        process.logged([*make, jobs(), "headers"], log, step)
        # It names its own folder, which is another when this one is complete.
        makefile = build / "Makefile"
        makefile.write_text(makefile.read_text(encoding="utf-8").replace(
            str(work), str(self.path())), encoding="utf-8")

    def _check(self, config, local, log):
        """Check that the fragments are what the configuration became."""
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
        """Tell whether a later fragment sets a name, too."""
        later = [*self.fragments, local]
        later = later[later.index(fragment) + 1:]
        return any(re.search(rf"^(# )?{name}[= ]",
                             file.read_text(encoding="utf-8"), re.MULTILINE)
                   for file in later)


class Sparse(Fetched):
    """The sparse that Linux wants: newer than the machine's."""

    name = "sparse"

    def make(self, work, step, log):
        """Fetch the source and build the checker alone."""
        empty(work)
        suite = Archive(step, log).suite(SPARSE_SUITE)
        version = suite.version("sparse", "Sources")
        if not version:
            raise RigError(f"suite {SPARSE_SUITE} has no source package "
                           "sparse; check that the machine's archive is a "
                           "complete mirror")
        if self.choose(version):
            return
        download = work.with_name("sparse.download")
        dsc = suite.download_source("sparse", version, download)
        source = download / "source"
        process.logged(["dpkg-source", "--no-check", "--no-copy", "-x", dsc,
                        source], log, step)
        step.phase(f"building sparse {version}")
        process.logged(["make", "-C", source, jobs(), "CC=gcc", "sparse"],
                       log, step)
        shutil.copy2(source / "sparse", work)
        shutil.rmtree(download)

    def binary(self):
        """Return the checker."""
        return self.path() / "sparse"


class Meson(Fetched):
    """The meson that QEMU wants: newer than the machine's may be."""

    name = "meson"

    def make(self, work, step, log):
        """Fetch and unpack the package."""
        empty(work)
        suite = Archive(step, log).suite(SUITE)
        version = suite.version("meson")
        if self.choose(version):
            return
        download = work.with_name("meson.download")
        deb = suite.download("meson", version, download)
        process.logged(["dpkg-deb", "-x", deb, work], log, step)
        shutil.rmtree(download)

    def environment(self):
        """Return an environment in which Python finds it."""
        python = self.path() / "usr/lib/python3/dist-packages"
        return {**os.environ, "PYTHONPATH": str(python)}


class QemuSource(Fetched):
    """The unpacked source of Debian's QEMU, as Debian patches it."""

    name = "qemu-source"
    gib = 1.0

    def make(self, work, step, log):
        """Fetch and unpack the package."""
        empty(work)
        suite = Archive(step, log).suite(SUITE)
        version = suite.version("qemu", "Sources")
        if not version:
            raise RigError(f"suite {SUITE} has no source package qemu; "
                           "check that the machine's archive is a complete "
                           "mirror")
        if self.choose(version):
            return
        download = work.with_name("qemu.download")
        dsc = suite.download_source("qemu", version, download)
        step.phase(f"unpacking the source of qemu {version}")
        work.rmdir()
        process.logged(["dpkg-source", "--no-check", "--no-copy", "-x", dsc,
                        work], log, step)
        shutil.rmtree(download)


class Qemu(Item):
    """Two emulators of the same source: one for each level.

    The machine's has the patches of the rig, which change the device that
    stands for an accelerator and mend bugs of the emulator. The guest's has
    the project's own series. They differ by a few files, so that the second
    one takes little time.
    """

    name = "qemu"
    gib = 2.0
    target = "qemu-system-x86_64"

    def __init__(self, source, meson):
        self.source = source
        self.meson = meson

    @staticmethod
    def patches():
        """Return the patches of each emulator in their order."""
        return {
            "machine": sorted((RIG / "qemu").glob("*.patch")),
            "guest": [SERIES / name for name in
                      (SERIES / "series").read_text("ascii").split()],
        }

    def key(self):
        """Hash the source's version, the patches and the options."""
        version = self.source.key()
        if not version:
            return None
        upstream = re.match(r"(?:\d+_)?([0-9.]+)", version)[1]
        return upstream + "-" + cache.digest(
            version, " ".join(QEMU_OPTIONS), *sum(self.patches().values(), []))

    def binary(self, level="machine"):
        """Return the emulator of a level."""
        return self.path() / level / self.target

    def python(self):
        """Return the folder of QEMU's own Python packages."""
        return self.path() / "python"

    def _patch(self, work, level, step, log):
        """Make the source that of a level."""
        source = work / "source"
        done = work / "patched"
        before = done.read_text("ascii")
        if before == level:
            return
        step.phase(f"patching for the {level}")
        patch = ["patch", "-p1", "-d", source, "--no-backup-if-mismatch", "-i"]
        done.unlink()
        for file in reversed(self.patches().get(before, [])):
            process.logged([*patch, file, "-R"], log, step)
        for file in self.patches()[level]:
            process.logged([*patch, file], log, step)
        done.write_text(level, "ascii")

    def make(self, work, step, log):
        """Patch and build both."""
        source = work / "source"
        build = work / "build"
        environment = self.meson.environment()

        def objects(line):
            match = re.match(r"\[(\d+)/(\d+)\]", line)
            return f"{match[1]} of {match[2]} objects" if match else None

        # Without the mark, patching was interrupted: begin afresh.
        if not (work / "patched").exists():
            empty(work)
            step.phase("copying the source")
            process.logged(["cp", "-a", self.source.path(), source], log,
                           step)
            (work / "patched").write_text("", "ascii")

        for level in self.patches():
            if (work / level).exists():
                continue
            self._patch(work, level, step, log)
            if not (build / "build.ninja").exists():
                step.phase("configuring")
                build.mkdir(exist_ok=True)
                empty(build)
                process.logged([source / "configure", *QEMU_OPTIONS], log,
                               step, cwd=build, env=environment)
            step.phase(f"building {self.target} for the {level}")
            process.logged(["ninja", jobs(), self.target], log, step,
                           on_line=objects, cwd=build, env=environment)
            (work / level).mkdir()
            shutil.copy2(build / self.target, work / level)
        shutil.copytree(source / "python/qemu", work / "python/qemu")
        # Nothing but the emulators and the packages is needed from here on.
        shutil.rmtree(source)
        shutil.rmtree(build)
        (work / "patched").unlink()
