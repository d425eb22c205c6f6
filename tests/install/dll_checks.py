# SPDX-License-Identifier: MIT
"""Checks of the DLL as it is installed: its name, what it exports, and what it imports.

The self-test compiles small libraries with planted faults and expects each to be found.
"""
import argparse
import pathlib
import re
import sys
import tempfile

from library_checks import FORBIDDEN, declared_in, differences, headers_in, library_in, names_of, output_of

MINGW = "x86_64-w64-mingw32-"

# Parts of Windows. That NT's own functions are in none of these is meant: they are looked up at run time.
SYSTEM_LIBRARIES = {
    "ADVAPI32.dll",
    "KERNEL32.dll",
    "WS2_32.dll",
    "api-ms-win-core-synch-l1-2-0.dll",
    "msvcrt.dll",
}

# What ends or stops a program on Windows, or speaks for it, beside what does so everywhere.
FORBIDDEN_HERE = re.compile(
    r"_?exit|_amsg_exit|ExitProcess|TerminateProcess|ExitThread|TerminateThread|FatalExit|FatalAppExit\w"
    r"|RaiseException|DebugBreak|OutputDebugString\w|MessageBox\w+|WriteConsole\w|__mingw_v?f?printf"
)


def exported_by(library: pathlib.Path) -> set[str]:
    table = output_of(f"{MINGW}objdump", "-p", str(library)).partition("[Ordinal/Name Pointer] Table")[2]
    return set(re.findall(r"^\s*\[\s*\d+\] (\w+)$", table, re.MULTILINE))


def libraries_of(library: pathlib.Path) -> set[str]:
    return set(re.findall(r"DLL Name: (\S+)", output_of(f"{MINGW}objdump", "-p", str(library))))


def name_in(library: pathlib.Path) -> str:
    """What a DLL says that it is called, or an import library that its users will ask for."""
    if library.suffix == ".a":
        return output_of(f"{MINGW}dlltool", "-I", str(library)).strip()
    headers = output_of(f"{MINGW}objdump", "-p", str(library))
    return " ".join(re.findall(r"^Name\s+[0-9a-f]+ (\S+)$", headers, re.MULTILINE))


def dll_in(prefix: pathlib.Path) -> pathlib.Path:
    return library_in(prefix, "tofu-*.dll")


def forbidden_in(static: pathlib.Path) -> list[str]:
    """Looks at our objects: the C library brings its own start and end into every DLL."""
    names = {
        name.removeprefix("__imp_") for name in names_of(f"{MINGW}nm", "--undefined-only", str(static))
    }
    if "malloc" not in names:
        return [f"{static.name}: nm does not even show malloc"]
    found = sorted(name for name in names if FORBIDDEN.fullmatch(name) or FORBIDDEN_HERE.fullmatch(name))
    return [f"{static.name}: imports {name}" for name in found]


def check_exports(prefix: pathlib.Path, symbols: pathlib.Path) -> list[str]:
    listed = set(symbols.read_text(encoding="utf-8").split())
    declared = set().union(*(declared_in(header.read_text()) for header in headers_in(prefix)))
    return differences(exported_by(dll_in(prefix)), listed, declared)


def check_imports(prefix: pathlib.Path) -> list[str]:
    libraries = libraries_of(dll_in(prefix))
    problems = [f"the DLL needs {name}" for name in sorted(libraries - SYSTEM_LIBRARIES)]
    if "WS2_32.dll" not in libraries:
        problems.append("the DLL needs no sockets; that cannot be")
    return problems + forbidden_in(library_in(prefix, "libtofu.a"))


def check_soname(prefix: pathlib.Path, version: str) -> list[str]:
    """A program loads the DLL that has the name it was linked with, so that name says what fits."""
    wanted = f"tofu-{version.split('.')[0]}.dll"
    names = {
        "the file": dll_in(prefix).name,
        "the DLL": name_in(dll_in(prefix)),
        "the import library": name_in(library_in(prefix, "libtofu.dll.a")),
    }
    return [f"{who} says {name}, not {wanted}" for who, name in names.items() if name != wanted]


def self_test(folder: pathlib.Path) -> list[str]:
    plants = {
        "abort": "#include <stdlib.h>\nvoid f(void) { abort(); }\n",
        "exit": "#include <stdlib.h>\nvoid f(void) { exit(1); }\n",
        "puts": '#include <stdio.h>\nvoid f(void) { puts("x"); }\n',
        "__mingw_vfprintf": '#include <stdio.h>\nvoid f(int x) { fprintf(stderr, "%d", x); }\n',
        "ExitProcess": "#include <windows.h>\nvoid f(void) { ExitProcess(1); }\n",
        "OutputDebugStringA": '#include <windows.h>\nvoid f(void) { OutputDebugStringA("x"); }\n',
    }
    missed = []
    source, objects, static = folder / "plant.c", folder / "plant.o", folder / "libplant.a"
    for name, text in plants.items():
        source.write_text(f"#include <stdlib.h>\nvoid *g(void) {{ return malloc(1); }}\n{text}")
        flags = ["-O2", "-D__USE_MINGW_ANSI_STDIO=1"]
        output_of(f"{MINGW}gcc-win32", *flags, "-c", str(source), "-o", str(objects))
        static.unlink(missing_ok=True)
        output_of(f"{MINGW}ar", "rcs", str(static), str(objects))
        if f"{static.name}: imports {name}" not in forbidden_in(static):
            missed.append(f"{name} in {static.name} was not found")
    library, wrong, imports = folder / "plant.dll", folder / "tofu-1.dll", folder / "libtofu.dll.a"
    source.write_text(
        "#include <windows.h>\n#include <shlobj.h>\n__declspec(dllexport) int first(void)"
        " { return IsUserAnAdmin(); }\nint second(void) { return 0; }\n"
    )
    output_of(f"{MINGW}gcc-win32", "-shared", str(source), "-o", str(library), "-lshell32")
    link = ["-shared", str(source), "-lshell32", f"-Wl,--out-implib,{imports}"]
    output_of(f"{MINGW}gcc-win32", *link, "-o", str(wrong))
    if check_soname(folder, "1.2.3"):
        missed.append("a right name was found fault with")
    if len(check_soname(folder, "2.0.0")) != 3:
        missed.append("a name of another version was not found")
    if exported_by(library) != {"first"}:
        missed.append(f"{library.name} exports {exported_by(library)}, not first")
    if "SHELL32.dll" not in libraries_of(library) - SYSTEM_LIBRARIES:
        missed.append(f"{library.name} needs SHELL32.dll, which was not found")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("exports", "imports", "soname", "self-test"))
    parser.add_argument("--prefix", type=pathlib.Path)
    parser.add_argument("--symbols", type=pathlib.Path)
    parser.add_argument("--version")
    given = parser.parse_args()
    if given.command == "exports":
        problems = check_exports(given.prefix, given.symbols)
    elif given.command == "imports":
        problems = check_imports(given.prefix)
    elif given.command == "soname":
        problems = check_soname(given.prefix, given.version)
    else:
        with tempfile.TemporaryDirectory() as folder:
            problems = self_test(pathlib.Path(folder))
    print("\n".join(problems + [f"{given.command}: {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
