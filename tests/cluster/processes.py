"""Processes that outlive the script: started in a session of their own, and found again by id and start time."""

import os
import select
import signal
import subprocess
import time
from pathlib import Path


def boot():
    """The id of the machine's present run. Process ids of an earlier one mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Stat:
    """The line of a process in /proc."""

    def __init__(self, pid):
        # The name in parentheses may contain spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self.pid = pid
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])
        # Clock ticks since the machine's start: together with the id, they name one process.
        self.started = int(fields[19])

    @property
    def is_alive(self):
        return self.state not in "ZX"

    @property
    def is_frozen(self):
        return self.state in "Tt"


def stat(pid):
    """`None` if there is no such process."""
    try:
        return Stat(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None


def all_processes():
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return [found for found in map(stat, pids) if found and found.is_alive]


def link(pid, name):
    """A link of a process in /proc; `None` if it has ended or belongs to somebody else."""
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return None


def lies_below(path, folder):
    return path is not None and (path == str(folder) or path.startswith(f"{folder}/"))


class Record:
    """A process that this script started, as it is kept between two calls."""

    def __init__(self, pid, started, boot_id):
        self.pid = pid
        self.started = started
        self.boot = boot_id

    @classmethod
    def of(cls, pid):
        found = stat(pid)
        return found and cls(pid, found.started, boot())

    def find(self):
        """The process, if it still runs."""
        found = stat(self.pid)
        is_it = found and found.is_alive and found.started == self.started and self.boot == boot()
        return found if is_it else None

    def session(self, folder):
        """The processes of its session that work in the folder, also after its own end."""
        if self.boot != boot():
            return []
        alive = [found for found in all_processes() if found.session == self.pid and found.started >= self.started]
        return [found for found in alive if lies_below(link(found.pid, "cwd"), folder)]


class Handle:
    """A process held by a descriptor: a signal cannot reach another process that got the same id."""

    def __init__(self, found):
        self.descriptor = None
        try:
            descriptor = os.pidfd_open(found.pid)
        except ProcessLookupError:
            return
        now = stat(found.pid)
        if now and now.started == found.started:
            self.descriptor = descriptor
        else:
            os.close(descriptor)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.descriptor is not None:
            os.close(self.descriptor)

    def send(self, number):
        if self.descriptor is not None:
            try:
                signal.pidfd_send_signal(self.descriptor, number)
            except ProcessLookupError:
                pass

    def has_ended(self, seconds):
        """Waits for its end, for so long at most."""
        if self.descriptor is None:
            return True
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(max(0, seconds) * 1000))


def signal_all(find, number):
    """Signals all processes that `find` returns, in its order. Returns their ids."""
    found = find()
    for one in found:
        with Handle(one) as handle:
            handle.send(number)
    return [one.pid for one in found]


def all_ended(find, seconds):
    """Whether all processes that `find` returns end within so many seconds, also those begun meanwhile."""
    end = time.monotonic() + seconds
    while found := find():
        for one in found:
            with Handle(one) as handle:
                if not handle.has_ended(end - time.monotonic()):
                    return False
    return True


def kill_all(find):
    """Kills all processes that `find` returns, until there is none. Returns their ids."""
    killed = []
    while found := signal_all(find, signal.SIGKILL):
        killed += [pid for pid in found if pid not in killed]
        all_ended(find, 1)
    return killed


def spawn(command, folder, log, environment, user=None):
    """Starts a process that outlives this one, as another user if one is named. Returns its record."""
    rights = {"user": user, "group": user, "extra_groups": []} if user else {}
    with open(log, "ab") as output:
        started = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            # A lock or a pipe of the caller must not live on in it.
            close_fds=True,
            **rights,
        )
    record = Record.of(started.pid)
    # It is nobody's child to wait for: its end is seen in /proc.
    started.returncode = 0
    return record
