#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`tofu echo` against servers made of raw sockets that are honest, and that are not."""
import threading
import time
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
    case,
    contains,
    equal,
    listening_socket,
    main,
)


def run_against(
    context: Context,
    server: Callable[[RawPeer], None],
    *arguments: str,
    code: int,
    connections: int = 1,
) -> dict:
    """Runs clients against connections that `server` serves, behind the Hello."""
    with listening_socket() as (listener, address):

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                peer = RawPeer(connection)
                hello = peer.receive()
                equal(hello.opcode, HELLO_REQUEST)
                peer.send(Frame(HELLO_RESPONSE, hello.id))
                # What the client does to the connection is checked by what it reports.
                try:
                    server(peer)
                except OSError:
                    pass

        threads = [threading.Thread(target=serve, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        result = context.run("echo", address, "--json", *arguments, code=code)
        for thread in threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        return result.json()


def read_to_the_end(peer: RawPeer) -> None:
    while peer.receive() is not None:
        pass


def echo_but(change: Callable[[Frame, int], list[Frame]]) -> Callable[[RawPeer], None]:
    """A server that answers the n-th Request with what `change` makes of the right answer."""

    def serve(peer: RawPeer) -> None:
        count = 0
        while (frame := peer.receive()) is not None:
            if frame.opcode == BYE_REQUEST:
                peer.send(frame._replace(opcode=BYE_RESPONSE))
                return
            peer.send(*change(frame._replace(opcode=RESPONSE), count))
            count += 1

    return serve


@case
def an_honest_server_of_raw_bytes_is_believed(context: Context) -> None:
    # Without this the tests below might fail for a reason of their own.
    report = run_against(context, echo_but(lambda frame, _: [frame]), "--messages=20", code=0)

    equal((report["result"], report["total"]["messages"]), ("ok", 20))


@case
def no_two_messages_of_a_run_look_alike(context: Context) -> None:
    bodies: list[bytes] = []
    ids: list[int] = []

    def note(frame: Frame, _: int) -> list[Frame]:
        bodies.append(frame.body)
        ids.append(frame.id)
        return [frame]

    run_against(
        context, echo_but(note), "--messages=50", "--size=9", "--clients=3", code=0, connections=3
    )

    equal((len(bodies), len(set(bodies)), len(set(ids))), (150, 150, 150))


def expect_mismatch(
    context: Context, change: Callable[[Frame, int], list[Frame]], words: str, *arguments: str
) -> None:
    if not arguments:
        arguments = ("--messages=20", "--size=100")
    report = run_against(context, echo_but(change), *arguments, code=1)

    equal((report["result"], report["mismatches"]), ("failed", 1))
    contains(report["failures"][0], words)
    # What came before the wrong answer still counts as verified, and nothing after it does.
    equal(report["total"]["messages"], 10)


@case
def one_wrong_bit_is_found(context: Context) -> None:
    def change(frame: Frame, count: int) -> list[Frame]:
        last = bytes([frame.body[-1] ^ 1])
        return [frame._replace(body=frame.body[:-1] + last) if count == 10 else frame]

    expect_mismatch(context, change, "client 0, part 10: the answer is wrong: other bytes")


@case
def a_missing_byte_is_found(context: Context) -> None:
    expect_mismatch(
        context,
        lambda frame, count: [frame._replace(body=frame.body[: 99 if count == 10 else 100])],
        "other bytes",
    )


@case
def a_lost_answer_is_found(context: Context) -> None:
    expect_mismatch(context, lambda frame, count: [frame] if count != 10 else [], "another id")


@case
def answers_in_another_order_are_found(context: Context) -> None:
    kept: list[Frame] = []

    def change(frame: Frame, count: int) -> list[Frame]:
        if count == 10:
            kept.append(frame)
            return []
        return [frame, kept.pop()] if kept else [frame]

    expect_mismatch(context, change, "another id")


@case
def an_answer_that_comes_twice_is_found(context: Context) -> None:
    expect_mismatch(
        context, lambda frame, count: [frame] * (2 if count == 9 else 1), "the answer is wrong"
    )


@case
def the_answer_of_another_client_is_found(context: Context) -> None:
    expect_mismatch(
        context,
        lambda frame, count: [frame._replace(id=frame.id + (1 << 32)) if count == 10 else frame],
        "another id",
    )


@case
def a_wrong_more_flag_is_found(context: Context) -> None:
    expect_mismatch(
        context,
        lambda frame, count: [frame._replace(more=count == 10)],
        "another 'more' flag",
    )


@case
def a_text_header_too_many_is_found(context: Context) -> None:
    expect_mismatch(
        context,
        lambda frame, count: [frame._replace(text=b"a:b\r\n" if count == 10 else b"")],
        "another number of text headers",
    )


@case
def a_changed_text_header_is_found(context: Context) -> None:
    paths = []
    for index in range(12):
        path = context.folder / f"file{index}"
        path.write_bytes(bytes([index]) * 10)
        paths += ["--file", str(path)]
    expect_mismatch(
        context,
        lambda frame, count: [frame._replace(text=b"file:9\r\n" if count == 10 else frame.text)],
        "another text header",
        *paths,
    )


@case
def a_server_that_goes_in_the_middle_fails_the_run(context: Context) -> None:
    def serve(peer: RawPeer) -> None:
        for _ in range(3):
            peer.send(peer.receive()._replace(opcode=RESPONSE))

    report = run_against(context, serve, "--messages=20", code=1)

    equal(report["result"], "failed")
    contains(report["failures"][0], "lost the connection to tcp://127.0.0.1:")


@case
def a_server_that_says_bye_in_the_middle_fails_the_run(context: Context) -> None:
    def serve(peer: RawPeer) -> None:
        peer.receive()
        peer.send(Frame(BYE_REQUEST, 5))
        while (frame := peer.receive()).opcode != BYE_RESPONSE:
            pass
        equal(frame.id, 5)

    report = run_against(context, serve, "--messages=20", code=1)

    contains(report["failures"][0], "the server said Bye after 0 of 20 parts")


@case
def a_server_that_falls_silent_is_given_up(context: Context) -> None:
    started = time.monotonic()

    report = run_against(context, read_to_the_end, "--messages=20", "--timeout=1", code=1)

    equal(report["failures"], ["nothing came for 1 s"])
    assert time.monotonic() - started >= 1


@case
def a_peer_that_asks_itself_is_no_echo_server(context: Context) -> None:
    def serve(peer: RawPeer) -> None:
        peer.send(Frame(REQUEST, 5))
        read_to_the_end(peer)

    report = run_against(context, serve, "--messages=20", code=1)

    contains(report["failures"][0], "the peer is no echo server")


if __name__ == "__main__":
    main()
