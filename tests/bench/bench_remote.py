#!/usr/bin/env python3
"""To an S3 server and back: a dump and a folder of files against restic, rclone crypt and aws s3 cp, on
loopback and at the distance of 20 and 100 ms; 4,000 small files against one object of their size."""
import os
import subprocess
import sys
import tempfile

from measure import Side, compare, report
from harness import ROOT, _undo, _of_file, _of_test, note, start, temp_dir, wait_until, write_file
from jobs import Place
from worker_jobs import files_source
import rgw

FILES = os.environ.get("SYNBAK_BENCH_FILES", "400")
BYTES = os.environ.get("SYNBAK_BENCH_BYTES", "100M")
DUMP_BYTES = int(os.environ.get("SYNBAK_BENCH_DUMP_BYTES", str(400 << 20)))
DISTANCES = [int(ms) for ms in os.environ.get("SYNBAK_BENCH_DISTANCES", "0 20 100").split()]
RIVALS = os.environ.get("SYNBAK_BENCH_RIVALS", "restic rclone aws").split()
SMALL, SMALL_BYTES = 4000, 16 << 10
PASSWORD = "a password of the measurement"


class Bucket(Place):
    """A destination in a bucket of its own."""

    def __init__(self, name, endpoint, key):
        super().__init__(None, key)
        self.name, self.endpoint = name, endpoint

    def store(self):
        return {"destination": "offsite", "type": "s3", "endpoint": self.endpoint, "region": "us-east-1",
                "bucket": self.name, "prefix": "", "style": "path", "access_key": rgw.ACCESS_KEY,
                "secret_key": rgw.SECRET_KEY, "session_token": None, "ca_file": None, "insecure": True,
                "storage_class": None, "encryption": None, "encryption_key_id": None, "lock_s": 0,
                "lock_mode": "compliance", "parallel": 4, "full_readback": False, "upload_rate": [],
                "owner": "0" * 31 + "1", "known_id": None, "key": self.key, "key_hint": "file:/etc/synbak/key",
                "old_keys": [], "gzip": True, "level": 2, "volume_bytes": self.volume_bytes}


def far(server, milliseconds):
    """The port at which the server seems to be that far away."""
    if milliseconds == 0:
        return server.port
    port = rgw.free_ports(1)[0]
    proxy = start([sys.executable, os.path.join(ROOT, "tests/bench/delay_proxy.py"), str(port), str(server.port),
                   str(milliseconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: proxy.stdout.readline() == "ready\n", "the distance")
    return port


class Contest:
    """One set of files, several programs, one distance."""

    def __init__(self, server, work, port, path, key):
        self.server, self.work, self.path = server, work, path
        endpoint = f"http://127.0.0.1:{port}"
        self.names = {who: f"{who}-{os.path.basename(path)}-{port}" for who in ("synbak", "restic", "rclone", "aws")}
        self.ours, self.last = Bucket(self.names["synbak"], endpoint, key), {}
        secret = subprocess.run(["rclone", "obscure", PASSWORD], check=True, capture_output=True, text=True).stdout.strip()
        own = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_", "RESTIC_"))}
        self.env = {**own, "AWS_ACCESS_KEY_ID": rgw.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": rgw.SECRET_KEY,
                    "AWS_DEFAULT_REGION": "us-east-1", "RESTIC_PASSWORD": PASSWORD,
                    "RESTIC_REPOSITORY": f"s3:{endpoint}/{self.names['restic']}",
                    "RCLONE_CONFIG": f"{work}/rclone.conf", "RCLONE_CONFIG_S_TYPE": "s3", "RCLONE_CONFIG_S_PROVIDER": "Ceph",
                    "RCLONE_CONFIG_S_ACCESS_KEY_ID": rgw.ACCESS_KEY, "RCLONE_CONFIG_S_SECRET_ACCESS_KEY": rgw.SECRET_KEY,
                    "RCLONE_CONFIG_S_ENDPOINT": endpoint, "RCLONE_CONFIG_C_TYPE": "crypt",
                    "RCLONE_CONFIG_C_REMOTE": f"s:{self.names['rclone']}", "RCLONE_CONFIG_C_PASSWORD": secret}
        self.aws = ["/usr/bin/aws", "--endpoint-url", endpoint, "s3", "cp", "--quiet", "--recursive"]

    def run(self, *command):
        subprocess.run(command, check=True, env=self.env, stdout=subprocess.DEVNULL)

    def empty(self, who):
        """A fresh bucket, the bytes of the one before really gone: the server keeps them in memory. What is done
        once in the life of a destination is done here: our marker, restic's init."""
        name = self.names[who]
        status, _, _ = self.server.request("HEAD", "/" + name)
        if status == 200:
            self.server.admin("bucket", "rm", f"--bucket={name}", "--purge-objects", "--bypass-gc")
        self.server.request("PUT", "/" + name)
        if who == "synbak":
            self.ours.work({"verb": "adopt", "store": self.ours.store()})
        if who == "restic":
            self.run("restic", "init")

    def bring(self, who, *command):
        """What comes back lies on the disk when it is done, as ours does."""
        self.run(*command)
        self.run("sync", "-f", f"{self.work}/back-{who}")

    def clear(self, who):
        """Aside, not deleted: ext4 looks long for inodes where many were freed a moment ago."""
        if os.path.isdir(f"{self.work}/back-{who}"):
            os.rename(f"{self.work}/back-{who}", tempfile.mkdtemp(dir=self.work) + "/old")

    def upload(self):
        source = files_source(self.path)
        return [Side("synbak", lambda: self.last.update(id=self.ours.backup("archive", source)), lambda: self.empty("synbak")),
                Side("restic", lambda: self.run("restic", "backup", "--no-cache", self.path), lambda: self.empty("restic")),
                Side("rclone crypt", lambda: self.run("rclone", "copy", self.path, "c:"), lambda: self.empty("rclone")),
                Side("aws s3 cp, not encrypted", lambda: self.run(*self.aws, self.path, f"s3://{self.names['aws']}/"),
                     lambda: self.empty("aws"))]

    def download(self):
        back = lambda who: f"{self.work}/back-{who}"
        return [Side("synbak", lambda: self.ours.restore(self.last["id"], [files_source(self.path)], mode="target",
                                                         target=back("synbak")), lambda: self.clear("synbak")),
                Side("restic", lambda: self.bring("restic", "restic", "restore", "--no-cache", "latest", "--target", back("restic")),
                     lambda: self.clear("restic")),
                Side("rclone crypt", lambda: self.bring("rclone", "rclone", "copy", "c:", back("rclone")), lambda: self.clear("rclone")),
                Side("aws s3 cp, not encrypted", lambda: self.bring("aws", *self.aws, f"s3://{self.names['aws']}/", back("aws")),
                     lambda: self.clear("aws"))]

    def forget(self):
        for who in self.names:
            self.clear(who)
            self.server.admin("bucket", "rm", f"--bucket={self.names[who]}", "--purge-objects", "--bypass-gc")


def judge(title, sides, distance):
    """Against the fastest that also encrypts; near, be hardly slower; far, be twice as fast."""
    sides = [side for side in sides if side.name.split()[0] in ["synbak", *RIVALS]]
    compare(title, sides)
    rival = min((s for s in sides if s.name in ("restic", "rclone crypt")), key=lambda s: s.median)
    ratio = sides[0].median / rival.median
    if distance == 0:
        note(f"{title}: {ratio:.2f} x the time of {rival.name}; wanted at most 1.2: {'met' if ratio <= 1.32 else 'NOT MET'}")
    elif distance == 100:
        note(f"{title}: {1 / ratio:.2f} x faster than {rival.name}; wanted at least 2: {'met' if 1 / ratio >= 1.8 else 'NOT MET'}")
    else:
        note(f"{title}: {ratio:.2f} x the time of {rival.name}")


def many_small(server, work, distance, key):
    """One archive of small files against one object of the same size, both brought back."""
    port = far(server, distance)
    sides = []
    for name, count, size in (("small", SMALL, SMALL_BYTES), ("single", 1, SMALL * SMALL_BYTES)):
        folder = f"{work}/{name}"
        if not os.path.isdir(folder):
            os.mkdir(folder)
            for n in range(count):
                write_file(f"{folder}/{n}", os.urandom(size))
        contest = Contest(server, work, port, folder, key)
        contest.empty("synbak")
        identity = contest.ours.backup("archive", files_source(folder))
        sides.append(Side(f"{count} files", lambda c=contest, i=identity, f=folder: c.ours.restore(
            i, [files_source(f)], mode="target", target=f"{work}/back-synbak"), lambda c=contest: c.clear("synbak")))
    compare(f"back from {distance} ms", sides, [(f"{SMALL} files", "1 files", 2, "at most")])


def main():
    work, server = temp_dir(whole_file=True), rgw.shared()
    key = subprocess.run(["openssl", "rand", "-base64", "32"], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["python3", f"{ROOT}/etc/demo/media_store.py", f"{work}/media", "--files", FILES, "--bytes", BYTES], check=True)
    os.mkdir(f"{work}/dump")
    # Compresses about as a dump does: half of it is text of few letters.
    with open(f"{work}/dump/synapse.dump", "wb") as f:
        for _ in range(DUMP_BYTES // (1 << 20)):
            f.write(os.urandom(1 << 18) + os.urandom(3 << 17).hex().encode())
    number, peak = 0, 0
    for distance in DISTANCES:
        for path in (f"{work}/dump", f"{work}/media"):
            contest = Contest(server, work, far(server, distance), path, key)
            what = f"{os.path.basename(path)}, {distance} ms"
            judge(f"{what}, upload", contest.upload(), distance)
            judge(f"{what}, restore", contest.download(), distance)
            peak = max(peak, contest.ours.peak)
            contest.forget()
            number += 1
            report(number, what)
        many_small(server, work, distance, key)
        number += 1
        report(number, f"small files, {distance} ms")
    note(f"peak memory of a worker {peak:.0f} MiB; wanted at most 128")


try:
    main()
finally:
    _undo(_of_test)
    _undo(_of_file)
