#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says what a run of CTest skipped, and how often for which reason.

    count_skips.py JUNIT_FILE
    count_skips.py --self-test

Counted are tests that were skipped as a whole or disabled, and cases that programs of cmocka skipped, which
CTest does not see. Each says `skipped: reason` before; one that does not ends this with 1. A case that goes on
without a part of it says `skipped in part: reason`, and is counted as well. A case that does less of the same
says `... instead of ..., by TOFU_TEST_VARIABLE`; these are counted by themselves.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree
from collections import Counter
from typing import Iterator, NamedTuple

UNSAID = "no reason given"
# What a test can be that has run. CTest says "disabled", too, and nothing else of such a test.
RAN = ("run", "fail")
REASON = re.compile(r"\bskipped: (.*?)\s*$", re.MULTILINE)
PART = re.compile(r"\bskipped (in part: .*?)\s*$", re.MULTILINE)
CASE = re.compile(r"^\[ RUN      \] .*?\n(.*?)(?=^\[ RUN      \]|^\[=|\Z)", re.MULTILINE | re.DOTALL)
CASE_START = re.compile(r"^(?=\[ RUN      \] |\[=)", re.MULTILINE)
CASE_SKIPPED = re.compile(r"^\[  SKIPPED \] ", re.MULTILINE)
# A case that ran with smaller numbers than it has.
REDUCED = re.compile(r" instead of .*, by (TOFU_TEST_[A-Z]+)\s*$", re.MULTILINE)


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


def reductions_of(test: xml.etree.ElementTree.Element) -> Iterator[str]:
    """For each case that does less than it could, what told it to; what is no program of cmocka is one case."""
    output = test.findtext("system-out") or ""
    for case in CASE_START.split(output) if test.attrib["status"] in RAN else []:
        if not CASE_SKIPPED.search(case):
            yield from set(REDUCED.findall(case))


class Found(NamedTuple):
    reasons: Counter[str]  # of each, how often it was given
    silent: list[str]  # tests that gave none
    reduced: Counter[str]  # by each variable of the environment, how many cases


def count(text: str) -> Found:
    found = Found(Counter(), [], Counter())
    for test in xml.etree.ElementTree.fromstring(text).iter("testcase"):
        skips = skips_of(test)
        found.reasons.update(skips)
        found.reduced.update(reductions_of(test))
        if UNSAID in skips:
            found.silent.append(test.attrib["name"])
    return found


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
    less, fewer = "x: 1 instead of 10, by TOFU_TEST_PERCENT\n", "1 x instead of 10, by TOFU_TEST_CONNECTIONS\n"
    run = 'status="run"'
    reduced = [
        (run, case + less + less + "[       OK ] a\n" + case + end, {"TOFU_TEST_PERCENT": 1}),
        (run, case + less + case + less + fewer + end, {"TOFU_TEST_PERCENT": 2, "TOFU_TEST_CONNECTIONS": 1}),
        (run, case + less + skip + end + listed, {}),
        (run, case + skip + case + less + end + listed, {"TOFU_TEST_PERCENT": 1}),
        (run, less + case + "by TOFU_TEST_PERCENT it is not\n" + end, {"TOFU_TEST_PERCENT": 1}),
        (run, fewer, {"TOFU_TEST_CONNECTIONS": 1}),
        ('status="notrun"', fewer + "skipped: x\n", {}),
    ]
    mistakes = 0
    for status, output, expected in plants + reduced:
        found = count(f'<t><testcase name="a" {status}><system-out>{output}</system-out></testcase></t>')
        counted = found.reasons if (status, output, expected) in plants else found.reduced
        if counted != expected or bool(found.silent) != (UNSAID in expected):
            mistakes += 1
            print(f"self-test: {output!r}: {dict(counted)}, expected {expected}")
    print(f"count_skips: self-test: {len(plants + reduced)} outputs, {mistakes} mistakes")
    return 1 if mistakes else 0


def main(arguments: list[str]) -> int:
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = count(pathlib.Path(arguments[0]).read_text())
    for reason, times in found.reasons.most_common():
        print(f"skipped: {times:5} {reason}")
    for variable, times in sorted(found.reduced.items()):
        print(f"reduced: {times:5} cases, by {variable}")
    for name in found.silent:
        print(f"count_skips: {name} skips something and does not say why")
    print(f"skipped: {sum(found.reasons.values()):5} in all: tests, and cases within tests that passed")
    return 1 if found.silent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
