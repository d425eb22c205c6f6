# SPDX-License-Identifier: MIT
"""What the tests of `tofu send` and `tofu receive` share: folders, checksums, and files as raw frames."""
import contextlib
import ctypes
import os
import pathlib
import random
import socket
from typing import Iterator

from support import (
    DEADLINE_S,
    HELLO_REQUEST,
    HELLO_RESPONSE,
    REQUEST,
    Context,
    Frame,
    RawPeer,
    Server,
    equal,
)

ROLE = b"tofu:receive 1\r\n"


class Digest(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_library = ctypes.CDLL("libxxhash.so.0")
_library.XXH3_128bits.restype = Digest
_library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def checksum_of(data: bytes) -> str:
    """The checksum as it travels, computed without the tool."""
    digest = _library.XXH3_128bits(data, len(data))
    return f"xxh128:{digest.high:016x}{digest.low:016x}"


def bytes_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


class Receiver:
    """A `tofu receive` with a folder of its own."""

    def __init__(
        self, context: Context, *arguments: str, cleaned: bool = False, folder: str = "in"
    ):
        self.context = context
        self.folder = context.folder / folder
        self.folder.mkdir(exist_ok=True)
        self.start(*arguments, cleaned=cleaned)

    def start(self, *arguments: str, cleaned: bool = False) -> None:
        second = self.context.second_address("r")
        addresses = ("--listen", "tcp://127.0.0.1:0", "--listen", second)
        self.server: Server = self.context.serve(
            *addresses,
            str(self.folder),
            *arguments,
            command="receive",
            listeners=3 if cleaned else 2,
        )
        self.addresses = self.server.addresses[-2:]
        # One of each kind, for tests that go from one to the next.
        self.kinds = self.addresses if self.context.has_unix_sockets else self.addresses[:1]

    def end(self, code: int = 0, err: str = "") -> str:
        """Ends it, and returns its last line."""
        result = self.server.end()
        equal((result.code, result.err), (code, err))
        return result.out.splitlines()[-1]

    def expect(self, **files: bytes) -> None:
        """The folder holds these files and nothing else, hidden ones included."""
        equal(sorted(os.listdir(self.folder)), sorted(files))
        for name, data in files.items():
            assert (self.folder / name).read_bytes() == data, f"{name} holds other bytes"


def make_files(context: Context, **files: bytes) -> list[str]:
    """Writes files to send, and returns their paths."""
    folder = context.folder / "out"
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in files]


def make_endless_file(context: Context) -> str:
    """A file that takes no room, and takes longer to send than any test takes to interrupt it."""
    path = context.folder / "endless"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    return str(path)


def frames_of(
    number: int,
    name: bytes,
    data: bytes,
    *,
    size: bytes | None = None,
    checksum: str | None = None,
    part: int = 50_000,
) -> list[Frame]:
    """The Requests that send a file, honest where nothing else is said."""
    head = b"name:%s\r\nsize:%s\r\n" % (name, b"%d" % len(data) if size is None else size)
    tail = f"checksum:{checksum_of(data) if checksum is None else checksum}\r\n".encode()
    bodies = [data[start : start + part] for start in range(0, len(data), part)] or [b""]
    frames = []
    for index, body in enumerate(bodies):
        is_last = index == len(bodies) - 1
        text = (head if index == 0 else b"") + (tail if is_last else b"")
        frames.append(Frame(REQUEST, number, body, text, more=not is_last))
    return frames


def send_raw(peer: RawPeer, frames: list[Frame]) -> str:
    """Sends a file, and returns the answer's text header."""
    peer.send(*frames)
    answer = peer.receive()
    equal((answer.id, answer.body, answer.more), (frames[0].id, b"", False))
    return answer.text.decode().strip()


def settle(peer: RawPeer) -> None:
    """Waits until the receiver has dealt with everything that was sent."""
    peer.send(Frame(REQUEST, 10**6, text=b"tofu:stats\r\n"))
    equal(peer.receive().id, 10**6)


def expect_end(peer: RawPeer) -> None:
    """The receiver ends the channel, whatever was under way."""
    try:
        while peer.receive() is not None:
            pass
    except (ConnectionResetError, BrokenPipeError, AssertionError):
        pass
    peer.socket.close()


@contextlib.contextmanager
def raw_receiver() -> Iterator[tuple[socket.socket, str]]:
    """A listener whose receive buffer is small, so that it is known how much a sender gets rid of."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(DEADLINE_S)
        yield listener, f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def accept_sender(listener: socket.socket, role: bytes = ROLE) -> RawPeer:
    connection, _ = listener.accept()
    peer = RawPeer(connection)
    hello = peer.receive()
    equal(hello.opcode, HELLO_REQUEST)
    peer.send(Frame(HELLO_RESPONSE, hello.id, text=role))
    return peer


def temporary_files(folder: pathlib.Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]
