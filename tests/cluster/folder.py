"""The folder of the cluster, `target/cluster/`: folders of its services, logs, ports, passwords and processes."""

import fcntl
import json
import os
import random
import secrets
import socket
from contextlib import contextmanager
from pathlib import Path

from processes import Record

# Below the ports from which the kernel serves outgoing connections: one of those could take a killed service's place.
PORTS = range(20_000, 32_000)


class Folder:
    def __init__(self, path):
        self.path = path
        self.logs = path / "logs"
        self.python = path / "python"
        self.state = path / "state.json"

    def make(self):
        self.logs.mkdir(parents=True, exist_ok=True)

    def of(self, service):
        return self.path / service

    def log(self, service):
        return self.logs / f"{service}.log"

    def read(self):
        """Ports, passwords, processes, and a few facts; empty before the first start."""
        try:
            return json.loads(self.state.read_text())
        except FileNotFoundError:
            return {}

    @contextmanager
    def change(self):
        """The state, to be changed. Only one call of the script changes it at a time."""
        self.make()
        with locked(self.path):
            state = self.read()
            yield state
            written = self.state.with_suffix(".new")
            # Passwords are in it.
            descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w") as file:
                json.dump(state, file, indent=1)
            written.rename(self.state)

    def record(self, service):
        found = self.read().get("processes", {}).get(service)
        return found and Record(found["pid"], found["started"], found["boot"])

    def port(self, name):
        return self.read()["ports"][name]

    def secret(self, name):
        return self.read()["secrets"][name]

    def make_secrets(self, names):
        with self.change() as state:
            known = state.setdefault("secrets", {})
            for name in names:
                known.setdefault(name, secrets.token_hex(16))

    def choose_ports(self, names):
        """Gives each name a free port. An earlier port is kept if it is still free, since clients know it."""
        with self.change() as state:
            known = state.setdefault("ports", {})
            for name in names:
                if name not in known or not is_free(known[name]):
                    known[name] = free_port(known.values())


@contextmanager
def locked(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            # A port with closed connections that linger is free, as it is for the services.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_port(taken):
    taken = set(taken)
    for port in random.sample(PORTS, len(PORTS)):
        if port not in taken and is_free(port):
            return port
    raise SystemExit("no free port between 20000 and 32000 on 127.0.0.1")
