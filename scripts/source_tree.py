# SPDX-License-Identifier: MIT
"""What check_layers.py and check_rules.py share: the files, their code, and the self-test.

A check is a function of a tree's root that yields findings. The self-test runs it over small trees
with one planted violation each, and over one without, because a check that cannot fail is no check.
"""
import pathlib
import re
import sys
import tempfile
from typing import Callable, Iterator, NamedTuple

CODE_FOLDERS = ("include", "src", "tools", "recipes", "tests", "bench", "fuzz", "lab")

# C11, section 7. Those in SERVICES are standard, but ask the system for something.
STANDARD_HEADERS = frozenset(
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign "
    "stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar "
    "wchar wctype".split()
)
SERVICE_HEADERS = frozenset("locale setjmp signal threads time".split())


class Finding(NamedTuple):
    path: str
    line: int
    rule: str
    text: str


class Include(NamedTuple):
    line: int
    path: str
    is_quoted: bool


class Source:
    """A file: its path from the root, its text, and its code without comments and literals."""

    def __init__(self, root: pathlib.Path, path: pathlib.Path):
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.code = blank_comments_and_literals(self.text) if self.is_c else self.text
        self.code_lines = self.code.splitlines()

    @property
    def is_c(self) -> bool:
        return self.path.endswith((".c", ".h"))

    def includes(self) -> Iterator[Include]:
        # The code tells that the line is no comment; its text still has the quoted path.
        for number, (code, text) in enumerate(zip(self.code_lines, self.lines), start=1):
            if not re.match(r"\s*#\s*include\b", code):
                continue
            quoted = re.match(r'\s*#\s*include\s*"([^"]*)"', text)
            angled = re.match(r"\s*#\s*include\s*<([^>]*)>", text)
            if quoted:
                yield Include(number, quoted[1], True)
            elif angled:
                yield Include(number, angled[1], False)
            else:
                yield Include(number, text.strip(), False)


def blank_comments_and_literals(text: str) -> str:
    """Keeps lines and columns, so that what is found in the code can be shown in the text."""
    pattern = re.compile(
        r"//(?:[^\n\\]|\\.)*|/\*.*?\*/" r'|"(?:[^"\\\n]|\\.)*"' r"|'(?:[^'\\\n]|\\.)*'", re.DOTALL
    )
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def sources(root: pathlib.Path, suffixes: tuple[str, ...] = (".c", ".h")) -> Iterator[Source]:
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.name.endswith(suffixes) and "__pycache__" not in path.parts:
                yield Source(root, path)


def standard_header(path: str) -> str | None:
    """The name of a standard header without its .h, or None if it is not one."""
    name = path.removesuffix(".h")
    return name if path.endswith(".h") and name in STANDARD_HEADERS else None


Check = Callable[[pathlib.Path], Iterator[Finding]]


class Plant(NamedTuple):
    rule: str  # what must be found in `path`; "" when nothing may be
    path: str
    text: str


def findings_in(check: Check, files: dict[str, str]) -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        return list(check(root))


def self_test(check: Check, background: dict[str, str], plants: list[Plant]) -> int:
    """Runs `check` over `background` with each plant in turn; returns the number of mistakes."""
    mistakes = 0
    for plant in [Plant("", "", "")] + plants:
        files = dict(background)
        if plant.path:
            files[plant.path] = plant.text
        found = {(finding.path, finding.rule) for finding in findings_in(check, files)}
        expected = {(plant.path, plant.rule)} if plant.rule else set()
        if found != expected:
            mistakes += 1
            print(f"self-test: {plant.path}: {plant.text!r}\n  expected {expected}, found {found}")
    return mistakes


def run(name: str, check: Check, background: dict[str, str], plants: list[Plant]) -> int:
    """The main program of a check; returns its exit status."""
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        mistakes = self_test(check, background, plants)
        planted = sum(1 for plant in plants if plant.rule)
        print(f"{name}: self-test: {planted} planted violations, {mistakes} mistakes")
        return 1 if mistakes else 0
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(f"usage: {name} [--self-test | ROOT]", file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent.parent)
    count = sum(1 for _ in sources(root))
    if count == 0:
        print(f"{name}: no source files under {root}", file=sys.stderr)
        return 2
    found = list(check(root))
    for finding in found:
        print(f"{finding.path}:{finding.line}: {finding.rule}: {finding.text}")
    print(f"{name}: {count} files, {len(found)} violations")
    return 1 if found else 0
