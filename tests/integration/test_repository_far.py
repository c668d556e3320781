#!/usr/bin/env python3
"""A repository in a bucket and on an SSH server, end to end: a first run, one without change, a day's change, and all
that is asked of it afterwards, also from a machine that has the address and the key alone."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import check, contains, equal, lacks, note, program, run, run_all, test, wait_until, write_file  # noqa: E402
from pg import Cluster  # noqa: E402
from remote_place import Bucket, Server  # noqa: E402
from repository_place import backup, sets  # noqa: E402

JOB = "[job synapse]\nsources = database media\ndestinations = far\ndaily = at 02:00, keep 30\n"
MEDIA_ONLY = JOB.replace("database media", "media")
VIDEO = "local_content/aa/bb/video"
_cluster = []


def installation(place, job=JOB, more="", **options):
    if not _cluster:
        _cluster.append(Cluster(whole_file=True))
    d = Deployment(start=False, cluster=_cluster[0], **options)
    d.place = place
    d.configure(jobs=job, extra=place.section("far", d.key_file, "format = repository\n" + more))
    write_file(f"{d.media}/{VIDEO}", os.urandom(3 << 20))
    d.start()
    return d


def stored(place):
    """Bytes of packs."""
    return sum(len(place.read(name)) for name in place.names("packs/"))


def restored(d, identity, sums, *where):
    target = f"{d.dir}/restored"
    d.ctl("restore", f"synapse/{identity}", *where, "--source", "media", "--target", target, "--yes", ok=True)
    equal(d.media_sums(target), sums, identity)
    shutil.rmtree(target)


def a_life(place):
    d = installation(place)
    first, sums = backup(d), d.media_sums()
    size = stored(place)
    second = backup(d)
    check(stored(place) - size <= 320 << 10, f"without change it grew by {stored(place) - size}")
    size = stored(place)
    write_file(f"{d.media}/local_content/ze/ro/new", os.urandom(100_000))
    d.cluster.sql("create table added as select generate_series(1, 1000) as one", "synapse")
    third = backup(d)
    check(100_000 < stored(place) - size < 800_000, f"a day's change took {stored(place) - size}")
    equal(sets(d), [third, second, first])

    contains(d.ctl("status").stdout, "key add --recovery")
    code = json.loads(d.ctl("key", "add", "--recovery", "--json", ok=True).stdout)["secret"]
    d.ctl("rescan", ok=True)
    lacks(d.ctl("status").stdout, "key add --recovery")
    equal([s["kind"] for s in json.loads(d.ctl("key", "list", "--json", ok=True).stdout)["repositories"][0]["slots"]],
          ["operation", "recovery"])
    contains(d.ctl("ls", f"synapse/{third}", ok=True).stdout, "local_content/ze/ro/new")
    lacks(d.ctl("ls", f"synapse/{second}", ok=True).stdout, "local_content/ze/ro/new")
    contains(d.ctl("diff", f"synapse/{second}", f"synapse/{third}", ok=True).stdout, "local_content/ze/ro/new")
    contains(d.ctl("changes", "synapse", ok=True).stdout, "+ local_content/ze/ro/new")
    contains(d.ctl("verify", "--all", "--data", ok=True).stdout, "read every byte")
    restored(d, first, sums)
    database = d.cluster.dump("synapse")
    d.cluster.sql("drop table event_json", "synapse")
    d.ctl("restore", f"synapse/{third}", "--in-place", "--yes", ok=True)
    equal(d.cluster.dump("synapse") == database, True, "the dumps are the same")

    d.ctl("key", "rotate", ok=True)
    write_file(f"{d.media}/local_content/ze/ro/newer", os.urandom(100_000))
    fourth, latest = backup(d), d.media_sums()
    d.stop()
    shutil.rmtree(d.state)
    os.unlink(d.conf)
    write_file(f"{d.dir}/code", code + "\n", 0o600)
    bare = place.bare(f"{d.dir}/code")
    contains(d.ctl("list", *bare, ok=True).stdout, fourth)
    restored(d, first, sums, *bare)
    restored(d, fourth, latest, *bare)
    contains(d.ctl("verify", "--all", "--data", *bare, ok=True).stdout, "verified")
    operation = next(s["slot"] for s in json.loads(d.ctl("key", "list", "--json", *bare, ok=True).stdout)["repositories"][0]["slots"]
                     if s["kind"] == "operation")
    d.ctl("key", "remove", operation, "--yes", *bare, ok=True)
    equal(d.ctl("list", *place.bare(d.key_file)).returncode, 1, "the key that was removed opens nothing")


@test(limit=240)
def in_a_bucket():
    a_life(Bucket())


@test(limit=240)
def on_a_server():
    a_life(Server())


if __name__ == "__main__":
    run_all()
