#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Verifies a model, or shows that a planted bug breaks one of its claims.

    check_model.py --compiler CC MODEL.pml                      every claim holds in every run
    check_model.py --compiler CC MODEL.pml --bug BUG --breaks CLAIM
    check_model.py --compiler CC --self-test

Spin makes the verifier, a C program, which visits all states. A claim is the name of an `ltl` formula,
`deadlock`, or the beginning of an assertion's expression without blanks and parentheses. A formula
claims liveness, under weak fairness: a process that can always go on does so some time. (Where a formula
says `<> []`, Spin's fairness overlooks a run that has come to a standstill: there it has to be an end that is
not valid.)

A model is verified when assertions, ends and each formula were checked in a search that was not cut short,
and when every statement was reached: a claim about what never happens holds of nothing. A bug is a
macro that the model asks for. It has to break the claim it is planted for, and no other one counts.
"""
import argparse
import contextlib
import io
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

MEMORY_MIB_MAX = 900
DEPTH_MAX = 500_000
HASH_BITS = 20
TRAIL_LINES_MAX = 400

CUT_SHORT = ("max search depth too small", "Search not completed", "out of memory", "-DMEMLIM bound", "VECTORSZ")


class Effort(NamedTuple):
    compiler: str
    optimisation: str  # takes as long as a small search
    depth_max: int


class Claim(NamedTuple):
    name: str  # of an ltl formula; "" stands for assertions and ends

    @property
    def search_options(self) -> list[str]:
        return ["-a", "-f", "-N", self.name] if self.name else []


class Search(NamedTuple):
    claim: Claim
    output: str

    @property
    def errors(self) -> int:
        match = re.search(r"errors: (\d+)", self.output)
        return int(match[1]) if match else -1

    @property
    def broken(self) -> str:
        """What the verifier says is broken, or ""."""
        match = re.search(r"^pan:1: (.*)", self.output, re.MULTILINE)
        return match[1] if match else ""

    @property
    def states(self) -> int:
        match = re.search(r"^ *(\d+) states, stored", self.output, re.MULTILINE)
        return int(match[1]) if match else 0

    @property
    def unreached(self) -> list[str]:
        """Statements of processes that no run comes to. That a process never ends is no statement."""
        found = []
        is_process = False
        for line in self.output.splitlines():
            if match := re.match(r"unreached in (\w+)", line):
                is_process = match[1] != "claim"
            elif is_process and re.match(r"\t\S+:\d+, state", line) and '"-end-"' not in line:
                found.append(line.strip())
        return found


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, ((MEMORY_MIB_MAX + 100) << 20,) * 2)


def run(folder: str, *command: str) -> str:
    """Runs a command to its end and returns what it says; one that fails, or is not there, is an error."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=limit_memory
        )
    except FileNotFoundError as error:
        sys.exit(f"check_model: {error.filename} is not installed; scripts/bootstrap does that")
    if done.returncode != 0:
        sys.exit(f"check_model: status {done.returncode} of {' '.join(command)}:\n{done.stdout}")
    return done.stdout


class Verifier:
    """A program that searches all states of a model; one for assertions and ends, or one for all formulas."""

    def __init__(self, model: pathlib.Path, effort: Effort, macros: list[str], is_for_formulas: bool):
        self.folder = tempfile.TemporaryDirectory()
        self.model = model.name
        self.depth_max = effort.depth_max
        self.macros = [f"-D{macro}" for macro in macros]
        # What Spin and its verifier leave behind lands beside the model.
        shutil.copy(model, self.folder.name)
        said = self.run("spin", "-a", *self.macros, self.model)
        if "rror" in said or "arning" in said:
            sys.exit(f"check_model: spin complains:\n{said}")
        options = [] if is_for_formulas else ["-DSAFETY", "-DNOCLAIM"]
        options += [effort.optimisation, "-w", f"-DMEMLIM={MEMORY_MIB_MAX}"]
        self.run(effort.compiler, *options, "-o", "pan", "pan.c")

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()

    def run(self, *command: str) -> str:
        return run(self.folder.name, *command)

    def search(self, claim: Claim, *options: str) -> Search:
        output = self.run("./pan", f"-m{self.depth_max}", f"-w{HASH_BITS}", *options, *claim.search_options)
        return Search(claim, output)

    def last_steps(self) -> str:
        """The end of the run that breaks the claim of the last search."""
        if not list(pathlib.Path(self.folder.name).glob("*.trail")):
            return ""
        steps = self.run("spin", "-t", "-p", "-g", *self.macros, self.model).splitlines()
        return "\n".join(steps[-TRAIL_LINES_MAX:])


def claims_of(model: pathlib.Path) -> list[Claim]:
    formulas = re.findall(r"^ltl (\w+)", model.read_text(encoding="utf-8"), re.MULTILINE)
    return [Claim(name) for name in formulas]


def complaints(done: Search) -> list[str]:
    """Why this search shows nothing, or shows that the claim is false."""
    found = [f"the search was cut short: {words}" for words in CUT_SHORT if words in done.output]
    if done.errors != 0:
        found.append(f"broken: {done.broken}")
    elif done.claim.name == "":
        found += [f"no run comes to {statement}" for statement in done.unreached]
    return found


def verify(model: pathlib.Path, effort: Effort, macros: list[str]) -> int:
    status = 0
    formulas = claims_of(model)
    for claims in [Claim("")], formulas:
        with Verifier(model, effort, macros, claims is formulas) as verifier:
            for claim in claims:
                done = verifier.search(claim)
                found = complaints(done)
                name = claim.name or "assertions and ends"
                print(f"{model.stem}: {name}: {done.states} states, {len(found)} complaints")
                for complaint in found:
                    print(f"  {complaint}")
                if found:
                    print(verifier.last_steps())
                    status = 1
    return status


def is_broken_as_planned(done: Search, breaks: str) -> bool:
    if done.claim.name:
        return done.broken.startswith("acceptance cycle")
    if breaks == "deadlock":
        return done.broken.startswith("invalid end state")
    said = re.sub(r"[ ()]", "", done.broken)
    return said.startswith("assertionviolated" + breaks)


def find(model: pathlib.Path, effort: Effort, macros: list[str], breaks: str) -> int:
    formula = Claim(breaks)
    is_formula = formula in claims_of(model)
    with Verifier(model, effort, macros, is_formula) as verifier:
        # A bug may break an assertion, too, and earlier: -A looks past it.
        done = verifier.search(formula, "-A") if is_formula else verifier.search(Claim(""))
    if done.errors > 0 and is_broken_as_planned(done, breaks):
        print(f"{model.stem}: {macros[-1]} breaks {breaks} after {done.states} states: {done.broken}")
        return 0
    print(f"{model.stem}: {macros[-1]} does not break {breaks}, but: {done.broken or 'nothing'}\n{done.output}")
    return 1


COUNTER = """
byte count;
active proctype counter() { do :: count < 200 -> count++ :: count == 200 -> count = 0 od }
"""

# Models that show nothing, or something else than their bug is planted for: what is asked, and the text.
PLANTS = [
    ("verify", COUNTER + "ltl grows { [] <> (count == 200) }\n"),
    ("refuse", COUNTER + "ltl stays { [] (count < 200) }\n"),
    ("refuse", "active proctype p() { assert(false) }\nltl t { [] true }\n"),
    ("refuse", "bool x;\nactive proctype p() { x }\nltl t { [] true }\n"),
    ("refuse", "bool x;\nactive proctype p() { do :: x -> x = false :: !x od }\nltl t { [] true }\n"),
    ("refuse deep", COUNTER + "ltl grows { [] <> (count == 200) }\n"),
    ("find t", "bool x;\nactive proctype p() { x = true }\nltl t { [] (x -> <> !x) }\n"),
    ("miss t", "active proctype p() { assert(false) }\nltl t { [] true }\n"),
    ("miss deadlock", "bool x;\nactive proctype p() { assert(x) }\n"),
    ("miss y", "bool x;\nactive proctype p() { assert(x) }\n"),
    ("miss x", "bool x = true;\nactive proctype p() { assert(x) }\n"),
]


def self_test(compiler: str) -> int:
    mistakes = 0
    for asked, text in PLANTS:
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "plant.pml"
            model.write_text(text, encoding="utf-8")
            what, _, rest = asked.partition(" ")
            effort = Effort(compiler, "-O0", 100 if rest == "deep" else DEPTH_MAX)
            with contextlib.redirect_stdout(io.StringIO()):
                if what in ("find", "miss"):
                    status = find(model, effort, ["BUG"], rest)
                else:
                    status = verify(model, effort, [])
        if (status == 0) != (what in ("verify", "find")):
            mistakes += 1
            print(f"self-test: {asked}: status {status} of {text}")
    print(f"check_model: self-test: {len(PLANTS)} models, {mistakes} mistakes")
    return 1 if mistakes else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, nargs="?")
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--define", action="append", default=[], metavar="MACRO", help="of the model, as -D")
    parser.add_argument("--bug", metavar="BUG", help="the macro BUG_... that plants it")
    parser.add_argument("--breaks", metavar="CLAIM", help="what the bug breaks")
    parser.add_argument("--self-test", action="store_true", help="try what must not pass")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test(arguments.compiler)
    if arguments.model is None or (arguments.bug is None) != (arguments.breaks is None):
        parser.error("a model is wanted, and --bug goes with --breaks")
    model = arguments.model.resolve()
    if arguments.bug is None:
        return verify(model, Effort(arguments.compiler, "-O1", DEPTH_MAX), arguments.define)
    macros = arguments.define + [arguments.bug]
    return find(model, Effort(arguments.compiler, "-O0", DEPTH_MAX), macros, arguments.breaks)


if __name__ == "__main__":
    sys.exit(main())
