#!/usr/bin/env python3
"""A repository in a bucket and on an SSH server, end to end: a first run, one without change, a day's change, and all
that is asked of it afterwards, also from a machine that has the address and the key alone."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw  # noqa: E402
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
    """Bytes of packs, some of which may just be going."""
    return sum(len(place.read(name, gone=b"")) for name in place.names("packs/"))


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


def slots(d, *where):
    return json.loads(d.ctl("key", "list", "--json", *where, ok=True).stdout)["repositories"][0]["slots"]


def the_recovery_code_is_enough(place):
    d = installation(place, MEDIA_ONLY)
    first, sums = backup(d), d.media_sums()
    contains(d.ctl("status").stdout, "key add --recovery")
    code = json.loads(d.ctl("key", "add", "--recovery", "--json", ok=True).stdout)["secret"]
    d.ctl("rescan", ok=True)
    lacks(d.ctl("status").stdout, "key add --recovery")
    equal([s["kind"] for s in slots(d)], ["operation", "recovery"])
    d.ctl("key", "rotate", ok=True)
    write_file(f"{d.media}/local_content/ze/ro/newer", os.urandom(100_000))
    second, latest = backup(d), d.media_sums()
    d.stop()
    shutil.rmtree(d.state)
    os.unlink(d.conf)
    write_file(f"{d.dir}/code", code + "\n", 0o600)
    bare = place.bare(f"{d.dir}/code")
    contains(d.ctl("list", *bare, ok=True).stdout, second)
    restored(d, first, sums, *bare)
    restored(d, second, latest, *bare)
    contains(d.ctl("verify", "--all", "--data", *bare, ok=True).stdout, "verified")
    operation = next(s["slot"] for s in slots(d, *bare) if s["kind"] == "operation")
    d.ctl("key", "remove", operation, "--yes", *bare, ok=True)
    equal(d.ctl("list", *place.bare(d.key_file)).returncode, 1, "the key that was removed opens nothing")


@test
def a_bucket_is_empty():
    equal(Bucket().names(), [], "the gateway is there from here on")


@test(limit=240)
def in_a_bucket():
    a_life(Bucket())


@test(limit=240)
def on_a_server():
    a_life(Server())


@test(limit=240)
def a_recovery_code_and_a_bucket():
    the_recovery_code_is_enough(Bucket())


@test(limit=240)
def a_recovery_code_and_a_server():
    the_recovery_code_is_enough(Server())


DAY = 86400
FAULT = ("synbakd-fault", "synbak-worker-fault")
KEEP_ONE = MEDIA_ONLY + "manual = keep 1\n"


def after_the_trash_period(place, pass_time):
    d = installation(place, KEEP_ONE, programs=FAULT)
    backup(d)
    old = set(place.names("packs/"))
    write_file(f"{d.media}/{VIDEO}", os.urandom(3 << 20))
    last = backup(d)
    wait_until(lambda: sets(d) == [last], "the first set to go")

    def listed():
        d.ctl("prune", ok=True)
        return place.names("trash/")[-1:] == [place.names("log/pruner/")[-1].replace("log/pruner", "trash")]
    wait_until(listed, "a trash list")
    equal(old - set(place.names("packs/")), set(), "everything is still there")
    pass_time(8 * DAY)
    d.pass_time(8 * DAY)

    def gone():
        d.ctl("prune", ok=True)
        return stored(place) < 4 << 20
    wait_until(gone, "what nothing needs to go")
    check(old - set(place.names("packs/")), "the packs of the first set")
    d.ctl("verify", "--all", "--data", ok=True)
    restored(d, last, d.media_sums())
    contains(d.ctl("log", ok=True).stdout, "freed: 3.")


@test(limit=240)
def what_nothing_needs_goes_from_a_server():
    after_the_trash_period(Server(), lambda seconds: None)


def a_day(d):
    write_file(f"{d.media}/local_content/ze/ro/{os.urandom(4).hex()}", os.urandom(50_000))
    return backup(d)


@test(limit=240)
def a_host_that_can_neither_read_nor_delete():
    server = rgw.shared()
    user, secret = server.user("adder")
    place = Bucket(server.bucket(key=user, secret=secret), user, secret)
    rules = [("Allow", "synbak", "s3:*"), ("Deny", "adder", "s3:DeleteObject")]
    status, _, said = server.request("PUT", f"/{place.bucket}", {"policy": ""}, json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": effect, "Principal": {"AWS": [f"arn:aws:iam:::user/{who}"]}, "Action": [action],
            "Resource": [f"arn:aws:s3:::{place.bucket}", f"arn:aws:s3:::{place.bucket}/*"]}
            for effect, who, action in rules]}).encode(), key=user, secret=secret)
    check(status in (200, 204), said)
    d = installation(place, MEDIA_ONLY + "manual = keep 1\n", "delete = no\n")
    first, sums = backup(d), d.media_sums()
    path = f"{d.dir}/write-only"
    d.ctl("key", "add", "--write-only", "--output", path, ok=True)
    full = d.key_file
    d.change(f"key = file:{full}", f"key = file:{path}")
    d.ctl("reload", ok=True)
    second, third = a_day(d), a_day(d)
    latest = d.media_sums()
    equal(sets(d), [third, second, first], "nothing is deleted from here")
    lacks(d.ctl("status").stdout, "denied")
    contains(d.ctl("restore", "synapse", "--target", f"{d.dir}/no", "--yes").stderr, "may only write")
    d.stop()

    operator = Bucket(place.bucket)
    bare = operator.bare(full)
    contains(d.ctl("list", *bare, ok=True).stdout, third)
    restored(d, first, sums, *bare)
    restored(d, third, latest, *bare)
    d.ctl("verify", "--all", "--data", *bare, ok=True)
    operators = d.conf + ".operator"
    with open(d.conf, encoding="utf-8") as f:
        write_file(operators, f.read().replace(path, full).replace(place.credentials, operator.credentials)
                   .replace("delete = no", ""), 0o600)
    d.ctl("prune", "synapse", "--destination", "far", "--config", operators, "--yes", ok=True)
    lacks(d.ctl("list", *bare, ok=True).stdout, first)
    # objects of one account are not the other's to read there: from here on with the operator's, and the write-only key
    shutil.copy(operator.credentials, place.credentials)
    d.start()
    d.ctl("rescan", ok=True)
    equal(sets(d), [third])
    fourth = a_day(d)
    equal(sets(d), [fourth, third])
    lacks(d.ctl("status").stdout, "CRITICAL")


REPLICAS = MEDIA_ONLY.replace("far", "near far")


def replicas(place, far="", **options):
    """One in a folder, one far away, of the same repository."""
    d = Deployment(start=False, cluster=_cluster[0] if _cluster else None, **options)
    d.place, d.near = place, f"{d.dir}/near"
    os.mkdir(d.near, 0o700)
    same = "format = repository\nrepository = archive\n"
    d.configure(jobs=REPLICAS, extra=f"[destination near]\nwarn_free = 0\npath = {d.near}\nkey = file:{d.key_file}\n{same}\n"
                + place.section("far", d.key_file, same + far))
    write_file(f"{d.media}/{VIDEO}", os.urandom(3 << 20))
    d.start()
    return d


def at(d, destination):
    listed = json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"]
    return [s["id"] for s in listed if s["destination"] == destination]


def logs(names, read):
    return {name: read(name) for name in names if name.startswith("log/")}


def near_objects(d):
    return sorted(os.path.relpath(f"{folder}/{name}", d.near) for folder, _, names in os.walk(d.near) for name in names)


def read_near(d, name):
    with open(f"{d.near}/{name}", "rb") as f:
        return f.read()


def same_everywhere(d, place):
    for part in ("log/", "packs/", "index/", "keys/"):
        ours, theirs = ([n for n in names if n.startswith(part)] for names in (near_objects(d), place.names(part)))
        if part != "index/":
            equal(ours if part != "log/" else ours[-1:], theirs if part != "log/" else theirs[-1:])
        for name in set(ours) & set(theirs):
            check(read_near(d, name) == place.read(name), name)


@test(limit=240)
def a_replica_that_was_away_comes_back():
    place = Server()
    d = replicas(place, programs=FAULT)
    first = backup(d)
    wait_until(lambda: at(d, "far") == [first], "the copy")
    place.server.stop()
    write_file(f"{d.media}/local_content/ze/ro/missed", os.urandom(50_000))
    equal(d.ctl("trigger", "synapse", "--wait").returncode, 4)
    missed = sets(d)[0]
    wait_until(lambda: "server up" in d.ctl("status").stdout, "the place to be missed")
    place.server.start()
    d.in_fast_time(lambda: at(d, "far") == [missed, first], "what it missed")
    third = a_day(d)
    wait_until(lambda: at(d, "far") == [third, missed, first], "the next")
    same_everywhere(d, place)
    d.ctl("verify", "--all", "--data", ok=True)


@test(limit=240)
def a_replica_in_a_folder_that_was_away_comes_back():
    place = Bucket()
    d = replicas(place, "feed = live\n", programs=FAULT)
    first = backup(d)
    equal((at(d, "near"), at(d, "far")), ([first], [first]))
    os.rename(d.near, f"{d.near}-away")
    write_file(f"{d.media}/local_content/ze/ro/missed", os.urandom(50_000))
    equal(d.ctl("trigger", "synapse", "--wait").returncode, 4)
    missed = at(d, "far")[0]
    contains(d.ctl("status").stdout, "no such directory")
    os.rename(f"{d.near}-away", d.near)
    d.in_fast_time(lambda: at(d, "near") == [missed, first], "what it missed")
    lacks(d.ctl("status").stdout, "no such directory")
    third = a_day(d)
    equal((at(d, "near"), at(d, "far")), ([third, missed, first], [third, missed, first]))
    same_everywhere(d, place)


@test(limit=240)
def what_is_damaged_there_comes_from_the_replica():
    place = Bucket()
    d = replicas(place)
    identity = backup(d)
    wait_until(lambda: at(d, "far") == [identity], "the copy")
    pack = max(place.names("packs/"), key=lambda name: len(place.read(name)))
    whole = place.read(pack)
    place.write(pack, whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    place.remove(place.names("index/")[0])
    equal(d.ctl("verify", "--all", "--data").returncode, 1, "damage")
    contains(d.ctl("status").stdout, "damaged")
    contains(d.ctl("repair", "far", "--data", ok=True).stdout, "mended")
    check(place.read(pack) == whole, "the pack")
    d.ctl("verify", "--all", "--data", ok=True)
    lacks(d.ctl("status").stdout, "damaged")
    shutil.rmtree(d.near)
    d.stop()
    restored(d, identity, d.media_sums(), *place.bare(d.key_file))


@test(limit=240)
def what_nothing_needs_goes_from_a_bucket():  # the last: the service's clock stays ahead
    after_the_trash_period(Bucket(), rgw.shared().pass_time)


if __name__ == "__main__":
    run_all()
