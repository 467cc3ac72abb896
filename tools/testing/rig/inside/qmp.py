#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Inside the machine: run a command of its own monitor (QMP).

Prints what the command returns, as JSON; an error is one line on stderr and
status 1. For example:

    qmp.py query-status
    qmp.py qom-set path=/machine/peripheral/cxl-mem0 \\
           property=x-hdm-commit-fails value=true
"""

import json
import os
import sys


def arguments(words):
    """Return a command's arguments; a value is JSON where it can be."""
    result = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            result[name] = json.loads(value)
        except ValueError:
            result[name] = value
    return result


def execute(port, command, args):
    """Return the answer to a command.

    The monitor keeps its session when the port is closed. So there may be
    no greeting, an answer that nobody waited for, and it may be out of
    negotiation already: only an answer with the right id counts.
    """
    ident = f"{os.getpid()}"
    for message in ({"execute": "qmp_capabilities"},
                    {"execute": command, "arguments": args, "id": ident}):
        port.write(json.dumps(message).encode() + b"\n")
    for line in port:
        try:
            answer = json.loads(line)
        except ValueError:
            # The rest of a line that somebody else had begun to read.
            continue
        if answer.get("id") == ident:
            return answer
    return {"error": {"desc": "the monitor is gone"}}


def main():
    """Run the command of the command line."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    path = os.environ.get("RIG_QMP")
    if not path:
        sys.exit("qmp.py: RIG_QMP is not set: this is not the machine")
    with open(path, "r+b", buffering=0) as port:
        answer = execute(port, sys.argv[1], arguments(sys.argv[2:]))
    if "error" in answer:
        sys.exit(f"qmp.py: {answer['error']['desc']}")
    print(json.dumps(answer["return"]))


if __name__ == "__main__":
    main()
