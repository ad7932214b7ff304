"""The whole cluster: its services in their order, and what can be done with them."""

import time

import postgres
import requirements
from etcd import Etcd
from folder import Folder
from processes import kill_all, signal_all
from programs import qchat
from s3 import S3
from server import SERVERS, Server
from service import POLL_SECONDS, Failed, say

SECRETS = ["superuser", "replication", "patroni", "database", "s3 key", "s3 secret"]


class Cluster(Folder):
    """All services, in the order in which they start."""

    def __init__(self, path):
        super().__init__(path)
        self.etcd = Etcd(self, "etcd")
        self.machines = [postgres.Postgres(self, name) for name in postgres.MACHINES]
        self.s3 = S3(self, "s3")
        self.servers = [Server(self, name) for name in SERVERS]
        self.services = [self.etcd, *self.machines, self.s3, *self.servers]

    def find(self, name):
        """The service of a name; `primary` is the machine that is the primary now."""
        if name == "primary":
            return self.primary()
        for service in self.services:
            if service.name == name:
                return service
        raise Failed(f"no service is named {name}: {', '.join(self.names())}")

    def names(self):
        return [service.name for service in self.services] + ["primary"]

    def primary(self):
        found = [machine for machine in self.machines if machine.main() and machine.is_primary()]
        if len(found) == 1:
            return found[0]
        raise Failed("there is no primary at the moment" if not found else "two machines still think to be the primary")

    def up(self):
        if missing := requirements.missing(self):
            raise Failed("\n".join(missing))
        program = qchat()
        self.make()
        self.make_secrets(SECRETS)
        self.start(self.etcd)
        self.wait(self.etcd)
        for service in [*self.machines, self.s3]:
            self.start(service)
        self.wait(self.s3)
        self.s3.make_bucket()
        for machine in self.machines:
            self.wait(machine)
        postgres.make_database(self, self.wait_for_primary())
        with self.change() as state:
            state["program"] = program
        for server in self.servers:
            self.start(server)
        for server in self.servers:
            self.wait(server)
        # The last line is the `--server` value of a client.
        say(",".join(f"127.0.0.1:{server.port}" for server in self.servers))

    def start(self, service):
        verb = "starts" if service.start() else "runs"
        say(f"{service.name} {verb}: pid {self.record(service.name).pid}, log {service.log}")

    def wait(self, service):
        begun = time.monotonic()
        service.wait()
        role = service.role()
        say(f"{service.name} is ready{role and f', {role}'} ({time.monotonic() - begun:.0f} s)")

    def primary_location(self):
        """The end of the primary's log, in bytes; `None` without a primary."""
        locations = [machine.location() for machine in self.machines if machine.main() and machine.is_primary()]
        return max(filter(None, locations), default=None)

    def wait_for_primary(self):
        """A primary that takes writes. After a start of all machines, one must be elected first."""
        end = time.monotonic() + 60
        while True:
            try:
                return self.primary()
            except Failed:
                if time.monotonic() > end:
                    raise
            time.sleep(POLL_SECONDS)

    def status(self):
        """Prints a table. Returns whether everything runs."""
        rows = [("NAME", "STATE", "ROLE", "LAG", "PID", "ADDRESS", "LOG")]
        location = self.primary_location()
        for service in self.services:
            main = service.main()
            state = "frozen" if main and main.is_frozen else "running" if main else "stopped"
            role = service.role() if state == "running" else ""
            lag = service.lag(location) if state == "running" else ""
            address = f"127.0.0.1:{service.port}" if main else ""
            pids = str(main.pid) if main else ""
            rows.append((service.name, state, role, lag, pids, address, str(service.log)))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            say("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        return all(row[1] == "running" for row in rows[1:])

    def kill(self, names):
        services = [self.find(name) for name in names]
        with self.change() as state:
            for name, service in zip(names, services):
                if name == "primary":
                    state["killed primary"] = service.name
        for service in services:
            killed = kill_all(service.processes)
            say(f"{service.name} killed: {len(killed)} processes" if killed else f"{service.name} did not run")

    def start_again(self, names):
        killed = self.read().get("killed primary")
        if "primary" in names and not killed:
            raise Failed("no primary was killed: name a machine")
        named = [self.find(killed if name == "primary" else name) for name in names]
        # A server does not start without its database.
        for group in ([self.etcd, *self.machines, self.s3], self.servers):
            services = [service for service in group if service in named]
            for service in services:
                self.start(service)
            for service in services:
                self.wait(service)

    def send(self, names, number, done):
        services = [self.find(name) for name in names]
        for service in services:
            sent = signal_all(service.processes, number)
            say(f"{service.name} {done}: {len(sent)} processes" if sent else f"{service.name} does not run")

    def down(self):
        running = {service.name for service in self.services if service.processes()}
        for group in self.order_of_stops():
            for service in group:
                service.ask_to_stop()
            # The S3 store takes 15 s, and nothing waits for it.
            for service in group:
                if service is not self.s3:
                    self.stopped(service, running)
        self.stopped(self.s3, running)
        say(f"the data and the logs stay in {self.path}")

    def stopped(self, service, running):
        service.wait_for_stop()
        with self.change() as state:
            state.get("processes", {}).pop(service.name, None)
        if service.name in running:
            say(f"{service.name} stopped")

    def order_of_stops(self):
        """The reverse of the start; of the machines, the primary last, so that no other takes over."""
        primaries = [machine for machine in self.machines if machine.main() and machine.is_primary()]
        standbys = [machine for machine in self.machines if machine not in primaries]
        return [self.servers, [self.s3], standbys, primaries, [self.etcd]]
