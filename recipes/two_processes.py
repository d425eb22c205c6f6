#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs two recipes that belong together as two processes: two_processes.py PAIR --folder=FOLDER

The first one listens and says where, the second one connects there. Both must end with 0.
"""
import argparse
import signal
import subprocess
import sys
import threading
from typing import Callable

DEADLINE_S = 40

# For each pair: the server's arguments, the client's, and whether the server ends by itself.
PAIRS = {
    "echo": (
        ["echo_server", "tcp://127.0.0.1:0"],
        lambda address: ["echo_client", address, "one", "two"],
        False,
    ),
    "multihomed": (
        ["multihomed_server", "tcp://127.0.0.1:0"],
        lambda address: ["echo_client", address, "one", "two"],
        False,
    ),
    "reconnect": (
        ["echo_server", "tcp://127.0.0.1:0"],
        lambda address: ["reconnect", address],
        False,
    ),
    "print": (
        ["print_server", "serve", "tcp://127.0.0.1:0"],
        lambda address: ["print_server", "work", address],
        True,
    ),
}


def run(pair: str, command_of: Callable[[list[str]], list[str]]) -> None:
    server_arguments, client_arguments, ends_itself = PAIRS[pair]
    server = subprocess.Popen(command_of(server_arguments), stdout=subprocess.PIPE, text=True)
    # Its end ends our reading too, so nothing here can wait for ever.
    watch = threading.Timer(DEADLINE_S, server.kill)
    watch.start()
    try:
        word, address = server.stdout.readline().split()
        assert word == "listening", word
        command = command_of(client_arguments(address))
        client = subprocess.run(command, timeout=DEADLINE_S, check=False)
        assert client.returncode == 0, f"the client ended with {client.returncode}"
        if not ends_itself:
            # What Ctrl-C sends; there is nothing else that both POSIX and Windows know.
            server.send_signal(signal.SIGINT)
        print(server.stdout.read())
        assert server.wait() == 0, f"the server ended with {server.returncode}"
    finally:
        watch.cancel()
        if server.poll() is None:
            server.kill()
            server.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pair", choices=PAIRS)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--suffix", default="", help="of the programs' names")
    parser.add_argument("--emulator", default="", help="runs programs of another system")
    given = parser.parse_args()

    def command_of(arguments: list[str]) -> list[str]:
        program, *rest = arguments
        command = [f"{given.folder}/{program}{given.suffix}", *rest]
        return [given.emulator, *command] if given.emulator else command

    run(given.pair, command_of)
    sys.exit(0)


if __name__ == "__main__":
    main()
