#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs real_windows over the planted programs: planted_test.py PROGRAM [EMULATOR]

All of them but two must fail, each for its own reason, and the exit status must say how many.
"""
import re
import subprocess
import sys

# What it must say of each, in a line that begins with its name.
EXPECTED = {
    "crashes": r"FAILED .*: exit status \d+ \(0x[0-9A-F]+\); cases 1, skipped 0",
    "fails": r"FAILED .*: exit status 1 \(0x1\); cases 1, skipped 0",
    "hangs": r"FAILED .*: took too long and was killed; cases 1, skipped 0",
    "passes": r"PASSED .*: cases 2, skipped 1",
    "runs_nothing": r"FAILED .*: cases 0, skipped 0",
    "skips": r"SKIPPED .*: cases 1, skipped 1",
    "nobody": r"FAILED .*: there is no such program",
}
LINES = [
    r" +1 x skipped: planted",
    r" +figure: a figure",
    r" +\[  FAILED  \] fails",
    r"real_windows: 6 programs, 5 failures; cases 6, skipped 2",
]


def main(arguments: list[str]) -> int:
    command = arguments[1:] + arguments[:1] + ["--seconds", "10", "planted", "planted\\nobody"]
    result = subprocess.run(command, stdout=subprocess.PIPE, timeout=100, text=True, check=False)
    print(result.stdout)
    wanted = LINES + [
        line.replace(".*", rf"planted\\{name}(?:\.exe)?", 1) + ".*" for name, line in EXPECTED.items()
    ]
    missing = [line for line in wanted if not re.search(f"^{line}", result.stdout, re.MULTILINE)]
    for line in missing:
        print(f"not said: {line}")
    if result.returncode != len(EXPECTED) - 2:
        print(f"exit status {result.returncode}")
        return 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
