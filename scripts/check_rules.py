#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails on what breaks the house rules that a search can see; the rest is judgement.

    memory     malloc and its kind are called in src/base/alloc.c only (library)
    platform   no #if on system or compiler outside export.h and assert.h, but around the attribute
               of a printf-like function
    system     no system header outside src/os/*/ (library; check_layers.py knows the details)
    assert     the library asserts with TF_ASSERT, which a release leaves out
    sleep      a test or a lab waits for what it needs, never for time to pass
    spdx       the first line names the licence
    comment    C files are commented with // only
    todo       a TODO has an issue number: TODO(#12)
    file       no file is longer than 700 lines
    function   no function is longer than 70 lines
"""
import pathlib
import re
import sys
from typing import Iterator

from source_tree import Finding, Plant, Source, run, sources, standard_header

FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 70
LICENCE = "SPDX-License-Identifier: MIT"

ALLOCATION = re.compile(
    r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|strdup|strndup"
    r"|asprintf|vasprintf|alloca)\s*\("
)
PLATFORM_MACRO = re.compile(
    r"\b(_WIN32|_WIN64|__MINGW\w*|__CYGWIN__|_MSC_\w+|__GNUC\w*|__clang\w*|__linux\w*|linux|__unix\w*"
    r"|unix|__APPLE__|__MACH__|__FreeBSD__|__NetBSD__|__OpenBSD__|__ANDROID__|__GLIBC\w*|__x86_64\w*"
    r"|__aarch64\w*|__has_attribute|__has_builtin|__has_include)\b"
)
PLATFORM_FILES = {"include/tofu/export.h", "src/base/assert.h"}
SLEEP = re.compile(r"(?<![\w.>])(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep|Sleep)\s*\(")
SCRIPT_SLEEP = re.compile(r"\btime\.sleep\b|^\s*sleep\s|[;&|]\s*sleep\s", re.MULTILINE)
TODO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
SCRIPT_NAMES = ("CMakeLists.txt", "Makefile")
SCRIPT_SUFFIXES = (".py", ".sh", ".cmake", ".in", ".pml")


def check_memory(source: Source) -> Iterator[Finding]:
    if not source.path.startswith("src/") or source.path == "src/base/alloc.c":
        return
    for number, line in enumerate(source.code_lines, start=1):
        if match := ALLOCATION.search(line):
            yield Finding(source.path, number, "memory", f"{match[1]}(): use tf_alloc, tf_free")


def is_format_attribute(source: Source, number: int) -> bool:
    """An #if around the attribute of a printf-like function, and around nothing else."""
    following = source.code_lines[number : number + 2]
    return (
        len(following) == 2
        and following[0].startswith("__attribute__((format(")
        and following[1].startswith("#endif")
    )


def check_platform(source: Source) -> Iterator[Finding]:
    if source.path in PLATFORM_FILES:
        return
    is_continued = False
    for number, line in enumerate(source.code_lines, start=1):
        is_condition = is_continued or re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line)
        is_continued = bool(is_condition) and line.endswith("\\")
        match = PLATFORM_MACRO.search(line) if is_condition else None
        if match and not is_format_attribute(source, number):
            yield Finding(source.path, number, "platform", f"asks for {match[1]}")


def check_system_headers(source: Source) -> Iterator[Finding]:
    if not source.path.startswith(("src/", "include/")) or re.match(r"src/os/\w+/", source.path):
        return
    for include in source.includes():
        is_known = include.path.startswith("tofu/") or standard_header(include.path)
        if not include.is_quoted and not is_known:
            yield Finding(source.path, include.line, "system", f"<{include.path}> is a system header")


def check_assert(source: Source) -> Iterator[Finding]:
    if not source.path.startswith("src/"):
        return
    for number, line in enumerate(source.code_lines, start=1):
        if re.search(r"(?<![\w.>])(assert|abort|exit|_Exit|quick_exit)\s*\(", line):
            if source.path != "src/base/assert.c":
                yield Finding(source.path, number, "assert", "the library never ends its process")


def check_sleep(source: Source) -> Iterator[Finding]:
    pattern = SLEEP if source.is_c else SCRIPT_SLEEP
    if source.path.startswith(("tests/", "lab/")):
        for match in pattern.finditer(source.code):
            line = source.code.count("\n", 0, match.start()) + 1
            yield Finding(source.path, line, "sleep", "wait for the event, with a deadline")


def check_licence(source: Source) -> Iterator[Finding]:
    first = 1 if source.text.startswith("#!") else 0
    wanted = ("// " if source.is_c or source.path.endswith(".pml") else "# ") + LICENCE
    if source.lines[first : first + 1] != [wanted]:
        yield Finding(source.path, first + 1, "spdx", f"the first line is '{wanted}'")


def check_comments(source: Source) -> Iterator[Finding]:
    if not source.is_c:
        return
    # A literal or a // comment may hold "/*"; what is left of the line then still starts elsewhere.
    without = re.sub(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*', "", source.text)
    if "/*" in without:
        line = next(n for n, text in enumerate(source.lines, start=1) if "/*" in text)
        yield Finding(source.path, line, "comment", "comments are //")


def check_todo(source: Source) -> Iterator[Finding]:
    if source.path == "scripts/check_rules.py":
        return
    for number, line in enumerate(source.lines, start=1):
        if match := TODO.search(line):
            yield Finding(source.path, number, "todo", f"{match[1]} without an issue number")


def check_file_length(source: Source) -> Iterator[Finding]:
    count = len(source.lines)
    if count > FILE_LINES_MAX:
        yield Finding(source.path, count, "file", f"{count} lines, {FILE_LINES_MAX} at most")


def functions(source: Source) -> Iterator[tuple[int, int]]:
    """First line and number of lines of each function: clang-format puts its braces in column 0."""
    start = 0
    opened = None
    for number, line in enumerate(source.code_lines):
        if opened is None and line.rstrip() == "{":
            opened = start
        elif opened is not None and line.rstrip() == "}":
            yield opened + 1, number - opened + 1
            opened = None
        # A declaration starts behind whatever ended before it: a blank line, a comment, a directive.
        if opened is None and (not line.strip() or line.startswith(("#", "}")) or line.endswith(";")):
            start = number + 1


def check_function_length(source: Source) -> Iterator[Finding]:
    if not source.is_c:
        return
    for line, count in functions(source):
        if count > FUNCTION_LINES_MAX:
            text = f"a function of {count} lines, {FUNCTION_LINES_MAX} at most"
            yield Finding(source.path, line, "function", text)


C_CHECKS = (
    check_memory,
    check_platform,
    check_system_headers,
    check_assert,
    check_comments,
    check_function_length,
)
CHECKS = (check_sleep, check_licence, check_todo, check_file_length)


def scripts(root: pathlib.Path) -> Iterator[Source]:
    """What is no C but has rules too: CMake files, the Makefile and programs in other languages."""
    folders = ("cmake", "scripts", ".ci", "src", "tools", "recipes", "tests", "bench", "fuzz", "lab", "models")
    candidates = list(root.glob("*"))
    for folder in folders:
        candidates += sorted((root / folder).rglob("*"))
    for path in candidates:
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        with path.open("rb") as file:
            is_program = file.read(2) == b"#!"
        if is_program or path.name in SCRIPT_NAMES or path.name.endswith(SCRIPT_SUFFIXES):
            yield Source(root, path)


def check(root: pathlib.Path) -> Iterator[Finding]:
    for source in sources(root):
        for rule in C_CHECKS + CHECKS:
            yield from rule(source)
    for source in scripts(root):
        for rule in CHECKS:
            yield from rule(source)


C = f"// {LICENCE}\n"
SCRIPT = f"# {LICENCE}\n"


def function_of(lines: int) -> str:
    return "int f(void)\n{\n" + "    g();\n" * (lines - 3) + "}\n"


BACKGROUND = {
    "include/tofu/export.h": C + "#if defined(_WIN32)\n#endif\n",
    "src/base/assert.h": C + "#ifdef __GNUC__\n#endif\n",
    "src/base/assert.c": C + "void f(void)\n{\n    abort();\n}\n",
    "src/base/alloc.c": C + "void *p = malloc(1);\n",
    "src/base/log.h": C
    + "#if defined(__GNUC__) || defined(__clang__)\n__attribute__((format(printf, 3, 4)))\n#endif\n",
    "src/base/fine.c": C
    + "#include <stdlib.h>\n"
    + "// malloc(1) and sleep(1) in words; TODO(#7): later\n"
    + 'const char *text = "free(p); /* no comment */";\n'
    + "tf_free(p);\nallocator->free(p);\nstatic_assert(1, \"\");\n#ifdef __cplusplus\n#endif\n"
    + function_of(FUNCTION_LINES_MAX),
    "src/os/linux/fine.c": C + "#include <sys/epoll.h>\n",
    "tests/unit/fine.c": C + "#include <unistd.h>\nfree(p);\nno_sleep(1);\n",
    "scripts/fine": "#!/bin/sh\n" + SCRIPT + "sleep 1\n",
    "tests/models/fine.pml": C + "bool is_fine;\n",
    "Makefile": SCRIPT,
}
PLANTS = [
    Plant("memory", "src/engine/a.c", C + "x = malloc(1);\n"),
    Plant("memory", "src/engine/a.c", C + "x = calloc (1, 1);\n"),
    Plant("memory", "src/engine/a.c", C + "x = realloc(x, 2);\n"),
    Plant("memory", "src/os/linux/a.c", C + "free(x);\n"),
    Plant("memory", "src/base/a.c", C + "x = strdup(y);\n"),
    Plant("platform", "src/engine/a.c", C + "#ifdef _WIN32\n#endif\n"),
    Plant("platform", "src/os/posix/a.c", C + "#  if defined(X) || \\\n    defined(__linux__)\n#  endif\n"),
    Plant("platform", "include/tofu/a.h", C + "#ifdef __GNUC__\n#endif\n"),
    Plant("platform", "src/base/log.h", C + "#ifdef __GNUC__\nint x;\n#endif\n"),
    Plant(
        "platform",
        "src/base/log.h",
        C + "#ifdef __GNUC__\n__attribute__((format(printf, 1, 2)))\nvoid f();\n#endif\n",
    ),
    Plant("platform", "tools/tofu/a.c", C + "#ifndef __APPLE__\n#endif\n"),
    Plant("system", "src/engine/a.c", C + "#include <pthread.h>\n"),
    Plant("system", "include/tofu/a.h", C + "#include <sys/types.h>\n"),
    Plant("assert", "src/wire/a.c", C + "assert(x);\n"),
    Plant("assert", "src/wire/a.c", C + "    abort();\n"),
    Plant("assert", "src/wire/a.c", C + "    exit(1);\n"),
    Plant("sleep", "tests/unit/a.c", C + "sleep(1);\n"),
    Plant("sleep", "tests/unit/a.c", C + "    usleep(10);\n"),
    Plant("sleep", "tests/unit/a.c", C + "    nanosleep(&t, NULL);\n"),
    Plant("sleep", "tests/unit/a.c", C + "    thrd_sleep(&t, NULL);\n"),
    Plant("sleep", "lab/windows/a.c", C + "Sleep(1);\n"),
    Plant("sleep", "tests/system/a.py", SCRIPT + "time.sleep(1)\n"),
    Plant("sleep", "tests/system/a.sh", SCRIPT + "run & sleep 1\n"),
    Plant("spdx", "src/wire/a.c", "int x;\n"),
    Plant("spdx", "src/wire/a.h", SCRIPT),
    Plant("spdx", "cmake/a.cmake", "set(x y)\n"),
    Plant("spdx", "tests/unit/CMakeLists.txt", ""),
    Plant("spdx", "scripts/a", "#!/bin/sh\ntrue\n"),
    Plant("spdx", "tests/models/a.pml", SCRIPT),
    Plant("comment", "src/wire/a.c", C + "int x; /* old */\n"),
    Plant("todo", "src/wire/a.c", C + "// TODO: later\n"),
    Plant("todo", "tests/a.sh", SCRIPT + "# FIXME\n"),
    Plant("file", "src/wire/a.c", C + "int x;\n" * FILE_LINES_MAX),
    Plant("", "src/wire/a.c", C + "int x;\n" * (FILE_LINES_MAX - 1)),
    Plant("function", "src/wire/a.c", C + function_of(FUNCTION_LINES_MAX + 1)),
    Plant("function", "tests/unit/a.c", C + "static " + function_of(FUNCTION_LINES_MAX + 1)),
]

if __name__ == "__main__":
    sys.exit(run("check_rules", check, BACKGROUND, PLANTS))
