"""SeaweedFS as the S3 store: master, volume, filer and S3 gateway in one process."""

import http.client
import json
import os

from service import Failed, Service, get_json

BUCKET = "qchat"
PARTS = ["master", "volume", "filer", "s3"]


class S3(Service):
    stop_seconds = 20

    def port_names(self):
        return [self.name] + [f"s3 {part}{kind}" for part in PARTS for kind in ("", " grpc") if part + kind != "s3"]

    def prepare(self):
        (self.folder / "data").mkdir(exist_ok=True)
        keys = {"accessKey": self.cluster.secret("s3 key"), "secretKey": self.cluster.secret("s3 secret")}
        identity = {"name": BUCKET, "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        descriptor = os.open(self.folder / "identities.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as output:
            json.dump({"identities": [identity]}, output)

    def command(self):
        port = self.cluster.port
        ports = [f"-{part}.port={port('s3' if part == 's3' else f's3 {part}')}" for part in PARTS]
        grpc = [f"-{part}.port.grpc={port(f's3 {part} grpc')}" for part in PARTS]
        return [
            str(self.cluster.python / "bin/weed"),
            "-logtostderr=true",
            "server",
            "-dir=data",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            "-s3",
            "-s3.config=identities.json",
            *ports,
            *grpc,
            # Sockets of these names would stay in /tmp after a kill.
            "-filer.localSocket=filer.sock",
            "-s3.localSocket=s3.sock",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            # It reports to its makers otherwise.
            "-master.telemetry=false",
            # The default of 30 GB would reserve nothing and fill one file; small volumes give their room back.
            "-master.volumeSizeLimitMB=1024",
            "-volume.max=0",
            # It waits for so long until it elects itself, its only member.
            "-master.electionTimeout=1s",
            "-volume.preStopSeconds=0",
            # A bucket that is missing must be told, as by other stores.
            "-s3.autoCreateBucket=false",
        ]

    def wait_for_stop(self):
        super().wait_for_stop()
        for socket in self.folder.glob("*.sock"):
            socket.unlink()

    def lacks(self):
        if get_json(self.cluster.port("s3 master"), "/cluster/status") is None:
            return "its master does not answer"
        assigned = get_json(self.cluster.port("s3 master"), "/dir/assign") or {}
        if "fid" not in assigned:
            return assigned.get("error", "it has no volume yet")
        return None if self.status("/healthz") == 200 else "its gateway does not answer"

    def status(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def make_bucket(self):
        """Makes the bucket, if it is missing: a folder of the filer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.cluster.port("s3 filer"), timeout=10)
        try:
            connection.request("POST", f"/buckets/{BUCKET}/")
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
            # 409: it is there already.
            if answer.status not in (200, 201, 409):
                raise Failed(f"the bucket {BUCKET} cannot be made: {body}")
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"the bucket {BUCKET} cannot be made: {error}; the log of s3: {self.log}") from error
        finally:
            connection.close()
