"""The life of one server's disk, from its first start through several power cuts."""

import shutil
import time

from ledger import Ledger
from load import LOGS, Moment, Sender
from programs import PASSWORD, Refused

SENDERS = ["alice", "bob", "carol"]
READER = "reader"

# The server is ready after about half of this.
START_SECONDS = 0.07


class Era:
    """After the first cut, a server always runs on the data that the last cut left."""

    def __init__(self, disk, programs, dice):
        self.disk = disk
        self.programs = programs
        self.dice = dice
        self.ledger = Ledger()
        self.orphans = 0
        self.is_settled = False

    def cut(self):
        """Cuts the power once, and looks at the rest. Returns whether all was well."""
        try:
            if not self.is_settled:
                self.disk.format()
                self.cut_start()
                self.settle()
            elif self.dice.random() < 0.1:
                self.programs.kill()
                self.cut_start()
            else:
                self.cut_load()
            self.look()
        except Refused as refused:
            self.ledger.found(f"refused: {refused}")
        return not self.ledger.findings

    def cut_start(self):
        """Cuts the power while the server starts: at the first start, while it makes its key and its store."""
        server = self.programs.server()
        time.sleep(self.dice.uniform(0, START_SECONDS))
        self.disk.cut()
        self.programs.kill()
        self.programs.fingerprint = server.told().get("fingerprint", self.programs.fingerprint)
        self.start()

    def cut_load(self):
        """Cuts the power while clients send messages and files."""
        moment = Moment(self.disk.cut, self.dice)
        clients = {name: self.programs.client(name) for name in SENDERS}
        senders = [Sender(name, client, self.ledger, moment, self.dice) for name, client in clients.items()]
        for sender in senders:
            sender.start()
        moment.wait()
        # Nor may a server acknowledge anything after its disk is gone.
        time.sleep(self.dice.uniform(0, 0.02))
        self.programs.kill()
        for sender in senders:
            sender.join()
        self.start()

    def start(self):
        """Starts a server on the data after the cut. It must start at once, with the key that it had."""
        self.disk.unmount()
        self.disk.mount()
        server = self.programs.server()
        told = server.told()
        if "fingerprint" not in told:
            raise Refused(f"the server does not start: {server.log.strip()}")
        if self.programs.fingerprint not in (None, told["fingerprint"]):
            raise Refused("the server has lost the key that it told of")
        self.programs.address, self.programs.fingerprint = told["address"], told["fingerprint"]

    def settle(self):
        """Gives each user an account, a session and the group."""
        visitor = self.programs.client(None)
        for name in [READER, *SENDERS]:
            visitor.must(f"auth_register {name} {PASSWORD}")
            person = self.programs.client(name, PASSWORD)
            person.must("mkgr lab" if name == READER else "join lab")
        self.is_settled = True

    def look(self):
        """Compares the data of the server with its acknowledgements."""
        reader = self.programs.client(READER)
        downloads = []
        for name, log in LOGS.items():
            fresh = self.ledger.check_log(name, reader.must(log.inbox)["messages"])
            downloads += [f"{log.download_file} {message['file']['name']}" for message in fresh if "file" in message]
        self.ledger.check_groups(group["name"] for group in reader.must("ls_group")["groups"])
        uploads = self.disk.folder / "upload"
        self.orphans = self.ledger.check_files(uploads) if uploads.exists() else 0
        if not self.ledger.findings:
            # The client compares length and digest.
            for line in downloads:
                reader.must(line)
        for folder in reader.home.glob("download*"):
            shutil.rmtree(folder)

    def end(self):
        """Reads everything from the start, and ends the server."""
        try:
            if not self.ledger.findings:
                reader = self.programs.client(READER)
                for name, log in LOGS.items():
                    answer = reader.must(f"{log.inbox} --limit 1000000")
                    self.ledger.check_whole_log(name, answer["messages"])
        except Refused as refused:
            self.ledger.found(f"refused: {refused}")
        self.programs.begin()
        self.disk.unmount()
