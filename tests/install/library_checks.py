# SPDX-License-Identifier: MIT
"""Checks of an installed library, from outside: exports, imports, soname, headers.

The self-test compiles small libraries with planted faults and expects each to be found.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

# The release library lives in someone else's process: it never ends it, never signals it, and never
# prints. Stack protector and fortified functions are in the list because they call abort() for us:
# the release preset asks for neither. A distributor who adds them does so knowingly.
FORBIDDEN = re.compile(
    r"""
      abort | _?exit | _Exit | quick_exit | terminate | longjmp | siglongjmp | _longjmp
    | __assert\w* | __stack_chk_fail\w* | __chk_fail | __fortify_fail | __\w+_chk
    | t?g?kill | killpg | raise | sigqueue | pthread_kill
    | signal | bsd_signal | sigset | sigaction | sigprocmask | alarm | setitimer
    | v?d?printf | v?f?printf | vdprintf | puts | putchar | putc | fputs | fputc | fwrite | perror
    | psignal | psiginfo | write_unlocked | putchar_unlocked | putc_unlocked | (v?err|v?warn)x? | error
    | std(in|out|err) | v?syslog | system | popen
    """,
    re.VERBOSE,
)


def output_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def names_of(*command: str) -> set[str]:
    """Names in the output of nm, without the versions of the C library's symbols."""
    lines = (line.split() for line in output_of(*command).splitlines())
    return {words[-1].split("@")[0] for words in lines if words and not words[-1].endswith(":")}


def exported_by(library: pathlib.Path) -> set[str]:
    return names_of("nm", "-D", "--defined-only", str(library))


def imported_by(library: pathlib.Path) -> set[str]:
    if library.suffix == ".a":
        undefined = names_of("nm", "--undefined-only", str(library))
        return undefined - names_of("nm", "--defined-only", "--extern-only", str(library))
    return names_of("nm", "-D", "--undefined-only", str(library))


def declared_in(header: str) -> set[str]:
    """Names of the functions that a header declares TOFU_API."""
    text = re.sub(r"//[^\n]*|^\s*#[^\n]*", "", header, flags=re.MULTILINE)
    return set(re.findall(r"\bTOFU_API\b[^;{}]*?\b(\w+)\s*\(", text))


def differences(exported: set[str], listed: set[str], declared: set[str]) -> list[str]:
    problems = [f"{name}: exported, but not in the list" for name in sorted(exported - listed)]
    problems += [f"{name}: in the list, but not exported" for name in sorted(listed - exported)]
    problems += [f"{name}: declared, but not in the list" for name in sorted(declared - listed)]
    problems += [f"{name}: in the list, but not declared" for name in sorted(listed - declared)]
    return problems


def forbidden_in(library: pathlib.Path) -> list[str]:
    imported = imported_by(library)
    if not imported:
        return [f"{library.name}: nm shows no imports at all; that cannot be"]
    found = sorted(name for name in imported if FORBIDDEN.fullmatch(name))
    return [f"{library.name}: imports {name}" for name in found]


def compile_problems(header: pathlib.Path, include_dir: pathlib.Path, compiler: list[str]) -> list[str]:
    name = header.relative_to(include_dir).as_posix()
    # Twice, for the guard; the declaration, because a header of macros alone would be an empty unit.
    flags = ["-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{include_dir}", "-"]
    done = subprocess.run(
        compiler + flags,
        input=f"#include <{name}>\n#include <{name}>\nextern int unit;\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    return [] if done.returncode == 0 else [f"{name} does not compile alone:\n{done.stderr}"]


def library_in(prefix: pathlib.Path, name: str) -> pathlib.Path:
    found = list(prefix.rglob(name))
    if len(found) != 1:
        raise SystemExit(f"{len(found)} files named {name} under {prefix}")
    return found[0]


def headers_in(prefix: pathlib.Path) -> list[pathlib.Path]:
    headers = sorted((prefix / "include" / "tofu").glob("*.h"))
    if not headers:
        raise SystemExit(f"no headers under {prefix}")
    return headers


def check_exports(given: argparse.Namespace) -> list[str]:
    prefix = pathlib.Path(given.prefix)
    lines = pathlib.Path(given.symbols).read_text(encoding="utf-8").split()
    problems = [] if lines == sorted(set(lines)) else [f"{given.symbols} is not sorted"]
    declared = set().union(*(declared_in(header.read_text()) for header in headers_in(prefix)))
    return problems + differences(
        exported_by(library_in(prefix, "libtofu.so")), set(lines), declared
    )


def check_imports(given: argparse.Namespace) -> list[str]:
    prefix = pathlib.Path(given.prefix)
    return forbidden_in(library_in(prefix, "libtofu.so")) + forbidden_in(
        library_in(prefix, "libtofu.a")
    )


def check_soname(given: argparse.Namespace) -> list[str]:
    prefix = pathlib.Path(given.prefix)
    library = library_in(prefix, f"libtofu.so.{given.version}")
    wanted = f"libtofu.so.{given.version.split('.')[0]}"
    dynamic = output_of("readelf", "-d", "-W", str(library))
    sonames = re.findall(r"\(SONAME\)[^\[]*\[([^\]]*)\]", dynamic)
    problems = [] if sonames == [wanted] else [f"the soname is {sonames}, not {wanted}"]
    for name in (wanted, "libtofu.so"):
        if library_in(prefix, name).resolve() != library.resolve():
            problems.append(f"{name} does not lead to {library.name}")
    return problems


def check_headers(given: argparse.Namespace) -> list[str]:
    prefix = pathlib.Path(given.prefix)
    compiler = [given.compiler, "-x", given.language, f"-std={given.standard}"]
    return [
        problem
        for header in headers_in(prefix)
        for problem in compile_problems(header, prefix / "include", compiler)
    ]


def missed_imports(folder: pathlib.Path, compiler: str) -> list[str]:
    """Forbidden imports that the check does not find in a library that has them."""
    plants = {
        "abort": ("#include <stdlib.h>\nvoid f(void) { abort(); }\n", []),
        "exit": ("#include <stdlib.h>\nvoid f(void) { exit(1); }\n", []),
        "__assert_fail": ("#include <assert.h>\nvoid f(int x) { assert(x); }\n", []),
        "raise": ("#include <signal.h>\nvoid f(void) { raise(SIGTERM); }\n", []),
        "printf": ('#include <stdio.h>\nvoid f(int x) { printf("%d", x); }\n', []),
        "puts": ('#include <stdio.h>\nvoid f(void) { puts("x"); }\n', []),
        "stderr": ('#include <stdio.h>\nvoid f(int x) { fprintf(stderr, "%d", x); }\n', []),
        "__stack_chk_fail": (
            "void g(char *); void f(void) { char x[64]; g(x); }\n",
            ["-fstack-protector-all"],
        ),
    }
    missed = []
    for name, (text, flags) in plants.items():
        source, objects = folder / "plant.c", folder / "plant.o"
        source.write_text(text)
        output_of(compiler, "-O2", "-fPIC", *flags, "-c", str(source), "-o", str(objects))
        shared, static = folder / "libplant.so", folder / "libplant.a"
        static.unlink(missing_ok=True)
        output_of(compiler, "-shared", str(objects), "-o", str(shared))
        output_of("ar", "rcs", str(static), str(objects))
        for library in (shared, static):
            if f"{library.name}: imports {name}" not in forbidden_in(library):
                missed.append(f"{name} in {library.name} was not found")
    source.write_text("#include <string.h>\nsize_t f(const char *x) { return strlen(x); }\n")
    output_of(compiler, "-O2", "-fPIC", "-shared", str(source), "-o", str(shared))
    return missed + [f"harmless, but reported: {problem}" for problem in forbidden_in(shared)]


def self_test(given: argparse.Namespace) -> list[str]:
    header = (
        "#define TOFU_API\n// TOFU_API void commented(void);\nTOFU_API int first(void);\n"
        "TOFU_API TOFU_NODISCARD enum status second(\n    int (*callback)(void), int x);\nint other(void);\n"
    )
    problems = []
    if declared_in(header) != {"first", "second"}:
        problems.append(f"declared functions: {declared_in(header)}")
    both, one = {"first", "second"}, {"first"}
    for exported, listed, declared in ((both, one, one), (one, both, both), (one, one, both)):
        if not differences(exported, listed, declared):
            problems.append(f"no difference seen: {exported}, {listed}, {declared}")
    if differences(both, both, both):
        problems.append("a difference where there is none")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        problems += missed_imports(folder, given.c_compiler)
        (folder / "needy.h").write_text("uint32_t x;\n")
        if not compile_problems(folder / "needy.h", folder, [given.c_compiler, "-x", "c", "-std=c11"]):
            problems.append("a header that does not stand alone was not found")
    return problems


def main() -> int:
    commands = {
        "exports": (check_exports, ("prefix", "symbols")),
        "imports": (check_imports, ("prefix",)),
        "soname": (check_soname, ("prefix", "version")),
        "headers": (check_headers, ("prefix", "compiler", "language", "standard")),
        "self-test": (self_test, ("c-compiler",)),
    }
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, (_, options) in commands.items():
        subparser = subparsers.add_parser(name)
        for option in options:
            subparser.add_argument(f"--{option}", required=True)
    given = parser.parse_args()
    problems = commands[given.command][0](given)
    print("\n".join(problems + [f"{given.command}: {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
