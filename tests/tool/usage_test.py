#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the tool says to command lines, good and bad, before any connection is made."""
import os

from support import Context, case, contains, equal, main

ADDRESS = "tcp://127.0.0.1:1"


def expect_complaint(context: Context, *arguments: str, words: str) -> None:
    """Exit status 2, nothing on stdout, and a complaint that names what is wrong."""
    result = context.run(*arguments, code=2)
    equal(result.out, "")
    contains(result.err, words)
    assert result.err.startswith("tofu: ") and result.err.endswith("\n"), result.err


@case
def help_shows_subcommands_and_exit_codes(context: Context) -> None:
    for option in ("--help", "-h"):
        result = context.run(option)
        contains(result.out, "Usage: tofu SUBCOMMAND", "echo-server", "Exit status:", "  3  ")
        equal(result.err, "")


@case
def help_of_a_subcommand_shows_its_options(context: Context) -> None:
    echo = context.run("echo", "--help")
    server = context.run("echo-server", "--help")

    contains(echo.out, "Usage: tofu echo [OPTION...] ADDRESS...", "--clients=N", "--file=PATH")
    contains(echo.out, "Exit status:")
    contains(server.out, "Usage: tofu echo-server [OPTION...] --listen=ADDRESS", "Exit status:")
    equal(echo.err + server.err, "")


@case
def version_is_the_librarys(context: Context) -> None:
    words = context.run("--version").out.split()

    equal(words[0], "tofu")
    assert all(part.isdecimal() for part in words[1].split(".")), words


@case
def missing_or_unknown_subcommand_lists_what_there_is(context: Context) -> None:
    expect_complaint(context, words="no subcommand")
    expect_complaint(context, "frobnicate", words="unknown subcommand 'frobnicate'")
    contains(context.run("frobnicate", code=2).err, "echo-server", "echo ")


@case
def numbers_must_be_whole_and_within_limits(context: Context) -> None:
    limits = {
        "--clients": (1, 65534),
        "--messages": (1, 4294967294),
        "--size": (0, 65535),
        "--window": (1, 65536),
        "--timeout": (1, 86400),
        "--pool": (1, 65536),
    }
    for index, (option, (least, most)) in enumerate(limits.items()):
        too_large = str(most + 1)
        bad = ["-1", "5x", "", " 5", "+5", "0x10", "1.5", "1e3", too_large, str(2**64 + 1), str(2**65)]
        bad += ["0"] if least > 0 else []
        for value in context.sample(bad, index):
            expect_complaint(
                context,
                "echo",
                f"{option}={value}",
                ADDRESS,
                words=f"{option}: '{value}' is not a whole number from {least} to {most}",
            )


@case
def a_negative_number_as_a_word_of_its_own_is_refused_too(context: Context) -> None:
    expect_complaint(context, "echo", "--clients", "-5", ADDRESS, words="--clients: '-5' is not")


@case
def unknown_and_incomplete_options_are_named(context: Context) -> None:
    for subcommand in ("echo", "echo-server"):
        expect_complaint(context, subcommand, "--frob", words="--frob: unknown option")
        expect_complaint(context, subcommand, "-z", words="-z: unknown option")
        expect_complaint(context, subcommand, "--pool", words="--pool: missing argument")
        expect_complaint(context, subcommand, "--json=5", words="--json=5:")


@case
def an_address_is_needed(context: Context) -> None:
    expect_complaint(context, "echo", words="echo needs an ADDRESS")
    expect_complaint(context, "echo-server", words="echo-server needs --listen ADDRESS")


@case
def malformed_addresses_are_named(context: Context) -> None:
    bad = ["foo", "", "tcp://", "tcp://host", "tcp|host", "tcp|h|70000", "tcp|h|x", "tcp|h|1|2", "uds|"]
    bad += ["uds://" + "x" * 200, "http://127.0.0.1:80", "tcp://[::1:5"]
    for address in bad:
        expect_complaint(context, "echo", address, words=f"'{address}' is no address")
        expect_complaint(
            context, "echo-server", "--listen", address, words=f"--listen: '{address}' is no address"
        )


@case
def an_address_to_connect_to_needs_host_and_port(context: Context) -> None:
    for address in ("tcp|127.0.0.1|0", "tcp||7099"):
        expect_complaint(context, "echo", address, words=f"'{address}' can only be listened on")


@case
def a_server_takes_no_other_arguments(context: Context) -> None:
    expect_complaint(
        context, "echo-server", "--listen", ADDRESS, "x", words="unexpected argument 'x'"
    )


@case
def files_that_cannot_be_read_are_named(context: Context) -> None:
    missing = str(context.folder / "missing")
    expect_complaint(
        context, "echo", ADDRESS, "--file", missing, words=f"--file: '{missing}': No such file"
    )
    folder = str(context.folder)
    expect_complaint(
        context, "echo", ADDRESS, "--file", folder, words=f"--file: '{folder}': Is a directory"
    )


@case
def options_that_contradict_each_other_are_named(context: Context) -> None:
    path = context.folder / "file"
    path.write_bytes(b"x")
    file = ["--file", str(path)]
    expect_complaint(context, "echo", ADDRESS, *file, "--messages=5", words="--messages: the files")
    expect_complaint(context, "echo", ADDRESS, *file, "--size=0", words="--size: a file cannot")
    expect_complaint(
        context, "echo", ADDRESS, ADDRESS, "--clients=40000", words="--clients: more than 65534"
    )


@case
def output_that_cannot_be_written_is_an_error(context: Context) -> None:
    for arguments in (["--help"], ["--version"], ["echo", "--help"]):
        with open("/dev/full", "wb") as full:
            result = context.run(*arguments, code=4, stdout=full)
        contains(result.err, "could not write to standard output")


@case
def an_unknown_poller_is_named(context: Context) -> None:
    environment = os.environ | {"TOFU_POLLER": "carrier-pigeon"}
    for arguments in (["echo", ADDRESS], ["echo-server", "--listen", ADDRESS]):
        result = context.run(*arguments, code=4, env=environment)
        contains(result.err, "the poller 'carrier-pigeon'")


if __name__ == "__main__":
    main()
