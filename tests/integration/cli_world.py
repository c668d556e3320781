"""What the tests of synbakctl share: a scripted daemon with plausible answers, a scripted worker, a
pseudo-terminal."""
import datetime
import errno
import json
import os
import pty
import select
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from fake_daemon import Error, FakeDaemon  # noqa: E402
from harness import program, run, write_file  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "0123456789abcdefghijklmnop"


def iso(seconds_from_now):
    t = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def job(name="synapse", **more):
    return {"name": name, "level": 0, "recoverable_until": iso(-700), "grade": "written",
            "latest": "20261121_020000", "latest_bytes": 1400000000, "next": iso(3000),
            "next_tiers": ["daily"], "running": None, "queued": [], "paused": False,
            "paused_until": None, "held": False, "owed": [], "sets": 2, "problems": [],
            "retry_at": None, "last_run": {"run": 12, "outcome": "good", "finished": iso(-700),
                                           "error": None, "duration_s": 12}, **more}


def destination(name="local", **more):
    return {"name": name, "place": f"/var/backups/{name}", "free_bytes": 312 * 10**9,
            "total_bytes": 500 * 10**9, "listed": True, "problem": None, "encrypted": True, **more}


def status(level=0, jobs=None, destinations=None, problems=None, **more):
    return {"level": level, "jobs": [job()] if jobs is None else jobs,
            "destinations": [destination()] if destinations is None else destinations,
            "problems": problems or [], "kept": [], "clock_in_doubt": False, "version": "0.1.0",
            "started": iso(-100000), **more}


def a_set(identity="20261121_020000", place="local", **more):
    return {"job": "synapse", "id": identity, "destination": place, "sequence": 9,
            "tiers": ["daily"], "state": "good", "bytes": 1400000000, "started": iso(-3000),
            "finished": iso(-2900), "verified": None, "pinned": False, "pin_reason": None,
            "pin_until": None, "place": f"/var/backups/{place}/synapse/{identity}", "problems": [],
            "sources": [{"name": "database", "type": "postgresql", "whole": True,
                         "stored_bytes": 400000000, "raw_bytes": 1700000000}], **more}


SETS = [a_set(), a_set(place="usb"),
        a_set("20261120_020000", sequence=8, state="incomplete", problems=["media: 3 files unreadable"])]


def finished(**more):
    return {"run": 18, "outcome": "good", "id": "20261121_084500", "bytes": 1400000000, "error": None,
            "place": "/var/backups/local/synapse/20261121_084500", "destinations": ["local"],
            "restore": "synbakctl restore synapse/20261121_084500", **more}


def wait_good(_params, notify):
    for done in (0, 200000000, 400000000):
        notify({"run": 18, "step": "dump synapse", "done": done, "total": 400000000})
    notify({"run": 18, "step": "archive media", "done": 1000000000, "total": 0})
    return finished()


def show(params, _notify):
    found = [s for s in SETS if params["id"] in ("latest", s["id"])]
    return {"sets": found} if found else Error("not-found", "no such set")


ANSWERS = {
    "status": status(), "list": {"sets": SETS}, "show": show,
    "schedule": {"jobs": [{"job": "synapse", "timezone": "Europe/Berlin",
                           "due": [{"at": iso(3000), "tiers": ["daily", "weekly"]}]}]},
    "changes": {"transactions": [{"id": "20261121_020000", "source": "media", "compared": True, "changes": [
        {"change": "added", "path": "a\x1b[31mb", "size": 7, "mtime": iso(-50)}]}], "left_out": 0, "lost": 0},
    "explain": {"lines": [{"destination": "local", "why": "stays: the 3rd of 30 daily sets kept"}]},
    "log": {"records": [{"seq": 5, "time": iso(-50), "prev": "00", "type": "run-finished",
                         "job": "synapse", "run": 15, "outcome": "failed", "error": "it \x1b[31mbroke"}],
            "last": 5},
    "trigger": {"run": 18}, "wait": wait_good, "verify": {"run": 19}, "cancel": {}, "pause": {},
    "resume": {}, "pin": {}, "unpin": {}, "accept": {}, "hold": {}, "release": {}, "adopt": {},
    "clock-accept": {}, "reload": {"files": ["/etc/synbak/synbak.conf"]}, "rescan": {"sets": 2},
    "prune": {"jobs": [{"job": "synapse", "destination": "local", "capped": False,
                        "remove": [{"id": "20261101_020000", "why": "goes: 31st of 30 daily"}]}]},
}


class World:
    """daemon: the scripted one, or None; worker scripts by verb; a configuration if asked for."""

    def __init__(self, daemon=True, worker=None, config=False, **answers):
        self.dir = harness.temp_dir()
        self.socket, self.config = f"{self.dir}/control.sock", None
        self.daemon = FakeDaemon(self.socket, {**ANSWERS, **answers}) if daemon else None
        if self.daemon:
            harness.defer(self.daemon.__exit__)
        for verb, steps in (worker or {}).items():
            self.script(verb, *steps)
        write_file(f"{self.dir}/key", KEY + "\n", 0o600)
        if config:
            self.configure()

    def configure(self, extra="", destination="", source="", mode=0o600):
        for name in ("backups", "media"):
            os.makedirs(f"{self.dir}/{name}", exist_ok=True)
        self.config = write_file(f"{self.dir}/synbak.conf", f"""[daemon]
socket = {self.socket}
state_dir = {self.dir}/state

[destination local]
path = {self.dir}/backups
key = file:{self.dir}/key
{destination}

[source database]
type = postgresql
uri = postgresql:///synapse
{source}

[source media]
type = files
path = {self.dir}/media

[job synapse]
sources = database media
destinations = local
daily = at 02:00, keep 30
{extra}
""", mode)

    def script(self, verb, *steps):
        write_file(f"{self.dir}/{verb}.json", json.dumps(steps))

    def got(self):
        """What the worker received."""
        try:
            with open(f"{self.dir}/got.jsonl", encoding="utf-8") as f:
                return [json.loads(line) for line in f]
        except FileNotFoundError:
            return []

    def environment(self, **more):
        keep = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "SYNBAK_SOCKET")}
        return {**keep, "SYNBAK_WORKER": f"{HERE}/fake_worker.py", "FAKE_WORKER": self.dir,
                "TERM": "xterm", "TZ": "UTC", **more}

    def arguments(self, arguments):
        where = ["--socket", self.socket] if not self.config else ["--config", self.config]
        return [program("synbakctl"), *arguments, *where]

    def ctl(self, *arguments, ok=None, env=None, **options):
        return run(self.arguments(arguments), ok=ok, env=self.environment(**(env or {})), **options)

    def terminal(self, *arguments, typed=None, env=None, interrupt_at=None, signal_at=signal.SIGINT):
        """Run on a pseudo-terminal: (exit status, output). typed: {text seen: what to type}."""
        ours, theirs = pty.openpty()
        harness.defer(_close, ours)
        process = subprocess.Popen(self.arguments(arguments), stdin=theirs, stdout=theirs,
                                   stderr=theirs, env=self.environment(**(env or {})),
                                   start_new_session=True)
        harness.defer(harness.end_process, process)
        os.close(theirs)
        output, typed = "", dict(typed or {})
        while True:
            ready, _, _ = select.select([ours], [], [], 60)
            if not ready:
                raise harness.Failed(f"nothing for 60 s behind {output!r}")
            try:
                chunk = os.read(ours, 65536)
            except OSError as e:
                if e.errno != errno.EIO:
                    raise
                chunk = b""
            if not chunk:
                return process.wait(60), output
            output += chunk.decode()
            for seen in [s for s in typed if s in output]:
                os.write(ours, typed.pop(seen).encode())
            if interrupt_at and interrupt_at in output:
                interrupt_at = None
                process.send_signal(signal_at)


def _close(fd):
    try:
        os.close(fd)
    except OSError:
        pass
