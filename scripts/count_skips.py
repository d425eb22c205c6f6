#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says what a run of CTest skipped, and how often for which reason.

    count_skips.py JUNIT_FILE
    count_skips.py --self-test

Counted are tests that were skipped as a whole or disabled, and cases that programs of cmocka skipped, which
CTest does not see. Each says `skipped: reason` before; one that does not ends this with 1. A case that goes on
without a part of it says `skipped in part: reason`, and is counted as well.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree
from collections import Counter

UNSAID = "no reason given"
# What a test can be that has run. CTest says "disabled", too, and nothing else of such a test.
RAN = ("run", "fail")
REASON = re.compile(r"\bskipped: (.*?)\s*$", re.MULTILINE)
PART = re.compile(r"\bskipped (in part: .*?)\s*$", re.MULTILINE)
CASE = re.compile(r"^\[ RUN      \] .*?\n(.*?)(?=^\[ RUN      \]|^\[=|\Z)", re.MULTILINE | re.DOTALL)
CASE_SKIPPED = re.compile(r"^\[  SKIPPED \] ", re.MULTILINE)


def reason_in(output: str) -> str:
    found = REASON.findall(output)
    return found[-1] if found else UNSAID


def skips_of(test: xml.etree.ElementTree.Element) -> list[str]:
    """The reason of each skip, of the whole test or of its cases."""
    output = test.findtext("system-out") or ""
    if test.find("skipped") is not None or test.attrib["status"] not in RAN:
        return [reason_in(output)]
    whole = [reason_in(case) for case in CASE.findall(output) if CASE_SKIPPED.search(case)]
    return whole + PART.findall(output)


def count(text: str) -> tuple[Counter[str], list[str]]:
    """How often each reason was given, and the tests that gave none."""
    reasons: Counter[str] = Counter()
    silent = []
    for test in xml.etree.ElementTree.fromstring(text).iter("testcase"):
        skips = skips_of(test)
        reasons.update(skips)
        if UNSAID in skips:
            silent.append(test.attrib["name"])
    return reasons, silent


def self_test() -> int:
    case, skip, end = "[ RUN      ] a\n", "skipped: x\n[  SKIPPED ] a\n", "[==========] 2 test(s) run.\n"
    listed = "[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] a\n"
    plants = [
        ('status="run"', case + "[       OK ] a\n" + end, {}),
        ('status="run"', case + skip + case + "[       OK ] a\n" + end + listed, {"x": 1}),
        ('status="run"', case + skip + case + skip + end + listed, {"x": 2}),
        ('status="run"', case + "skipped: x\n[       OK ] a\n" + case + "[  SKIPPED ] a\n" + end, {UNSAID: 1}),
        ('status="run"', case + "skipped in part: x\n[       OK ] a\n" + end, {"in part: x": 1}),
        ('status="notrun"', "skipped: y\n", {"y": 1}),
        ('status="notrun"', "a: skipped: z\n0 passed, 1 skipped\n", {"z": 1}),
        ('status="notrun"', "", {UNSAID: 1}),
        ('status="disabled"', "Disabled", {UNSAID: 1}),
    ]
    mistakes = 0
    for status, output, expected in plants:
        found, silent = count(f'<t><testcase name="a" {status}><system-out>{output}</system-out></testcase></t>')
        if found != expected or bool(silent) != (UNSAID in expected):
            mistakes += 1
            print(f"self-test: {output!r}: {dict(found)}, expected {expected}")
    print(f"count_skips: self-test: {len(plants)} outputs, {mistakes} mistakes")
    return 1 if mistakes else 0


def main(arguments: list[str]) -> int:
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    reasons, silent = count(pathlib.Path(arguments[0]).read_text())
    for reason, times in reasons.most_common():
        print(f"skipped: {times:5} {reason}")
    for name in silent:
        print(f"count_skips: {name} skips something and does not say why")
    print(f"skipped: {sum(reasons.values()):5} in all: tests, and cases within tests that passed")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
