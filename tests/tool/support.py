# SPDX-License-Identifier: MIT
"""What the tests of the tool share: processes with deadlines, and peers made of raw sockets.

A test is a function marked with @case. Its name is a sentence about behaviour and becomes the name
of a CTest test; `--list` prints them all. Nothing here waits for time to pass: every wait is for an
event, and has a deadline after which the test fails.

The tool may be a program of another system, which an emulator runs (--emulator, --system). What a
test says about POSIX alone is marked with @only_on_posix and its reason, and is a skipped test
elsewhere; what a test leaves out there it says with leave_out().
"""
import argparse
import contextlib
import functools
import json
import os
import pathlib
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from typing import Callable, Iterator, NamedTuple, Sequence, TypeVar

DEADLINE_S = 40.0

# How often a program is started that an emulator loses.
STARTS_MAX = 3

T = TypeVar("T")

# Where the sanitizers say that they found something; their exit status may look like one of ours.
SANITIZER_MARKS = ("Sanitizer", "runtime error:")

SKIPPED = 77

Case = Callable[["Context"], None]

cases: dict[str, Case] = {}


def case(function: Case) -> Case:
    cases[function.__name__] = function
    return function


def skip(reason: str) -> None:
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


@functools.cache
def leave_out(reason: str) -> None:
    """Says that the test goes on without a part of it, once for each reason; scripts/count_skips.py counts."""
    print(f"skipped in part: {reason}")


def only_on_posix(reason: str) -> Callable[[Case], Case]:
    """Stands below @case."""

    def mark(function: Case) -> Case:
        @functools.wraps(function)
        def run(context: "Context") -> None:
            if context.is_windows:
                skip(reason)
            function(context)

        return run

    return mark


def equal(found: object, expected: object) -> None:
    assert found == expected, f"\n  found    {found!r}\n  expected {expected!r}"


def contains(text: str, *parts: str) -> None:
    for part in parts:
        assert part in text, f"no {part!r} in:\n{text}"


class Result(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> dict:
        lines = self.out.splitlines()
        equal(len(lines), 1)
        return json.loads(lines[0])


def check_sanitizers(text: str) -> None:
    for mark in SANITIZER_MARKS:
        assert mark not in text, text


class Server:
    """A server of the tool in its own process, and the addresses it told."""

    def __init__(self, context: "Context", command: str, *arguments: str, listeners: int):
        self.context = context
        self.command = [*context.command, command, *arguments]
        self.starts = 0
        self.start()
        self.stop_signal = context.stop_signals[-1]
        self.lines = [self.read_line() for _ in range(listeners)]
        self.addresses = [line.removeprefix("listening ") for line in self.lines]

    def start(self) -> None:
        self.starts += 1
        self.output = b""
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.context.environment,
        )

    def start_again_if_lost(self) -> None:
        code = self.process.wait(DEADLINE_S)
        err = self.process.stderr.read()
        is_lost = self.context.has_lost(code, self.output, err)
        assert is_lost and self.starts < STARTS_MAX, f"the server ended: {err.decode()}"
        self.start()

    def read_line(self) -> str:
        deadline = time.monotonic() + DEADLINE_S
        while b"\n" not in self.output:
            bytes_read = self.read_some(deadline - time.monotonic())
            if not bytes_read:
                self.start_again_if_lost()
            self.output += bytes_read
        line, _, self.output = self.output.partition(b"\n")
        return line.decode()

    def read_some(self, timeout_s: float) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(timeout_s), "the server says nothing"
        return os.read(self.process.stdout.fileno(), 65536)

    def end(self, signal_number: int | None = None) -> Result:
        """Sends the signal, and waits for the end."""
        self.process.send_signal(self.stop_signal if signal_number is None else signal_number)
        out, err = self.process.communicate(timeout=DEADLINE_S)
        check_sanitizers(err.decode())
        return Result(self.process.returncode, (self.output + out).decode(), err.decode())

    def end_well(self, channels: int) -> Result:
        """Ends it as it should end when that many clients have taken leave."""
        result = self.end()
        equal(result.code, 0)
        equal(result.err, "")
        contains(result.out, f"ended: {channels} channels gracefully, 0 otherwise;")
        return result


class Context:
    def __init__(
        self,
        command: list[str],
        is_windows: bool,
        folder: pathlib.Path,
        environment: dict[str, str] | None = None,
    ):
        self.command = command
        self.environment = environment
        self.is_windows = is_windows
        self.folder = folder
        self.servers: list[Server] = []
        # A tool of this machine's own system, where this one is of another.
        self.native: Context | None = None
        # SIGINT reaches a Windows program as Ctrl-C. Windows has nothing like SIGTERM.
        self.stop_signals = [signal.SIGINT] if is_windows else [signal.SIGINT, signal.SIGTERM]

    @property
    def patience(self) -> list[str]:
        """For whoever hears of the end of a killed program.

        Wine's server now and then keeps a socket of a program that was killed in the middle of a call,
        so that its peer sees no end, and has to notice the silence.
        """
        return ["--timeout=10"] if self.is_windows else []

    @functools.cached_property
    def has_unix_sockets(self) -> bool:
        """The tool says whether its system has them; POSIX has."""
        if not self.is_windows:
            return True
        has_them = "no Unix sockets" not in self.run("echo", "uds:///nobody", code=3).err
        if not has_them:
            leave_out("a tool test without its Unix half: no Unix sockets here")
        return has_them

    def second_address(self, name: str) -> str:
        """Where a server listens besides TCP: a Unix socket, or TCP again where there is none.

        For tests that need two listeners at a time, of whatever kind.
        """
        return f"uds://{self.folder}/{name}" if self.has_unix_sockets else "tcp://127.0.0.1:0"

    def need_unix_sockets(self) -> None:
        if not self.has_unix_sockets:
            skip("this system has no Unix sockets")

    def sample(self, values: Sequence[T], start: int) -> Sequence[T]:
        """All of them; in an emulator, where starting the tool takes a while, every third."""
        if not self.is_windows:
            return values
        leave_out("a tool test with every third of its values: an emulator takes a while to start")
        return values[start % 3 :: 3]

    def words(self, posix: str) -> str:
        """What POSIX says, or nothing in particular: Windows speaks the language of its user."""
        return "" if self.is_windows else posix

    @property
    def words_of_nobody(self) -> str:
        """What is said when nobody listens on a path."""
        return "uds_path_not_found" if self.has_unix_sockets else "no Unix sockets"

    def has_lost(self, code: int, out: bytes | None, err: bytes) -> bool:
        """Says whether the emulator ended before the tool began, as it does once in thousands of starts.

        The tool does not fail without a word.
        """
        is_lost = self.is_windows and code == 1 and not out and not err
        if is_lost:
            print("Wine lost the program at its start", flush=True)
        return is_lost

    def run(self, *arguments: str, code: int = 0, **options) -> Result:
        """Runs the tool to its end, and checks its exit status."""
        options = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self.environment,
        } | options
        for _ in range(STARTS_MAX):
            done = subprocess.run([*self.command, *arguments], timeout=DEADLINE_S, check=False, **options)
            if not self.has_lost(done.returncode, done.stdout, done.stderr):
                break
        result = Result(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())
        check_sanitizers(result.err)
        assert result.code == code, f"exit status {result.code}, expected {code}: {result}"
        return result

    def serve(
        self, *arguments: str, listeners: int | None = None, command: str = "echo-server"
    ) -> Server:
        count = arguments.count("--listen") if listeners is None else listeners
        server = Server(self, command, *arguments, listeners=count)
        self.servers.append(server)
        return server

    def serve_both(self, *arguments: str) -> Server:
        """A server on two addresses at a time: TCP and a Unix socket, or TCP twice where there is none."""
        addresses = ("--listen", "tcp://127.0.0.1:0", "--listen", self.second_address("s"))
        return self.serve(*addresses, *arguments)

    def serve_each(self, *arguments: str) -> Server:
        """A server for tests that go from one kind of address to the next: on a Unix socket if there are any."""
        return self.serve_both(*arguments) if self.has_unix_sockets else self.serve_tcp(*arguments)

    def serve_tcp(self, *arguments: str) -> Server:
        return self.serve("--listen", "tcp://127.0.0.1:0", *arguments)

    def kill_servers(self) -> None:
        for server in self.servers:
            if server.process.poll() is None:
                server.process.kill()
            server.process.communicate()


# The wire, written from the description of the protocol and not from the library.

REQUEST, RESPONSE, SIGNAL, HELLO_REQUEST, HELLO_RESPONSE, BYE_REQUEST, BYE_RESPONSE = range(7)
MORE = 0x20


class Frame(NamedTuple):
    opcode: int
    id: int
    body: bytes = b""
    text: bytes = b""
    more: bool = False

    def pack(self) -> bytes:
        proto = self.opcode | (MORE if self.more else 0)
        head = struct.pack(">HBBQHH", 1, proto, 0, self.id, len(self.text), len(self.body))
        return head + self.text + self.body


class RawPeer:
    """One end of a connection, without the library."""

    def __init__(self, connection: socket.socket):
        self.socket = connection
        self.socket.settimeout(DEADLINE_S)

    @classmethod
    def connect(cls, address: str) -> "RawPeer":
        kind, *rest = address.split("|")
        connection = socket.socket(socket.AF_UNIX if kind == "uds" else socket.AF_INET)
        # So that it is known how much our side of the connection can swallow.
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, 128 * 1024)
        peer = cls(connection)
        connection.connect(rest[0] if kind == "uds" else (rest[0], int(rest[1])))
        text = f"~connect_to:{address}\r\n".encode()
        peer.send(Frame(HELLO_REQUEST, 1, text=text))
        equal(peer.receive().opcode, HELLO_RESPONSE)
        return peer

    def send(self, *frames: Frame) -> None:
        self.socket.sendall(b"".join(frame.pack() for frame in frames))

    def read(self, size: int) -> bytes:
        """Exactly so many bytes, or none at the end."""
        parts = []
        while size > 0:
            part = self.socket.recv(min(size, 1 << 20))
            if not part:
                assert not parts, "the connection ended within a message"
                return b""
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def receive(self) -> Frame | None:
        """The next message, or None at the end."""
        head = self.read(16)
        if not head:
            return None
        _, proto, status, number, text_size, body_size = struct.unpack(">HBBQHH", head)
        equal(status, 0)
        text = self.read(text_size) if text_size else b""
        body = self.read(body_size) if body_size else b""
        return Frame(proto & 0x0F, number, body, text, bool(proto & MORE))

    def take_leave(self) -> None:
        """Says Bye, and expects the answer and the end."""
        self.send(Frame(BYE_REQUEST, 99))
        equal(self.receive(), Frame(BYE_RESPONSE, 99))
        equal(self.receive(), None)
        self.socket.close()


@contextlib.contextmanager
def listening_socket() -> Iterator[tuple[socket.socket, str]]:
    """A listener that does not know tofu, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_S)
        yield listener, f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--tool")
    parser.add_argument("--system", choices=("posix", "windows"), default="posix")
    parser.add_argument("--emulator", default="", help="runs the tool")
    parser.add_argument("--native-tool", help="the tool of this machine's own system")
    parser.add_argument("case", nargs="?")
    given = parser.parse_args()
    if given.list:
        print("\n".join(cases))
        return
    # An unknown name is a KeyError, not a test that passes.
    function = cases[given.case]
    with tempfile.TemporaryDirectory() as folder:
        command = [given.emulator, given.tool] if given.emulator else [given.tool]
        context = Context(command, given.system == "windows", pathlib.Path(folder))
        if given.native_tool is not None:
            # The choice of a poller is meant for the other one.
            environment = {k: v for k, v in os.environ.items() if k != "TOFU_POLLER"}
            context.native = Context([given.native_tool], False, context.folder, environment)
        try:
            function(context)
        finally:
            context.kill_servers()
            if context.native is not None:
                context.native.kill_servers()
    sys.exit(0)
