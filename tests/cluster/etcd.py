"""etcd, with which the Patronis agree on the primary.

One member: on one machine, three would fail together, and `kill etcd` shows the worst case, the loss of all of it.
"""

import shutil

from service import Service, get_json


class Etcd(Service):
    ready_seconds = 30

    def port_names(self):
        return [self.name, "etcd peers"]

    def command(self):
        client, peers = (f"http://127.0.0.1:{self.cluster.port(name)}" for name in self.port_names())
        return [
            shutil.which("etcd"),
            f"--name={self.name}",
            f"--data-dir={self.folder}/data",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster={self.name}={peers}",
            # Patroni writes every 2 s: old revisions must go.
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=1h",
            "--log-level=warn",
            "--logger=zap",
        ]

    def lacks(self):
        health = get_json(self.port, "/health")
        return None if health and health.get("health") == "true" else "it has no leader"
