#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Verifies a model, or shows that a planted bug breaks one of its claims.

    check_model.py --compiler CC MODEL.pml                      every claim holds in every run
    check_model.py --compiler CC MODEL.pml --bug BUG --breaks CLAIM

Spin makes the verifier, a C program, which visits all states. A claim is the name of an `ltl` formula,
`deadlock`, or the beginning of an assertion's expression without blanks and parentheses. Liveness is claimed under weak
fairness: a process that can go on for ever does so some time.

A model is verified when assertions, ends and each formula were checked in a search that was not cut short,
and when every statement was reached: a claim about what never happens holds of nothing. A bug is a
macro that the model asks for. It has to break the claim it is planted for, and no other one counts.
"""
import argparse
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

MEMORY_MIB_MAX = 900
DEPTH_MAX = 500000
HASH_BITS = 20
TRAIL_LINES_MAX = 400

CUT_SHORT = ("max search depth too small", "Search not completed", "out of memory", "-DMEMLIM bound", "VECTORSZ")


class Claim(NamedTuple):
    name: str  # of an ltl formula; "" stands for assertions and ends

    @property
    def search_options(self) -> list[str]:
        return ["-A", "-a", "-f", "-N", self.name] if self.name else []


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

    def __init__(self, model: pathlib.Path, compiler: str, macros: list[str], is_for_formulas: bool, is_hasty: bool):
        self.folder = tempfile.TemporaryDirectory()
        self.model = model.name
        self.macros = [f"-D{macro}" for macro in macros]
        # What Spin and its verifier leave behind lands beside the model.
        shutil.copy(model, self.folder.name)
        said = self.run("spin", "-a", *self.macros, self.model)
        if "rror" in said or "arning" in said:
            sys.exit(f"check_model: spin complains:\n{said}")
        options = [] if is_for_formulas else ["-DSAFETY", "-DNOCLAIM"]
        options += ["-O0" if is_hasty else "-O1", "-w", f"-DMEMLIM={MEMORY_MIB_MAX}"]
        self.run(compiler, *options, "-o", "pan", "pan.c")

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()

    def run(self, *command: str) -> str:
        return run(self.folder.name, *command)

    def search(self, claim: Claim) -> Search:
        output = self.run("./pan", f"-m{DEPTH_MAX}", f"-w{HASH_BITS}", *claim.search_options)
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


def verify(model: pathlib.Path, compiler: str, macros: list[str]) -> int:
    status = 0
    formulas = claims_of(model)
    for claims in [Claim("")], formulas:
        with Verifier(model, compiler, macros, claims is formulas, is_hasty=False) as verifier:
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


def find(model: pathlib.Path, compiler: str, macros: list[str], breaks: str) -> int:
    formula = Claim(breaks)
    is_formula = formula in claims_of(model)
    with Verifier(model, compiler, macros, is_formula, is_hasty=True) as verifier:
        done = verifier.search(formula if is_formula else Claim(""))
    if done.errors > 0 and is_broken_as_planned(done, breaks):
        print(f"{model.stem}: {macros[-1]} breaks {breaks} after {done.states} states: {done.broken}")
        return 0
    print(f"{model.stem}: {macros[-1]} does not break {breaks}, but: {done.broken or 'nothing'}\n{done.output}")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--define", action="append", default=[], metavar="MACRO", help="of the model, as -D")
    parser.add_argument("--bug", metavar="BUG", help="the macro BUG_... that plants it")
    parser.add_argument("--breaks", metavar="CLAIM", help="what the bug breaks")
    arguments = parser.parse_args()
    if (arguments.bug is None) != (arguments.breaks is None):
        parser.error("--bug and --breaks go together")
    model = arguments.model.resolve()
    if arguments.bug is None:
        return verify(model, arguments.compiler, arguments.define)
    macros = arguments.define + [arguments.bug]
    return find(model, arguments.compiler, macros, arguments.breaks)


if __name__ == "__main__":
    sys.exit(main())
