#!/usr/bin/env python3
"""Sets copied to, between and back from a real bucket and a real SSH server."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import rgw  # noqa: E402
from faulty_proxy import FaultyProxy  # noqa: E402
from harness import (RELEASE, check, contains, equal, note, run_all, skip, temp_dir, test, wait_until,  # noqa: E402
                     write_file)
from small_work import OWNER, Work  # noqa: E402
from sshd import Sshd  # noqa: E402
from worker_client import Worker, work  # noqa: E402

KEY = "the-key-of-this-test-0123456789abcdef"
ID = "20260101_020000"
FORM = {"owner": OWNER, "known_id": None, "key": KEY, "key_hint": "file:/etc/synbak/key", "old_keys": [],
        "gzip": True, "level": 1, "volume_bytes": 1 << 20, "parallel": 4, "upload_rate": []}


def folder(name, **more):
    return {**FORM, "destination": name, "type": "directory", "path": temp_dir(), **more}


def bucket(name="bucket", **more):
    server = rgw.shared()
    return {**FORM, "destination": name, "type": "s3", "endpoint": server.endpoint, "region": "us-east-1",
            "bucket": server.bucket(), "prefix": "host1", "style": "path", "access_key": rgw.ACCESS_KEY,
            "secret_key": rgw.SECRET_KEY, "session_token": None, "ca_file": None, "insecure": True,
            "storage_class": None, "encryption": None, "encryption_key_id": None, "lock_s": 0,
            "lock_mode": "compliance", "full_readback": False, **more}


def server(name="server", **more):
    sshd = Sshd()
    with open(sshd.key, encoding="utf-8") as f:
        pem = f.read()
    return {**FORM, "destination": name, "type": "sftp", "host": "127.0.0.1", "port": sshd.port, "user": sshd.user,
            "path": f"{sshd.root}/backups", "private_key": pem, "passphrase": None,
            "known_hosts": sshd.path("known_hosts"), **more}


class Local(Work):
    """Sets in a folder, in the form that the others have."""

    def __init__(self, **more):
        super().__init__()
        self.more = more

    def store(self):
        return {**super().store(), **FORM, **self.more}


def copy_job(source, target):
    return {"verb": "copy", "from": source, "to": target, "job": "j", "id": ID}


def copy(source, target):
    done = work(copy_job(source, target))
    result = work({"verb": "verify", "store": target, "job": "j", "id": ID})
    equal((result["sets"], result["damaged"]), (1, []), target["destination"])
    scan = work({"verb": "scan", "store": target, "jobs": [], "sweep_age_s": 0, "in_progress": []})
    equal((scan["sets"], scan["damaged"]), ({"j": [done["set"]]}, []), target["destination"])
    equal(work(copy_job(source, target))["sent_bytes"], 0)
    return done


def artifacts(place):
    base, found = f"{place}/j/{ID}", {}
    for where, _, names in os.walk(base):
        for name in names:
            if where != base:
                with open(os.path.join(where, name), "rb") as f:
                    found[name] = f.read()
    return found


@test(limit=300)
def around_and_back_not_a_bit_changes():
    w, back = Local(), folder("back")
    w.make(ID, 1)
    work({"verb": "mark", "store": w.store(), "job": "j", "id": ID, "kind": "pin", "reason": "keep", "until": None})
    there, far = bucket(), server()
    for source, target in ((w.store(), there), (there, far), (far, back)):
        done = copy(source, target)
        equal((done["reencrypted"], done["set"]["pinned"]), (False, True))
    equal(artifacts(back["path"]), artifacts(w.place))
    check(len(artifacts(w.place)) >= 2)


@test(limit=300)
def a_bucket_with_another_key_is_written_anew():
    w, back = Local(), folder("back")
    w.make(ID, 1)
    there = bucket(key="another-key-of-this-test-fedcba98")
    equal(copy(w.store(), there)["reencrypted"], True)
    equal(copy(there, back)["reencrypted"], True)
    with open(f"{w.dir}/text", "wb") as out:
        work({"verb": "cat", "store": back, "job": "j", "id": ID, "source": "tree", "path": "text"}, stdout=out)
    with open(f"{w.dir}/text", "rb") as one, open(f"{w.tree}/text", "rb") as two:
        check(one.read() == two.read())


@test(limit=300)
def a_killed_upload_goes_on_and_leaves_no_parts():
    w = Local(volume_bytes=1 << 30)
    write_file(f"{w.tree}/noise", os.urandom(60 << 20))
    w.make(ID, 1)
    there = bucket(volume_bytes=1 << 30)
    worker = Worker(copy_job(w.store(), there))
    while worker.wait_step("copy to bucket")["done"] == 0:
        continue
    worker.process.kill()
    worker.process.wait()
    scan = work({"verb": "scan", "store": there, "jobs": [], "sweep_age_s": 0, "in_progress": []})
    note(f"sets after the kill: {scan['sets']}")
    equal(scan["damaged"], [])
    copy(w.store(), there)
    equal(rgw.shared().uploads(there["bucket"]), [])
    back = folder("back", volume_bytes=1 << 30)
    copy(there, back)
    equal(artifacts(back["path"]) == artifacts(w.place), True)


@test
def a_killed_upload_is_swept_by_a_scan():
    """What the daemon asks for daily, with a day for the age."""
    w = Local(volume_bytes=1 << 30)
    write_file(f"{w.tree}/noise", os.urandom(60 << 20))
    w.make(ID, 1)
    proxy = FaultyProxy(rgw.shared().port)
    there = bucket(volume_bytes=1 << 30, endpoint=proxy.endpoint, parallel=1)
    worker = Worker(copy_job(w.store(), there))
    proxy.before("partNumber=3", 1, worker.process.kill)
    worker.process.wait()
    equal(len(rgw.shared().uploads(there["bucket"])), 1)

    def swept(age_s):
        scan = work({"verb": "scan", "store": there, "jobs": [], "sweep_age_s": age_s, "in_progress": []})
        equal((scan["sets"], scan["damaged"]), ({}, []))
        return len(rgw.shared().uploads(there["bucket"])) == 0

    check(not swept(86400), "an upload of today was taken away")
    wait_until(lambda: swept(1), "the sweep")


PEAK = """import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
with open(sys.argv[1], "w") as f:
    f.write(str(used.ru_maxrss))
os._exit(os.waitstatus_to_exitcode(status))"""


def peak_mib(job, binary, **more):
    """Do it, and how much memory the worker had at most."""
    said = f"{temp_dir()}/peak"
    work(job, wrap=(sys.executable, "-c", PEAK, said), binary=binary, **more)
    with open(said, encoding="ascii") as f:
        return int(f.read()) / 1024


@test(limit=300)
def memory_is_bounded():
    """Of what a user would install: sanitizers take their own."""
    binary = f"{RELEASE}/bin/synbak-worker"
    with open(binary, "rb") as f:
        if b"__asan_init" in f.read():
            skip("SYNBAK_RELEASE names no build without sanitizers")
    big = {"volume_bytes": 1 << 30}
    w, there = Local(**big), bucket(key="another-key-of-this-test-fedcba98", **big)
    write_file(f"{w.tree}/noise", os.urandom(200 << 20))
    w.make(ID, 1)
    with open(f"{w.dir}/out", "wb") as out:
        peaks = {"copy": peak_mib(copy_job(w.store(), there), binary),
                 "from bucket to bucket": peak_mib(copy_job(there, bucket(**big)), binary),
                 "the same bytes": peak_mib(copy_job(there, bucket(key="another-key-of-this-test-fedcba98", **big)), binary),
                 "read": peak_mib({"verb": "cat", "store": there, "job": "j", "id": ID, "source": "tree",
                                   "path": "noise"}, binary, stdout=out)}
    equal(os.path.getsize(out.name), 200 << 20)
    note(", ".join(f"{name} {mib:.0f} MiB" for name, mib in peaks.items()))
    check(max(peaks.values()) <= 128, str(peaks))


def made_in_a_bucket():
    proxy = FaultyProxy(rgw.shared().port)
    w, there = Local(), bucket(endpoint=proxy.endpoint)
    w.make(ID, 1)
    work(copy_job(w.store(), there))
    return w, there, proxy


@test
def what_may_not_be_read_is_not_called_damaged():
    """A refusal says nothing about the bytes that lie there."""
    w, there, proxy = made_in_a_bucket()
    said = []
    for job in ({"verb": "scan", "store": there, "jobs": ["j"], "in_progress": [], "sweep_age_s": 0},
                {"verb": "verify", "store": there, "job": "j", "id": ID}):
        proxy.fail(0, None)
        work(job)
        for number in range(1, len(proxy.log) + 1):
            proxy.fail(number, "barred")
            message = Worker(job).finish()
            equal(proxy.failed, 1)
            said.append(message.get("code", "none"))
            where = f"{job['verb']}, {proxy.log[number - 1]}: {message}"
            if message["ok"]:  # it asked again, or could do without
                equal(message["result"]["damaged"], [], where)
            else:  # "unavailable": asked once more for the reason, the service gave an answer
                check(message["code"] in ("refused", "unavailable"), where)
    note(f"{len(said)} requests barred, {said.count('refused')} times the end")
    check(said.count("refused") >= 3)


@test
def what_may_not_be_read_is_not_deleted():
    """There may be a pin since it was chosen."""
    _, there, proxy = made_in_a_bucket()
    proxy.before("manifest.json", 1, "barred")
    job = {"verb": "prune", "store": there, "job": "j", "ids": [ID]}
    result = work(job)
    equal((result["removed"], result["failed"][0]["id"]), ([], ID))
    contains(result["failed"][0]["error"], "423 UnderInvestigation")
    equal(work(job), {"removed": [ID], "failed": []})


@test
def nobody_waits_for_a_dead_server_once_cancelled():
    """It would end by a timeout, after minutes, and say so."""
    w, there, proxy = made_in_a_bucket()
    proxy.dead = True
    for job in ({"verb": "scan", "store": there, "jobs": ["j"], "in_progress": [], "sweep_age_s": 0},
                {"verb": "verify", "store": there, "job": "j", "id": ID},
                {"verb": "cat", "store": there, "job": "j", "id": ID, "source": "tree", "path": "text"},
                copy_job(there, folder("back"))):
        worker, asked = Worker(job), len(proxy.log)
        wait_until(lambda: len(proxy.log) > asked, "a request that gets no answer")
        worker.cancel()
        equal(worker.finish()["code"], "cancelled", job["verb"])


if __name__ == "__main__":
    run_all()
