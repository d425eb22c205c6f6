# SPDX-License-Identifier: MIT
"""Builds the consumer against an installed tree as its users would, and runs it.

With an emulator the consumer is a Windows program, and so is the library beside it.
"""
import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]


def run(*command: str, **environment: str) -> str:
    print("+", shlex.join(command), flush=True)
    done = subprocess.run(
        command, stdout=subprocess.PIPE, timeout=120, env=os.environ | environment
    )
    output = done.stdout.decode()
    print(output, end="", flush=True)
    if done.returncode != 0:
        sys.exit(f"exit status {done.returncode}: {shlex.join(command)}")
    return output


def needs_library(program: pathlib.Path, is_windows: bool) -> bool:
    if is_windows:
        return "DLL Name: tofu-" in run("x86_64-w64-mingw32-objdump", "-p", str(program))
    return "libtofu.so" in run("readelf", "-d", str(program))


def check_program(
    given: argparse.Namespace, program: pathlib.Path, linkage: str, **environment: str
) -> None:
    """Runs a consumer, and checks which library it is made with."""
    if needs_library(program, bool(given.emulator)) != (linkage == "shared"):
        sys.exit(f"{program.name} is not linked with the {linkage} library")
    command = [str(program)]
    if given.emulator:
        command.insert(0, given.emulator)
        # Where Wine looks for libraries; its drive Z: is our root.
        folder = str(pathlib.Path(given.prefix) / "bin").replace("/", "\\")
        environment["WINEPATH"] = f"Z:{folder}"
    if run(*command, **environment) != ("hello\r\n" if given.emulator else "hello\n"):
        sys.exit(f"{program.name} did not get its message")


def fresh_folder(path: str) -> pathlib.Path:
    shutil.rmtree(path, ignore_errors=True)
    pathlib.Path(path).mkdir(parents=True)
    return pathlib.Path(path)


def pkg_config(given: argparse.Namespace) -> None:
    build = fresh_folder(given.build)
    package = next(pathlib.Path(given.prefix).rglob("tofu.pc"))
    options = ["--static"] if given.linkage == "static" else []
    flags = run(
        "pkg-config", *options, "--cflags", "--libs", "tofu", PKG_CONFIG_PATH=str(package.parent)
    ).split()
    if given.linkage == "static":
        # Both libraries lie side by side, and -ltofu means the shared one.
        flags = ["-l:libtofu.a" if flag == "-ltofu" else flag for flag in flags]
    language = "c++" if "++" in given.standard else "c"
    program = build / ("consumer.exe" if given.emulator else "consumer")
    compile_source = ["-x", language, f"-std={given.standard}", *WARNINGS, given.source, "-x", "none"]
    run(given.compiler, *compile_source, *flags, "-o", str(program))
    check_program(given, program, given.linkage, LD_LIBRARY_PATH=str(package.parent.parent))


def find_package(given: argparse.Namespace) -> None:
    build = fresh_folder(given.build)
    toolchain = []
    if given.toolchain:
        # Packages of another system are looked for in its own places only: say that this is one.
        toolchain += [f"-DCMAKE_TOOLCHAIN_FILE={given.toolchain}", f"-DCMAKE_FIND_ROOT_PATH={given.prefix}"]
    run(
        given.cmake,
        *toolchain,
        "-G",
        "Ninja",
        "-S",
        given.source,
        "-B",
        str(build),
        f"-DCMAKE_PREFIX_PATH={given.prefix}",
        f"-DCMAKE_C_COMPILER={given.c_compiler}",
        f"-DCMAKE_CXX_COMPILER={given.cxx_compiler}",
        f"-DCMAKE_C_FLAGS={' '.join(WARNINGS)}",
        f"-DCMAKE_CXX_FLAGS={' '.join(WARNINGS)}",
    )
    run(given.cmake, "--build", str(build), "--parallel", "2")
    for linkage in ("shared", "static"):
        for language in ("c11", "cpp17"):
            suffix = ".exe" if given.emulator else ""
            check_program(given, build / f"consumer_{linkage}_{language}{suffix}", linkage)


def main() -> None:
    commands = {
        "pkg-config": (pkg_config, ("compiler", "standard", "linkage")),
        "find-package": (find_package, ("cmake", "c-compiler", "cxx-compiler")),
    }
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, (_, options) in commands.items():
        subparser = subparsers.add_parser(name)
        for option in ("prefix", "source", "build") + options:
            subparser.add_argument(f"--{option}", required=True)
        for option in ("emulator", "toolchain"):
            subparser.add_argument(f"--{option}")
    given = parser.parse_args()
    commands[given.command][0](given)


if __name__ == "__main__":
    main()
