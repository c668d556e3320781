"""synbakd under test: a daemon in a folder of its own, and a client of its control protocol
(lib/protocol/control_msg.h). The worker is scripted (tests/integration/scripted_worker.py) unless
asked otherwise."""
import json
import os
import signal
import socket
import struct
import subprocess

import harness
from harness import Failed, equal, program, wait_until, write_file

SCRIPTED = os.path.join(harness.ROOT, "tests", "integration", "scripted_worker.py")


class Refused(Exception):
    """An error answer: code is its word, text its sentence."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code, self.text = error["data"]["code"], error["message"]


def refused(code, call, *arguments, **params):
    """The sentence with which the call is refused, which must have this code."""
    try:
        call(*arguments, **params)
    except Refused as e:
        equal(e.code, code, e.text)
        return e.text
    raise Failed(f"{arguments} was not refused")


class Client:
    """One connection. call() waits for the answer; notifications are collected in progress."""

    def __init__(self, path, greet=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        harness.defer(self.socket.close)
        self.number, self.progress = 0, []
        self.greeting = self.receive() if greet else None

    def exactly(self, count):
        data = b""
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            if not chunk:
                raise EOFError("synbakd closed the connection")
            data += chunk
        return data

    def receive(self):
        return json.loads(self.exactly(struct.unpack(">I", self.exactly(4))[0]))

    def send(self, message):
        body = json.dumps(message).encode()
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def ask(self, method, **params):
        """Send without waiting: the request's number."""
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        return self.number

    def answer(self, number):
        while True:
            message = self.receive()
            if message.get("method") == "progress":
                self.progress.append(message["params"])
            elif message.get("id") == number:
                if "error" in message:
                    raise Refused(message["error"])
                return message["result"]

    def call(self, method, **params):
        return self.answer(self.ask(method, **params))

    def closed(self):
        """True once the daemon has closed the connection."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True


class Daemon:
    """paths: dir, conf, state, socket, backups, script (of the scripted worker)."""

    def __init__(self, jobs=None, extra="", worker=SCRIPTED, binary="synbakd", start=True, daemon="", **env):
        self.dir = harness.temp_dir()
        self.conf, self.state, self.socket, self.backups, self.script = (
            f"{self.dir}/{n}" for n in ("conf", "state", "sock", "backups", "script"))
        self.clock = f"{self.dir}/clock"
        os.mkdir(self.backups, 0o700)
        os.mkdir(self.script)
        self.worker, self.binary, self.env = worker, binary, env
        self.shift = self.passed = 0
        self.configure(jobs, extra, daemon)
        self.process = None
        if start:
            self.start()

    def configure(self, jobs=None, extra="", daemon="", warn_free="0"):
        jobs = jobs or "[job j]\nsources = out\ndestinations = local\n"
        write_file(self.conf, f"""[daemon]
state_dir = {self.state}
socket = {self.socket}
timezone = UTC
log_format = text
{daemon}
[destination local]
path = {self.backups}
warn_free = {warn_free}
key = none
[source out]
type = command
command = echo hello
{jobs}
{extra}
""", 0o600)

    def environment(self):
        return {**os.environ, "SYNBAK_WORKER": self.worker, "SYNBAK_TEST_SCRIPT": self.script,
                "SYNBAK_CLOCK_FILE": self.clock, **self.env}

    def start(self, ready=True):
        self.log_file = open(f"{self.dir}/log", "ab")
        harness.defer(self.log_file.close)
        self.process = harness.start([program(self.binary), "--config", self.conf], stdin=subprocess.DEVNULL,
                                     stdout=self.log_file, stderr=self.log_file, env=self.environment())
        if ready:
            wait_until(self.answers, "synbakd to answer")

    def answers(self):
        if self.process.poll() is not None:
            raise Failed("synbakd ended: " + self.log()[-3000:])
        try:
            status = self.call("status")
            return all(d["listed"] or d["problem"] for d in status["destinations"])
        except (OSError, EOFError):
            return False

    def client(self):
        return Client(self.socket)

    def call(self, method, **params):
        client = self.client()
        try:
            return client.call(method, **params)
        finally:
            client.socket.close()

    def trigger(self, **params):
        """A run made now, waited for: what `wait` answers."""
        client = self.client()
        result = client.call("wait", run=client.call("trigger", **params)["run"])
        client.socket.close()
        return result

    def job(self, name="j"):
        return next(j for j in self.call("status")["jobs"] if j["name"] == name)

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(100)

    def restart(self, sig=signal.SIGTERM):
        self.stop(sig)
        self.start()

    def log(self):
        with open(f"{self.dir}/log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def records(self, kind=None):
        """The journal's records, from its files."""
        found = []
        for name in sorted(os.listdir(f"{self.state}/journal")):
            with open(f"{self.state}/journal/{name}", encoding="utf-8") as f:
                for line in f:
                    if line.endswith("\n"):
                        found.append(json.loads(line))
        return [r for r in found if kind in (None, r["type"])]

    # --- the scripted worker ---

    def play(self, verb, *steps, times=None):
        """What the next workers of that verb do; times: for so many of them, then as usual."""
        write_file(f"{self.script}/{verb}.new", json.dumps({"steps": steps, "times": times}))
        os.rename(f"{self.script}/{verb}.new", f"{self.script}/{verb}.json")

    def play_default(self, verb):
        os.unlink(f"{self.script}/{verb}.json")

    def jobs_seen(self, verb=None):
        try:
            with open(f"{self.script}/got.jsonl", encoding="utf-8") as f:
                jobs = [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            return []
        return [j for j in jobs if verb in (None, j["verb"])]

    # --- time (binary synbakd-fault) ---

    def set_clock(self, seconds):
        """Move the wall clock to so many seconds from the real one; the daemon looks at once."""
        self.shift = seconds
        write_file(self.clock + ".new", f"{int(seconds * 1000000)} {int(self.passed * 1000000)}")
        os.rename(self.clock + ".new", self.clock)
        self.call("status")

    def pass_time(self, seconds):
        """So much time passes: both clocks move, which is no jump."""
        self.passed += seconds
        self.set_clock(self.shift + seconds)
