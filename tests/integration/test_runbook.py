#!/usr/bin/env python3
"""Every command of docs/runbook.md, run as it stands there, with only its paths moved."""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw  # noqa: E402
from deployment import Deployment  # noqa: E402
from harness import ROOT, BUILD, Failed, check, contains, equal, lacks, run, run_all, test, write_file  # noqa: E402

BLOCK = re.compile(r"<!-- test: ([a-z-]+) -->\n```sh\n(.*?)```", re.S)


def blocks():
    with open(f"{ROOT}/docs/runbook.md", encoding="utf-8") as f:
        text = f.read()
    found = dict(BLOCK.findall(text))
    equal(len(found), text.count("```sh"), "every block has a test")
    return found


def type_in(d, name, **variables):
    """What the block printed; it must succeed."""
    script = blocks()[name].replace("sudo ", "").replace("doctor --ready", "doctor --ready || true")
    for path, here in (("/mnt/backups", d.backups), ("/root/key", d.key_file), ("/srv/", f"{d.dir}/srv/"),
                       ("/etc/synbak/", f"{d.dir}/"), *getattr(d, "moved", {}).items()):
        script = script.replace(path, here)
    os.makedirs(f"{d.dir}/srv", exist_ok=True)
    env = {**d.environment(), **d.cluster.environment(), "PATH": f"{BUILD}/bin:{d.cluster.bin}:{os.environ['PATH']}",
           "SYNBAK_SOCKET": d.socket, **variables}
    done = run(["bash", "-euo", "pipefail", "-c", script], env=env, cwd=d.dir)
    if done.returncode != 0:
        raise Failed(f"{name}: exit status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


@test
def look_and_failed_run_and_hold():
    d = Deployment()
    d.backup()
    contains(type_in(d, "look"), "synapse")
    type_in(d, "failed-run")
    type_in(d, "hold")
    contains(type_in(d, "full-disk"), "synapse")


@test
def lost_table():
    d = Deployment()
    d.backup()
    before = d.cluster.dump("synapse")
    d.cluster.sql("drop table event_json", "synapse")
    type_in(d, "lost-table")
    equal(d.cluster.dump("synapse") == before, True, "the table is back")


@test
def lost_database_and_undo():
    d = Deployment()
    d.backup()
    before = d.cluster.dump("synapse")
    d.cluster.sql("delete from events", "synapse")
    broken = d.cluster.dump("synapse")
    output = type_in(d, "lost-database")
    equal(d.cluster.dump("synapse") == before, True, "the database is back")
    named = re.search(r"restore --undo (\S+)", output)
    check(named, f"no undo command in {output}")
    type_in(d, "undo", RUN=named[1])
    equal(d.cluster.dump("synapse") == broken, True, "undo brings the other state back")
    contains(d.ctl("log", "--json", ok=True).stdout, "restore-undone")


@test
def lost_files():
    d = Deployment()
    d.backup()
    sums = d.media_sums()
    shutil.rmtree(f"{d.media}/local_content")
    contains(type_in(d, "lost-files"), "photo")
    equal(d.media_sums(), sums)
    equal(d.media_sums(f"{d.dir}/srv/look"), sums)


@test
def lost_server_then_a_new_owner():
    d = Deployment()
    d.backup()
    before, sums = d.cluster.dump("synapse"), d.media_sums()
    d.stop()
    shutil.rmtree(d.state)
    d.cluster.sql("drop database synapse")
    type_in(d, "lost-server")
    equal(d.cluster.dump("synapse") == before, True, "the database is back")
    equal(d.media_sums(f"{d.dir}/srv/restored/media"), sums)
    d.state = f"{d.dir}/state-of-the-new-server"
    d.configure()
    d.start()
    type_in(d, "adopt")


@test
def by_hand_and_new_key():
    d = Deployment()
    d.backup()
    os.makedirs(f"{d.dir}/srv/restored")
    type_in(d, "by-hand")
    equal(d.media_sums(f"{d.dir}/srv/restored"), d.media_sums())
    type_in(d, "new-key")
    equal(os.stat(f"{d.dir}/key.new").st_mode & 0o777, 0o600)


class Offsite(Deployment):
    """Beside the local destination a bucket that is fed by the same read."""

    def __init__(self):
        self.s3 = rgw.shared()
        self.bucket = self.s3.bucket()
        super().__init__(start=False)
        write_file(f"{self.dir}/credentials", f"{rgw.ACCESS_KEY}\n{rgw.SECRET_KEY}\n", 0o600)
        self.configure(destination=f"""
[destination offsite]
type = s3
endpoint = {self.s3.endpoint}
insecure = yes
bucket = {self.bucket}
prefix = host1
credentials = file:{self.dir}/credentials
key = file:{self.key_file}
feed = live
""", jobs="[job synapse]\nsources = database media\ndestinations = local offsite\ndaily = at 02:00, keep 30\n"
                       "manual = keep 1\n")
        self.start()
        self.moved = {"s3://example-backup": f"s3://{self.bucket}", "https://s3.example.org":
                      f"{self.s3.endpoint} --insecure", "/root/credentials": f"{self.dir}/credentials"}


@test(limit=240)
def lost_server_with_a_bucket():
    d = Offsite()
    d.backup()
    before, sums = d.cluster.dump("synapse"), d.media_sums()
    contains(type_in(d, "late-copy"), "offsite")
    d.stop()
    for gone in (d.state, d.backups):
        shutil.rmtree(gone)
    os.unlink(d.conf)
    d.cluster.sql("drop database synapse")
    type_in(d, "lost-server-bucket")
    equal(d.cluster.dump("synapse") == before, True, "the database is back")
    equal(d.media_sums(f"{d.dir}/srv/restored/media"), sums)


@test(limit=240)
def old_sets_go_elsewhere():
    d = Offsite()
    first = d.backup()
    second = d.backup()
    d.stop()
    d.ctl("list", "--destination", "offsite", ok=True)
    type_in(d, "prune-elsewhere")
    text = d.ctl("list", "--destination", "offsite", ok=True).stdout
    contains(text, second)
    lacks(text, first)


@test
def monthly():
    d = Deployment()
    d.backup()
    type_in(d, "monthly")


if __name__ == "__main__":
    run_all()
