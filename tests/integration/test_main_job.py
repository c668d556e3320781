#!/usr/bin/env python3
"""The main job end to end with real parts: back up, damage, restore, compare."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import check, contains, equal, lacks, run_all, test  # noqa: E402
from pg import Cluster  # noqa: E402,F401


@test
def backup_damage_restore_in_place():
    d = Deployment()
    d.backup()
    before, sums = d.cluster.dump("synapse"), d.media_sums()
    d.cluster.sql("drop table event_json", "synapse")
    shutil.rmtree(f"{d.media}/local_content")
    d.ctl("restore", "synapse", "--in-place", "--yes", ok=True)
    equal(d.cluster.dump("synapse") == before, True, "the dumps are the same")
    equal(d.media_sums(), sums)


@test
def schedule_status_and_list_after_the_first_set():
    d = Deployment()
    contains(d.ctl("status").stdout, "never backed up")
    identity = d.backup()
    contains(d.ctl("list", ok=True).stdout, identity)
    status = d.ctl("status")
    equal(status.returncode, 0, status.stdout)
    contains(status.stdout, "synapse")


@test
def without_daemon_state_or_configuration():
    d = Deployment()
    d.backup()
    before, sums = d.cluster.dump("synapse"), d.media_sums()
    d.stop()
    shutil.rmtree(d.state)
    os.unlink(d.conf)
    target = f"{d.dir}/restored"
    d.ctl("restore", "synapse", "--destination", d.backups, "--key", f"file:{d.key_file}",
          "--target", target, "--yes", ok=True)
    equal(d.media_sums(f"{target}/media"), sums)
    d.cluster.sql("create database again")
    d.cluster.tool("pg_restore", "-d", "again", f"{target}/database/synapse.dump")
    equal(d.cluster.dump("again") == before, True, "the dumps are the same")


@test
def no_secret_anywhere():
    """The key is in no argument vector, environment or log; files are 0600, folders 0700."""
    d = Deployment()
    d.backup()
    with open(d.key_file, encoding="ascii") as f:
        key = f.read().strip()
    lacks(d.log_text(), key)
    for folder, folders, files in os.walk(d.backups):
        for name in folders:
            equal(os.stat(os.path.join(folder, name)).st_mode & 0o777, 0o700, name)
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                equal(os.stat(path).st_mode & 0o777, 0o600, name)
                with open(path, "rb") as f:
                    check(key.encode() not in f.read(), f"the key lies in {name}")


if __name__ == "__main__":
    run_all()
