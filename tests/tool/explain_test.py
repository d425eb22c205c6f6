#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`tofu explain`: the statuses and the kinds of log lines, compared with the headers."""
import json
import pathlib
import re

from support import Context, case, contains, equal, main

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include" / "tofu"


def statuses() -> list[tuple[str, int, str]]:
    """Constant, number and name of every status."""
    text = (INCLUDE / "status.h").read_text().replace("\\\n", " ")
    found = re.findall(r'X\((TOFU_\w+),\s*(\d+),\s*"(\w+)"', text)
    assert len(found) > 30, found
    return [(constant, int(number), name) for constant, number, name in found]


def log_ids() -> list[tuple[str, int, str]]:
    text = (INCLUDE / "log.h").read_text()
    found = re.findall(r'X\((TOFU_LOG_\w+), (\d+), TOFU_LOG_\w+, "(\w+)"', text)
    assert len(found) >= 10, found
    return [(constant, int(number), name) for constant, number, name in found]


def explain(context: Context, *words: str) -> list[dict]:
    return [json.loads(line) for line in context.run("explain", *words, "--json").out.splitlines()]


@case
def everything_is_listed_with_a_sentence(context: Context) -> None:
    listed = explain(context)

    found = [(entry["kind"], entry["constant"], entry["number"], entry["name"]) for entry in listed]
    expected = [("status", *status) for status in statuses()]
    expected += [("log", *log_id) for log_id in log_ids()]
    equal(found, expected)
    for entry in listed:
        assert entry["text"][0].isupper() and entry["text"].endswith((".", "?")), entry
    equal(len({entry["text"] for entry in listed}), len(listed))


@case
def number_name_and_constant_lead_to_the_same(context: Context) -> None:
    for constant, number, name in context.sample(statuses(), 0):
        entries = explain(context, str(number), name, constant)
        found = [entry for entry in entries if entry["kind"] == "status"]
        assert len(found) == 3 and found[0] == found[1] == found[2], found
        equal((found[0]["number"], found[0]["name"]), (number, name))


@case
def a_line_is_for_people(context: Context) -> None:
    out = context.run("explain", "connect_failed").out

    equal(len(out.splitlines()), 1)
    contains(out, "status 24  connect_failed", "The peer could not be reached")


@case
def what_is_both_is_shown_as_both(context: Context) -> None:
    entries = explain(context, "pool_empty")

    equal([(entry["kind"], entry["number"]) for entry in entries], [("status", 19), ("log", 4)])
    contains(context.run("explain", "rule_broken").out, "log     5  rule_broken", "warning: ")


@case
def the_unknown_is_named_and_exits_with_2(context: Context) -> None:
    for word in ("frobnicate", "32", "255", "-1", "", "4x", "Connect_Failed", "99999999999999999999"):
        result = context.run("explain", "--", word, code=2)
        equal(result.out, "")
        contains(result.err, f"'{word}' is no status and no kind of log line")
    # What is known is explained all the same.
    result = context.run("explain", "0", "frobnicate", code=2)
    contains(result.out, "success")


if __name__ == "__main__":
    main()
