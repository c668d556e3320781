#!/usr/bin/env python3
"""What befalls a bucket while synbakd copies to it: credentials revoked, the bucket gone, the quota full, parts lost,
stale lists, kill -9, a wrong clock. After each: lists and status tell the truth, nothing half is taken as whole, and
the next attempt mends it. Real worker, real radosgw behind a faulty proxy."""
import json
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import rgw  # noqa: E402
from daemon_client import Daemon  # noqa: E402
from faulty_proxy import FaultyProxy  # noqa: E402
from harness import (check, contains, equal, lacks, note, program, run, run_all, test, wait_until,  # noqa: E402
                     write_file)

MIB = 1 << 20
PARTS = 3
_users = []


class World:
    """A job of one incompressible stream, with a local destination and a bucket of a user of its own."""

    def __init__(self, far="", job="", size=PARTS * 16 * MIB, worker=None, start=True):
        self.s3 = rgw.shared()
        self.user = f"user{len(_users)}"
        _users.append(self.user)
        self.key, self.secret = self.s3.user(self.user)
        self.bucket = self.s3.bucket(key=self.key, secret=self.secret)
        self.proxy = FaultyProxy(self.s3.port)
        d = self.d = Daemon(start=False, worker=worker or program("synbak-worker"))
        self.credentials = f"{d.dir}/credentials"
        self.use(self.key, self.secret)
        write_file(f"{d.dir}/data", os.urandom(size))
        d.configure(f"[destination far]\ntype = s3\nendpoint = {self.proxy.endpoint}\ninsecure = yes\n"
                    f"bucket = {self.bucket}\nprefix = h1\ncredentials = file:{self.credentials}\nkey = none\n{far}\n"
                    f"[source data]\ntype = command\ncommand = cat {d.dir}/data\n"
                    f"[job j]\nsources = data\ndestinations = local far\n{job}\n")
        if start:
            d.start()

    def use(self, key, secret):
        write_file(self.credentials, f"{key}\n{secret}\n", 0o600)

    def request(self, *arguments, **more):
        return self.s3.request(*arguments, key=self.key, secret=self.secret, **more)

    def ctl(self, *arguments, **more):
        env = {**os.environ, "SYNBAK_SOCKET": self.d.socket, "SYNBAK_WORKER": program("synbak-worker")}
        return run([program("synbakctl"), *arguments], env=env, **more)

    def at(self, destination):
        """The daemon's word for what lies there."""
        return sorted(s["id"] for s in self.d.call("list", job="j")["sets"] if s["destination"] == destination)

    def truly(self):
        """What lies there, without asking synbak."""
        _, _, body = self.request("GET", f"/{self.bucket}", {"list-type": "2", "prefix": "h1/j/"})
        keys = [part.split("</Key>")[0] for part in body.decode().split("<Key>")[1:]]
        return sorted(k.split("/")[2] for k in keys if k.endswith("/manifest.json"))

    def uploads(self):
        _, _, body = self.request("GET", f"/{self.bucket}", {"uploads": ""})
        return body.count(b"<UploadId>")

    def fails(self, *words):
        """One run: whole here, and the copy fails and says so. Its id."""
        done = self.ctl("trigger", "j", "--wait")
        equal(done.returncode, 4, done.stdout + done.stderr)
        made = self.at("local")[-1]
        lacks(" ".join(self.at("far")), made)
        log, status = self.d.log(), self.ctl("status").stdout
        for word in words:
            contains(log, word)
        contains(status, "far")
        contains(status.lower(), "copy")
        return made

    def mends(self, identity):
        """The copy, asked for again, is whole."""
        self.ctl("copy", f"j/{identity}", "--destination", "far", ok=True)
        equal(self.at("far")[-1], identity)
        equal(self.truly()[-1], identity)
        self.ctl("verify", f"j/{identity}", "--destination", "far", ok=True)
        equal(self.uploads(), 0)

    def good(self):
        self.ctl("trigger", "j", "--wait", ok=True)
        equal(self.at("far"), self.truly())
        return self.at("far")[-1]


@test
def a_user_suspended_in_the_middle_of_an_upload():
    w = World()
    before = w.good()
    w.proxy.before("partNumber=2", 1, lambda: w.s3.admin("user", "suspend", f"--uid={w.user}"))
    made = w.fails("suspended the owner of the credentials")
    equal(w.at("far"), [before])
    w.s3.admin("user", "enable", f"--uid={w.user}")
    equal(w.truly(), [before])
    w.mends(made)


@test
def a_key_that_ends_in_the_middle_of_an_upload():
    w = World()
    w.proxy.before("partNumber=2", 1, lambda: w.s3.admin("key", "rm", f"--uid={w.user}", f"--access-key={w.key}"))
    made = w.fails("does not know the access key")
    w.s3.admin("key", "create", f"--uid={w.user}", "--access-key=ANOTHER" + w.user.upper(), "--secret-key=another")
    w.key, w.secret = "ANOTHER" + w.user.upper(), "another"
    w.use(w.key, w.secret)  # read anew for the next worker: synbakd need not be told
    w.mends(made)


@test
def a_bucket_that_is_gone():
    w = World()
    first = w.good()
    w.proxy.before("partNumber=2", 1,
                   lambda: w.s3.admin("bucket", "rm", f"--bucket={w.bucket}", "--purge-objects"))
    second = w.fails("there is no")  # bucket, or object: as radosgw tells of a part meanwhile
    third = w.fails("there is no bucket")
    equal(w.at("local"), [first, second, third])
    # an empty one of the same name is not taken for the one that was lost
    equal(w.request("PUT", f"/{w.bucket}")[0], 200)
    done = w.ctl("copy", f"j/{third}", "--destination", "far")
    check(done.returncode != 0, done.stdout)
    contains(done.stderr, "synbakctl adopt")
    lacks(done.stderr, "mount")
    equal(w.truly(), [])
    w.ctl("adopt", "far", ok=True)
    w.mends(third)


@test
def a_quota_that_is_full_in_the_middle():
    w = World()
    before = w.good()

    def limit(size):
        for what in (["set", f"--max-size={size}"], ["enable"]):
            w.s3.admin("quota", *what, "--quota-scope=bucket", f"--uid={w.user}")

    limit((2 * PARTS - 1) * 16 * MIB)
    made = w.fails("the quota is full")
    equal(w.truly(), [before])
    w.ctl("verify", f"j/{before}", "--destination", "far", ok=True)
    limit(100 * 16 * MIB)
    w.mends(made)


@test
def credentials_that_may_only_put():
    w = World(job="manual = keep 1\n", size=MIB)
    key, secret = w.s3.user(w.user + "put")
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam:::user/{w.user}put"]},
        "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:ListBucketMultipartUploads",
                   "s3:ListMultipartUploadParts"],
        "Resource": [f"arn:aws:s3:::{w.bucket}", f"arn:aws:s3:::{w.bucket}/*"]}]}
    equal(w.request("PUT", f"/{w.bucket}", {"policy": ""}, json.dumps(policy).encode())[0] // 100, 2)
    w.use(key, secret)
    first, second = w.good(), w.good()
    wait_until(lambda: "could not be removed" in w.d.log(), "retention to say what it may not")
    contains(w.d.log(), "access denied")
    equal(w.at("far"), [first, second])
    equal(w.truly(), [first, second])
    w.ctl("prune")
    wait_until(lambda: w.d.log().count("could not be removed") == 2, "a second refusal")
    with open(w.d.conf, encoding="utf-8") as f:
        text = f.read()
    write_file(w.d.conf, text.replace("\n[source data]", "delete = no\n[source data]"), 0o600)
    w.ctl("reload", ok=True)
    w.good()
    contains(w.ctl("prune", "--dry-run", ok=True).stdout, "left to another identity")
    w.ctl("prune", ok=True)
    equal(w.d.log().count("could not be removed"), 2)
    for identity in (first, second):
        w.ctl("verify", f"j/{identity}", "--destination", "far", ok=True)


@test
def a_part_that_is_confirmed_and_lost():
    w = World()
    before = w.good()
    w.proxy.before("partNumber=2", 1, "swallow")
    made = w.fails("lost a part")
    equal(w.truly(), [before])
    w.mends(made)


def copying_worker(d):
    """The process id of the daemon's child that copies."""
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            if int(fields[1]) == d.process.pid and fields[0] != "Z":
                return int(pid)
        except (OSError, ValueError, IndexError):
            continue
    return None


@test
def kill_9_in_the_middle_of_an_upload():
    w = World(far="parallel = 1\n")
    w.proxy.before("partNumber=3", 1, lambda: os.kill(copying_worker(w.d), signal.SIGKILL))
    made = w.fails("killed")
    equal(w.truly(), [])
    equal(w.uploads(), 1)
    sent = w.proxy.received
    w.mends(made)
    again = w.proxy.received - sent
    note(f"{again // MIB} of {PARTS * 16} MiB were sent again")
    check(again < 17 * MIB, "what had arrived was sent again")


@test
def lists_that_lag_behind():
    w = World(job="manual = keep 2\n", size=MIB)
    first, second = w.good(), w.good()
    w.proxy.old_lists = True
    w.d.call("rescan")
    equal(w.at("local"), [first, second])
    equal(w.truly(), [first, second])
    lacks(w.ctl("status").stdout, "lost")
    w.ctl("trigger", "j", "--wait", ok=True)
    equal(w.truly()[-1], w.at("local")[-1])
    w.proxy.old_lists = False
    w.d.call("rescan")
    equal(w.at("far"), w.truly())
    w.ctl("trigger", "j", "--wait", ok=True)  # and the next one tidies up
    wait_until(lambda: w.truly() == w.at("local"), "both places to hold the same")
    for identity in w.truly():
        w.ctl("verify", f"j/{identity}", "--destination", "far", ok=True)


@test
def a_clock_that_is_wrong():
    """Only the worker's, which signs: the message says by how much."""
    w = World(size=MIB, start=False)
    w.d.worker = write_file(f"{w.d.dir}/worker", f"#!/bin/sh\nSYNBAK_CLOCK_FILE={w.d.clock} exec "
                            f"{program('synbak-worker-fault')}\n", 0o755)
    w.d.start()
    before = w.good()
    write_file(w.d.clock, f"{-3600 * 1000000} 0")
    made = w.fails("this machine's clock is 1 h 00 min behind the service's")
    write_file(w.d.clock, f"{3 * 3600 * 1000000} 0")
    contains(w.ctl("copy", f"j/{made}", "--destination", "far", ok=False).stderr, "3 h 00 min ahead of the service's")
    equal(w.truly(), [before])
    os.unlink(w.d.clock)
    w.mends(made)


@test
def an_upload_limit_bounds():
    """By the clock, but only from above: a slow machine sends less still."""
    w = World(far="upload_limit = 4M\nparallel = 4\n", size=16 * MIB)
    begun, before = time.monotonic(), w.proxy.received
    w.good()
    spent, sent = time.monotonic() - begun, w.proxy.received - before
    note(f"{sent / MIB:.1f} MiB in {spent:.1f} s")
    check(sent >= 16 * MIB, "all was sent")
    check(sent <= 4e6 * spent + 4 * MIB, f"{sent} bytes in {spent} s are more than 4 MB/s")


run_all()
