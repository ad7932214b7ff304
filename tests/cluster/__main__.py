"""`scripts/cluster`: its arguments."""

import os
import signal
import sys
from pathlib import Path

from cluster import Cluster
from service import Failed, complain


def usage():
    complain("usage: scripts/cluster up|status|kill NAME...|start NAME...|freeze NAME...|thaw NAME...|down")
    return 2


def run(arguments):
    """Does a command. Returns the exit status."""
    # A relative path would be another one in the folders of the services.
    cluster = Cluster(Path(os.environ.get("QCHAT_CLUSTER_DIR") or "target/cluster").resolve())
    match arguments:
        case ["up"]:
            cluster.up()
        case ["status"]:
            return 0 if cluster.status() else 1
        case ["down"]:
            cluster.down()
        case ["kill", _, *_]:
            cluster.kill(arguments[1:])
        case ["start", _, *_]:
            cluster.start_again(arguments[1:])
        case ["freeze", _, *_]:
            cluster.send(arguments[1:], signal.SIGSTOP, "frozen")
        case ["thaw", _, *_]:
            cluster.send(arguments[1:], signal.SIGCONT, "goes on")
        case _:
            return usage()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except Failed as failed:
        complain(f"cluster: {failed}")
        sys.exit(1)
    except KeyboardInterrupt:
        complain("cluster: interrupted; what was started goes on, see scripts/cluster status")
        sys.exit(130)
