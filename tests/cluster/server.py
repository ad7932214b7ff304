"""A qchat server of the cluster."""

import shutil
import subprocess

from postgres import DATABASE, MACHINES
from s3 import BUCKET
from service import Failed, Service

SERVERS = ["server1", "server2", "server3"]
READY = "qchat server is ready on "


class Server(Service):
    ready_seconds = 30
    # It finishes commands under way for up to 10 s.
    stop_seconds = 20

    @property
    def program(self):
        return self.cluster.read()["program"]

    def prepare(self):
        """All servers have one key and one certificate: those that the first one made."""
        first = self.cluster.of(SERVERS[0])
        first.mkdir(exist_ok=True)
        if not (first / "cert/cert.pem").exists():
            made = subprocess.run([self.program, "cert"], cwd=first, capture_output=True, text=True)
            if made.returncode:
                raise Failed(f"the certificate cannot be made: {made.stderr.strip()}")
        if self.folder != first:
            shutil.copytree(first / "cert", self.folder / "cert", dirs_exist_ok=True)

    def command(self):
        port = self.cluster.port
        machines = ",".join(f"127.0.0.1:{port(machine)}" for machine in MACHINES)
        store = f"postgres://{DATABASE}@{machines}/{DATABASE}?target_session_attrs=read-write"
        command = [self.program, "server", "--listen", f"127.0.0.1:{self.port}"]
        return command + ["--store", store, "--files", f"s3://{BUCKET}/files", "--node", self.name]

    def environment(self):
        secret = self.cluster.secret
        return {
            "PGPASSWORD": secret("database"),
            "AWS_ACCESS_KEY_ID": secret("s3 key"),
            "AWS_SECRET_ACCESS_KEY": secret("s3 secret"),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.cluster.port('s3')}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
        }

    def lacks(self):
        return None if self.has_logged(READY) else "it has not said that it is ready"
