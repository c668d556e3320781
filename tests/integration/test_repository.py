#!/usr/bin/env python3
"""A destination with format = repository, end to end with real parts: back up, look, restore, compare."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import check, contains, equal, lacks, run_all, test, write_file  # noqa: E402


def deployment(**more):
    return Deployment(destination="format = repository", **more)


def backup(d, *arguments):
    """One set made now: its id."""
    d.ctl("trigger", "synapse", "--wait", *arguments, ok=True)
    return sets(d)[0]


def sets(d):
    """Ids, newest first."""
    return [s["id"] for s in json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"]]


def stored(d):
    """Bytes of packs."""
    total = 0
    for folder, _, files in os.walk(f"{d.backups}/packs"):
        total += sum(os.path.getsize(f"{folder}/{name}") for name in files)
    return total


@test
def backup_damage_restore_in_place():
    d = deployment()
    backup(d)
    before, sums = d.cluster.dump("synapse"), d.media_sums()
    d.cluster.sql("drop table event_json", "synapse")
    shutil.rmtree(f"{d.media}/local_content")
    d.ctl("restore", "synapse", "--in-place", "--yes", ok=True)
    equal(d.cluster.dump("synapse") == before, True, "the dumps are the same")
    equal(d.media_sums(), sums)


if __name__ == "__main__":
    run_all()
