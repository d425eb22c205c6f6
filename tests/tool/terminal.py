# SPDX-License-Identifier: MIT
"""A tool that thinks that somebody is watching."""
import fcntl
import os
import pty
import re
import selectors
import struct
import subprocess
import termios
import time

from support import DEADLINE_S, Context, check_sanitizers


class Terminal:
    """A tool whose stderr is a terminal."""

    def __init__(self, context: Context, *arguments: str):
        self.master, slave = pty.openpty()
        # Wide enough for every line: one that is broken up is hard to find.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 200, 0, 0))
        self.process = subprocess.Popen(
            [*context.command, *arguments], stdout=subprocess.PIPE, stderr=slave
        )
        os.close(slave)
        self.shown = b""

    def read(self, deadline: float) -> bool:
        """Reads something; False at the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.master, selectors.EVENT_READ)
            assert selector.select(deadline - time.monotonic()), f"no end in {self.shown!r}"
        try:
            part = os.read(self.master, 65536)
        except OSError:  # Linux: the other end of a terminal is closed.
            part = b""
        # A console of Wine hides its cursor while it writes.
        self.shown = re.sub(rb"\x1b\[\?25[hl]", b"", self.shown + part)
        return bool(part)

    def read_until(self, pattern: bytes | re.Pattern[bytes]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not re.search(pattern, self.shown):
            assert self.read(deadline), f"no {pattern!r} in {self.shown!r}"

    def end(self) -> tuple[int, str]:
        deadline = time.monotonic() + DEADLINE_S
        while self.read(deadline):
            pass
        self.process.communicate(timeout=DEADLINE_S)
        os.close(self.master)
        check_sanitizers(self.shown.decode())
        return self.process.returncode, self.shown.decode()
