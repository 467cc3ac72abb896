# SPDX-License-Identifier: GPL-2.0-only
"""Results of unittest as TAP, with the seconds that each test took."""

import time
import traceback
import unittest

# Report gaps before a test that are at least this long: its class was set up.
GAP = 0.5


def say(text):
    """Print lines of TAP."""
    print(text, flush=True)


def comment(text):
    """Print diagnostic lines."""
    for line in text.rstrip().splitlines():
        say(f"# {line}".rstrip())


class Result(unittest.TestResult):
    """Prints each result immediately."""

    def __init__(self):
        super().__init__()
        self.number = 0
        self.passed = 0
        self.since = time.monotonic()

    def _elapsed(self):
        """Return the seconds since the last call."""
        before, self.since = self.since, time.monotonic()
        return self.since - before

    def _line(self, verdict, test, directive=""):
        self.number += 1
        say(f"{verdict} {self.number} - "
            f"{test.shortDescription() or test.id()}{directive}")

    def startTest(self, test):
        super().startTest(test)
        if (gap := self._elapsed()) > GAP:
            comment(f"{gap:.1f} s before {type(test).__name__}")

    def stopTest(self, test):
        super().stopTest(test)
        comment(f"{self._elapsed():.1f} s {test.id()}")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self._line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("ok", test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        comment(self.failures[-1][1])
        self._line("not ok", test)

    def addError(self, test, err):
        super().addError(test, err)
        comment(self.errors[-1][1])
        self._line("not ok", test)


def sequence(steps, prefix="test_", where=""):
    """Run methods, each of which continues where the previous one ended.

    They are those of an object whose names begin with the prefix, in the order
    of its class. Each is named by its docstring. Return the exit status.
    """
    tests = [getattr(steps, name) for name in vars(type(steps))
             if name.startswith(prefix)]
    say(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        start = time.monotonic()
        name = f"{number} - {where}{test.__doc__}"
        try:
            test()
        except Exception:  # pylint: disable=broad-except # any is a failure
            comment(traceback.format_exc())
            say(f"not ok {name}")
            say("Bail out!  The other tests build on this one.")
            return 1
        say(f"ok {name}")
        comment(f"{time.monotonic() - start:.1f} s")
    return 0


def run(suite):
    """Run tests; return the result."""
    result = Result()
    say(f"TAP version 13\n1..{suite.countTestCases()}")
    suite.run(result)
    return result
