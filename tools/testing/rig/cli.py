# SPDX-License-Identifier: GPL-2.0-only
"""The test rig: a machine with CXL memory devices, made of Debian packages.

Linux and QEMU are fetched as Debian source packages, built and kept in
${XDG_CACHE_HOME:-~/.cache}/vfio-cxl. The machine runs programs of the host,
whose root it has read-only, on the rig's kernel.
"""

import argparse
import os
import platform
import sys
from pathlib import Path

from rig import cache, config, packages, process, session
from rig.arch import X86_64
from rig.errors import RigError
from rig.parts import Parts

EPILOG = """
environment of a command in the machine:
  RIG_DEVICES  PCI addresses of the devices, by serial number
  RIG_FILES    the files behind their memory, in the same order
  RIG_QOM      their QOM paths, in the same order
  RIG_QMP      character device: a QMP monitor of the machine itself
  RIG_SPLATS   file with patterns of kernel bug reports, one a line
  RIG_KNOWN    pattern of --known

exit status of run: the command's, or
  98   the machine ended without a status (a panic, usually)
  99   the kernel's log has the report of a bug
  124  the time was up
  125  the rig itself failed
"""


# What a run takes, with the tests' kernel.
BASICS = ("packages", "kernel", "qemu", "initramfs")


def set_up(parts, names):
    """Make what is missing."""
    if platform.machine() != X86_64.name:
        raise RigError(f"the rig's machine is an {X86_64.name} one and runs "
                       "the host's programs; this host is "
                       f"{platform.machine()}")
    if "packages" in names:
        packages.install(packages.RIG)
    cache.ensure([parts.items[name] for name in names if name != "packages"])


def do_setup(parts, args):
    """Make what is missing, and say so when that is nothing."""
    if args.update:
        parts.forget()
    set_up(parts, args.what or BASICS)
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


def configuration(args):
    """Return the run of the options."""
    devices = config.parse_devices(args.devices)
    return config.Config(
        devices=devices,
        order=config.parse_order(args.order, len(devices)),
        memory=config.parse_size(args.memory), cpus=args.cpus,
        kernel=args.kernel, append=args.append, leaks=args.leaks,
        known=args.known, command=args.command, timeout=args.timeout,
        log=args.log)


def do_run(parts, args):
    """Run a command or a shell in the machine."""
    wanted = configuration(args)
    set_up(parts, ("packages", parts.kernels[wanted.kernel].name, "qemu",
                   "initramfs"))
    return session.run(wanted, parts)


class Parser(argparse.ArgumentParser):
    """A parser whose own errors cannot be taken for a command's status."""

    def error(self, message):
        """End with the rig's status."""
        self.print_usage(sys.stderr)
        self.exit(session.FAILED, f"{self.prog}: {message}\n")


def machine_options():
    """Return the options that run and shell share."""
    parser = Parser(add_help=False)
    parser.add_argument(
        "--devices", metavar="LIST", default=config.DEFAULT_DEVICES,
        help="memory sizes, each with properties of QEMU's cxl-type3 or "
             "window=SIZE, as 256M,2G:x-flr=on:window=4G (default: "
             "%(default)s)")
    parser.add_argument(
        "--order", metavar="LIST",
        help="order in which devices, host bridges and windows are created, "
             "as 1,0 (default: as in --devices)")
    kernels = parser.add_mutually_exclusive_group()
    kernels.add_argument("--production", action="store_const", dest="kernel",
                         const="production", default="debug",
                         help="run the kernel without debug options and the "
                              "modules of build/modules-production")
    kernels.add_argument("--kcsan", action="store_const", dest="kernel",
                         const="kcsan",
                         help="run the kernel that looks for data races and "
                              "the modules of build/modules-kcsan")
    parser.add_argument("--memory", metavar="SIZE", default="4G",
                        help="memory of the machine (default: %(default)s)")
    parser.add_argument("--cpus", metavar="N", type=int, default=2,
                        help="processors (default: %(default)s)")
    parser.add_argument("--known", metavar="PATTERN", default="",
                        help="lines that are no report of a bug, because it "
                             "is known and not the project's: an extended "
                             "regular expression")
    parser.add_argument("--append", metavar="TEXT", default="",
                        help="add to the kernel's command line")
    parser.add_argument("--leaks", action="store_true",
                        help="treat kernel memory that is leaked by the end "
                             "of the command as a bug; slow")
    parser.add_argument("--log", metavar="FILE", type=Path,
                        help="write the kernel's log to FILE")
    return parser


def parse(argv, parts):
    """Return the parsed command line."""
    setups = ("packages", *parts.items)
    parser = Parser(prog="rig.py", description=__doc__, epilog=EPILOG,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True,
                                    metavar="ACTION")
    options = machine_options()

    action = actions.add_parser(
        "setup", help="fetch and build what is missing")
    action.add_argument("what", nargs="*",
                        help=f"any of {', '.join(setups)} (default: all)")
    action.add_argument("--update", action="store_true",
                        help="ask the Debian archive for newer versions")
    action.set_defaults(do=do_setup)

    action = actions.add_parser(
        "packages", help="install Debian packages that are missing")
    action.add_argument("package", nargs="+")
    action.set_defaults(do=do_packages)

    action = actions.add_parser(
        "run", parents=[options], help="run a command in the machine",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    action.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=600,
        help="end the machine after so long (default: %(default)s)")
    action.add_argument("command", nargs=argparse.REMAINDER, metavar="...",
                        help="-- COMMAND [ARGUMENT...]")
    action.set_defaults(do=do_run)

    action = actions.add_parser("shell", parents=[options],
                                help="open a shell in the machine",
                                epilog=EPILOG,
                                formatter_class=argparse.
                                RawDescriptionHelpFormatter)
    action.set_defaults(do=do_run, command=None, timeout=None)

    action = actions.add_parser(
        "path", help="print where something is, for other tools")
    action.add_argument("name", choices=parts.names())
    action.set_defaults(do=do_path)

    args = parser.parse_args(argv)
    if args.action == "setup":
        unknown = [name for name in args.what if name not in setups]
        if unknown:
            parser.error(f"setup: {unknown[0]} is none of "
                         f"{', '.join(setups)}")
    if args.action == "run":
        if args.command[:1] == ["--"]:
            del args.command[0]
        if not args.command:
            parser.error("run: no command")
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
        # As a shell reports it.
        return 128 + interrupted.number
    except BrokenPipeError:
        # Whoever read the output has gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return session.FAILED
