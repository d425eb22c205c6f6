#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The options for limits and deadlines, what they refuse, and what they do."""
import pathlib
import re
import socket
import stat

from support import DEADLINE_S, REQUEST, RESPONSE, Context, Frame, RawPeer, case, contains, equal, main

ENGINE_HEADER = pathlib.Path(__file__).resolve().parents[2] / "include" / "tofu" / "engine.h"
ADDRESS = "tcp://127.0.0.1:1"

COUNTS = (
    "--pool-messages-max",
    "--channels-max",
    "--half-open-max",
    "--send-queue-messages-max",
    "--update-messages-max",
)
SIZES = ("--send-queue-bytes-max", "--text-bytes-max", "--body-bytes-max", "--turn-bytes-max")
TIMES = ("--connect-timeout", "--hello-timeout", "--frame-timeout", "--close-timeout")

# Each with what it needs besides.
COMMANDS = {
    "echo": [ADDRESS],
    "echo-server": ["--listen", ADDRESS],
    "ping": [ADDRESS],
    "receive": ["--listen", ADDRESS, "/"],
    "send": [ADDRESS, "/nothing"],
    "stats": [ADDRESS],
}


@case
def every_limit_of_the_library_is_an_option_everywhere(context: Context) -> None:
    text = ENGINE_HEADER.read_text()
    body = re.search(r"struct tofu_options \{(.*?)\n\};", text, re.DOTALL)[1]
    members = re.findall(r"uint64_t (\w+);", body)
    assert len(members) > 15, members
    # It exists for Windows only.
    members.remove("lsp_fallback")
    wanted = [f"--{member.removesuffix('_ns').replace('_', '-')}=" for member in members]
    for command in COMMANDS:
        contains(context.run(command, "--help").out, *wanted, "--log-level=", "Limits and deadlines")


def expect_complaint(context: Context, *arguments: str, words: str) -> None:
    result = context.run(*arguments, code=2)
    equal(result.out, "")
    contains(result.err, words)


@case
def numbers_that_make_no_sense_are_named(context: Context) -> None:
    for index, option in enumerate((*COUNTS, "--pool-messages-initial")):
        values = ("0", "-1", "1.5", "5x", "", "8MiB", "infinite", str(2**64))
        for value in context.sample(values, index):
            expect_complaint(
                context,
                "ping",
                f"{option}={value}",
                ADDRESS,
                words=f"{option}: '{value}' is not a whole number from 1 to ",
            )
    for index, option in enumerate(SIZES):
        values = ("0", "0KiB", "-1", "8Mb", "8 MiB", "MiB", "1.5MiB", "", "5s", "2TiB", "9999999999TiB")
        for value in context.sample(values, index):
            expect_complaint(
                context, "stats", f"{option}={value}", ADDRESS, words=f"{option}: '{value}' is no size"
            )
    for index, option in enumerate(TIMES):
        values = ("0", "0s", "5", "-1s", "5S", "5 s", "s", "1.5s", "", "5KiB", "9000h", "9" * 30 + "s")
        for value in context.sample(values, index):
            expect_complaint(
                context, "echo", f"{option}={value}", ADDRESS, words=f"{option}: '{value}' is no time"
            )
    for value in ("0", "8", "0o600", "1000", "rw", "-1", "01000"):
        expect_complaint(
            context, "ping", f"--uds-mode={value}", ADDRESS, words=f"--uds-mode: '{value}' is no mode"
        )
    expect_complaint(context, "ping", "--log-level=loud", ADDRESS, words="is none of error, warning")
    expect_complaint(context, "ping", "--keepalive=1", ADDRESS, words="'1' is none of off, on")
    expect_complaint(
        context, "ping", "--pool-messages-initial=unlimited", ADDRESS, words="is not a whole number"
    )


@case
def every_subcommand_checks_its_limits(context: Context) -> None:
    for command, needed in COMMANDS.items():
        expect_complaint(
            context, command, *needed, "--frame-timeout=5", words="--frame-timeout: '5' is no time"
        )
        expect_complaint(context, command, *needed, "--frame-timeout", words="missing argument")


@case
def good_values_are_taken(context: Context) -> None:
    arguments = ["--pool-messages-initial=1", "--uds-mode=0660", "--keepalive=on", "--log-level=error"]
    arguments += [f"{option}=70000" for option in SIZES]
    arguments += [f"{option}=64KiB" for option in SIZES] + [f"{option}=100B" for option in SIZES]
    arguments += [f"{option}={time}" for option in TIMES for time in ("1h", "1min", "900ms", "900000us")]
    arguments += [f"{option}=unlimited" for option in (*COUNTS, *SIZES, *TIMES)]
    arguments += [f"{option}=60" for option in COUNTS]
    server = context.serve("--listen", "tcp://127.0.0.1:0", *arguments)

    context.run("echo", *server.addresses, "--messages=10", *arguments)

    server.end_well(1)


def expect_end(connection: socket.socket) -> None:
    try:
        equal(connection.recv(1), b"")
    except ConnectionResetError:
        pass


def open_silently(address: str) -> socket.socket:
    _, host, port = address.split("|")
    connection = socket.create_connection((host, int(port)), timeout=DEADLINE_S)
    return connection


@case
def channels_max_refuses_further_clients(context: Context) -> None:
    # The listener is one, too.
    server = context.serve("--listen", "tcp://127.0.0.1:0", "--channels-max=3")
    peers = [RawPeer.connect(server.addresses[0]) for _ in range(2)]

    context.run("ping", server.addresses[0], "--count=1", code=3)

    for peer in peers:
        peer.take_leave()
    server.end()


@case
def half_open_max_resets_the_oldest_silent_connection(context: Context) -> None:
    server = context.serve("--listen", "tcp://127.0.0.1:0", "--half-open-max=1")

    first = open_silently(server.addresses[0])
    second = open_silently(server.addresses[0])

    expect_end(first)
    context.run("ping", server.addresses[0], "--count=1", "--interval=0")
    expect_end(second)
    server.end_well(1)


@case
def hello_timeout_resets_silent_connections(context: Context) -> None:
    server = context.serve("--listen", "tcp://127.0.0.1:0", "--hello-timeout=50ms")

    expect_end(open_silently(server.addresses[0]))

    server.end_well(0)


@case
def frame_timeout_ends_a_channel_with_half_a_message(context: Context) -> None:
    server = context.serve("--listen", "tcp://127.0.0.1:0", "--frame-timeout=50ms")
    peer = RawPeer.connect(server.addresses[0])

    peer.socket.sendall(Frame(REQUEST, 1, b"body").pack()[:-1])

    expect_end(peer.socket)
    contains(server.end().out, "0 channels gracefully, 1 otherwise")


@case
def body_bytes_max_ends_a_channel_with_a_larger_message(context: Context) -> None:
    server = context.serve("--listen", "tcp://127.0.0.1:0", "--body-bytes-max=1KiB")

    context.run("echo", *server.addresses, "--messages=10", "--size=1024")
    result = context.run("echo", *server.addresses, "--messages=10", "--size=1025", code=1)

    contains(result.err, "lost the connection")
    contains(server.end().out, "1 channels gracefully, 1 otherwise")


@case
def text_bytes_max_ends_a_channel_with_longer_texts(context: Context) -> None:
    server = context.serve("--listen", "tcp://127.0.0.1:0", "--text-bytes-max=100")
    peer = RawPeer.connect(server.addresses[0])
    fits = b"x:" + b"y" * 96 + b"\r\n"

    peer.send(Frame(REQUEST, 1, text=fits))
    equal(peer.receive(), Frame(RESPONSE, 1, text=fits))
    peer.send(Frame(REQUEST, 1, text=b"x" + fits))

    expect_end(peer.socket)
    server.end()


@case
def uds_mode_is_the_mode_of_the_path(context: Context) -> None:
    context.need_unix_sockets()
    path = context.folder / "s"
    for mode in (0o600, 0o660, 0o777):
        server = context.serve("--listen", f"uds://{path}", f"--uds-mode={mode:o}")
        equal(stat.S_IMODE(path.stat().st_mode), mode)
        server.end_well(0)


@case
def log_level_says_how_much_is_told(context: Context) -> None:
    shown = {}
    for level in ("error", "warning", "info", "debug"):
        server = context.serve("--listen", "tcp://127.0.0.1:0", "--log-level", level)
        context.run("ping", server.addresses[0], "--count=1")
        peer = RawPeer.connect(server.addresses[0])
        peer.socket.sendall(b"\xff" * 16)
        expect_end(peer.socket)
        shown[level] = server.end().err

    equal(shown["error"], "")
    contains(shown["warning"], "tofu: warning: rule_broken: ")
    assert "info: " not in shown["warning"]
    contains(shown["info"], "tofu: warning: rule_broken: ", "tofu: info: channel_closed: ")
    contains(shown["debug"], "tofu: info: channel_closed: ", "tofu: debug: channel_opened: ")


if __name__ == "__main__":
    main()
