#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`tofu send` against receivers made of raw sockets, and files that change under its hands."""
import contextlib
import os
import subprocess
from typing import Callable, Iterator

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
    check_sanitizers,
    contains,
    equal,
    main,
)
from transfer_support import (
    accept_sender,
    bytes_of,
    checksum_of,
    make_endless_file,
    make_files,
    raw_receiver,
)

MEBIBYTE = 1 << 20


class Run:
    """A `tofu send` under way."""

    def __init__(self, context: Context, *arguments: str):
        self.process = subprocess.Popen(
            [*context.command, "send", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def end(self, code: int) -> Result:
        out, err = self.process.communicate(timeout=DEADLINE_S)
        result = Result(self.process.returncode, out.decode(), err.decode())
        check_sanitizers(result.err)
        assert result.code == code, f"exit status {result.code}, expected {code}: {result}"
        return result


@contextlib.contextmanager
def sending(context: Context, *arguments: str) -> Iterator[tuple[RawPeer, Run]]:
    with raw_receiver() as (listener, address):
        run = Run(context, address, *arguments)
        try:
            peer = accept_sender(listener)
            yield peer, run
            peer.socket.close()
        finally:
            if run.process.poll() is None:
                run.process.kill()
                run.process.communicate()


def receive_file(peer: RawPeer) -> list[Frame]:
    """All Requests of the next file."""
    frames = [peer.receive()]
    while frames[-1].more:
        frames.append(peer.receive())
    return frames


def let_go(peer: RawPeer) -> None:
    bye = peer.receive()
    equal(bye.opcode, BYE_REQUEST)
    peer.send(Frame(BYE_RESPONSE, bye.id))
    equal(peer.receive(), None)
    peer.socket.close()


@case
def what_travels_is_what_the_documentation_says(context: Context) -> None:
    data = bytes_of(150_000)
    with sending(context, *make_files(context, file=data, empty=b"")) as (peer, run):
        first = receive_file(peer)
        second = receive_file(peer)
        peer.send(*(Frame(RESPONSE, file[0].id, text=b"result:ok\r\n") for file in (first, second)))
        let_go(peer)

        result = run.end(0)

    equal([frame.opcode for frame in first], [REQUEST] * 3)
    equal(len({frame.id for frame in first}), 1)
    assert first[0].id != second[0].id
    equal(b"".join(frame.body for frame in first), data)
    equal(first[0].text, b"name:file\r\nsize:150000\r\n")
    equal(first[1].text, b"")
    equal(first[2].text, f"checksum:{checksum_of(data)}\r\n".encode())
    checksum = checksum_of(b"").encode()
    equal(second[0].text, b"name:empty\r\nsize:0\r\nchecksum:" + checksum + b"\r\n")
    equal(second[0].body, b"")
    contains(result.out, "ok: 2 of 2 files sent, 150000 bytes")


def expect_failure(
    context: Context, answer: Callable[[Frame], list[Frame]], words: str
) -> None:
    with sending(context, *make_files(context, file=b"data")) as (peer, run):
        request = peer.receive()
        peer.send(*answer(request))
        result = run.end(1)
    contains(result.err, words)
    contains(result.out, "FAILED: 0 of 1 files sent")


@case
def refusals_are_explained_and_strange_words_are_harmless(context: Context) -> None:
    words = {
        b"error:exists": "the receiver has a file of this name already",
        b"error:no_space": "the receiver has no room for the file",
        b"error:bad_checksum": "the checksum does not fit",
        b"error:tired": "the receiver says 'tired'",
        b"error:\x1b[2J\xc2\x9b": "the receiver says '\\x1b[2J\\xc2\\x9b'",
        b"result:perhaps": "the receiver says neither yes nor no",
        b"": "the receiver says neither yes nor no",
    }
    for text, shown in words.items():
        with sending(context, *make_files(context, file=b"data")) as (peer, run):
            request = peer.receive()
            peer.send(Frame(RESPONSE, request.id, text=text))
            let_go(peer)
            result = run.end(1)
        contains(result.err, f"out/file': {shown}")
        contains(result.out, "FAILED: 0 of 1 files sent")


@case
def answers_without_a_question_end_the_transfer(context: Context) -> None:
    words = "breaks the protocol"
    ok = b"result:ok\r\n"
    strange = [
        lambda request: [Frame(RESPONSE, request.id + 1, text=ok)],
        lambda request: [Frame(RESPONSE, 2**64 - 1, text=ok)],
        lambda request: [Frame(RESPONSE, request.id, text=ok, more=True)],
        lambda request: [Frame(REQUEST, request.id, text=ok)],
    ]
    for answer in strange:
        expect_failure(context, answer, words)


@case
def a_file_is_not_kept_before_it_is_sent(context: Context) -> None:
    with sending(context, make_endless_file(context)) as (peer, run):
        request = peer.receive()
        peer.send(Frame(RESPONSE, request.id, text=b"result:ok\r\n"))
        with contextlib.suppress(ConnectionError, AssertionError):
            while peer.receive() is not None:
                pass
        contains(run.end(1).err, "breaks the protocol")


@case
def a_refused_file_is_not_sent_to_its_end(context: Context) -> None:
    small = make_files(context, small=b"small")[0]
    with sending(context, make_endless_file(context), small) as (peer, run):
        first = peer.receive()
        peer.send(Frame(RESPONSE, first.id, text=b"error:exists\r\n"))
        rest = receive_file(peer)

        # What was on its way already still comes, but not the rest of a tebibyte.
        equal(rest[-1]._replace(more=False), Frame(REQUEST, first.id, text=b"cancel:yes\r\n"))
        assert sum(len(frame.body) for frame in rest) < 256 * MEBIBYTE
        second = receive_file(peer)
        equal((len(second), second[0].body), (1, b"small"))
        peer.send(Frame(RESPONSE, second[0].id, text=b"result:ok\r\n"))
        let_go(peer)
        result = run.end(1)
    contains(result.err, "endless': the receiver has a file of this name already")
    contains(result.out, "FAILED: 1 of 2 files sent, 5 bytes")


@case
def a_file_that_shrinks_while_it_is_sent_is_called_off(context: Context) -> None:
    path = make_files(context, file=b"")[0]
    os.truncate(path, 1 << 30)
    with sending(context, path) as (peer, run):
        first = peer.receive()
        # We read no further, so the sender is stuck long before the end of the file.
        os.truncate(path, 1000)
        rest = receive_file(peer)

        equal(rest[-1], Frame(REQUEST, first.id, text=b"cancel:yes\r\n"))
        peer.send(Frame(RESPONSE, first.id, text=b"error:canceled\r\n"))
        let_go(peer)
        result = run.end(1)
    contains(result.err, "file': it became shorter while it was sent")


@case
def a_file_that_changes_while_it_is_sent_is_called_off(context: Context) -> None:
    path = make_files(context, file=b"")[0]
    os.truncate(path, 64 * MEBIBYTE)
    with sending(context, path) as (peer, run):
        first = peer.receive()
        with open(path, "r+b") as file:
            file.write(b"changed")
        rest = receive_file(peer)

        equal(rest[-1], Frame(REQUEST, first.id, text=b"cancel:yes\r\n"))
        peer.send(Frame(RESPONSE, first.id, text=b"error:canceled\r\n"))
        let_go(peer)
        result = run.end(1)
    contains(result.err, "file': it changed while it was sent")


@case
def a_receiver_that_reads_nothing_is_given_up(context: Context) -> None:
    with sending(context, make_endless_file(context), "--timeout=1") as (_, run):
        result = run.end(1)

    contains(result.err, "nothing moved for 1 s", "endless': the connection ended before")


@case
def a_receiver_that_never_answers_is_given_up(context: Context) -> None:
    with sending(context, *make_files(context, file=b"x"), "--timeout=1") as (peer, run):
        peer.receive()

        result = run.end(1)

    contains(result.err, "nothing moved for 1 s")


@case
def a_receiver_that_goes_or_says_bye_fails_the_transfer(context: Context) -> None:
    with sending(context, make_endless_file(context)) as (peer, run):
        peer.receive()
        peer.socket.close()
        contains(run.end(1).err, "lost the connection to")
    with sending(context, *make_files(context, file=b"x")) as (peer, run):
        peer.receive()
        peer.send(Frame(BYE_REQUEST, 77))
        equal(peer.receive(), Frame(BYE_RESPONSE, 77))
        contains(run.end(1).err, "says Bye before all is sent")


@case
def a_receiver_of_another_version_is_left(context: Context) -> None:
    path = make_files(context, file=b"x")[0]
    for role in (b"", b"tofu:receive 2\r\n", b"tofu:receive 11\r\n", b"tofu:stats\r\n"):
        with raw_receiver() as (listener, address):
            run = Run(context, address, path)
            peer = accept_sender(listener, role)
            let_go(peer)
            contains(run.end(1).err, "is no 'tofu receive' of this version")
            peer.socket.close()


if __name__ == "__main__":
    main()
