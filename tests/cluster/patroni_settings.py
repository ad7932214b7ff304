"""The settings of Patroni and PostgreSQL. `docs/operating.md` has the same for three machines."""

from programs import postgresql

SCOPE = "qchat"


def settings(machine):
    """The settings of one machine."""
    cluster = machine.cluster
    accounts = {
        "superuser": {"username": "postgres", "password": cluster.secret("superuser")},
        "replication": {"username": "replicator", "password": cluster.secret("replication")},
    }
    return {
        "scope": SCOPE,
        "name": machine.name,
        "restapi": {
            "listen": f"127.0.0.1:{machine.patroni_port}",
            "connect_address": f"127.0.0.1:{machine.patroni_port}",
            # Other users of this machine could switch the primary without a password.
            "authentication": {"username": "patroni", "password": cluster.secret("patroni")},
        },
        "etcd3": {"hosts": [f"127.0.0.1:{cluster.port('etcd')}"]},
        "bootstrap": {
            "dcs": shared(),
            # Checksums find damage of the disk, and let `pg_rewind` work.
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums", {"auth": "scram-sha-256"}],
        },
        "postgresql": {
            "listen": f"127.0.0.1:{machine.port}",
            "connect_address": f"127.0.0.1:{machine.port}",
            "data_dir": str(machine.data),
            "bin_dir": str(postgresql()),
            "pgpass": str(machine.folder / "pgpass"),
            "authentication": accounts,
            "pg_hba": [
                "host all all 127.0.0.1/32 scram-sha-256",
                "host replication replicator 127.0.0.1/32 scram-sha-256",
            ],
            # A path of a socket has 107 bytes at the most, which a folder of this repository may exceed.
            "parameters": {"unix_socket_directories": ""},
            "basebackup": [{"checkpoint": "fast"}],
        },
        # A watchdog would restart this machine. In production it is required.
        "watchdog": {"mode": "off"},
    }


def shared():
    """The settings that all machines share, kept in etcd."""
    return {
        # A primary that is silent for longer than `ttl` is replaced. `loop_wait` + 2 * `retry_timeout` must be below it.
        "ttl": 20,
        "loop_wait": 2,
        "retry_timeout": 5,
        # A commit is on the primary's disk and on that of any one standby. Without a standby it waits ("strict").
        "synchronous_mode": "quorum",
        "synchronous_mode_strict": True,
        "synchronous_node_count": 1,
        # A crashed primary is replaced at once, rather than started again for up to five minutes.
        "primary_start_timeout": 0,
        # A lost etcd stops nothing while the primary reaches the Patroni of every other machine.
        "failsafe_mode": True,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            # A machine whose rewind fails keeps its data until a person has looked at it.
            "remove_data_directory_on_rewind_failure": False,
            "remove_data_directory_on_diverged_timelines": False,
            "parameters": parameters(),
        },
    }


def parameters():
    return {
        "synchronous_commit": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "wal_level": "replica",
        "hot_standby": "on",
        # Each server holds some connections; Patroni and the standbys hold the others.
        "max_connections": 100,
        "max_wal_senders": 10,
        "max_replication_slots": 10,
        # A standby that is away must not fill the primary's disk with its log.
        "max_slot_wal_keep_size": "1GB",
        "wal_keep_size": "128MB",
        "max_wal_size": "1GB",
        # A connection to a frozen or unplugged machine is noticed within seconds.
        "tcp_user_timeout": "5s",
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "wal_sender_timeout": "5s",
        "wal_receiver_timeout": "5s",
        # The entity locks are taken in one order, so a deadlock is a rare accident: find it early.
        "deadlock_timeout": "100ms",
        "log_checkpoints": "off",
    }
