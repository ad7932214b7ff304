"""The programs of others that the cluster runs, and the user of PostgreSQL."""

import os
import shutil
from pathlib import Path


def owner():
    """The user that runs PostgreSQL, which refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None


def postgresql():
    """The folder of the newest PostgreSQL that is new enough; `None` if there is none."""
    found = []
    for folder in Path("/usr/lib/postgresql").glob("*/bin"):
        if folder.parent.name.isdigit() and int(folder.parent.name) >= 15 and (folder / "initdb").exists():
            found.append((int(folder.parent.name), folder))
    if found:
        return max(found)[1]
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None
