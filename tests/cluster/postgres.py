"""A database machine: Patroni, and the PostgreSQL that Patroni starts."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from patroni_settings import settings
from processes import all_processes, link, signal_all, stat
from programs import owner, postgresql
from service import Failed, Service, get_json

MACHINES = ["pg1", "pg2", "pg3"]
DATABASE = "qchat"


class Postgres(Service):
    # The first start copies the primary; a start after a crash may rewind and copy.
    ready_seconds = 120
    # A shutdown writes everything to the disk and hands it to the standbys.
    stop_seconds = 60

    def __init__(self, cluster, name):
        super().__init__(cluster, name)
        self.user = owner()
        self.data = self.folder / "data"

    def port_names(self):
        return [self.name, f"{self.name} patroni"]

    @property
    def patroni_port(self):
        return self.cluster.port(f"{self.name} patroni")

    def prepare(self):
        file = self.folder / "patroni.json"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as output:
            # YAML, which Patroni reads, contains JSON.
            json.dump(settings(self), output, indent=1)
        if self.user:
            shutil.chown(self.folder, self.user, self.user)
            shutil.chown(file, self.user, self.user)
        self.folder.chmod(0o700)

    def command(self):
        return [sys.executable, "-m", "patroni", "patroni.json"]

    def environment(self):
        return {"PYTHONPATH": str(self.cluster.python), "PYTHONDONTWRITEBYTECODE": "1"}

    def processes(self):
        """Patroni with its children, and the PostgreSQL of its folder, which has sessions of its own."""
        session = super().processes()
        known = {one.pid for one in session}
        others = [one for one in all_processes() if one.pid not in known and self.is_own_postgres(one.pid)]
        return session + sorted(others, key=lambda one: one.started)

    def is_own_postgres(self, pid):
        program = link(pid, "exe")
        return program and Path(program).name.startswith("postgres") and link(pid, "cwd") == str(self.data)

    def postmaster(self):
        """The first process of the PostgreSQL; `None` if it does not run."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return stat(pid) if self.is_own_postgres(pid) else None

    def state(self):
        """All that Patroni tells; empty if it does not answer."""
        return get_json(self.patroni_port, "/patroni") or {}

    def is_primary(self):
        state = self.state()
        return state.get("role") == "primary" and state.get("state") == "running"

    def lacks(self):
        state = self.state()
        if state.get("state") != "running":
            return state.get("state", "Patroni does not answer")
        if state["role"] == "primary":
            return None
        return None if state.get("replication_state") == "streaming" else "it does not follow the primary yet"

    def role(self):
        state = self.state()
        if state.get("state") != "running":
            return state.get("state", "")
        if state["role"] == "primary":
            return "primary" + (" (without etcd)" if state.get("failsafe_mode_is_active") else "")
        return "standby, counts for the quorum" if state.get("quorum_standby") else "standby"

    def location(self):
        """The end of its log on its disk, in bytes; `None` if it is unknown."""
        log = self.state().get("xlog", {})
        return log.get("location") or log.get("received_location")

    def lag(self, location):
        mine = self.location()
        if location is None or mine is None or self.is_primary():
            return ""
        return f"{max(0, location - mine)} bytes"

    def ask_to_stop(self):
        main = self.main()
        if main:
            signal_all(lambda: [main], signal.SIGTERM)
        elif postmaster := self.postmaster():
            # Patroni is gone, and PostgreSQL has stayed. SIGINT is its fast shutdown.
            signal_all(lambda: [postmaster], signal.SIGINT)
        signal_all(self.processes, signal.SIGCONT)


def make_database(cluster, primary):
    """Makes the database and its user, if they are missing."""
    sql = f"""
        select 'create role {DATABASE} login' where not exists (select from pg_roles where rolname = '{DATABASE}') \\gexec
        alter role {DATABASE} password '{cluster.secret("database")}';
        select 'create database {DATABASE} owner {DATABASE} encoding ''UTF8'' locale ''C'' template template0'
            where not exists (select from pg_database where datname = '{DATABASE}') \\gexec
        -- A server that hangs inside a transaction must not hold its locks for longer.
        alter database {DATABASE} set idle_in_transaction_session_timeout = '5s';
        alter database {DATABASE} set lock_timeout = '5s';
    """
    psql(cluster, primary, sql)


def psql(cluster, primary, sql):
    address = ["--host=127.0.0.1", f"--port={primary.port}", "--username=postgres", "--dbname=postgres"]
    done = subprocess.run(
        [postgresql() / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", *address],
        input=sql,
        env={"PATH": os.environ["PATH"], "PGPASSWORD": cluster.secret("superuser"), "PGCONNECT_TIMEOUT": "5"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise Failed(f"the database cannot be made: {done.stderr.strip()}")
    return done.stdout
