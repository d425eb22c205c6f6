#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the cases that ran here with those that ran for Windows.

    compare_cases.py HERE THERE LEFT_OUT     folders of builds with junit*.xml, and the list of what is left out
    compare_cases.py --self-test

A case is a test of CTest or, where that is a cmocka program, one of its cases. A test that runs once per
poller counts once per poller, and each of them is compared by itself. What ran here and did not run there,
because it is missing or because it was skipped, must be named in the list:

    pattern  reason

where the pattern is that of a shell, held against `test/case` without the poller's name. A line that names
nothing is a mistake as well. Ends with 0 only if nothing has vanished.
"""
import fnmatch
import pathlib
import re
import sys
import xml.etree.ElementTree
from collections import Counter
from typing import NamedTuple

POLLER = re.compile(r"_(epoll|poll|afd)(?=_|$)")
# Programs that go through all pollers by themselves begin each case with the poller's name.
CASE_POLLER = re.compile(r"^(epoll|poll|afd)\b[ ,:]*")
RUN = re.compile(r"^\[ RUN      \] (.*?)\s*$", re.MULTILINE)
SKIPPED = re.compile(r"^\[  SKIPPED \] (?!\d+ test)(.*?)\s*$", re.MULTILINE)


class Suite(NamedTuple):
    ran: dict[str, set[str]]  # poller, or "" -> cases
    skipped: dict[str, set[str]]


class LeftOut(NamedTuple):
    pattern: str
    reason: str


def read_suite(*texts: str) -> Suite:
    suite = Suite({}, {})
    for test in (t for text in texts for t in xml.etree.ElementTree.fromstring(text).iter("testcase")):
        name = test.attrib["name"]
        poller = match[1] if (match := POLLER.search(name)) else ""
        base = POLLER.sub("", name)
        output = test.findtext("system-out") or ""
        # What failed has run: that it failed is for others to say.
        is_skipped = test.find("skipped") is not None or test.attrib["status"] == "notrun"
        skipped = set(SKIPPED.findall(output))
        for case in RUN.findall(output) or [""]:
            own = match[1] if (match := CASE_POLLER.search(case)) else poller
            name = f"{base}/{CASE_POLLER.sub('', case)}" if case else base
            into = suite.skipped if is_skipped or case in skipped else suite.ran
            into.setdefault(own, set()).add(name)
    return suite


def read_left_out(text: str) -> list[LeftOut]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [LeftOut(*line.split(None, 1)) for line in lines]


def everything(cases: dict[str, set[str]]) -> set[str]:
    return set().union(*cases.values())


def compare(here: Suite, there: Suite, left_out: list[LeftOut]) -> tuple[list[str], list[str]]:
    """Returns complaints, and what there is to tell."""
    complaints = []
    told = []
    ran_there = everything(there.ran)
    used = set()
    reasons: Counter[str] = Counter()
    for poller, cases in sorted(here.ran.items()):
        absent = sorted(cases - ran_there)
        named = {}
        for case in absent:
            entry = next((e for e in left_out if fnmatch.fnmatchcase(case, e.pattern)), None)
            if entry is None:
                how = "skipped" if case in everything(there.skipped) else "missing"
                complaints.append(f"{case}: ran here ({poller or 'once'}), {how} there, not in the list")
                continue
            used.add(entry)
            named[case] = entry.reason
        reasons.update(named.values())
        told.append(
            f"{poller or 'once':>6}: {len(cases)} cases here, {len(cases) - len(absent)} of them there,"
            f" {len(named)} left out by name"
        )
    told += [f"        {count:5} left out: {reason}" for reason, count in sorted(reasons.items())]
    told.append(f"        {len(ran_there - everything(here.ran))} cases ran only there")
    told.append(f"        {len(everything(there.skipped))} cases were skipped there while they ran")
    complaints += [
        f"the list names {entry.pattern}, which is nothing that is left out"
        for entry in left_out
        if entry not in used
    ]
    if not everything(here.ran) or not ran_there:
        complaints.append("no case ran at all")
    return complaints, told


def self_test() -> int:
    def junit(*tests: str) -> str:
        return f"<testsuite>{''.join(tests)}</testsuite>"

    def test(name: str, *lines: str, status: str = "run") -> str:
        text = "\n".join(lines)
        return f'<testcase name="{name}" status="{status}"><system-out>{text}</system-out></testcase>'

    here = junit(
        test("a_epoll", "[ RUN      ] one", "[ RUN      ] two"), test("a_poll", "[ RUN      ] one"), test("b")
    )
    one = test("a_afd", "[ RUN      ] one", "[       OK ] one")
    two = test("a_afd", "[ RUN      ] one", "[ RUN      ] two")
    skipped = test("a_afd", "[ RUN      ] one", "[ RUN      ] two", "[  SKIPPED ] two")
    plants = [
        (junit(two, test("b")), "", 0),
        (junit(two), "", 1),
        (junit(one, test("b")), "", 1),
        (junit(skipped, test("b")), "", 1),
        (junit(skipped, test("b")), "a/two  no reason", 0),
        (junit(one, test("b")), "a/*  no reason", 0),
        (junit(two, test("b")), "a/two  no reason", 1),
        (junit(two, test("b", status="notrun")), "", 1),
        (junit(two), "# words\n\nb  no reason", 0),
        (junit(), "*  no reason", 1),
        (junit(test("a_afd", "[ RUN      ] one", "[ RUN      ] two", status="fail"), test("b")), "", 0),
        (junit(test("a", "[ RUN      ] afd: one", "[ RUN      ] afd, two"), test("b")), "", 0),
    ]
    mistakes = 0
    for there, left_out, expected in plants:
        complaints, _ = compare(read_suite(here), read_suite(there), read_left_out(left_out))
        if len(complaints) != expected:
            mistakes += 1
            print(f"self-test: {there} with {left_out!r}: {complaints}, expected {expected}")
    print(f"compare_cases: self-test: {len(plants)} suites, {mistakes} mistakes")
    return 1 if mistakes else 0


def main(arguments: list[str]) -> int:
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    results = [sorted(pathlib.Path(folder).glob("junit*.xml")) for folder in arguments[:2]]
    here, there = (read_suite(*(file.read_text() for file in files)) for files in results)
    complaints, told = compare(here, there, read_left_out(pathlib.Path(arguments[2]).read_text()))
    for line in told + [f"compare_cases: {complaint}" for complaint in complaints]:
        print(line)
    print(f"compare_cases: {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
