#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up test runs: count_tests.py BUILD_FOLDER...

Reads what CTest left in each folder, junit.xml and junit-*.xml beside it, and prints `N passed, N failed,
N skipped`. A folder without results, or a run without tests, is an error: nothing was shown there.
"""
import pathlib
import sys
import xml.etree.ElementTree


def main(folders: list[str]) -> int:
    passed = failed = skipped = 0
    for folder in folders:
        results = pathlib.Path(folder) / "junit.xml"
        if not results.is_file():
            print(f"count_tests: {folder} has no results", file=sys.stderr)
            return 2
        for run in [results, *sorted(results.parent.glob("junit-*.xml"))]:
            suite = xml.etree.ElementTree.parse(run).getroot()
            tests, failures, skips, disabled = (
                int(suite.attrib[name]) for name in ("tests", "failures", "skipped", "disabled")
            )
            if tests == 0:
                print(f"count_tests: {run} ran no test", file=sys.stderr)
                return 2
            passed += tests - failures - skips - disabled
            failed += failures
            skipped += skips + disabled
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not folders else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
