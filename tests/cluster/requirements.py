"""The programs and rights that the cluster needs. Nothing is installed here: `scripts/setup --cluster` does that."""

import os
import pwd
import shutil
import subprocess

from programs import owner, postgresql


def missing(folder):
    """A sentence for each thing that is missing, with its remedy."""
    found = []
    if not hasattr(os, "pidfd_open"):
        return ["the cluster needs Linux, and Python 3.9 or later"]
    programs = {
        "PostgreSQL 15 or later": postgresql(),
        "etcd": shutil.which("etcd"),
        "Patroni": (folder.python / "patroni/__main__.py").exists(),
        "SeaweedFS": (folder.python / "bin/weed").exists(),
    }
    absent = [name for name, is_there in programs.items() if not is_there]
    if absent:
        found.append(f"missing: {', '.join(absent)}. Install them by scripts/setup --cluster")
    user = owner()
    if user and not exists(user):
        found.append(f"PostgreSQL refuses to run as root, and there is no user {user}: install postgresql-15, or call as another user")
    elif user:
        found += unreachable(user, folder.path)
    return found


def exists(user):
    try:
        pwd.getpwnam(user)
        return True
    except KeyError:
        return False


def unreachable(user, path):
    """The first folder on the way that the user of PostgreSQL may not enter."""
    for folder in [*reversed(path.parents), path]:
        if folder.exists() and subprocess.run(["test", "-x", folder], user=user, group=user, extra_groups=[]).returncode:
            return [
                f"the user {user}, as whom PostgreSQL runs, may not enter {folder}: allow it by chmod o+x {folder},"
                " or name another folder in QCHAT_CLUSTER_DIR"
            ]
    return []
