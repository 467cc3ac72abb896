# SPDX-License-Identifier: GPL-2.0-only
"""The test rig: a machine with CXL memory devices, from Debian packages.

Linux, QEMU and the machine's programs are packages of the Debian archive,
unchanged or built from their sources, and kept in
${XDG_CACHE_HOME:-~/.cache}/vfio-cxl. The machine's root is a Debian 13 tree;
the checkout and the cache are there under the names that they have here, all
of it read-only.
"""

import argparse
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

from rig import cache, config, modules, packages, process, session
from rig.arch import ARCHES, X86_64
from rig.cache import CHECKOUT
from rig.errors import RigError
from rig.parts import Parts

EPILOG = """
environment of a command in the machine:
  RIG_DEVICES  PCI addresses of the devices, by serial number
  RIG_FILES    the files behind their memory, in the same order
  RIG_QOM      their QOM paths, in the same order
  RIG_PORTS    those of the root ports above them
  RIG_QMP      character device: a QMP monitor of the machine
  RIG_SPLATS   file with patterns of kernel bug reports, one a line
  RIG_KNOWN    pattern of --known
  RIG_TIME_SCALE  TIME_SCALE of the rig's own environment, or 1: time limits
               are those of an idle machine, times this

exit status of run: the command's, or
  98   the machine ended without a status (a panic, usually)
  99   the kernel's log has the report of a bug
  124  the time limit was exceeded
  125  the rig itself failed
"""


def set_up(items):
    """Create missing items."""
    if platform.machine() != X86_64.name:
        raise RigError("the rig's emulators are built for "
                       f"{X86_64.name}; this host is {platform.machine()}")
    packages.install(packages.RIG)
    cache.ensure(items)


def do_setup(parts, args):
    """Create what is missing, and report if nothing is."""
    if args.update:
        parts.forget()
    set_up([parts.items[name] for name in args.what] or
           parts.machine(X86_64, X86_64.kernel))
    print(f"rig: set up in {cache.root()}")
    return 0


def do_packages(_, args):
    """Install Debian packages."""
    packages.install(args.package)
    return 0


def do_path(parts, args):
    """Print a path for other tools."""
    item = parts.owner(args.name)
    if item and not item.ready():
        raise RigError(f"{args.name} is not set up; run: "
                       f"{sys.argv[0]} setup {item.name}")
    print(parts.path(args.name))
    return 0


def find_kernel(parts, args):
    """Return the kernel of the options."""
    arch = ARCHES[args.arch]
    kernel = parts.kernels.get((arch, args.kernel or arch.kernel))
    if not kernel:
        known = ", ".join(kind for each, kind in parts.kernels if
                          each is arch)
        raise RigError(f"{args.kernel}: the kernels for {arch.name} are "
                       f"{known}")
    return kernel


def configuration(parts, args):
    """Return the run of the options."""
    if args.boot and (args.leaks or not args.root):
        raise RigError("--boot is for a --root, and not with --leaks")
    devices = config.parse_devices(args.devices)
    kernel = find_kernel(parts, args)
    scale = config.parse_scale(os.environ.get("TIME_SCALE", "1"))
    return config.Config(
        devices=devices,
        order=config.parse_order(args.order, len(devices)),
        memory=config.parse_size(args.memory), cpus=args.cpus,
        arch=kernel.arch, kernel=kernel.kind,
        root=args.root and args.root.absolute(),
        boot=args.boot, more=args.device, append=args.append,
        leaks=args.leaks, known=args.known, command=args.command,
        timeout=args.timeout and args.timeout * scale, time_scale=scale,
        log=args.log)


def do_run(parts, args):
    """Run a command or a shell in the machine."""
    wanted = configuration(parts, args)
    set_up(parts.machine(wanted.arch, wanted.kernel))
    return session.run(wanted, parts)


def do_modules(parts, args):
    """Build modules of the checkout for a kernel."""
    kernel = find_kernel(parts, args)
    checkers = [parts.sparse] * args.strict
    set_up([kernel, *kernel.needs, *checkers])
    return modules.build(kernel, args.source, args.output,
                         parts.sparse.binary() if args.strict else None)


def do_tree(parts, args):
    """Run a command in the tree that has the compilers."""
    tree = parts.trees[args.name]
    set_up([tree])
    return subprocess.run(tree.chroot(
        ["sh", "-c", f"cd {shlex.quote(str(CHECKOUT))} && "
         f"exec {shlex.join(args.command)}"]), check=False).returncode


class Parser(argparse.ArgumentParser):
    """A parser whose own errors cannot be taken for a command's status."""

    def error(self, message):
        """End with the rig's status."""
        self.print_usage(sys.stderr)
        self.exit(session.FAILED, f"{self.prog}: {message}\n")


def kernel_options(parts):
    """Return the options that choose a kernel."""
    kinds = ", ".join(dict.fromkeys(kind for _, kind in parts.kernels))
    parser = Parser(add_help=False)
    parser.add_argument("--arch", choices=ARCHES, default=X86_64.name,
                        help="architecture of the machine (default: "
                             "%(default)s)")
    parser.add_argument("--kernel", metavar="NAME",
                        help=f"kernel of the machine: {kinds}; not all are "
                             "available for each architecture (default: "
                             f"{', '.join(a.kernel for a in ARCHES.values())}"
                             ")")
    return parser


def machine_options():
    """Return the options that run and shell share."""
    parser = Parser(add_help=False)
    parser.add_argument(
        "--devices", metavar="LIST", default=config.DEFAULT_DEVICES,
        help="memory sizes, each with properties of QEMU's cxl-type3, "
             "window=SIZE, companion=DEVICE of QEMU's that is function 1 "
             "beside it, sparse=on where little of the memory is written, "
             "switch=on for one below a switch, passthrough=on for a host "
             "bridge without decoders, or "
             "integrated=on for an endpoint without a port, "
             "as 256M,2G:x-flr=on:window=4G (default: %(default)s)")
    parser.add_argument(
        "--order", metavar="LIST",
        help="order in which devices, host bridges and windows are created, "
             "as 1,0 (default: as in --devices)")
    parser.add_argument("--memory", metavar="SIZE", default="4G",
                        help="memory of the machine (default: %(default)s)")
    parser.add_argument("--cpus", metavar="N", type=int, default=2,
                        help="processors (default: %(default)s)")
    parser.add_argument("--root", metavar="FOLDER", type=Path,
                        help="root of the machine, with all modules of its "
                             "kernel, in place of the rig's")
    parser.add_argument("--boot", action="store_true",
                        help="boot that root: the command is the last service "
                             "that systemd starts, and what is written to "
                             "/etc, alone, is still there afterwards")
    parser.add_argument("--device", metavar="OPTIONS", action="append",
                        default=[],
                        help="one more of QEMU's devices, as e1000e")
    parser.add_argument("--known", metavar="PATTERN", default="",
                        help="lines that do not report a bug, because it "
                             "is known and not in the project: an extended "
                             "regular expression")
    parser.add_argument("--append", metavar="TEXT", default="",
                        help="add to the kernel's command line")
    parser.add_argument("--leaks", action="store_true",
                        help="treat kernel memory that has leaked at the end "
                             "of the command as a bug; slow")
    parser.add_argument("--log", metavar="FILE", type=Path,
                        help="write the kernel's log to FILE")
    return parser


def parse(argv, parts):
    """Return the parsed command line."""
    parser = Parser(prog="rig.py", description=__doc__, epilog=EPILOG,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True,
                                    metavar="ACTION")
    kernel = kernel_options(parts)
    options = machine_options()

    action = actions.add_parser(
        "setup", help="fetch and build what is missing")
    action.add_argument("what", nargs="*",
                        help=f"any of {', '.join(parts.items)} (default: "
                        "what the machine of the tests needs)")
    action.add_argument("--update", action="store_true",
                        help="ask the Debian archive for newer versions")
    action.set_defaults(do=do_setup)

    action = actions.add_parser(
        "packages", help="install Debian packages that are missing")
    action.add_argument("package", nargs="+")
    action.set_defaults(do=do_packages)

    action = actions.add_parser(
        "run", parents=[kernel, options], help="run a command in the machine",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    action.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=600,
        help="end the machine after this time, times TIME_SCALE (default: "
             "%(default)s)")
    action.add_argument("command", nargs=argparse.REMAINDER, metavar="...",
                        help="-- COMMAND [ARGUMENT...]")
    action.set_defaults(do=do_run)

    action = actions.add_parser("shell", parents=[kernel, options],
                                help="open a shell in the machine",
                                epilog=EPILOG,
                                formatter_class=argparse.
                                RawDescriptionHelpFormatter)
    action.set_defaults(do=do_run, command=None, timeout=None)

    action = actions.add_parser(
        "modules", parents=[kernel],
        help="build modules of this checkout for a kernel of the machine")
    action.add_argument("source", nargs="?", default=modules.DRIVER,
                        help="their directory (default: %(default)s)")
    action.add_argument("--output", metavar="FOLDER", type=Path,
                        help="where to build them (default: where run looks "
                             "for the driver)")
    action.add_argument("--strict", action="store_true",
                        help="with W=1 and sparse, and no warning")
    action.set_defaults(do=do_modules)

    action = actions.add_parser(
        "tree", help="run a command in a Debian 13 tree")
    action.add_argument("--name", choices=parts.trees, default="tree",
                        help="which one (default: %(default)s, which has the "
                             "compilers, gcc for x86-64 and arm64)")
    action.add_argument("command", nargs=argparse.REMAINDER, metavar="...",
                        help="-- COMMAND [ARGUMENT...]")
    action.set_defaults(do=do_tree)

    action = actions.add_parser(
        "path", help="print where something is, for other tools")
    action.add_argument("name", choices=parts.names())
    action.set_defaults(do=do_path)

    args = parser.parse_args(argv)
    if args.action == "setup":
        unknown = [name for name in args.what if name not in parts.items]
        if unknown:
            parser.error(f"setup: {unknown[0]} is none of "
                         f"{', '.join(parts.items)}")
    if args.action in ("run", "tree"):
        if args.command[:1] == ["--"]:
            del args.command[0]
        if not args.command:
            parser.error(f"{args.action}: no command")
    return args


def main():
    """Run the rig; return the exit status."""
    parts = Parts()
    args = parse(sys.argv[1:], parts)
    try:
        with process.signals():
            return args.do(parts, args)
    except RigError as error:
        print(f"rig: {error}", file=sys.stderr)
        return session.FAILED
    except process.Interrupted as interrupted:
        # As a shell reports it
        return 128 + interrupted.number
    except BrokenPipeError:
        # The reader of the output has exited.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return session.FAILED
