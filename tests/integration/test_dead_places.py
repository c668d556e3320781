#!/usr/bin/env python3
"""Far places that are not there: refused, cut off, mute, without an address. A person is not kept waiting for them, and
whoever cancels is not either. (What is alive and slow, or dies later: test_copy_remote.py, tests/fault.)"""
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw  # noqa: E402
from daemon_client import Daemon  # noqa: E402
from faulty_proxy import FaultyProxy  # noqa: E402
from harness import (check, contains, defer, equal, lacks, program, run, run_all, temp_dir, test, wait_until,  # noqa: E402
                     write_file)
from small_work import OWNER, Work  # noqa: E402
from worker_client import Worker, work  # noqa: E402

KEY = "the-key-of-this-test-0123456789abcdef"
ID = "20260101_020000"
FORM = {"owner": OWNER, "known_id": None, "key": KEY, "key_hint": "file:/etc/synbak/key", "old_keys": [],
        "gzip": True, "level": 1, "volume_bytes": 1 << 20, "parallel": 4, "upload_rate": []}
UNKNOWN = "nobody.invalid"


class Listener:
    """What a dead place does with those who connect: "mute" says nothing, "reset" ends it at once, "full" lets nobody
    in, as when the packets are lost on the way."""

    def __init__(self, kind):
        self.kind, self.came, self.kept = kind, 0, []
        self.server = socket.create_server(("127.0.0.1", 0), backlog=0 if kind == "full" else 64)
        self.port = self.server.getsockname()[1]
        defer(self.stop)
        if kind == "full":
            for _ in range(3):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", self.port))
                self.kept.append(s)
        else:
            self.thread = threading.Thread(target=self.accept, daemon=True)
            self.thread.start()

    def accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            self.came += 1
            if self.kind == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
            else:
                self.kept.append(sock)

    def stop(self):
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()
        for sock in self.kept:
            sock.close()


def bucket(port, host="127.0.0.1", **more):
    return {**FORM, "destination": "far", "type": "s3", "endpoint": f"http://{host}:{port}", "region": "us-east-1",
            "bucket": "b", "prefix": "host1", "style": "path", "access_key": rgw.ACCESS_KEY,
            "secret_key": rgw.SECRET_KEY, "session_token": None, "ca_file": None, "insecure": True,
            "storage_class": None, "encryption": None, "encryption_key_id": None, "lock_s": 0,
            "lock_mode": "compliance", "full_readback": False, **more}


class Home:
    """A machine with synbakctl alone."""

    def __init__(self):
        self.dir = temp_dir()
        write_file(f"{self.dir}/key", KEY + "\n", 0o600)
        write_file(f"{self.dir}/credentials", f"{rgw.ACCESS_KEY}\n{rgw.SECRET_KEY}\n", 0o600)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.dir}/login"], ok=True)
        with open(f"{self.dir}/login.pub", encoding="ascii") as f:
            self.known = " ".join(f.read().split()[:2])

    def ctl(self, *arguments):
        return run([program("synbakctl"), *arguments], cwd=self.dir, env={
            "PATH": os.environ["PATH"], "HOME": self.dir, "SYNBAK_SOCKET": f"{self.dir}/none",
            "SYNBAK_CONFIG": f"{self.dir}/none.conf", "SYNBAK_WORKER": program("synbak-worker")})

    def s3(self, port, host="127.0.0.1"):
        return ("--destination", "s3://b/host1", "--endpoint", f"http://{host}:{port}", "--insecure", "--credentials",
                f"file:{self.dir}/credentials", "--key", f"file:{self.dir}/key")

    def sftp(self, port, host="127.0.0.1"):
        write_file(f"{self.dir}/known_hosts", f"[{host}]:{port} {self.known}\n")
        return ("--destination", f"sftp://u@{host}:{port}/backups", "--private-key", f"file:{self.dir}/login",
                "--known-hosts", f"{self.dir}/known_hosts", "--key", f"file:{self.dir}/key")


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@test
def a_person_tries_twice_where_nobody_listens():
    home, resets = Home(), Listener("reset")
    for command in (("list",), ("verify", "--all"), ("restore", "j", "--target", "x", "--yes")):
        resets.came = 0
        done = home.ctl(*command, *home.s3(resets.port))
        check(done.returncode not in (0, 2), done.stdout + done.stderr)
        equal(resets.came, 2, str(command))
        lacks(done.stderr, "waiting for")
    for place, said in ((home.s3(closed_port()), "is the service up, and the port open?"),
                        (home.sftp(closed_port()), "is the SSH server up, and the port open?"),
                        (home.s3(80, UNKNOWN), "DNS"), (home.sftp(22, UNKNOWN), "DNS")):
        done = home.ctl("list", *place)
        check(done.returncode not in (0, 2), done.stdout + done.stderr)
        contains(done.stderr, said)


@test(limit=240)
def a_person_is_told_what_is_awaited_and_not_kept():
    """Asked once, told, given up."""
    home = Home()
    for kind in ("mute", "full"):
        for place, name in ((home.s3, "s3://b/host1"), (home.sftp, "sftp://u@")):
            listener = Listener(kind)
            done = home.ctl("list", *place(listener.port))
            check(done.returncode not in (0, 2), done.stdout + done.stderr)
            equal(done.stderr.count(f"waiting for an answer of {name}"), 1, done.stderr)
            equal(done.stdout, "")
            check(kind == "full" or listener.came == 1, f"{listener.came} connections")


def configuration(home, listener, job):
    return f"""[destination far]
type = s3
endpoint = http://127.0.0.1:{listener.port}
insecure = yes
bucket = b
credentials = file:{home.dir}/credentials
key = file:{home.dir}/key
[source tree]
type = files
path = {home.dir}
[job {job}]
sources = tree
destinations = far
"""


@test
def doctor_is_told_too():
    home, mute = Home(), Listener("mute")
    write_file(f"{home.dir}/none.conf", configuration(home, mute, "j"), 0o600)
    done = home.ctl("doctor")
    contains(done.stderr, "waiting for an answer of s3://b")
    contains(done.stdout, 'destination "far"')
    equal(mute.came, 1)


@test
def the_list_of_synbakd_does_not_wait_long_for_one_destination():
    resets, place = Listener("reset"), Home()
    d = Daemon(worker=program("synbak-worker"), start=False)
    d.configure(configuration(place, resets, "k"))
    d.start()
    equal(d.call("list")["sets"], [])  # it waits until each has been listed, or could not be
    equal(resets.came, 2)
    contains(d.call("status")["destinations"][-1]["problem"], "s3://b")


@test
def what_has_answered_is_worth_waiting_for():
    """The same person, once the service was there: it is asked as often as by anybody."""
    server = rgw.shared()
    w = Work()
    proxy = FaultyProxy(server.port)
    there = bucket(proxy.port, bucket=server.bucket())
    w.store = lambda: there
    w.make(ID, 1)
    proxy.fail(2, "reset")
    proxy.faults = {n: "reset" for n in (2, 3, 4, 5)}
    equal(work({"verb": "verify", "store": there, "job": "j", "id": ID, "person_waits": True})["damaged"], [])
    equal(proxy.failed, 4)


def jobs(store):
    """One job of each verb that opens a destination."""
    w = Work()
    w.store = lambda: store
    read = {"whole": True, "problems": [], "destinations": [{"destination": "far", "ok": True, "artifacts": []}]}
    return [{"verb": "prune", "store": store, "job": "j", "ids": [ID]},
            {"verb": "mark", "store": store, "job": "j", "id": ID, "kind": "pin", "reason": "r", "until": None},
            w.commit_job(ID, read, 1), {"verb": "adopt", "store": store}, w.archive_job(ID),
            {"verb": "check", "stores": [{**store, "deletes": True}], "sources": []},
            {"verb": "scan", "store": store, "jobs": ["j"], "in_progress": [], "sweep_age_s": 0},
            {"verb": "verify", "store": store, "job": "j", "id": ID},
            {"verb": "keys", "stores": [{**store, "format": "repository", "repository": "far", "cache_dir": None,
                                         "known_writer": None, "known_pruner": None, "trash_s": 0}], "change": "list"}]


def cancelled(message):
    """By the verb itself, or where it tells of each destination, there."""
    if not message["ok"]:
        return message["code"] == "cancelled"
    return "cancelled" in str(message["result"])


@test(limit=240)
def nobody_who_cancels_waits_for_a_connection():
    """Else it would end by a timeout, and say so."""
    pem = f"{temp_dir()}/login"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", pem], ok=True)
    with open(pem, encoding="ascii") as f, open(pem + ".pub", encoding="ascii") as public:
        private, known = f.read(), " ".join(public.read().split()[:2])
    for kind in ("mute", "full"):
        listener = Listener(kind)
        hosts = write_file(f"{temp_dir()}/known_hosts", f"[127.0.0.1]:{listener.port} {known}\n")
        server = {**FORM, "destination": "far", "type": "sftp", "host": "127.0.0.1", "port": listener.port,
                  "user": "u", "path": "/backups", "private_key": private, "passphrase": None, "known_hosts": hosts}
        for store in (bucket(listener.port), server):
            for job in jobs(store):
                before = listener.came
                worker = Worker(job)
                if kind == "mute":
                    wait_until(lambda: listener.came > before, f"a connection by {job['verb']}")
                worker.cancel()
                message = worker.finish()
                check(cancelled(message), f"{kind}, {store['type']}, {job['verb']}: {message}")


if __name__ == "__main__":
    run_all()
