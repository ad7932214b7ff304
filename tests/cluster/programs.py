"""The programs that the cluster runs, and the user of PostgreSQL."""

import os
import shutil
import subprocess
from pathlib import Path

from service import Failed


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


def qchat():
    """The path of the program of the servers: that of QCHAT_PROGRAM, or one that is built now."""
    if named := os.environ.get("QCHAT_PROGRAM"):
        if not os.access(named, os.X_OK):
            raise Failed(f"QCHAT_PROGRAM names no program: {named}")
        return str(Path(named).resolve())
    # The profile `demo` is built in half the time of a release.
    if subprocess.run(["cargo", "build", "--quiet", "--profile", "demo", "--locked"]).returncode:
        raise Failed("qchat cannot be built")
    return str(Path(os.environ.get("CARGO_TARGET_DIR", "target"), "demo/qchat").resolve())
