#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`tofu send` and `tofu receive` against each other."""
import json
import os
import pathlib
import re
import resource
import signal
import subprocess

from support import (
    DEADLINE_S,
    Context,
    RawPeer,
    case,
    contains,
    equal,
    leave_out,
    main,
    only_on_posix,
    skip,
)
from terminal import Terminal
from transfer_support import (
    Receiver,
    bytes_of,
    checksum_of,
    frames_of,
    make_endless_file,
    make_files,
    send_raw,
    settle,
    temporary_files,
)

MEBIBYTE = 1 << 20


# What is sent arrives.


@case
def files_of_all_sizes_arrive_whole(context: Context) -> None:
    sizes = (0, 1, 65_535, 65_536, 10 * MEBIBYTE)
    receiver = Receiver(context)
    expected = {}
    for index, address in enumerate(receiver.kinds):
        files = {f"file{index}_{size}": bytes_of(size) for size in sizes}
        expected |= files

        result = context.run("send", address, *make_files(context, **files))

        contains(result.out, f"ok: 5 of 5 files sent, {sum(sizes)} bytes in ")
        equal(result.err, "")
    receiver.expect(**expected)
    received = f"{len(expected)} files received, {len(receiver.kinds) * sum(sizes)} bytes"
    contains(receiver.end(), f"ended: {received}; 0 refused, 0 broken")


@case
def many_small_files_arrive_in_one_run(context: Context) -> None:
    # As many as have room in the pipe that the receiver writes its lines to.
    count = 500
    if context.is_windows:
        leave_out("100 files instead of 500: Wine looks through the whole folder for each name")
        count = 100
    files = {f"file{index}": bytes_of(index) for index in range(count)}
    receiver = Receiver(context, "--no-sync")

    report = context.run(
        "send", receiver.addresses[1], *make_files(context, **files), "--json"
    ).json()

    equal((report["result"], report["files_sent"]), ("ok", len(files)))
    receiver.expect(**files)
    receiver.end()


@case
def both_sides_report_the_same_in_json(context: Context) -> None:
    files = {"one": b"1" * 100_000, "umlaut_ä": b"", "two words": b"2"}
    receiver = Receiver(context)
    receiver.end()
    receiver.start("--json")
    address = json.loads(receiver.server.lines[0])["address"]

    sent = context.run("send", address, *make_files(context, **files), "--json").json()

    received = [json.loads(receiver.server.read_line()) for _ in files]
    equal(
        [(file["name"], file["bytes"], file["checksum"]) for file in sent["files"]],
        [(name, len(data), checksum_of(data)) for name, data in files.items()],
    )
    equal([event["event"] for event in received], ["received"] * 3)
    for ours, theirs in zip(sent["files"], received):
        for key in ("name", "bytes", "checksum"):
            equal(ours[key], theirs[key])
        contains(theirs["peer"], "tcp|127.0.0.1|")
    equal(sent["bytes"], 100_001)
    assert sent["seconds"] > 0 and sent["mebibytes_per_second"] > 0
    equal(
        json.loads(receiver.end()),
        {"event": "ended", "files": 3, "bytes": 100_001, "refused": 0, "broken": 0},
    )


@case
def several_senders_at_once_do_not_mix(context: Context) -> None:
    receiver = Receiver(context)
    files = {f"sender{index}": bytes_of(5 * MEBIBYTE + index) for index in range(4)}
    paths = make_files(context, **files)

    senders = [
        subprocess.Popen(
            [*context.command, "send", receiver.addresses[index % 2], path, "--body-bytes-max=4KiB"],
            stdout=subprocess.PIPE,
        )
        for index, path in enumerate(paths)
    ]
    for sender in senders:
        out, _ = sender.communicate(timeout=DEADLINE_S)
        equal(sender.returncode, 0)
        contains(out.decode(), "ok: 1 of 1 files sent")

    receiver.expect(**files)
    receiver.end()


@case
def smallest_budgets_are_slow_but_lose_nothing(context: Context) -> None:
    receiver = Receiver(context, "--pool=1")
    data = bytes_of(300_000)

    context.run(
        "send",
        receiver.addresses[0],
        *make_files(context, file=data),
        "--pool=1",
        "--send-queue-messages-max=1",
        "--body-bytes-max=1000",
    )

    receiver.expect(file=data)
    receiver.end()


@case
def progress_shows_on_a_terminal_and_leaves_a_clean_line(context: Context) -> None:
    receiver = Receiver(context)
    paths = make_files(context, file=bytes_of(3 * MEBIBYTE))
    terminal = Terminal(context, "send", receiver.addresses[0], *paths)

    code, shown = terminal.end()

    equal(code, 0)
    contains(shown, "[#", "100%", "3.0 MiB sent")
    equal(shown.split("\r")[-1], "\x1b[K")
    receiver.end()


# What is there stays there.


@case
def a_file_that_is_there_is_not_overwritten(context: Context) -> None:
    receiver = Receiver(context)
    (receiver.folder / "file").write_bytes(b"old")
    paths = make_files(context, file=b"new", other=b"other")

    result = context.run("send", receiver.addresses[0], *paths, code=1)

    contains(result.err, "out/file': the receiver has a file of this name already")
    contains(result.out, "FAILED: 1 of 2 files sent, 5 bytes")
    receiver.expect(file=b"old", other=b"other")
    receiver.end()


@case
def with_force_a_file_is_replaced(context: Context) -> None:
    receiver = Receiver(context, "--force")
    (receiver.folder / "file").write_bytes(b"old")

    context.run("send", receiver.addresses[0], *make_files(context, file=b"new"))

    receiver.expect(file=b"new")
    receiver.end()


@case
def a_file_that_appears_while_another_one_arrives_wins(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    frames = frames_of(1, b"file", bytes_of(100_000))
    peer.send(frames[0])
    settle(peer)

    (receiver.folder / "file").write_bytes(b"first")

    equal(send_raw(peer, frames[1:]), "error:exists")
    receiver.expect(file=b"first")
    peer.take_leave()
    receiver.end()


def make_links(context: Context, receiver: Receiver) -> None:
    """Names in the folder that lead out of it, or to nothing."""
    (context.folder / "outside").write_bytes(b"outside")
    (context.folder / "outside_folder").mkdir()
    (receiver.folder / "link").symlink_to("../outside")
    (receiver.folder / "folder_link").symlink_to("../outside_folder")
    (receiver.folder / "dangling").symlink_to("../nothing")
    (receiver.folder / "folder").mkdir()


LINKS = ("link", "folder_link", "dangling", "folder")


@case
def links_and_folders_are_neither_followed_nor_replaced(context: Context) -> None:
    receiver = Receiver(context)
    make_links(context, receiver)
    names = list(LINKS)
    if context.is_windows:
        leave_out("a link to nothing is not refused: to Wine it is nothing")
        names.remove("dangling")
    paths = make_files(context, **{name: b"new" for name in names})

    result = context.run("send", receiver.addresses[0], *paths, code=1)

    contains(result.out, f"FAILED: 0 of {len(names)} files sent")
    equal((context.folder / "outside").read_bytes(), b"outside")
    assert not (context.folder / "nothing").exists()
    equal(sorted(os.listdir(receiver.folder)), sorted(LINKS))
    equal(os.listdir(context.folder / "outside_folder"), [])
    receiver.end()


@case
def force_replaces_a_link_itself_and_no_folder(context: Context) -> None:
    receiver = Receiver(context, "--force")
    make_links(context, receiver)
    paths = make_files(context, **{name: b"new" for name in LINKS})

    result = context.run("send", receiver.addresses[0], *paths, code=1)

    # On Windows a link to a folder is a folder.
    kept = ("folder_link", "folder") if context.is_windows else ("folder",)
    contains(result.out, f"FAILED: {4 - len(kept)} of 4 files sent")
    for name in kept:
        contains(result.err, f"out/{name}': the receiver has a file of this name already")
        assert (receiver.folder / name).is_dir()
    equal((context.folder / "outside").read_bytes(), b"outside")
    equal(os.listdir(context.folder / "outside_folder"), [])
    assert not (context.folder / "nothing").exists()
    for name in set(LINKS) - set(kept):
        assert not (receiver.folder / name).is_symlink()
        equal((receiver.folder / name).read_bytes(), b"new")
    receiver.end()


# What is broken leaves nothing.


def wait_until_under_way(sender: Terminal) -> None:
    """Until more is sent than all queues and the kernel hold: then the receiver is writing."""
    sender.read_until(re.compile(rb" (6[4-9]|[7-9]\d|\d{3,})\.\d MiB sent"))


@case
def a_sender_killed_in_the_middle_leaves_nothing(context: Context) -> None:
    for kind in range(2 if context.has_unix_sockets else 1):
        receiver = Receiver(context, "--no-sync", *context.patience)
        address = receiver.kinds[kind]
        sender = Terminal(context, "send", address, make_endless_file(context))
        wait_until_under_way(sender)

        sender.process.kill()
        equal(sender.end()[0], -signal.SIGKILL)

        contains(receiver.server.read_line(), "broken endless after ", f" of {1 << 40} bytes: ")
        receiver.expect()
        contains(receiver.end(), "0 files received, 0 bytes; 0 refused, 1 broken")


@case
def a_receiver_that_is_stopped_tells_its_senders_and_leaves_nothing(context: Context) -> None:
    receiver = Receiver(context, "--no-sync")
    sender = Terminal(context, "send", receiver.addresses[0], make_endless_file(context))
    wait_until_under_way(sender)

    last = receiver.end()
    code, shown = sender.end()

    contains(last, "ended: 0 files received, 0 bytes; 0 refused, 1 broken")
    receiver.expect()
    equal(code, 1)
    contains(shown, "says Bye before all is sent")


@case
def a_killed_receiver_leaves_what_the_next_one_cleans(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    frames = frames_of(1, b"file", bytes_of(100_000))
    peer.send(frames[0])
    settle(peer)

    receiver.server.process.kill()
    receiver.server.process.communicate(timeout=DEADLINE_S)
    peer.socket.close()

    equal(len(temporary_files(receiver.folder)), 1)
    assert not (receiver.folder / "file").exists()
    receiver.start(cleaned=True)
    contains(receiver.server.lines[0], "cleaned 1 unfinished files")
    receiver.expect()
    context.run("send", receiver.addresses[0], *make_files(context, file=b"again"))
    receiver.expect(file=b"again")
    receiver.end()


@case
def a_sender_whose_receiver_is_killed_fails_without_a_hang(context: Context) -> None:
    receiver = Receiver(context, "--no-sync")
    address = receiver.addresses[1]
    sender = Terminal(context, "send", address, make_endless_file(context), *context.patience)
    wait_until_under_way(sender)

    receiver.server.process.kill()
    code, shown = sender.end()

    equal(code, 1)
    if not (context.is_windows and "nothing moved for 10 s" in shown):
        contains(shown, f"lost the connection to {address}")
    contains(shown, "endless': the connection ended before")


@case
def what_another_receiver_is_writing_is_not_cleaned(context: Context) -> None:
    receiver = Receiver(context)
    peer = RawPeer.connect(receiver.addresses[0])
    data = bytes_of(100_000)
    frames = frames_of(1, b"file", data)
    peer.send(frames[0])
    settle(peer)

    # Both work in one folder, so the second one sees the first one's file.
    second = context.serve(
        "--listen", "tcp://127.0.0.1:0", str(receiver.folder), command="receive"
    )

    equal(send_raw(peer, frames[1:]), "result:ok")
    receiver.expect(file=data)
    peer.take_leave()
    equal(second.end().code, 0)
    receiver.end()


def make_what_is_no_file_of_ours(context: Context, folder: pathlib.Path) -> None:
    """Under names as ours: a folder, a link, a pipe and another user's file."""
    (folder / ".tofu-receive-1-2.part").mkdir()
    if context.is_windows:
        leave_out("links, pipes, another user's files: Wine shows them as files of ours")
        return
    (folder / ".tofu-receive-1-1.part").symlink_to("../outside")
    os.mkfifo(folder / ".tofu-receive-1-3.part")
    if os.geteuid() != 0:
        leave_out("another user's file: only root can make one")
        return
    foreign = folder / ".tofu-receive-1-4.part"
    foreign.write_bytes(b"theirs")
    os.chown(foreign, 65534, 65534)


@case
def what_is_not_certainly_ours_is_not_cleaned(context: Context) -> None:
    folder = context.folder / "in"
    folder.mkdir()
    strange = (".tofu-receive-", ".tofu-receive-1-1", ".tofu-receive-1-x.part", "tofu-receive-1-1.part")
    for name in strange:
        (folder / name).write_bytes(b"mine")
    (context.folder / "outside").write_bytes(b"outside")
    make_what_is_no_file_of_ours(context, folder)
    before = sorted(os.listdir(folder))

    receiver = Receiver(context)

    equal(sorted(os.listdir(folder)), before)
    equal((context.folder / "outside").read_bytes(), b"outside")
    receiver.end()


@case
@only_on_posix("Windows knows no limit on the size of files")
def a_file_over_the_process_limit_is_refused_and_the_next_one_taken(context: Context) -> None:
    receiver = Receiver(context)
    resource.prlimit(
        receiver.server.process.pid, resource.RLIMIT_FSIZE, (2 * MEBIBYTE, 2 * MEBIBYTE)
    )
    paths = make_files(context, large=bytes_of(5 * MEBIBYTE), small=b"small")

    result = context.run("send", receiver.addresses[0], *paths, code=1)

    contains(result.err, "large': the receiver has no room for the file")
    contains(result.out, "FAILED: 1 of 2 files sent")
    receiver.expect(small=b"small")
    receiver.end(err="tofu: could not write: File too large\n")


@case
def a_full_disk_refuses_the_file_and_keeps_nothing_of_it(context: Context) -> None:
    folder = context.folder / "in"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False)
    if mounted.returncode != 0:
        skip(f"no small disk to be had: {mounted.stderr.decode().strip()}")
    try:
        receiver = Receiver(context)
        data = bytes_of(3 * MEBIBYTE)
        paths = make_files(context, large=bytes_of(5 * MEBIBYTE), small=data)

        result = context.run("send", receiver.addresses[0], *paths, code=1)

        contains(result.err, "large': the receiver has no room for the file")
        # Only when the large one is gone there is room for the other one.
        receiver.expect(small=data)
        result = receiver.server.end()
        equal((result.code, len(result.err.splitlines())), (0, 1))
        contains(result.err, f"tofu: could not write: {context.words('No space left on device')}")
    finally:
        subprocess.run(["umount", str(folder)], timeout=DEADLINE_S, check=True)


# Limits and ends.


@case
def a_file_over_max_bytes_is_refused(context: Context) -> None:
    receiver = Receiver(context, "--max-bytes=64KiB")
    paths = make_files(context, fits=bytes_of(65_536), large=bytes_of(65_537))

    result = context.run("send", receiver.addresses[0], *paths, code=1)

    contains(result.err, "large': the file is larger than the receiver allows")
    receiver.expect(fits=bytes_of(65_536))
    receiver.end()


@case
def once_ends_the_receiver_with_0_after_its_files(context: Context) -> None:
    receiver = Receiver(context, "--once=3")

    context.run("send", receiver.addresses[0], *make_files(context, a=b"a", b=b"b"))
    result = context.run("send", receiver.addresses[1], *make_files(context, c=b"c"))

    equal(result.err, "")
    out, err = receiver.server.process.communicate(timeout=DEADLINE_S)
    equal((receiver.server.process.returncode, err), (0, b""))
    contains(out.decode(), "ended: 3 files received, 3 bytes")
    receiver.expect(a=b"a", b=b"b", c=b"c")


@case
def once_without_all_its_files_ends_with_1(context: Context) -> None:
    receiver = Receiver(context, "--once=2")
    (receiver.folder / "old").write_bytes(b"")
    context.run("send", receiver.addresses[0], *make_files(context, a=b"a", old=b"new"), code=1)

    contains(receiver.end(code=1), "ended: 1 files received, 1 bytes; 1 refused")


@case
def sigint_and_sigterm_end_the_receiver_with_0(context: Context) -> None:
    for number in context.stop_signals:
        receiver = Receiver(context)

        result = receiver.server.end(number)

        equal((result.code, result.err), (0, ""))
        contains(result.out, "ended: 0 files received, 0 bytes; 0 refused, 0 broken")
        assert not (context.folder / "r").exists(), "the path is still there after the end"


# What is said before anything is sent.


def expect_complaint(context: Context, *arguments: str, words: str) -> None:
    result = context.run(*arguments, code=2)
    equal(result.out, "")
    contains(result.err, words)


@case
def files_that_cannot_be_sent_are_named(context: Context) -> None:
    address = "tcp://127.0.0.1:1"
    fine = make_files(context, fine=b"")[0]
    other = context.folder / "other"
    other.mkdir()
    (other / "fine").write_bytes(b"")
    names = {".hidden": "begins with a dot", " blank": "blank"}
    for name, words in names.items():
        path = make_files(context, **{name: b""})[0]
        expect_complaint(context, "send", address, fine, path, words=words)
    words = f"'{fine}x': {context.words('No such file')}"
    expect_complaint(context, "send", address, f"{fine}x", words=words)
    expect_complaint(context, "send", address, str(other), words="it is no plain file")
    expect_complaint(
        context, "send", address, fine, str(other / "fine"), words="two files would be called 'fine'"
    )
    expect_complaint(context, "send", address, words="send needs an ADDRESS and a FILE")
    expect_complaint(context, "send", "nowhere", fine, words="'nowhere' is no address")


# A device of Windows has its name in every folder, with anything behind a dot. The last is where pipes are.
DEVICES_OF_WINDOWS = ("NUL", "nul.txt", r"\\.\NUL", "\\\\.\\pipe\\")


@case
def strange_names_pipes_and_devices_that_cannot_be_sent_are_named(context: Context) -> None:
    address = "tcp://127.0.0.1:1"
    path = make_files(context, **{"new\nline": b""})[0]
    fifo = context.folder / "fifo"
    os.mkfifo(fifo)
    devices = DEVICES_OF_WINDOWS if context.is_windows else ("/dev/null", "/dev/zero")
    # Windows knows no such name, and says so before we do.
    expect_complaint(context, "send", address, path, words=context.words("control character"))
    for name in (str(fifo), *devices):
        expect_complaint(context, "send", address, name, words="it is no plain file")


# Windows has none; but those of Linux can be seen from Wine.
@case
def a_file_that_does_not_know_its_size_is_not_sent_as_an_empty_one(context: Context) -> None:
    receiver = Receiver(context)

    result = context.run("send", receiver.addresses[0], "/proc/self/status", code=1)

    contains(result.err, "it is longer than its size says")
    receiver.expect()
    receiver.end()


@case
def a_folder_that_cannot_be_used_is_named(context: Context) -> None:
    listen = ["receive", "--listen", "tcp://127.0.0.1:0"]
    expect_complaint(context, *listen, words="receive needs one FOLDER")
    words = f"'/nothing/there': {context.words('No such file')}"
    expect_complaint(context, *listen, "/nothing/there", words=words)
    path = make_files(context, file=b"")[0]
    words = f"'{path}': {context.words('Not a directory')}"
    expect_complaint(context, *listen, path, words=words)
    expect_complaint(context, "receive", path, words="receive needs --listen ADDRESS")


@case
def exit_status_is_3_without_a_receiver(context: Context) -> None:
    path = make_files(context, file=b"")[0]

    result = context.run("send", f"uds://{context.folder}/nobody", path, code=3)

    contains(result.err, "could not connect to uds://", context.words_of_nobody)


@case
def an_echo_server_is_no_receiver(context: Context) -> None:
    server = context.serve_tcp()
    path = make_files(context, file=b"x")[0]

    result = context.run("send", server.addresses[0], path, code=1)

    contains(result.err, "is no 'tofu receive' of this version")
    server.end_well(1)


if __name__ == "__main__":
    main()
