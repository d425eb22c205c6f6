#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`tofu echo` and `tofu echo-server` against each other and against peers made of raw sockets."""
import json
import os
import random
import resource
import selectors
import signal
import socket
import threading
import time

from support import (
    BYE_REQUEST,
    BYE_RESPONSE,
    DEADLINE_S,
    REQUEST,
    RESPONSE,
    SIGNAL,
    Context,
    Frame,
    RawPeer,
    case,
    contains,
    equal,
    main,
    only_on_posix,
)
from terminal import Terminal

PART_BYTES_MAX = 65535


# What is sent comes back.


@case
def echo_over_tcp_and_unix_sockets_verifies_every_byte(context: Context) -> None:
    server = context.serve_both()

    report = context.run(
        "echo", *server.addresses, "--clients=5", "--messages=200", "--size=1000", "--json"
    ).json()

    equal(report["result"], "ok")
    equal(report["mismatches"], 0)
    equal(report["total"]["messages"], 2 * 5 * 200)
    equal(report["total"]["bytes"], 2 * 5 * 200 * 1000)
    equal(report["total"]["ended_gracefully"], 10)
    equal([part["address"] for part in report["addresses"]], server.addresses)
    equal([part["messages"] for part in report["addresses"]], [1000, 1000])
    contains(server.end_well(10).out, "2000 messages echoed, 0 returned")


@case
def figures_of_a_run_fit_together(context: Context) -> None:
    server = context.serve_both()

    report = context.run("echo", *server.addresses, "--messages=2000", "--size=512", "--json").json()

    for part in (report["total"], *report["addresses"]):
        times = [part["round_trip_us"][name] for name in ("p50", "p99", "p99.9", "max")]
        assert 0 < times[0] <= times[1] <= times[2] <= times[3] <= part["seconds"] * 1e6, part
        assert abs(part["messages_per_second"] * part["seconds"] / part["messages"] - 1) < 1e-6
        assert abs(part["mebibytes_per_second"] * part["seconds"] * 2**20 / part["bytes"] - 1) < 1e-6
    server.end_well(2)


@case
def empty_and_largest_messages_come_back(context: Context) -> None:
    server = context.serve_both()

    for size in (0, 1, PART_BYTES_MAX):
        report = context.run(
            "echo", *server.addresses, "--messages=50", f"--size={size}", "--json"
        ).json()
        equal(report["total"]["bytes"], 2 * 50 * size)

    server.end_well(6)


@case
def more_than_all_queues_hold_may_be_on_its_way(context: Context) -> None:
    server = context.serve_both()

    # 2 x 39 MB at once: send queues and the kernel hold less, so both ends have to wait for room.
    report = context.run(
        "echo", *server.addresses, "--window=600", "--messages=600", "--size=65535", "--json"
    ).json()

    equal(report["total"]["messages"], 1200)
    server.end_well(2)


@case
def a_pool_of_one_message_is_slow_but_loses_nothing(context: Context) -> None:
    server = context.serve("--listen", "tcp://127.0.0.1:0", "--pool", "1")

    report = context.run(
        "echo", *server.addresses, "--clients=5", "--messages=50", "--pool=1", "--json"
    ).json()

    equal(report["total"]["messages"], 250)
    server.end_well(5)


@case
def files_come_back_as_streams_with_more(context: Context) -> None:
    sizes = (0, 1, PART_BYTES_MAX, PART_BYTES_MAX + 1, 200_001)
    arguments = []
    for index, size in enumerate(sizes):
        path = context.folder / f"file{index}"
        path.write_bytes(random.Random(size).randbytes(size))
        arguments += ["--file", str(path)]
    server = context.serve_both()

    whole = context.run("echo", *server.addresses, "-c3", *arguments, "--json").json()["total"]
    small = context.run(
        "echo", *server.addresses, *arguments, "--size=1000", "--json"
    ).json()["total"]

    equal(whole["messages"], 2 * 3 * (1 + 1 + 1 + 2 + 4))
    equal(whole["streams"], 2 * 3 * len(sizes))
    equal(whole["bytes"], 2 * 3 * sum(sizes))
    equal(small["messages"], 2 * (1 + 1 + 66 + 66 + 201))
    equal(small["bytes"], 2 * sum(sizes))
    server.end_well(8)


@case
def requests_signals_and_byes_are_answered_in_kind(context: Context) -> None:
    server = context.serve_each()
    for address in server.addresses:
        peer = RawPeer.connect(address)
        stream = [
            Frame(REQUEST, 7, b"first", b"a:1\r\nb:2\r\n", more=True),
            Frame(REQUEST, 7, b"last"),
            Frame(SIGNAL, 8, b"signal", b"x:y\r\n"),
            Frame(REQUEST, 2**64 - 1),
        ]

        peer.send(*stream)
        answers = [peer.receive() for _ in stream]

        expected = [
            frame._replace(opcode=RESPONSE) if frame.opcode == REQUEST else frame
            for frame in stream
        ]
        equal(answers, expected)
        peer.take_leave()
    server.end_well(len(server.addresses))


@case
def answers_to_a_peer_that_reads_late_are_all_there_and_in_order(context: Context) -> None:
    server = context.serve_each("--pool=32")
    for address in server.addresses:
        peer = RawPeer.connect(address)

        sender = send_until_stuck(peer)
        for number in range(1, LATE_COUNT + 1):
            equal(peer.receive(), Frame(RESPONSE, number, LATE_BODY))

        equal(peer.receive(), Frame(BYE_RESPONSE, LATE_COUNT + 1))
        equal(peer.receive(), None)
        sender.join(DEADLINE_S)
        peer.socket.close()
    server.end_well(len(server.addresses))


# 60 MB are more than the server's send queue (8 MiB), its pool (2 MB) and the kernel's buffers take.
LATE_COUNT = 1000
LATE_BODY = random.Random(1).randbytes(60_000)


def send_until_stuck(peer: RawPeer) -> threading.Thread:
    """Sends LATE_COUNT Requests and a Bye in a thread, and returns when that is stuck.

    Nobody reads, so in the end the server's send queue is full, its answers wait in the server, and
    no budget is left to receive with: the socket takes nothing for half a second.
    """

    def send_all() -> None:
        try:
            for number in range(1, LATE_COUNT + 1):
                peer.send(Frame(REQUEST, number, LATE_BODY))
            peer.send(Frame(BYE_REQUEST, LATE_COUNT + 1))
        except OSError:
            pass  # What did not arrive is missing among the answers.

    sender = threading.Thread(target=send_all, daemon=True)
    sender.start()
    deadline = time.monotonic() + DEADLINE_S
    with selectors.DefaultSelector() as selector:
        selector.register(peer.socket, selectors.EVENT_WRITE)
        while selector.select(0.5):
            assert time.monotonic() < deadline and sender.is_alive(), "the sender never gets stuck"
    return sender


@case
def a_bye_stays_behind_the_answers_that_wait(context: Context) -> None:
    server = context.serve_each("--pool=256")
    for address in server.addresses:
        peer = RawPeer.connect(address)
        # 18 MB: more than queue and kernel take, but less than what the pool has room for besides.
        count = 300
        for number in range(1, count + 1):
            peer.send(Frame(REQUEST, number, LATE_BODY))
        peer.send(Frame(BYE_REQUEST, count + 1))
        # The server serves in the order of arrival, so the Bye is there when another client is served.
        context.run("echo", address, "--messages=10")

        for number in range(1, count + 1):
            equal(peer.receive(), Frame(RESPONSE, number, LATE_BODY))
        equal(peer.receive(), Frame(BYE_RESPONSE, count + 1))
        equal(peer.receive(), None)
        peer.socket.close()
    server.end_well(2 * len(server.addresses))


@case
def a_peer_that_never_reads_takes_nothing_with_it_when_it_goes(context: Context) -> None:
    server = context.serve_each("--pool=32")
    for address in server.addresses:
        peer = RawPeer.connect(address)
        sender = send_until_stuck(peer)

        peer.socket.shutdown(socket.SHUT_RDWR)
        sender.join(DEADLINE_S)
        peer.socket.close()

        # What the answers held of the budget must be back.
        context.run("echo", *server.addresses, "--messages=1000")
    result = server.end()
    equal((result.code, result.err), (0, ""))
    count = len(server.addresses)
    contains(result.out, f"ended: {count * count} channels gracefully, {count} otherwise")


@case
def a_request_that_cannot_be_answered_ends_its_channel_only(context: Context) -> None:
    server = context.serve_tcp()
    good = RawPeer.connect(server.addresses[0])
    bad = RawPeer.connect(server.addresses[0])

    # A Response needs an id, and this Request has none to give.
    bad.send(Frame(REQUEST, 0, b"who asks?"))
    try:
        equal(bad.receive(), None)
    except ConnectionResetError:
        pass

    good.send(Frame(REQUEST, 5, b"still there?"))
    equal(good.receive(), Frame(RESPONSE, 5, b"still there?"))
    good.take_leave()
    result = server.end()
    equal(result.code, 0)
    contains(result.out, "1 channels gracefully, 1 otherwise")
    contains(result.err, "invalid_message_id")


# The server's life.


@case
def server_tells_where_it_really_listens(context: Context) -> None:
    path = context.folder / "s"
    server = context.serve_both()

    kind, host, port = server.addresses[0].split("|")

    equal((kind, host), ("tcp", "127.0.0.1"))
    assert 0 < int(port) < 65536
    if context.has_unix_sockets:
        equal(server.addresses[1], f"uds|{path}")
        assert path.is_socket()
    server.end_well(0)
    assert not path.exists(), "the path is still there after the end"


@case
def sigint_and_sigterm_end_the_server_with_0(context: Context) -> None:
    for number in context.stop_signals:
        server = context.serve_tcp()

        result = server.end(number)

        equal(result.code, 0)
        equal(result.err, "")
        equal(result.out, "ended: 0 channels gracefully, 0 otherwise; 0 messages echoed, 0 returned\n")


@case
def ending_server_says_bye_to_its_clients(context: Context) -> None:
    server = context.serve_both()
    peers = [RawPeer.connect(address) for address in server.addresses]

    server.process.send_signal(server.stop_signal)
    for peer in peers:
        bye = peer.receive()
        equal(bye.opcode, BYE_REQUEST)
        peer.send(Frame(BYE_RESPONSE, bye.id))
        equal(peer.receive(), None)
        peer.socket.close()

    # The signal is on its way already, and a second one would end the process at once.
    out, err = server.process.communicate(timeout=DEADLINE_S)
    equal((server.process.returncode, err), (0, b""))
    contains(out.decode(), "ended: 2 channels gracefully, 0 otherwise")


@case
def server_counts_clients_that_go_without_a_bye(context: Context) -> None:
    server = context.serve_tcp()
    peer = RawPeer.connect(server.addresses[0])
    peer.socket.close()
    # Whoever comes later is served later, so the server knows of the first one's end by then.
    context.run("echo", *server.addresses, "--messages=1")

    result = server.end()

    equal(result.code, 0)
    contains(result.out, "ended: 1 channels gracefully, 1 otherwise")


@case
def server_writes_json_lines(context: Context) -> None:
    server = context.serve("--listen", "tcp://127.0.0.1:0", "--json", listeners=1)
    listening = json.loads(server.lines[0])
    equal(listening["event"], "listening")
    context.run("echo", listening["address"], "--messages=10")

    ended = json.loads(server.end().out)

    equal(
        ended,
        {
            "event": "ended",
            "channels_ended_gracefully": 1,
            "channels_ended_otherwise": 0,
            "messages_echoed": 10,
            "messages_returned": 0,
        },
    )


@case
@only_on_posix("Windows knows no limit on descriptors")
def a_server_without_descriptors_refuses_and_goes_on(context: Context) -> None:
    server = context.serve_tcp()
    used = max(int(name) for name in os.listdir(f"/proc/{server.process.pid}/fd")) + 1
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 6, used + 6))

    # Six clients take what there is, and the first that finds nothing ends them all.
    result = context.run("echo", *server.addresses, "--clients=8", code=3)
    contains(result.err, "could not connect to tcp|")

    context.run("echo", *server.addresses, "--clients=3", "--messages=5")
    result = server.end()
    equal(result.code, 0)
    contains(result.out, "ended: 3 channels gracefully")
    contains(result.err, "a connection could not be accepted")


# What the client shows.


@case
def summary_has_a_row_per_address_and_one_for_all(context: Context) -> None:
    server = context.serve_both()

    result = context.run("echo", *server.addresses, "--messages=10")

    lines = result.out.splitlines()
    equal([line.split()[0] for line in lines], ["address", *server.addresses, "all", "ok:"])
    contains(lines[0], "messages/s", "MiB/s", "p50", "p99", "p99.9", "max")
    contains(lines[4], "20480 bytes verified", "0 mismatches; 2 of 2 channels ended gracefully")
    equal(result.err, "")
    server.end_well(2)


@case
def progress_shows_on_a_terminal_and_leaves_a_clean_line(context: Context) -> None:
    server = context.serve_tcp()
    terminal = Terminal(context, "echo", *server.addresses, "--messages=2000", "--size=50000")

    code, shown = terminal.end()

    equal(code, 0)
    contains(shown, "[#", "100%", "MiB verified")
    equal(shown.split("\r")[-1], "\x1b[K")
    server.end_well(1)


# What goes wrong on the way.


@case
def a_killed_server_fails_the_run_without_a_hang(context: Context) -> None:
    server = context.serve_both()
    client = Terminal(
        context,
        "echo",
        *server.addresses,
        "--clients=5",
        "--messages=100000000",
        "--size=100",
        *context.patience,
    )
    client.read_until(b"verified")

    server.process.kill()
    code, shown = client.end()

    equal(code, 1)
    contains(shown, "lost the connection to ")
    if not (context.is_windows and "nothing came for 10 s" in shown):
        contains(shown, *(f"lost the connection to {address}" for address in server.addresses))
        contains(shown, "10 failures in all")


@case
def a_stopped_server_fails_the_run_in_good_order(context: Context) -> None:
    server = context.serve_both()
    client = Terminal(context, "echo", *server.addresses, "--messages=100000000", "--size=100")
    client.read_until(b"verified")

    result = server.end()
    code, shown = client.end()

    equal(result.code, 0)
    contains(result.out, "ended: 2 channels gracefully, 0 otherwise")
    equal(code, 1)
    contains(shown, "the server said Bye after")


@case
def exit_status_is_3_where_nobody_listens(context: Context) -> None:
    # A port that is taken but not listened on refuses, and stays ours for as long as we look.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"

        result = context.run("echo", address, code=3)
        report = context.run("echo", address, "--json", code=3).json()

    equal(result.out, "")
    contains(result.err, f"could not connect to {address}: connect_failed")
    equal((report["result"], report["total"]["messages"]), ("unreachable", 0))


@case
def exit_status_is_3_for_a_unix_path_without_a_server(context: Context) -> None:
    result = context.run("echo", f"uds://{context.folder}/nobody", code=3)

    contains(result.err, "could not connect to uds://", context.words_of_nobody)


@case
def one_unreachable_address_of_two_is_enough_to_fail(context: Context) -> None:
    server = context.serve_tcp()

    context.run("echo", *server.addresses, f"uds://{context.folder}/nobody", code=3)

    equal(server.end().code, 0)


@case
def an_address_in_use_cannot_be_listened_on(context: Context) -> None:
    server = context.serve_each()

    for address in server.addresses:
        result = context.run("echo-server", "--listen", address, code=3)
        equal(result.out, "")
        contains(result.err, f"could not listen on {address}: listen_failed")

    # The attempt must not have hurt the one that is there.
    context.run("echo", *server.addresses, "--messages=5")
    server.end_well(len(server.addresses))


if __name__ == "__main__":
    main()
