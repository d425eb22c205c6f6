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


def run(pair: str, folder: str) -> None:
    server_arguments, client_arguments, ends_itself = PAIRS[pair]
    program, *rest = server_arguments
    server = subprocess.Popen([f"{folder}/{program}", *rest], stdout=subprocess.PIPE, text=True)
    # Its end ends our reading too, so nothing here can wait for ever.
    watch = threading.Timer(DEADLINE_S, server.kill)
    watch.start()
    try:
        word, address = server.stdout.readline().split()
        assert word == "listening", word
        program, *rest = client_arguments(address)
        client = subprocess.run([f"{folder}/{program}", *rest], timeout=DEADLINE_S, check=False)
        assert client.returncode == 0, f"the client ended with {client.returncode}"
        if not ends_itself:
            server.send_signal(signal.SIGTERM)
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
    given = parser.parse_args()
    run(given.pair, given.folder)
    sys.exit(0)


if __name__ == "__main__":
    main()
