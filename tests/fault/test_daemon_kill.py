#!/usr/bin/env python3
"""kill -9 of synbakd at every call that changes something: start, a triggered run, its copy to a second
place, retention, stop.

After each: it starts again without a hand, the set that was committed before still verifies and is
listed, what is listed is whole, and the next run succeeds (R2, R4)."""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402
from deployment import MEDIA  # noqa: E402
from harness import check, contains, equal, note, program, run, run_all, temp_dir, test, wait_until, write_file  # noqa: E402

SHORT_STEPS = 8


class Small:
    """One files job, no encryption: quick to start and to run, hundreds of times. With `copies` its sets
    are copied to a second place."""

    def __init__(self, copies=False):
        self.dir = temp_dir()
        self.socket = f"{self.dir}/s"
        os.mkdir(f"{self.dir}/backups", 0o700)
        os.mkdir(f"{self.dir}/nas", 0o700)
        for name, data in MEDIA.items():
            os.makedirs(os.path.dirname(f"{self.dir}/media/{name}"), exist_ok=True)
            write_file(f"{self.dir}/media/{name}", data)
        write_file(f"{self.dir}/conf", f"""[daemon]
state_dir = {self.dir}/state
socket = {self.socket}
[destination local]
warn_free = 0
path = {self.dir}/backups
key = none
[destination nas]
warn_free = 0
path = {self.dir}/nas
key = none
feed = copy
[source media]
type = files
path = {self.dir}/media
[job j]
sources = media
destinations = local{" nas" if copies else ""}
daily = at 02:00
manual = keep 2
keep_last = 1
""", 0o600)

    def environment(self, **more):
        return {**os.environ, "SYNBAK_SOCKET": self.socket, "SYNBAK_WORKER": program("synbak-worker"), **more}

    def start(self, binary="synbakd", **env):
        log = open(f"{self.dir}/log", "ab")
        harness.defer(log.close)
        return harness.start([program(binary), "--config", f"{self.dir}/conf"], stderr=log, stdout=log,
                             env=self.environment(**env))

    def ctl(self, *arguments, ok=None):
        return run([program("synbakctl"), *arguments], ok=ok, env=self.environment())

    def ready(self, daemon):
        wait_until(lambda: daemon.poll() is not None or self.ctl("status").returncode in (0, 1, 2), "synbakd")
        return daemon.poll() is None

    def log(self):
        with open(f"{self.dir}/log", encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]


def template(copies):
    """A copy of this has a state and two committed sets of one job; the owner is the same for all."""
    s = Small(copies)
    daemon = s.start()
    check(s.ready(daemon), s.log())
    s.ctl("trigger", "j", "--wait", ok=True)
    s.ctl("trigger", "j", "--wait", ok=True)
    daemon.terminate()
    equal(daemon.wait(60), 0, s.log())
    return s


def life(s, fault):
    """One life of the daemon under the fault: start, trigger, stop. True if it came through."""
    daemon = s.start("synbakd-fault", SYNBAK_FAULT=fault)
    if s.ready(daemon):
        s.ctl("trigger", "j", "--wait")
    if daemon.poll() is None:
        daemon.terminate()
    return daemon.wait(60) == 0


def campaign(copies):
    # the same folder for all: the owner of the destination is made from the state directory's place
    s = template(copies)
    copy = temp_dir()
    shutil.rmtree(copy)
    shutil.copytree(s.dir, copy, symlinks=True, ignore=shutil.ignore_patterns("s", "log"))
    first = sorted(f for f in os.listdir(f"{copy}/backups/j") if os.path.isdir(f"{copy}/backups/j/{f}") and f[0] == "2")[0]

    def reset():
        for name in ("state", "backups", "nas"):
            shutil.rmtree(f"{s.dir}/{name}")
            shutil.copytree(f"{copy}/{name}", f"{s.dir}/{name}", symlinks=True)

    reset()
    check(life(s, f"count:{s.dir}/counts"), s.log())
    with open(f"{s.dir}/counts", encoding="ascii") as f:
        total = sum(int(line.split()[-1]) for line in f)
    steps = range(1, total + 1) if harness.long() else sorted(
        {1 + i * (total - 1) // (SHORT_STEPS - 1) for i in range(SHORT_STEPS)})
    killed = 0
    for n in steps:
        reset()
        killed += not life(s, f"kill:{n}")
        daemon = s.start()
        check(s.ready(daemon), f"kill:{n}: it does not start again: {s.log()}")
        time.sleep(0.05)
        contains(s.ctl("list", "j").stdout, "20")
        equal(s.ctl("trigger", "j", "--wait").returncode, 0, f"kill:{n}: {s.log()}")
        equal(s.ctl("verify", "--all").returncode, 0, f"kill:{n}: {s.log()}")
        if copies:
            newest = max(f for f in os.listdir(f"{s.dir}/backups/j") if f[0] == "2")
            check(os.path.exists(f"{s.dir}/nas/j/{newest}/manifest.json"), f"kill:{n}: {newest} was not copied")
        daemon.terminate()
        equal(daemon.wait(60), 0, f"kill:{n}: {s.log()}")
    note(f"{total} calls, killed at {killed} of {len(steps)} tried; first set {first}")
    check(killed > 0, "it was never killed")


@test(limit=300)
def at_every_call():
    campaign(copies=False)


@test(limit=300)
def at_every_call_around_a_copy():
    campaign(copies=True)


if __name__ == "__main__":
    run_all()
