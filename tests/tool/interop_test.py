#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tool of another system and the tool of this one, against each other over TCP: both ways."""
import json

from support import Context, case, contains, equal, main
from transfer_support import Receiver, bytes_of, checksum_of, make_files

PART_BYTES_MAX = 65535


def both_ways(context: Context) -> list[tuple[Context, Context]]:
    """Who serves and who asks."""
    assert context.native is not None, "--native-tool is missing"
    return [(context, context.native), (context.native, context)]


@case
def messages_of_all_sizes_come_back_byte_for_byte(context: Context) -> None:
    for server_side, client_side in both_ways(context):
        server = server_side.serve_tcp()
        address = server.addresses[0]
        for size in (0, 1, 1000, PART_BYTES_MAX):
            report = client_side.run(
                "echo", address, "--clients=5", "--messages=100", f"--size={size}", "--json"
            ).json()
            equal((report["result"], report["mismatches"]), ("ok", 0))
            equal(report["total"]["messages"], 5 * 100)
            equal(report["total"]["bytes"], 5 * 100 * size)
        contains(server.end_well(20).out, "2000 messages echoed, 0 returned")


@case
def files_come_back_as_streams_with_more(context: Context) -> None:
    sizes = (0, 1, PART_BYTES_MAX, PART_BYTES_MAX + 1, 2_000_003)
    files = {f"file{size}": bytes_of(size) for size in sizes}
    arguments = [f"--file={path}" for path in make_files(context, **files)]
    for server_side, client_side in both_ways(context):
        server = server_side.serve_tcp()
        report = client_side.run("echo", server.addresses[0], "-c3", *arguments, "--json").json()
        equal((report["result"], report["mismatches"]), ("ok", 0))
        equal((report["total"]["streams"], report["total"]["bytes"]), (3 * len(sizes), 3 * sum(sizes)))
        server.end_well(3)


@case
def sent_files_arrive_byte_for_byte_under_their_names(context: Context) -> None:
    files = {f"file{size}": bytes_of(size) for size in (0, 1, 65_535, 65_536, 10_000_019)}
    files |= {"two words": b"\r\n\x1a\0" * 1000, "umlaut_\u00e4\u20ac\U0001f600": b"wide"}
    paths = make_files(context, **files)
    for index, (receiving, sending) in enumerate(both_ways(context)):
        receiver = Receiver(receiving, "--json", folder=f"in{index}")
        address = json.loads(receiver.server.lines[0])["address"]

        sent = sending.run("send", address, *paths, "--json").json()

        equal((sent["result"], sent["files_sent"]), ("ok", len(files)))
        received = [json.loads(receiver.server.read_line()) for _ in files]
        for told in (sent["files"], received):
            equal(
                [(file["name"], file["bytes"], file["checksum"]) for file in told],
                [(name, len(data), checksum_of(data)) for name, data in files.items()],
            )
        receiver.expect(**files)
        equal(json.loads(receiver.end())["files"], len(files))


@case
def refusals_are_understood(context: Context) -> None:
    paths = make_files(context, there=b"new", large=b"x" * 2000, fine=b"fine")
    for index, (receiving, sending) in enumerate(both_ways(context)):
        receiver = Receiver(receiving, "--max-bytes=1000", folder=f"in{index}")
        (receiver.folder / "there").write_bytes(b"old")

        result = sending.run("send", receiver.addresses[0], *paths, code=1)

        contains(result.err, "there': the receiver has a file of this name already")
        contains(result.err, "large': the file is larger than the receiver allows")
        contains(result.out, "FAILED: 1 of 3 files sent, 4 bytes")
        receiver.expect(there=b"old", fine=b"fine")
        receiver.end()


@case
def pings_and_questions_are_answered(context: Context) -> None:
    for server_side, client_side in both_ways(context):
        server = server_side.serve_tcp()
        pings = client_side.run("ping", server.addresses[0], "--count=50", "--interval=0")
        contains(pings.out, "50 sent, 50 answered, 0 lost")
        report = client_side.run("stats", server.addresses[0], "--json").json()
        equal((report["role"], report["counters"]["rules_broken"]), ("echo-server", 0))
        server.end_well(2)


if __name__ == "__main__":
    main()
