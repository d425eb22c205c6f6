#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the cases that ran here with those that ran for Windows.

    compare_cases.py HERE THERE LEFT_OUT     folders of builds with junit*.xml, and the list of what is left out
    compare_cases.py --self-test

A case is a test of CTest or, where that is a cmocka program, one of its cases. A test that runs once per
poller has each case once per poller, and each of them is compared by itself. What there is here and did not
run there, because it is missing or because it was skipped or disabled, must be named in the list:

    pattern  count  reason
    pattern  count  reason; runs as PROGRAM
    pattern  count  in part: reason

where the pattern is that of a shell, held against `test/case` without the poller's name; a case belongs to the
first that fits. The count says how many cases these are, so that none joins them unseen: whoever leaves
out one more writes a larger number. Where another program runs the cases there, it must have run each. A case
that ran there and said `skipped in part: reason`, as it did not here, is named by a line of the third kind.
Ends with 0 only if all this is so.
"""
import fnmatch
import pathlib
import re
import sys
import xml.etree.ElementTree
from collections import Counter
from typing import Iterator, NamedTuple

POLLER = re.compile(r"_(epoll|poll|afd)(?=_|$)")
# Programs that go through all pollers by themselves begin each case with the poller's name.
CASE_POLLER = re.compile(r"^(epoll|poll|afd)\b[ ,:]*")
# Its name, and what it said.
RUN = re.compile(r"^\[ RUN      \] (.*?)[ \r]*\n(.*?)(?=^\[ RUN      \]|^\[=|\Z)", re.MULTILINE | re.DOTALL)
SKIPPED = re.compile(r"^\[  SKIPPED \] (?!\d+ test)(.*?)\s*$", re.MULTILINE)
# What failed has run: that it failed is for others to say. What CTest was told to leave out is "disabled".
RAN = ("run", "fail")
IN_PART = re.compile(r"\bskipped in part: ")
PARTLY = "in part: "


class Suite(NamedTuple):
    ran: dict[str, set[str]]  # poller, or "" -> cases
    skipped: dict[str, set[str]]
    in_part: set[str]


class LeftOut(NamedTuple):
    pattern: str
    count: int
    reason: str
    substitute: str  # the program that runs the same cases there, or ""


def read_suite(*texts: str) -> Suite:
    suite = Suite({}, {}, set())
    for test in (t for text in texts for t in xml.etree.ElementTree.fromstring(text).iter("testcase")):
        name = test.attrib["name"]
        poller = match[1] if (match := POLLER.search(name)) else ""
        base = POLLER.sub("", name)
        output = test.findtext("system-out") or ""
        is_skipped = test.find("skipped") is not None or test.attrib["status"] not in RAN
        skipped = set(SKIPPED.findall(output))
        for case, said in RUN.findall(output + "\n") or [("", output)]:
            own = match[1] if (match := CASE_POLLER.search(case)) else poller
            name = f"{base}/{CASE_POLLER.sub('', case)}" if case else base
            into = suite.skipped if is_skipped or case in skipped else suite.ran
            into.setdefault(own, set()).add(name)
            if into is suite.ran and IN_PART.search(said):
                suite.in_part.add(name)
    return suite


def read_left_out(text: str) -> list[LeftOut]:
    entries = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, count, reason = line.split(None, 2)
            reason, _, substitute = reason.partition("; runs as ")
            entries.append(LeftOut(pattern, int(count), reason, substitute))
    return entries


def everything(*kinds: dict[str, set[str]]) -> set[str]:
    return set().union(*(cases for kind in kinds for cases in kind.values()))


def sort_absent(absent: set[str], left_out: list[LeftOut]) -> tuple[dict[LeftOut, list[str]], list[str]]:
    """Returns the cases that each of these lines of the list names, and those that none does."""
    named: dict[LeftOut, list[str]] = {entry: [] for entry in left_out}
    unnamed = []
    for case in sorted(absent):
        entry = next((e for e in left_out if fnmatch.fnmatchcase(case, e.pattern)), None)
        (unnamed if entry is None else named[entry]).append(case)
    return named, unnamed


def complain_about(entry: LeftOut, cases: list[str], ran_there: set[str]) -> Iterator[str]:
    if len(cases) != entry.count:
        yield "\n    ".join([f"the list says {entry.count} of {entry.pattern}, and there are {len(cases)}:", *cases])
    if entry.substitute:
        for case in cases:
            if f"{entry.substitute}/{case.partition('/')[2]}" not in ran_there:
                yield f"{case}: {entry.substitute} did not run it"


def tell_reasons(named: dict[LeftOut, list[str]]) -> Iterator[str]:
    reasons: Counter[str] = Counter()
    for entry, cases in named.items():
        reasons[entry.reason] += len(cases)
    for reason, count in reasons.most_common():
        if count > 0:
            yield f"      {count:5} {reason}"


def compare(here: Suite, there: Suite, left_out: list[LeftOut]) -> tuple[list[str], list[str]]:
    """Returns complaints, and what there is to tell."""
    all_here = everything(here.ran, here.skipped)
    ran_there = everything(there.ran)
    skipped_there = everything(there.skipped)
    absent = all_here - ran_there
    partial = (there.in_part - here.in_part) & all_here
    named, unnamed = sort_absent(absent, [e for e in left_out if not e.reason.startswith(PARTLY)])
    partly, unnamed_partly = sort_absent(partial, [e for e in left_out if e.reason.startswith(PARTLY)])

    complaints = [
        f"{case}: here, {'skipped' if case in skipped_there else 'missing'} there, not in the list"
        for case in unnamed
    ]
    complaints += [f"{case}: here, only in part there, not in the list" for case in unnamed_partly]
    for entry, cases in (named | partly).items():
        complaints += complain_about(entry, cases, ran_there)
    if not everything(here.ran) or not ran_there:
        complaints.append("no case ran at all")

    substituted = sum(len(cases) for entry, cases in named.items() if entry.substitute)
    told = [
        f"{len(all_here):5} cases here, {len(everything(here.skipped))} of them skipped",
        f"{len(all_here) - len(absent):5} of them ran there",
        f"{len(partial):5} of these only in part",
        *tell_reasons(partly),
        f"{len(absent) - len(unnamed):5} of them are left out by name",
        *tell_reasons(named),
        f"{substituted:5} of those left out ran there as cases of another program",
        f"{len(ran_there - all_here):5} cases ran only there",
        f"{len(skipped_there):5} cases were skipped there while their programs ran",
    ]
    for poller in sorted(here.ran):
        cases = here.ran[poller]
        told.append(f"{poller or 'once':>5}: {len(cases)} ran here, {len(cases & ran_there)} of them there")
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
    part = "skipped in part: x"
    partly = test("a_afd", "[ RUN      ] one", part, "[       OK ] one", "[ RUN      ] two")
    plants = [
        (junit(two, test("b")), "", 0),
        (junit(two), "", 1),
        (junit(one, test("b")), "", 1),
        (junit(skipped, test("b")), "", 1),
        (junit(skipped, test("b")), "a/two 1 no reason", 0),
        (junit(one, test("b")), "a/* 1 no reason", 0),
        (junit(two, test("b")), "a/two 0 never here", 0),
        (junit(two, test("b", status="notrun")), "", 1),
        (junit(two, test("b", "Disabled", status="disabled")), "", 1),
        (junit(two, test("b", "Disabled", status="disabled")), "b 1 no reason", 0),
        (junit(two), "# words\n\nb 1 no reason", 0),
        (junit(), "* 3 no reason", 1),
        # A count must be so: not too large, and not too small, as when a case has joined unseen.
        (junit(two, test("b")), "a/two 1 no reason", 1),
        (junit(one, test("b")), "a/* 2 no reason", 1),
        (junit(test("a_afd", "[ RUN      ] three"), test("b")), "a/* 1 no reason", 1),
        (junit(one, test("b")), "a/two 0 never here", 1),
        # The first pattern that fits has the case, so the second one here has none.
        (junit(one, test("b")), "a/* 1 no reason\na/two 1 no reason", 1),
        (junit(one, test("b"), test("c", "[ RUN      ] two")), "a/* 1 no reason; runs as c", 0),
        (junit(one, test("b"), test("c", "[ RUN      ] one")), "a/* 1 no reason; runs as c", 1),
        # What this machine skips is a case all the same: the list holds on any machine.
        (junit(one), "", 1, junit(skipped)),
        (junit(one), "a/two 1 no reason", 0, junit(skipped)),
        (junit(test("a_afd", "[ RUN      ] one", "[ RUN      ] two", status="fail"), test("b")), "", 0),
        (junit(test("a", "[ RUN      ] afd: one", "[ RUN      ] afd, two"), test("b")), "", 0),
        # What ran in part is named as well, unless it does so here, too.
        (junit(two, test("b", part)), "", 1),
        (junit(two, test("b", part)), "b 1 in part: no reason", 0),
        (junit(two, test("b", part)), "b 1 no reason", 2),
        (junit(two, test("b")), "b 1 in part: no reason", 1),
        (junit(one, test("b")), "a/two 1 in part: no reason", 2),
        (junit(partly, test("b")), "a/one 1 in part: no reason", 0),
        (junit(partly, test("b")), "a/two 1 in part: no reason", 2),
        (junit(partly, test("b")), "", 0, junit(partly, test("b"))),
        (junit(two, test("b"), test("c", part)), "", 0),
    ]
    mistakes = 0
    for there, left_out, expected, *other in plants:
        complaints, _ = compare(read_suite(*(other or [here])), read_suite(there), read_left_out(left_out))
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
