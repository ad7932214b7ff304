"""The real program, as a server and as clients."""

import json
import os
import shutil
import subprocess

PASSWORD = "correct horse battery"


class Programs:
    """Starts servers and clients, and ends every one of them."""

    def __init__(self, program, folder, server_folder):
        self.program = program
        self.homes = folder / "homes"
        self.server_folder = server_folder
        self.running = []
        self.begin()

    def begin(self):
        """Nobody has met a server yet. The first one chooses a free port, and keeps it: sessions are saved for it."""
        self.kill()
        self.address = "127.0.0.1:0"
        self.fingerprint = None
        shutil.rmtree(self.homes, ignore_errors=True)

    def kill(self):
        """Kills all processes, as a power cut does. Their earlier output can still be read."""
        for process in self.running:
            process.kill()
        for process in self.running:
            process.wait()
        self.running.clear()

    def server(self):
        arguments = ["server", "--listen", self.address]
        return Server(self.start(arguments, self.server_folder, {}, stderr=subprocess.PIPE))

    def client(self, user, password=None):
        """A client of a user who signs in with that password, or goes on with a saved session."""
        home = self.homes / (user or "visitor")
        home.mkdir(parents=True, exist_ok=True)
        environment = {"HOME": str(home)} | ({"QCHAT_PASSWORD": password} if password else {})
        arguments = ["client", "--server", self.address, "--fingerprint", self.fingerprint, "--json"]
        arguments += ["--user", user] if user else []
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return Client(self.start(arguments, home, environment, **pipes), home)

    def start(self, arguments, folder, environment, **pipes):
        # The kernel ends it together with this process.
        command = ["setpriv", "--pdeathsig", "KILL", self.program, *arguments]
        environment = {"PATH": os.environ["PATH"]} | environment
        process = subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)
        self.running.append(process)
        return process


class Server:
    def __init__(self, process):
        self.process = process
        self.log = ""

    def told(self):
        """Waits until the server is ready or has ended. Returns its address and fingerprint."""
        starts = {"address": "qchat server is ready on ", "fingerprint": "fingerprint: "}
        told = {}
        for line in self.process.stderr:
            self.log += line
            told |= {name: line[len(start) :].split()[0] for name, start in starts.items() if line.startswith(start)}
            if len(told) == len(starts):
                break
        return told


class Client:
    def __init__(self, process, home):
        self.process = process
        self.home = home

    def ask(self, line):
        """Says a line and waits for its answer; `None` if the client has ended."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # The earlier output can still be read.
            pass
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer.endswith("\n") else None

    def must(self, line):
        """Sends a line that must succeed."""
        answer = self.ask(line)
        if answer is None:
            raise Refused(f"{line}: the client ended: {self.process.stderr.read().strip()}")
        if not answer["ok"]:
            raise Refused(f"{line}: {answer['error']['message']}")
        return answer


class Refused(Exception):
    """A command that had to succeed failed."""
