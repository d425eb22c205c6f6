#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`tofu ping` against echo servers, good and bad."""
import json
import signal
import socket
import subprocess
import threading
from typing import Callable

from support import (
    BYE_REQUEST,
    BYE_RESPONSE,
    DEADLINE_S,
    HELLO_REQUEST,
    HELLO_RESPONSE,
    REQUEST,
    RESPONSE,
    Context,
    Frame,
    RawPeer,
    Result,
    case,
    check_sanitizers,
    contains,
    equal,
    listening_socket,
    main,
)


@case
def pings_are_answered_over_tcp_and_unix_sockets(context: Context) -> None:
    server = context.serve_each()
    for address in server.addresses:
        result = context.run("ping", address, "--count=5", "--interval=1")

        lines = result.out.splitlines()
        equal(len(lines), 6)
        for number, line in enumerate(lines[:5], start=1):
            contains(line, f"64 bytes, ping {number}:", "s")
        contains(lines[5], f"{address}: 5 sent, 5 answered, 0 lost; min", "p50", "p99", "max")
        equal(result.err, "")
    server.end_well(len(server.addresses))


@case
def figures_fit_together(context: Context) -> None:
    server = context.serve_tcp()

    result = context.run("ping", server.addresses[0], "--count=200", "--interval=0", "--json")

    *pings, summary = [json.loads(line) for line in result.out.splitlines()]
    equal([ping["number"] for ping in pings], list(range(1, 201)))
    times = [ping["time_us"] for ping in pings]
    found = summary["round_trip_us"]
    equal((summary["sent"], summary["answered"], summary["lost"]), (200, 200, 0))
    assert abs(found["min"] - min(times)) < 0.01 and abs(found["max"] - max(times)) < 0.01
    assert 0 < found["min"] <= found["p50"] <= found["p99"] <= found["max"]
    # A quantile of the tool is at most 1/128 above the exact one.
    exact = sorted(times)[99]
    assert exact - 0.01 <= found["p50"] <= exact * (1 + 1 / 128) + 0.01
    server.end_well(1)


@case
def empty_and_largest_pings_come_back(context: Context) -> None:
    server = context.serve_tcp()
    for size in (0, 1, 65535):
        result = context.run(
            "ping", server.addresses[0], "--count=300", "--interval=0", f"--size={size}"
        )
        contains(result.out, f"{size} bytes, ping 300:", "300 answered, 0 lost")
    server.end_well(3)


def ping_against(
    context: Context, serve: Callable[[RawPeer], None], *arguments: str, code: int
) -> Result:
    """Runs pings against a connection that `serve` serves, behind the Hello."""
    with listening_socket() as (listener, address):

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                peer = RawPeer(connection)
                hello = peer.receive()
                equal(hello.opcode, HELLO_REQUEST)
                peer.send(Frame(HELLO_RESPONSE, hello.id))
                # What the client does to the connection is checked by what it reports.
                try:
                    serve(peer)
                except OSError:
                    pass

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        result = context.run("ping", address, "--interval=1", *arguments, code=code)
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
        return result


def echo_but(change: Callable[[Frame], list[Frame]]) -> Callable[[RawPeer], None]:
    def serve(peer: RawPeer) -> None:
        while (frame := peer.receive()) is not None:
            if frame.opcode == BYE_REQUEST:
                peer.send(frame._replace(opcode=BYE_RESPONSE))
                return
            peer.send(*change(frame._replace(opcode=RESPONSE)))

    return serve


@case
def lost_pings_are_counted_and_exit_with_1(context: Context) -> None:
    result = ping_against(
        context,
        echo_but(lambda frame: [frame] if frame.id % 2 == 1 else []),
        "--count=6",
        "--timeout=1",
        code=1,
    )

    lines = result.out.splitlines()
    equal(sorted(line for line in lines if line.endswith("lost")), [
        f"64 bytes, ping {number}: lost" for number in (2, 4, 6)
    ])
    contains(lines[-1], "6 sent, 3 answered, 3 lost")


@case
def answers_that_come_twice_are_counted_once(context: Context) -> None:
    result = ping_against(context, echo_but(lambda frame: [frame] * 3), "--count=5", code=0)

    equal(len(result.out.splitlines()), 6)
    contains(result.out, "5 sent, 5 answered, 0 lost")


@case
def wrong_answers_end_the_pings_with_1(context: Context) -> None:
    wrong = [
        lambda frame: [frame._replace(body=frame.body[:-1] + b"!")],
        lambda frame: [frame._replace(body=frame.body[:-1])],
        lambda frame: [frame._replace(id=frame.id + 1000)],
        lambda frame: [frame._replace(more=True)],
        lambda frame: [frame._replace(opcode=REQUEST)],
    ]
    for change in wrong:
        result = ping_against(context, echo_but(change), "--count=3", code=1)
        contains(result.err, "is no echo server: it answers with something else")


@case
def a_server_that_goes_or_says_bye_ends_the_pings_with_1(context: Context) -> None:
    def go(peer: RawPeer) -> None:
        peer.receive()
        peer.socket.close()

    def say_bye(peer: RawPeer) -> None:
        peer.send(Frame(BYE_REQUEST, 5))
        while (frame := peer.receive()) is not None and frame.opcode != BYE_RESPONSE:
            pass

    contains(ping_against(context, go, "--count=9", code=1).err, "lost the connection to tcp://")
    result = ping_against(context, say_bye, "--count=9", code=1)
    contains(result.err, "said Bye")
    summary = result.out.splitlines()[-1].split(": ")[1].split(" ")
    assert (summary[2], summary[0]) == ("0", summary[4]), summary


@case
def sigint_and_sigterm_end_the_pings_with_a_summary(context: Context) -> None:
    server = context.serve_tcp()
    for number in context.stop_signals:
        process = subprocess.Popen(
            [*context.command, "ping", server.addresses[0], "--interval=20"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        contains(process.stdout.readline().decode(), "64 bytes, ping 1:")

        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_S)

        check_sanitizers(err.decode())
        equal((process.returncode, err), (0, b""))
        contains(out.decode().splitlines()[-1], " answered, 0 lost; min")
    server.end_well(len(context.stop_signals))


def stopped_against(
    context: Context, serve: Callable[[RawPeer, Callable[[], None]], None], number: int, code: int
) -> list[str]:
    """Stops pings when the server says so; returns the lines they printed."""
    with listening_socket() as (listener, address):
        process = subprocess.Popen(
            [*context.command, "ping", address, "--interval=1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                peer = RawPeer(connection)
                peer.send(Frame(HELLO_RESPONSE, peer.receive().id))
                serve(peer, lambda: process.send_signal(number))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        out, err = process.communicate(timeout=DEADLINE_S)
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    check_sanitizers(err.decode())
    equal((process.returncode, err), (code, b""))
    return out.decode().splitlines()


@case
def pings_on_their_way_at_the_end_may_still_be_answered(context: Context) -> None:
    def serve(peer: RawPeer, stop: Callable[[], None]) -> None:
        kept = [peer.receive() for _ in range(5)]
        stop()
        while (frame := peer.receive()).opcode != BYE_REQUEST:
            kept.append(frame)
        peer.send(*(frame._replace(opcode=RESPONSE) for frame in kept))
        peer.send(frame._replace(opcode=BYE_RESPONSE))
        sent.append(len(kept))

    for number in context.stop_signals:
        sent: list[int] = []
        lines = stopped_against(context, serve, number, code=0)

        contains(lines[-1], f"{sent[0]} sent, {sent[0]} answered, 0 lost; min")


@case
def pings_without_an_answer_at_the_end_are_lost(context: Context) -> None:
    def serve(peer: RawPeer, stop: Callable[[], None]) -> None:
        peer.send(peer.receive()._replace(opcode=RESPONSE))
        count = 1
        while (frame := peer.receive()).opcode != BYE_REQUEST:
            count += 1
            if count == 5:
                stop()
        peer.send(frame._replace(opcode=BYE_RESPONSE))
        sent.append(count)

    for number in context.stop_signals:
        sent: list[int] = []
        lines = stopped_against(context, serve, number, code=1)

        contains(lines[-1], f"{sent[0]} sent, 1 answered, {sent[0] - 1} lost; min")
        equal(lines[1:-1], [f"64 bytes, ping {ping}: lost" for ping in range(2, sent[0] + 1)])


@case
def exit_status_is_3_where_nobody_listens(context: Context) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"

        result = context.run("ping", address, "--count=1", code=3)

    equal(result.out, "")
    contains(result.err, f"could not connect to {address}: connect_failed")


@case
def a_server_that_never_says_hello_is_given_up(context: Context) -> None:
    with listening_socket() as (_, address):
        result = context.run("ping", address, "--count=1", "--timeout=1", code=3)

    contains(result.err, f"could not connect to {address}: no answer")


@case
def a_receiver_is_no_echo_server(context: Context) -> None:
    folder = context.folder / "in"
    folder.mkdir()
    server = context.serve("--listen", "tcp://127.0.0.1:0", str(folder), command="receive")

    result = context.run("ping", server.addresses[0], code=1)

    contains(result.err, "is no echo server")
    # What was answered with something else was not answered.
    contains(result.out, "1 sent, 0 answered, 1 lost")
    equal(server.end().code, 0)


@case
def one_address_is_needed(context: Context) -> None:
    for arguments in ([], ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]):
        contains(context.run("ping", *arguments, code=2).err, "ping needs one ADDRESS")
    contains(context.run("ping", "nowhere", code=2).err, "'nowhere' is no address")
    contains(context.run("ping", "tcp||1", code=2).err, "can only be listened on")


if __name__ == "__main__":
    main()
