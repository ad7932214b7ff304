"""Cuts the power of a server under load again and again, and checks the data after each cut: powercut PROGRAM CUTS [SEED]."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from disk import Disk
from era import Era
from programs import Programs

# After this many cuts, an empty disk replaces the old one.
CUTS_PER_DISK = 10

# A cut takes half a second. A longer one hangs.
SECONDS_MAX = 60


def main():
    arguments = parse()
    for name in [signal.SIGTERM, signal.SIGHUP]:
        signal.signal(name, lambda *_: sys.exit("stopped"))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"nothing has moved for {SECONDS_MAX} s"))
    folder = Path(tempfile.mkdtemp(prefix="qchat-powercut-"))
    disk = Disk(folder)
    programs = Programs(arguments.program, folder, disk.folder)
    try:
        signal.alarm(SECONDS_MAX)
        check(disk)
        return cut(disk, programs, arguments)
    except KeyboardInterrupt:
        sys.exit("stopped")
    finally:
        signal.alarm(0)
        programs.kill()
        disk.unmount()
        shutil.rmtree(folder)


def parse():
    parser = argparse.ArgumentParser(prog="scripts/powercut")
    parser.add_argument("program", type=lambda path: Path(path).resolve(strict=True), help=argparse.SUPPRESS)
    parser.add_argument("cuts", type=int, nargs="?", default=50)
    parser.add_argument("seed", type=int, nargs="?", default=time.time_ns() % 1_000_000)
    return parser.parse_args()


def check(disk):
    """Whether this machine can cut the power of a disk at all."""
    try:
        loses = disk.loses_what_was_not_synced()
    except OSError as error:
        print(f"skipped: this machine has no disk whose power can be cut: {error}")
        sys.exit(0)
    if not loses:
        sys.exit("a cut loses nothing here: it would show nothing")


def cut(disk, programs, arguments):
    """Cuts the power as often as asked for, and prints the results. Returns the exit status."""
    print(f"{arguments.cuts} power cuts, seed {arguments.seed}", flush=True)
    start = time.monotonic()
    figures = Counter()
    while figures["cuts"] < arguments.cuts:
        era = Era(disk, programs, random.Random(f"{arguments.seed} {figures['cuts']}"))
        cuts = min(CUTS_PER_DISK, arguments.cuts - figures["cuts"])
        figures["cuts"] += live(era, cuts)
        figures.update(summary(era.ledger))
        figures["orphans"] += era.orphans
        for finding in era.ledger.findings:
            print(f"cut {figures['cuts']}: {finding}", flush=True)
    names = ["cuts", "messages", "files", "groups", "orphans", "lost", "doubled", "otherwise wrong", "bad cuts"]
    print(", ".join(f"{figures[name]} {name}" for name in names), f"in {time.monotonic() - start:.0f} s")
    return 1 if figures["bad cuts"] else 0


def live(era, cuts):
    """Cuts the power of one disk this many times, or until something is wrong. Returns the number of cuts."""
    for number in range(1, cuts + 1):
        signal.alarm(SECONDS_MAX)
        if not era.cut():
            break
    era.end()
    return number


def summary(ledger):
    """The figures of one disk. At most one cut is bad, the last one."""
    figures = Counter(kind_of(finding) for finding in ledger.findings)
    figures["messages"] = len(ledger.acknowledged)
    figures["files"] = sum("file" in message for message in ledger.acknowledged.values())
    figures["groups"] = len(ledger.groups)
    figures["bad cuts"] = 1 if ledger.findings else 0
    return figures


def kind_of(finding):
    kind = finding.partition(":")[0]
    return kind if kind in ["lost", "doubled"] else "otherwise wrong"


if __name__ == "__main__":
    sys.exit(main())
