"""The messages and files that were sent, those that were acknowledged, and those that are left."""

import random
from collections import defaultdict
from itertools import count

FILE_BYTES_MAX = 50_000


def content(name):
    """The bytes of the file of that name."""
    dice = random.Random(name)
    return dice.randbytes(dice.randint(1, FILE_BYTES_MAX))


class Ledger:
    """The expected content of one disk, kept in memory. A contradiction is a finding."""

    def __init__(self):
        self.numbers = defaultdict(count)
        # The texts and files sent since the last look, for each log and sender, in order.
        self.said = defaultdict(list)
        # The messages and groups that were acknowledged, by name.
        self.acknowledged = {}
        self.groups = set()
        # The messages that each log has shown: sender and name by the message's id, in order.
        self.shown = defaultdict(dict)
        # The files of messages: the sender's name of each, by its stored name.
        self.files = {}
        self.findings = []

    def name(self, sender):
        """A new name, for a text, a file or a group."""
        return f"{sender}.{next(self.numbers[sender])}"

    def say(self, log, sender, name):
        self.said[log, sender].append(name)

    def acknowledge(self, name, answer):
        if "message" in answer:
            self.acknowledged[name] = answer["message"]
        else:
            self.groups.add(name)

    def found(self, what):
        self.findings.append(what)

    def check_log(self, log, messages):
        """Looks at messages that a log shows: old ones are unchanged, new ones were sent by their
        sender, once and in that order, and none is missing. Returns the new ones."""
        fresh = defaultdict(list)
        for message in messages:
            said = (message["from"], name_of(message))
            if self.shown[log].setdefault(message["id"], said) is said:
                fresh[message["from"]].append(message)
            elif self.shown[log][message["id"]] != said:
                self.found(f"changed: {message['id']} was {self.shown[log][message['id']]} and is {said}")
        for of_log, sender in list(self.said):
            if of_log == log:
                self.check_sender(log, sender, fresh[sender])
        return [message for messages in fresh.values() for message in messages]

    def check_sender(self, log, sender, messages):
        said = self.said.pop((log, sender))
        rest = iter(said)
        for message in messages:
            name = name_of(message)
            if name not in rest:
                self.found(f"doubled or out of order: {message['id']} is {name}")
            acknowledged = self.acknowledged.get(name, message)
            if acknowledged["id"] != message["id"]:
                self.found(f"doubled: {name} is {message['id']} and {acknowledged['id']}")
            if "file" in message:
                self.files[message["file"]["name"]] = name
        for name in set(said) & set(self.acknowledged) - set(map(name_of, messages)):
            self.found(f"lost: {name}, acknowledged as {self.acknowledged[name]['id']}")

    def check_whole_log(self, log, messages):
        """Checks the whole log: the messages that it has shown, in the same order, and no others."""
        whole = [(message["id"], (message["from"], name_of(message))) for message in messages]
        if whole != list(self.shown[log].items()):
            self.found(f"{log} shows something else when it is read from the start")

    def check_groups(self, names):
        for name in self.groups - set(names):
            self.found(f"lost: the group {name}")

    def check_files(self, folder):
        """Looks at all uploads: none is missing, and each is whole. Only partial files are not, and have names of their own.
        Returns the number of files without a message."""
        stored = {path.name: path for path in folder.iterdir() if not path.name.startswith(".part-")}
        for name in self.files.keys() - stored.keys():
            self.found(f"lost: the file {name}, of which a message tells")
        for name, path in stored.items():
            _, _, original = name.partition("_")
            expected = content(original)
            if name.startswith("."):
                self.found(f"left over: {name}")
            elif path.read_bytes() != expected:
                length = path.stat().st_size
                self.found(f"not whole: {name}, {length} of {len(expected)} bytes, and not the same")
        return len(stored.keys() - self.files.keys())


def name_of(message):
    return message["file"]["original"] if "file" in message else message["text"]
