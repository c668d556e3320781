"""A whole installation in a temporary folder, as a user would have it: a real PostgreSQL with a made-up
homeserver, a media folder, a configuration, synbakd, and synbakctl to talk to it.

    d = Deployment()
    d.ctl("trigger", "synapse", "--wait", ok=True)
"""
import hashlib
import os
import subprocess
import time

import harness
from harness import program, run, wait_until, write_file
from pg import Cluster

MEDIA = {"local_content/aa/bb/photo": bytes(range(256)) * 300, "local_content/aa/cc/empty": b"",
         "local_thumbnails/aa/bb/x/320-240-image-jpeg-scale": b"thumbnail" * 100,
         "local_content/ze/ro/text": b"the same line again\n" * 5000}


class Deployment:
    """paths: dir, conf, key_file, backups, media, state; cluster; daemon (Popen or None)."""

    def __init__(self, jobs=None, destination="", source="", media_source="", extra="", start=True,
                 cluster=None, events=300, programs=("synbakd", "synbak-worker")):
        self.dir = harness.temp_dir()
        self.programs, self.passed = programs, 0
        self.conf, self.key_file = f"{self.dir}/synbak.conf", f"{self.dir}/key"
        self.backups, self.media, self.state = (f"{self.dir}/{n}" for n in ("backups", "media", "state"))
        self.socket = f"{self.dir}/control.sock"
        self.cluster = cluster or Cluster()
        self.cluster.sql("drop database if exists synapse")
        self.cluster.sql("create database synapse")
        self.cluster.tool("psql", "-q", "-v", f"events={events}", "-d", "synapse", "-f",
                          f"{harness.ROOT}/etc/demo/homeserver.sql")
        os.mkdir(self.backups, 0o700)
        for name, data in MEDIA.items():
            os.makedirs(os.path.dirname(f"{self.media}/{name}"), exist_ok=True)
            write_file(f"{self.media}/{name}", data)
        key = subprocess.run(["openssl", "rand", "-base64", "32"], check=True, capture_output=True, text=True).stdout
        write_file(self.key_file, key, 0o600)
        self.configure(jobs=jobs, destination=destination, source=source, media_source=media_source, extra=extra)
        self.daemon = None
        if start:
            self.start()

    def configure(self, jobs=None, destination="", source="", media_source="", extra=""):
        jobs = jobs or "[job synapse]\nsources = database media\ndestinations = local\ndaily = at 02:00, keep 30\n"
        write_file(self.conf, f"""[daemon]
state_dir = {self.state}
socket = {self.socket}
timezone = Europe/Berlin
log_format = text

[destination local]
path = {self.backups}
warn_free = 0
key = file:{self.key_file}
{destination}

[source database]
type = postgresql
uri = {self.cluster.uri('synapse')}
{source}

[source media]
type = files
path = {self.media}
{media_source}

{jobs}
{extra}
""", 0o600)

    def change(self, old, new):
        """The configuration, with some text replaced."""
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        harness.contains(text, old)
        write_file(self.conf, text.replace(old, new), 0o600)

    def environment(self, **more):
        keep = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return {**keep, "SYNBAK_SOCKET": self.socket, "SYNBAK_CONFIG": self.conf, "SYNBAK_WORKER": program(self.programs[1]),
                "SYNBAK_CLOCK_FILE": f"{self.dir}/clock", **more}

    def start(self, **env):
        self.log = open(f"{self.dir}/log", "ab")
        harness.defer(self.log.close)
        self.daemon = harness.start([program(self.programs[0]), "--config", self.conf], stdin=subprocess.DEVNULL,
                                    stderr=self.log, stdout=self.log, env=self.environment(**env))
        wait_until(self.answers, "synbakd to answer")

    def answers(self):
        if self.daemon.poll() is not None:
            raise harness.Failed("synbakd ended: " + self.log_text()[-2000:])
        return self.ctl("status").returncode in (0, 1, 2)

    def pass_time(self, seconds):
        """So much time passes, for synbakd-fault and synbak-worker-fault."""
        self.passed += seconds
        micros = int(self.passed * 1000000)
        write_file(f"{self.dir}/clock.new", f"{micros} {micros}")
        os.rename(f"{self.dir}/clock.new", f"{self.dir}/clock")
        self.ctl("status")

    def in_fast_time(self, condition, what):
        """Until condition(), while time goes some fifty times as fast: a retry comes soon, and still no worker seems to
        stand still, which it may for two minutes."""
        def look():
            self.pass_time(10)
            time.sleep(0.2)
            return condition()
        wait_until(look, what)

    def stop(self):
        self.daemon.terminate()
        return self.daemon.wait(60)

    def log_text(self):
        with open(f"{self.dir}/log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def ctl(self, *arguments, ok=None, env=None, **options):
        return run([program("synbakctl"), *arguments], ok=ok, env=env or self.environment(), **options)

    def backup(self, job="synapse"):
        """One set made now: its id."""
        self.ctl("trigger", job, "--wait", ok=True)
        return self.latest(job)

    def latest(self, job="synapse"):
        return os.readlink(f"{self.backups}/{job}/latest")

    def set_dir(self, identity, job="synapse"):
        return f"{self.backups}/{job}/{identity}"

    def media_sums(self, root=None):
        """Name -> digest of every file, without what a restore keeps aside."""
        root, sums = root or self.media, {}
        for folder, folders, files in os.walk(root):
            folders[:] = [f for f in folders if not f.startswith(".synbak-restore")]
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    sums[os.path.relpath(path, root)] = hashlib.sha256(f.read()).hexdigest()
        return sums
