# SPDX-License-Identifier: MIT
"""Builds the release preset, installs it, and moves the installed tree to another place.

The move proves that nothing in the tree knows where it was installed.
"""
import argparse
import os
import pathlib
import shutil
import subprocess


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("cmake", "source", "build", "prefix", "c-compiler"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--toolchain", help="CMake's description of another system's compiler")
    given = parser.parse_args()
    prefix = pathlib.Path(given.prefix)
    first_prefix = prefix.with_name("first-prefix")
    shutil.rmtree(prefix, ignore_errors=True)
    shutil.rmtree(first_prefix, ignore_errors=True)

    # The library alone: what else is installed has its own tests, and this one must not wait for it.
    parts = [f"-DTOFU_{part}=OFF" for part in ("TESTS", "TOOLS", "RECIPES")]
    configure = [given.cmake, "--preset", "release", "-S", given.source, "-B", given.build]
    configure += parts + [f"-DCMAKE_C_COMPILER={given.c_compiler}"]
    if given.toolchain:
        configure.append(f"-DCMAKE_TOOLCHAIN_FILE={given.toolchain}")
    # Options of the surroundings would make another library than the preset says.
    environment = {k: v for k, v in os.environ.items() if k not in ("CFLAGS", "LDFLAGS", "DESTDIR")}
    for command in (
        configure,
        [given.cmake, "--build", given.build, "--parallel", "2"],
        [given.cmake, "--install", given.build, "--prefix", str(first_prefix)],
    ):
        subprocess.run(command, check=True, cwd=given.source, env=environment, timeout=500)
    first_prefix.rename(prefix)


if __name__ == "__main__":
    main()
