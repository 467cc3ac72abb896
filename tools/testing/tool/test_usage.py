# SPDX-License-Identifier: GPL-2.0-only
"""Help, wrong usage, exit status, completion."""

import os
import re
import subprocess
import unittest
from pathlib import Path

from tool.tool import FAILED, OK, TOOL, USAGE, ToolCase, run

SOURCE = Path(__file__).resolve().parents[2] / "vfio-cxl"
# Every verb, and how many operands it needs
VERBS = {"list": 0, "info": 1, "check": 1, "plan": 1, "generate": 1,
         "bind": 1, "unbind": 1}


def options(verb):
    """Return the options that the help of a verb shows."""
    return set(re.findall(r"^  (--[a-z-]+)", run(verb, "--help").stdout,
                          re.MULTILINE))


class Usage(ToolCase):
    """Common behaviour of all verbs."""

    def test_help(self):
        text = self.succeed("--help")
        self.assertEqual(set(VERBS), set(re.findall(r"^  (\w+) ", text,
                                                    re.MULTILINE)))

    def test_version(self):
        self.assertRegex(self.succeed("--version"), r"^vfio-cxl \d+\.\d+")

    def test_help_of_verbs(self):
        for verb in VERBS:
            with self.subTest(verb):
                text = self.succeed(verb, "--help")
                self.assertRegex(text, rf"^Usage: vfio-cxl {verb} \[OPTION")
                self.assertLessEqual({"--json", "--help"}, options(verb))
                self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_no_verb(self):
        self.refuse(USAGE, "no verb given")
        self.refuse(USAGE, "no verb 'lisst'", "lisst")

    def test_wrong_option(self):
        for verb in VERBS:
            with self.subTest(verb):
                self.refuse(USAGE, f"see 'vfio-cxl {verb} --help'", verb,
                            "--nonsense")

    def test_operands(self):
        self.refuse(USAGE, "unexpected argument 'a'", "list", "a")
        for verb, needed in VERBS.items():
            if needed:
                with self.subTest(verb):
                    self.refuse(USAGE, f"{verb} needs", verb)

    def test_full_disk(self):
        """output that cannot be written is not a success"""
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([TOOL, "--version"], stdout=full,
                                    stderr=subprocess.PIPE, check=False)
        self.assertEqual(FAILED, result.returncode)

    def test_no_such_device(self):
        for verb in ("info", "check", "bind", "unbind"):
            with self.subTest(verb):
                self.refuse(USAGE, "not a PCI address", verb, "eth0")
                self.refuse(USAGE, "no device 0000:ff:1f.7", verb, "ff:1f.7")

    @unittest.skipIf(os.geteuid(), "only root can become another user")
    def test_not_root(self):
        result = subprocess.run(
            [TOOL, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: os.setuid(65534), check=False,
            universal_newlines=True)
        self.assertEqual((FAILED, ""), (result.returncode, result.stdout))
        self.assertIn("run it as root", result.stderr)


class Manual(ToolCase):
    """vfio-cxl(1) documents everything in the help."""

    def setUp(self):
        self.text = (SOURCE / "vfio-cxl.1").read_text(encoding="utf-8")

    def test_verbs_and_options(self):
        for verb in VERBS:
            section = re.search(rf"^\.SS {verb}\b.*?(?=^\.S[SH])", self.text,
                                re.MULTILINE | re.DOTALL)
            self.assertTrue(section, verb)
            for option in options(verb) - {"--json", "--help"}:
                with self.subTest(verb, option=option):
                    self.assertIn(option.replace("-", r"\-"), section[0])

    def test_formatted(self):
        """groff prints no warnings"""
        result = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-rCHECKSTYLE=3",
             SOURCE / "vfio-cxl.1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            encoding="utf-8")
        self.assertEqual((0, ""), (result.returncode, result.stderr))


class Completion(ToolCase):
    """bash completes verbs and options."""

    def complete(self, *words):
        """Return the completions of the last word."""
        script = (f"source {SOURCE}/completion.bash\n"
                  f"COMP_WORDS=({' '.join(words)}) "
                  f"COMP_CWORD={len(words) - 1}\n"
                  f"_vfio_cxl {TOOL} '{words[-1]}' '{words[-2]}'\n"
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        return set(subprocess.run(
            ["bash", "-c", script], stdout=subprocess.PIPE, check=True,
            universal_newlines=True).stdout.split())

    def test_verbs(self):
        self.assertEqual(set(VERBS), self.complete(TOOL, "''"))
        self.assertEqual({"list"}, self.complete(TOOL, "l"))

    def test_options(self):
        for verb in VERBS:
            with self.subTest(verb):
                self.assertEqual(options(verb),
                                 self.complete(TOOL, verb, "--"))

    def test_values(self):
        self.assertEqual({"q35", "virt"}, self.complete(
            TOOL, "generate", "--machine", "''"))
        self.assertEqual({"qemu", "libvirt"}, self.complete(
            TOOL, "generate", "--format", "''"))

    def test_files(self):
        self.assertEqual({"/etc/hostname"},
                         self.complete(TOOL, "plan", "/etc/hostnam"))


class Status(ToolCase):
    """The man page's statuses."""

    def test_list_without_devices(self):
        """a host without devices is not a failure"""
        if os.geteuid() or os.path.exists(
                "/sys/firmware/acpi/tables/CEDT"):
            self.skipTest("this host may have devices, or the user is not root")
        result = run("list", "--json")
        self.assertEqual(OK, result.returncode, result.stderr)
        self.assertEqual('{\n  "devices": [\n  ]\n}\n', result.stdout)
