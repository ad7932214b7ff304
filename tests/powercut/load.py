"""The load while the power is cut: people who send all the time."""

import random
import threading
from typing import NamedTuple

from ledger import content


class Log(NamedTuple):
    """The commands that write to a log and read it."""

    send: str
    send_file: str
    inbox: str
    download_file: str


LOGS = {
    "reader": Log("send reader", "send_file reader", "inbox", "download_file"),
    "lab": Log("sendgroup lab", "sendgroup_file lab", "inboxgroup lab", "downloadgroup_file lab"),
}


class Moment:
    """The moment of the cut: right at an acknowledgement, or after a while."""

    def __init__(self, cut, dice):
        self.cut = cut
        self.kind = dice.choice(["file", "text", None])
        self.missing = dice.randint(1, 6 if self.kind == "file" else 150)
        self.seconds_max = 1 if self.kind else dice.uniform(0.02, 0.3)
        self.lock = threading.Lock()
        self.has_come = False
        self.is_over = threading.Event()

    def acknowledged(self, kind):
        """Receives each acknowledgement. Cuts the power in the receiving thread, at once."""
        with self.lock:
            self.missing -= kind == self.kind
            if self.missing == 0:
                self.come()

    def come(self):
        if not self.has_come:
            # In this order: failures after this are expected.
            self.has_come = True
            self.cut()
            self.is_over.set()

    def wait(self):
        if not self.is_over.wait(self.seconds_max):
            with self.lock:
                self.come()


class Sender(threading.Thread):
    """A client that sends one line after the other until it is killed."""

    def __init__(self, name, client, ledger, moment, dice):
        super().__init__(daemon=True)
        self.sender = name
        self.client = client
        self.ledger = ledger
        self.moment = moment
        self.dice = random.Random(dice.random())
        # If files are few, there is time between an acknowledgement and the next sync of a file.
        self.files = dice.choice([0.02, 0.1, 0.4])

    def run(self):
        goes_on = True
        while goes_on:
            kind = self.dice.choices(["group", "file", "text"], [0.01, self.files, 1])[0]
            name = self.ledger.name(self.sender)
            answer = self.client.ask(self.line(kind, name))
            goes_on = answer is not None
            if goes_on and answer["ok"]:
                self.ledger.acknowledge(name, answer)
                self.moment.acknowledged(kind)
            elif not self.moment.has_come:
                self.ledger.found(f"failed before the cut: {kind} {name}: {answer}")
                goes_on = False

    def line(self, kind, name):
        if kind == "group":
            return f"mkgr {name}"
        log = self.dice.choice(list(LOGS))
        self.ledger.say(log, self.sender, name)
        if kind == "text":
            return f"{LOGS[log].send} {name}"
        (self.client.home / name).write_bytes(content(name))
        return f"{LOGS[log].send_file} {name}"
