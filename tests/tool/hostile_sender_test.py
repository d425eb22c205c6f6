#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`tofu receive` against senders made of raw sockets that lie, and that fall silent."""
import os
import socket

from support import (
    REQUEST,
    RESPONSE,
    SIGNAL,
    Context,
    Frame,
    RawPeer,
    case,
    contains,
    equal,
    leave_out,
    main,
)
from transfer_support import (
    Receiver,
    bytes_of,
    checksum_of,
    expect_end,
    frames_of,
    send_raw,
    settle,
)


@case
def an_honest_sender_of_raw_bytes_is_believed(context: Context) -> None:
    # Without this the tests below might fail for a reason of their own.
    receiver = Receiver(context)
    files = {"empty": b"", "one": b"1", "large": bytes_of(300_000), "n" * 255: b"long name"}
    for address in receiver.addresses:
        peer = RawPeer.connect(address)
        for number, (name, data) in enumerate(files.items(), start=7):
            equal(send_raw(peer, frames_of(number, name.encode(), data)), "result:ok")
        receiver.expect(**files)
        for name in files:
            (receiver.folder / name).unlink()
        peer.take_leave()
    receiver.end()


@case
def names_that_are_more_than_a_plain_name_are_refused(context: Context) -> None:
    receiver = Receiver(context)
    (receiver.folder / "folder").mkdir()
    outside = context.folder / "outside"
    outside.mkdir()
    (receiver.folder / "link").symlink_to("../outside")
    before = sorted(os.listdir(context.folder))
    absolute = os.fsencode(context.folder / "absolute")
    names = [b"../x", absolute, b"folder/x", b"link/x", b"./x", b"x/", b"/", b"//x", b"x/../../y"]
    names += [b".", b"..", b"...", b".hidden", b".tofu-receive-1-1.part", b"..\\x", b"C:\\x", b"\\\\h\\x"]
    names += [b"tab\tin", b"bell\a", b"escape\x1b[2J", b"delete\x7f", b"c1\xc2\x9b2J", b"n" * 256]
    names += [b"latin\xe4", b"overlong\xc0\xaf", b"half\xe2\x82", b"surrogate\xed\xa0\x80", b"\xff"]
    peer = RawPeer.connect(receiver.addresses[0])

    for number, name in enumerate(names, start=1):
        equal((name, send_raw(peer, frames_of(number, name, b"x"))), (name, "error:bad_name"))
        shown = receiver.server.read_line()
        assert shown.isprintable() and shown.endswith(": bad_name"), repr(shown)

    equal(sorted(os.listdir(receiver.folder)), ["folder", "link"])
    equal(os.listdir(outside) + os.listdir(receiver.folder / "folder"), [])
    equal(sorted(os.listdir(context.folder)), before)
    # None of it has hurt the channel.
    equal(send_raw(peer, frames_of(99, b"fine", b"fine")), "result:ok")
    peer.take_leave()
    contains(receiver.end(), f"ended: 1 files received, 4 bytes; {len(names)} refused, 0 broken")


# A device, a stream of another file, or a name whose end the system would strip: on Windows.
STRANGE_NAMES = (b"CON", b"nul", b"Aux.txt", b"prn .tar.gz", b"com1", b"LPT9.x", b"COM\xc2\xb9", b"ConOut$")
STRANGE_NAMES += (b"C:", b"C:x", b"file:stream", b"file::$DATA", b"file.", b"file. .", b"what?", b"*", b"a|b")
STRANGE_NAMES += (b'"quoted"', b"<x", b"x>")
LIKE_STRANGE_NAMES = (b"CONS", b"nulls.txt", b"COM", b"COM10", b"LPT", b"a.con", b"aux_", b"$", b"file.x", b"a'b")


@case
def names_that_mean_something_else_on_windows_are_refused_there(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    refused = STRANGE_NAMES if context.is_windows else ()

    for number, name in enumerate(STRANGE_NAMES + LIKE_STRANGE_NAMES, start=1):
        answer = "error:bad_name" if name in refused else "result:ok"
        equal((name, send_raw(peer, frames_of(number, name, name))), (name, answer))

    taken = [name for name in STRANGE_NAMES + LIKE_STRANGE_NAMES if name not in refused]
    receiver.expect(**{name.decode(): name for name in taken})
    peer.take_leave()
    receiver.end()


@case
def names_that_differ_in_case_are_one_on_windows(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    equal(send_raw(peer, frames_of(1, b"Name", b"first")), "result:ok")

    answer = send_raw(peer, frames_of(2, b"nAME", b"second"))

    equal(answer, "error:exists" if context.is_windows else "result:ok")
    equal((receiver.folder / "Name").read_bytes(), b"first")
    peer.take_leave()
    receiver.end()


@case
def names_with_nul_or_line_ends_end_the_channel_only(context: Context) -> None:
    receiver = Receiver(context)
    good = RawPeer.connect(receiver.addresses[0])
    good.send(*frames_of(1, b"good", bytes_of(60_000))[:1])
    for name in (b"a\0b", b"a\rb", b"a\nb", b"a\r\nb"):
        bad = RawPeer.connect(receiver.addresses[0])
        bad.send(*frames_of(1, name, b"x"))
        expect_end(bad)

    equal(send_raw(good, frames_of(1, b"good", bytes_of(60_000))[1:]), "result:ok")
    receiver.expect(good=bytes_of(60_000))
    good.take_leave()
    receiver.end()


@case
def requests_that_make_no_sense_are_refused(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    checksum = f"checksum:{checksum_of(b'')}\r\n".encode()
    sizes = [b"abc", b"-1", b"+1", b"0x1", b"1 2", b"1.5", b"1e3", b"18446744073709551616", b"9" * 40]
    texts = [b"", checksum, b"name:x\r\n" + checksum, b"size:0\r\n" + checksum]
    texts += [b"name:x\r\nsize:%s\r\n%s" % (size, checksum) for size in sizes]
    texts += [b"name:x\r\nsize:0\r\n"]
    for number, text in enumerate(texts, start=1):
        found = send_raw(peer, [Frame(REQUEST, number, b"", text)])
        equal((text, found), (text, "error:bad_request"))

    receiver.expect()
    peer.take_leave()
    receiver.end()


@case
def another_checksum_refuses_the_file(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    data = bytes_of(200_000)
    wrong = checksum_of(data[:-1] + bytes([data[-1] ^ 1]))
    checksums = [wrong, checksum_of(b""), checksum_of(data).upper(), checksum_of(data)[7:]]
    checksums += [checksum_of(data)[:-1], checksum_of(data) + "0", "xxh128:", "sha256:00"]
    for number, checksum in enumerate(checksums, start=1):
        frames = frames_of(number, b"file", data, checksum=checksum)
        equal((checksum, send_raw(peer, frames)), (checksum, "error:bad_checksum"))
        receiver.expect()

    equal(send_raw(peer, frames_of(99, b"file", data)), "result:ok")
    receiver.expect(file=data)
    peer.take_leave()
    receiver.end()


@case
def another_size_refuses_the_file(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    data = bytes_of(200_000)
    for number, size in enumerate((b"199999", b"200001", b"0", b"49999", b"1099511627776"), start=1):
        frames = frames_of(number, b"file", data, size=size)
        equal((size, send_raw(peer, frames)), (size, "error:bad_size"))
        receiver.expect()

    equal(send_raw(peer, frames_of(99, b"file", data)), "result:ok")
    peer.take_leave()
    receiver.end()


@case
def what_will_be_refused_is_refused_with_its_first_part(context: Context) -> None:
    receiver = Receiver(context, "--max-bytes=60000")
    (receiver.folder / "there").write_bytes(b"old")
    if context.is_windows:
        leave_out("a folder in place of a link to nothing: to Wine that is nothing")
        (receiver.folder / "dangling").mkdir()
    else:
        (receiver.folder / "dangling").symlink_to("nothing")
    peer = RawPeer.connect(receiver.addresses[0])
    data = bytes_of(60_000)
    # More bytes than announced must not reach the disk: the announced size is what is allowed.
    lies = [frames_of(1, b"small", data, size=b"49999"), frames_of(2, b"there", data)]
    lies += [frames_of(3, b"dangling", data), frames_of(4, b"large", data, size=b"60001")]
    words = [b"error:bad_size\r\n", b"error:exists\r\n", b"error:exists\r\n", b"error:too_large\r\n"]
    for frames, word in zip(lies, words):
        peer.send(frames[0])
        equal(peer.receive(), Frame(RESPONSE, frames[0].id, text=word))
        equal(sorted(os.listdir(receiver.folder)), ["dangling", "there"])
        peer.send(*frames[1:])

    settle(peer)
    equal((receiver.folder / "there").read_bytes(), b"old")
    peer.take_leave()
    receiver.end()


@case
def a_file_is_answered_once_even_if_it_goes_on(context: Context) -> None:
    receiver = Receiver(context, "--max-bytes=1000")
    peer = RawPeer.connect(receiver.addresses[0])
    refused = frames_of(1, b"large", bytes_of(500_000))

    peer.send(refused[0])
    equal(peer.receive(), Frame(RESPONSE, 1, text=b"error:too_large\r\n"))
    peer.send(*refused[1:])

    # The next answer on the channel is the next file's.
    equal(send_raw(peer, frames_of(2, b"small", b"small")), "result:ok")
    receiver.expect(small=b"small")
    peer.take_leave()
    receiver.end()


@case
def a_file_that_is_called_off_leaves_nothing(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    peer.send(frames_of(1, b"file", bytes_of(100_000))[0])
    settle(peer)

    equal(send_raw(peer, [Frame(REQUEST, 1, text=b"cancel:yes\r\n")]), "error:canceled")

    receiver.expect()
    peer.take_leave()
    receiver.end()


@case
def a_sender_that_goes_in_the_middle_leaves_nothing(context: Context) -> None:
    receiver = Receiver(context)
    for number, address in enumerate(receiver.addresses):
        for ending in ("close", "shutdown", "reset", "bye"):
            peer = RawPeer.connect(address)
            peer.send(frames_of(1, b"file", bytes_of(100_000))[0])
            settle(peer)
            equal(len(os.listdir(receiver.folder)), 1)
            if ending == "bye":
                peer.take_leave()
            elif ending == "shutdown":
                peer.socket.shutdown(socket.SHUT_WR)
                expect_end(peer)
            else:
                # Zero seconds to linger: closing resets.
                linger = b"\1\0\0\0\0\0\0\0" if ending == "reset" else b"\0" * 8
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                peer.socket.close()
            contains(receiver.server.read_line(), "broken file after 50000 of 100000 bytes: ")
            receiver.expect()
        assert number < 2
    contains(receiver.end(), "ended: 0 files received, 0 bytes; 0 refused, 8 broken")


@case
def a_file_within_a_file_ends_the_channel_only(context: Context) -> None:
    receiver = Receiver(context)
    good = RawPeer.connect(receiver.addresses[0])
    good.send(frames_of(1, b"good", bytes_of(60_000))[0])
    bad = RawPeer.connect(receiver.addresses[0])
    bad.send(frames_of(1, b"first", bytes_of(100_000))[0], *frames_of(2, b"second", b"2"))
    expect_end(bad)
    contains(receiver.server.read_line(), "broken first after 50000 of 100000 bytes")

    nameless = RawPeer.connect(receiver.addresses[0])
    nameless.send(*frames_of(0, b"zero", b"0"))
    expect_end(nameless)

    equal(send_raw(good, frames_of(1, b"good", bytes_of(60_000))[1:]), "result:ok")
    receiver.expect(good=bytes_of(60_000))
    good.take_leave()
    receiver.end()


@case
def signals_and_strange_responses_change_nothing(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    first, last = frames_of(1, b"file", bytes_of(60_000))

    peer.send(Frame(SIGNAL, 1, b"x"), first, Frame(RESPONSE, 1, b"x"), Frame(SIGNAL, 1, b"x"))

    equal(send_raw(peer, [last]), "result:ok")
    receiver.expect(file=bytes_of(60_000))
    peer.take_leave()
    receiver.end()


@case
def silence_within_a_file_ends_the_channel(context: Context) -> None:
    receiver = Receiver(context, "--timeout=1")
    idle = RawPeer.connect(receiver.addresses[0])
    silent = RawPeer.connect(receiver.addresses[1])
    silent.send(frames_of(1, b"file", bytes_of(100_000))[0])

    line = receiver.server.read_line()

    contains(line, "broken file after 50000 of 100000 bytes: nothing more comes")
    expect_end(silent)
    receiver.expect()
    # Who has no file open may take his time.
    equal(send_raw(idle, frames_of(1, b"late", b"late")), "result:ok")
    idle.take_leave()
    receiver.end()


@case
def requests_without_bytes_do_not_break_the_silence(context: Context) -> None:
    receiver = Receiver(context, "--timeout=1")
    peer = RawPeer.connect(receiver.addresses[0])
    peer.send(frames_of(1, b"file", bytes_of(100_000))[0])
    question = Frame(REQUEST, 2, text=b"tofu:stats\r\n")

    # Each empty part waits for an answer, so the receiver waits too, and its clock runs.
    try:
        while True:
            peer.send(Frame(REQUEST, 1, more=True), question)
            if peer.receive() is None:
                break
    except (ConnectionError, AssertionError):
        pass

    contains(receiver.server.read_line(), "broken file after 50000 of 100000 bytes: nothing more")
    receiver.expect()
    peer.socket.close()
    receiver.end()


@case
def a_sender_that_does_not_read_its_answers_loses_its_channel(context: Context) -> None:
    receiver = Receiver(context, "--max-bytes=1", "--send-queue-messages-max=10")
    peer = RawPeer.connect(receiver.addresses[1])
    request = Frame(REQUEST, 1, b"", b"name:x\r\nsize:2\r\n").pack()

    # Far more than the kernel keeps for us; the receiver does not wait for it.
    sent = 0
    try:
        for _ in range(100):
            peer.socket.sendall(request * 10_000)
            sent += 10_000
    except OSError:
        pass

    assert sent < 1_000_000, "the receiver takes it all"
    other = RawPeer.connect(receiver.addresses[1])
    equal(send_raw(other, frames_of(1, b"x", b"x")), "result:ok")
    other.take_leave()
    peer.socket.close()
    result = receiver.server.end()
    equal(result.code, 0)
    contains(result.err, "the answer is refused: queue_full")
    receiver.expect(x=b"x")


if __name__ == "__main__":
    main()
