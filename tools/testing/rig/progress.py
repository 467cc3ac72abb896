# SPDX-License-Identifier: GPL-2.0-only
"""Progress of long steps: one line each, with what, how far, how long."""

import sys
import time

# How often a line is repeated if it cannot be updated in place.
LOG_INTERVAL = 15
TTY_INTERVAL = 0.2


def clock(seconds):
    """Return seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


class Step:
    """One step: updated in place on a terminal, else one line at intervals."""

    def __init__(self, label, stream):
        self.label = label
        self.stream = stream
        self.tty = stream.isatty()
        self.start = time.monotonic()
        self.shown = None
        self.what = ""
        self.far = ""

    def phase(self, what):
        """Report what is being done now."""
        if what != self.what:
            self.what = what
            self.far = ""
            self.show(force=not self.tty)

    def update(self, far=None):
        """Report how far it is; may be called often, output is limited."""
        if far is not None:
            self.far = far
        self.show()

    def elapsed(self):
        """Return how long the step has been running."""
        return clock(time.monotonic() - self.start)

    def show(self, force=False):
        """Write the line, if it is due."""
        now = time.monotonic()
        interval = TTY_INTERVAL if self.tty else LOG_INTERVAL
        if not force and self.shown and now - self.shown < interval:
            return
        self.shown = now
        text = f"{self.label}: {self.what}"
        if self.far:
            text += f" ... {self.far}"
        self.write(f"{text}, {self.elapsed()}")

    def done(self, text):
        """Write the step's last line."""
        self.write(f"{self.label}: {text}, {self.elapsed()}")
        if self.tty:
            self.stream.write("\n")
            self.stream.flush()

    def abandon(self):
        """Keep the line as it is and begin the next one."""
        if self.tty and self.shown:
            self.stream.write("\n")
            self.stream.flush()

    def write(self, text):
        """Write one line, over the previous one on a terminal."""
        if self.tty:
            self.stream.write(f"\r\033[K{text}")
        else:
            self.stream.write(f"{text}\n")
        self.stream.flush()


class Progress:
    """Numbers the steps of a set-up."""

    def __init__(self, total, stream=None):
        self.total = total
        self.stream = stream or sys.stderr
        self.number = 0

    def step(self, name):
        """Begin the next step."""
        self.number += 1
        width = len(str(self.total))
        return Step(f"[{self.number:{width}}/{self.total}] {name}",
                    self.stream)
