"""A service of the cluster: how it starts, whether it is ready, and how it ends."""

import http.client
import json
import os
import signal
import sys
import time

from processes import all_ended, kill_all, signal_all, spawn

# The time between two looks at a state that nobody announces.
POLL_SECONDS = 0.1


class Failed(Exception):
    """A step that could not be done, as one sentence with its remedy."""


def say(text):
    print(text, flush=True)


def complain(text):
    print(text, file=sys.stderr, flush=True)


class Service:
    """The base of all services. `name` is the name for `kill` and `start`, and that of its folder and log."""

    # The longest wait until it is ready, and until it has stopped.
    ready_seconds = 60
    stop_seconds = 15
    # It runs as this user; as the caller if `None`.
    user = None

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.folder = cluster.of(name)
        self.log = cluster.log(name)

    # Each service has these of its own.

    def port_names(self):
        """The names of its ports. The first has the name of the service."""
        return [self.name]

    def prepare(self):
        """Makes its files. Called before each start."""

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def lacks(self):
        """A word on what is not ready yet; `None` if it is ready."""
        raise NotImplementedError

    def role(self):
        return ""

    def lag(self, _location):
        """The distance to the primary, of which this is the location."""
        return ""

    # The same for all.

    @property
    def port(self):
        return self.cluster.port(self.name)

    def main(self):
        """Its main process; `None` if it does not run."""
        record = self.cluster.record(self.name)
        return record and record.find()

    def processes(self):
        """All its processes, the main one first."""
        record = self.cluster.record(self.name)
        found = record.session(self.folder) if record else []
        return sorted(found, key=lambda one: (one.pid != record.pid, one.started))

    def start(self):
        """Starts it, unless it runs. Returns whether it was started."""
        if self.main():
            return False
        self.cluster.choose_ports(self.port_names())
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with self.cluster.change() as state:
            if self.main():
                return False
            # Nothing else is handed on: a proxy or a setting of the caller would change what it does.
            environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
            environment |= self.environment()
            log_bytes = self.log.stat().st_size if self.log.exists() else 0
            record = spawn(self.command(), self.folder, self.log, environment, self.user)
            state.setdefault("processes", {})[self.name] = vars(record) | {"log_bytes": log_bytes}
        return True

    def wait(self):
        """Waits until it is ready."""
        end = time.monotonic() + self.ready_seconds
        while lacks := self.lacks():
            if not self.main():
                raise Failed(f"{self.name} has ended:\n{self.last_lines()}\nits log: {self.log}")
            if time.monotonic() > end:
                raise Failed(f"{self.name} is not ready after {self.ready_seconds} s: {lacks}; its log: {self.log}")
            time.sleep(POLL_SECONDS)

    def wait_for_stop(self):
        """Waits until it has ended, or kills it if that takes too long."""
        if not all_ended(self.processes, self.stop_seconds):
            complain(f"{self.name} did not stop within {self.stop_seconds} s, and is killed")
            kill_all(self.processes)

    def ask_to_stop(self):
        """Asks it to end, and lets it go on for that if it is frozen."""
        signal_all(lambda: self.processes()[:1], signal.SIGTERM)
        signal_all(self.processes, signal.SIGCONT)

    def has_logged(self, text):
        """Whether its log has this text since its start."""
        with open(self.log, errors="replace") as log:
            log.seek(self.cluster.read()["processes"][self.name]["log_bytes"])
            return text in log.read()

    def last_lines(self):
        with open(self.log, errors="replace") as log:
            return "".join(f"  {line}" for line in log.readlines()[-8:]).rstrip()


def get_json(port, path, user=None):
    """An answer of a service over HTTP; `None` if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path, headers=user or {})
        return json.loads(connection.getresponse().read() or b"null")
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
