#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`tofu stats` against servers that count, and against those that do not."""
import pathlib
import re
import threading

from support import (
    BYE_REQUEST,
    BYE_RESPONSE,
    DEADLINE_S,
    REQUEST,
    RESPONSE,
    Context,
    Frame,
    RawPeer,
    Result,
    case,
    contains,
    equal,
    listening_socket,
    main,
)
from transfer_support import Receiver, accept_sender, bytes_of, make_files

STATS_HEADER = pathlib.Path(__file__).resolve().parents[2] / "include" / "tofu" / "stats.h"


def numbers_of_header() -> list[str]:
    """The counters and gauges of struct tofu_stats."""
    text = STATS_HEADER.read_text()
    body = re.search(r"struct tofu_stats \{(.*?)\n\};", text, re.DOTALL)[1]
    found = re.findall(r"uint64_t (\w+);", body)
    assert len(found) > 15, found
    return found


def stats_of(context: Context, address: str) -> dict:
    return context.run("stats", address, "--json").json()


@case
def counters_tell_what_has_happened(context: Context) -> None:
    server = context.serve_both()
    context.run("echo", *server.addresses, "--messages=50", "--size=1000", "--clients=2")

    report = stats_of(context, server.addresses[0])

    counters = report["counters"]
    equal(report["role"], "echo-server")
    # Of the asking channel there is the Hello and its answer, and the question.
    equal(counters["messages_received"], 4 * (50 + 2) + 2)
    equal(counters["messages_sent"], 4 * (50 + 2) + 1)
    assert counters["bytes_received"] > 200 * 1000
    equal((counters["connections_accepted"], counters["channels_opened"]), (5, 7))
    equal((counters["rules_broken"], counters["messages_returned"]), (0, 0))
    # Two listeners and the channel that asks. A channel's end is told before it is counted out.
    assert 3 <= report["gauges"]["channels"] <= 7
    dwell = report["histograms"]["queue_dwell"]
    equal((dwell["count"], sum(dwell["buckets"]), len(dwell["buckets"])), (209, 209, 40))
    for histogram in report["histograms"].values():
        assert histogram["p50_ns"] <= histogram["p99_ns"] <= histogram["max_ns"]
    server.end_well(5)


@case
def asking_twice_shows_growth(context: Context) -> None:
    server = context.serve_tcp()

    first = stats_of(context, server.addresses[0])["counters"]
    second = stats_of(context, server.addresses[0])["counters"]

    equal(second["connections_accepted"], first["connections_accepted"] + 1)
    for name, number in first.items():
        assert second[name] >= number, name
    server.end_well(2)


@case
def everything_that_is_counted_is_shown(context: Context) -> None:
    server = context.serve_tcp()

    table = context.run("stats", server.addresses[0]).out
    report = stats_of(context, server.addresses[0])

    rows = {line.split()[0] for line in table.splitlines()}
    names = numbers_of_header()
    equal(rows, {"counters", "gauges", "histograms", "queue_dwell", "loop_lag", *names})
    equal([*report["counters"], *report["gauges"]], names)
    server.end_well(2)


@case
def a_receiver_answers_while_files_arrive(context: Context) -> None:
    receiver = Receiver(context)
    context.run("send", receiver.addresses[0], *make_files(context, file=bytes_of(200_000)))

    report = stats_of(context, receiver.addresses[1])

    equal(report["role"], "receive")
    # Hello, four parts and Bye; then Hello and the question.
    equal(report["counters"]["messages_received"], 8)
    receiver.expect(file=bytes_of(200_000))
    receiver.end()


@case
def an_echo_server_still_echoes_what_only_looks_alike(context: Context) -> None:
    server = context.serve_tcp()
    peer = RawPeer.connect(server.addresses[0])
    for text in (b"tofu:status\r\n", b"tofu:stats2\r\n", b"Tofu:stats\r\n", b"x:tofu:stats\r\n"):
        peer.send(Frame(REQUEST, 7, b"body", text))
        equal(peer.receive(), Frame(RESPONSE, 7, b"body", text))
    peer.take_leave()
    server.end_well(1)


def ask_raw(context: Context, body: bytes, *arguments: str, code: int) -> Result:
    """Asks somebody who answers with this body."""
    with listening_socket() as (listener, address):
        def serve() -> None:
            peer = accept_sender(listener, b"")
            question = peer.receive()
            equal(question.text, b"tofu:stats\r\n")
            peer.send(Frame(RESPONSE, question.id, body))
            bye = peer.receive()
            equal(bye.opcode, BYE_REQUEST)
            peer.send(Frame(BYE_RESPONSE, bye.id))
            peer.socket.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        result = context.run("stats", address, *arguments, code=code)
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
        return result


@case
def answers_that_are_no_statistics_are_refused(context: Context) -> None:
    bodies = [b"", b"hello", b"{}", b"[]", b"null", b'{"counters":{}}', b"\xff\xfe", b"{" * 60_000]
    bodies += [b'{"counters":1,"gauges":{},"histograms":{}}', b"[" * 60_000]
    for body in bodies:
        result = ask_raw(context, body, code=1)
        equal(result.out, "")
        contains(result.err, "does not tell what it counts")


@case
def a_strange_answer_cannot_write_to_the_terminal(context: Context) -> None:
    body = b'{"counters":{"turns":"\\u001b[2J","wakeups":7,"x\\u009b":1},"gauges":{},"histograms":{}}'

    table = ask_raw(context, body, code=0)
    json_line = ask_raw(context, body, "--json", code=0)

    for shown in (table.out, json_line.out):
        assert all(letter.isprintable() or letter == "\n" for letter in shown), repr(shown)
    assert re.search(r"wakeups +7\n", table.out) and re.search(r"turns +-\n", table.out), table.out
    equal(json_line.json()["counters"]["wakeups"], 7)


@case
def a_server_that_does_not_answer_is_given_up(context: Context) -> None:
    with listening_socket() as (_, address):
        contains(context.run("stats", address, "--timeout=1", code=3).err, "no answer")
    contains(context.run("stats", f"uds://{context.folder}/nobody", code=3).err, context.words_of_nobody)
    contains(context.run("stats", code=2).err, "stats needs one ADDRESS")


if __name__ == "__main__":
    main()
