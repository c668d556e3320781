#!/usr/bin/env python3
"""A whole installation with a local destination and one in a bucket: backup, copy, list, verify, pins, retention,
and restore straight from the bucket."""
import datetime
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw
from deployment import Deployment
from harness import check, contains, equal, lacks, run_all, test, wait_until, write_file
from pg import Cluster

JOB = "[job synapse]\nsources = database media\ndestinations = local far\ndaily = at 02:00, keep 30\n"
_cluster = []


def installation(job=JOB, far="", lock=False, start=True):
    if not _cluster:
        _cluster.append(Cluster(whole_file=True))
    server = rgw.shared()
    d = Deployment(start=False, cluster=_cluster[0])
    d.server, d.bucket = server, server.bucket(lock=lock)
    d.credentials = write_file(f"{d.dir}/credentials", f"{rgw.ACCESS_KEY}\n{rgw.SECRET_KEY}\n", 0o600)
    d.configure(jobs=job, extra=f"""[destination far]
type = s3
endpoint = {server.tls_endpoint}
ca_file = {server.ca_file}
bucket = {d.bucket}
prefix = host1
credentials = file:{d.credentials}
key = file:{d.key_file}
{far}
""")
    if start:
        d.start()
    return d


def names(d):
    """Every object in the bucket, below the prefix."""
    status, _, body = d.server.request("GET", f"/{d.bucket}", {"list-type": "2", "prefix": "host1/"})
    equal(status, 200, body)
    return [part.split("</Key>")[0].removeprefix("host1/") for part in body.decode().split("<Key>")[1:]]


def far_sets(d, job="synapse"):
    return sorted(n.split("/")[1] for n in names(d) if n.startswith(f"{job}/") and n.endswith("/manifest.json"))


def same_artifacts(d, identity):
    count = 0
    for folder, _, files in os.walk(d.set_dir(identity)):
        for name in files:
            if name.endswith((".enc", ".segments")):
                here = os.path.join(folder, name)
                there = f"host1/synapse/{identity}/{os.path.relpath(here, d.set_dir(identity))}"
                status, _, body = d.server.request("GET", f"/{d.bucket}/{there}")
                with open(here, "rb") as f:
                    check(status == 200 and f.read() == body, there)
                count += 1
    check(count > 1, str(count))


def pinned(d, identity):
    """The destinations where this set is pinned."""
    sets = json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"]
    return sorted(s["destination"] for s in sets if s["id"] == identity and s["pinned"])


def empty_media(d):
    shutil.rmtree(d.media)
    os.mkdir(d.media)


@test
def a_set_is_copied_listed_verified_and_restored_from_there():
    d = installation()
    identity = d.backup()
    equal(far_sets(d), [identity])
    same_artifacts(d, identity)
    contains(d.ctl("list", "--destination", "far", ok=True).stdout, identity)
    contains(d.ctl("status").stdout, "far")
    d.ctl("verify", f"synapse/{identity}", "--destination", "far", ok=True)

    media, database = d.media_sums(), d.cluster.sql("select count(*) from events", database="synapse")
    shutil.rmtree(d.set_dir(identity))
    empty_media(d)
    d.ctl("restore", f"synapse/{identity}", "--destination", "far", "--target", f"{d.dir}/aside", "--source", "media",
          "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/aside"), media)
    d.cluster.sql("delete from events", database="synapse")
    d.ctl("restore", f"synapse/{identity}", "--destination", "far", "--in-place", "--yes", ok=True)
    equal(d.media_sums(), media)
    equal(d.cluster.sql("select count(*) from events", database="synapse"), database)
    text = d.log_text() + d.ctl("status", "--json").stdout + d.ctl("config", "show").stdout
    for secret in (rgw.ACCESS_KEY, rgw.SECRET_KEY):
        lacks(text, secret)


@test
def pins_and_retention_hold_at_both():
    d = installation(JOB + "manual = keep 1\n")
    first = d.backup()
    d.ctl("pin", f"synapse/{first}", "--reason", "before the move", ok=True)
    equal(pinned(d, first), ["far", "local"])
    second, third = d.backup(), d.backup()
    wait_until(lambda: far_sets(d) == [first, third], "the pruning in the bucket")
    wait_until(lambda: not os.path.exists(d.set_dir(second)), "the pruning here")
    wait_until(lambda: not [n for n in names(d) if second in n], "all of a pruned set to go")
    d.ctl("unpin", f"synapse/{first}", ok=True)
    equal(pinned(d, first), [])
    d.ctl("prune", ok=True)
    wait_until(lambda: far_sets(d) == [third], "the pruning of what was pinned")


@test
def a_set_is_made_there_alone():
    d = installation(JOB.replace("local far", "far"))
    d.ctl("trigger", "synapse", "--wait", ok=True)
    equal(len(far_sets(d)), 1)
    equal(os.listdir(d.backups), [])
    media = d.media_sums()
    empty_media(d)
    d.ctl("restore", "synapse", "--source", "media", "--in-place", "--yes", ok=True)
    equal(d.media_sums(), media)


def versions(d):
    """[(key, version)] of every object ever put below the prefix."""
    status, _, body = d.server.request("GET", f"/{d.bucket}", {"versions": "", "prefix": "host1/"})
    equal(status, 200, body)
    return re.findall(r"<Version>.*?<Key>(.*?)</Key>.*?<VersionId>(.*?)</VersionId>", body.decode(), re.S)


@test
def what_is_locked_is_put_once_and_outlives_retention():
    d = installation(JOB.replace("local far", "far") + "manual = keep 1\n", far="lock = 1d\n", lock=True)
    d.ctl("trigger", "synapse", "--wait", ok=True)
    [first] = far_sets(d)
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    said = re.search(r"locked until at least (\S+ \S+) UTC", d.ctl("explain", "synapse", ok=True).stdout)
    check(abs(datetime.datetime.strptime(said.group(1) + "Z", "%Y-%m-%d %H:%M%z") - until)
          < datetime.timedelta(minutes=5), said.group())
    d.ctl("pin", f"synapse/{first}", "--reason", "once", ok=True)
    d.ctl("unpin", f"synapse/{first}", ok=True)
    d.ctl("trigger", "synapse", "--wait", ok=True)
    wait_until(lambda: far_sets(d)[0] != first, "retention")
    [second] = far_sets(d)
    kept = versions(d)
    equal(len(kept), len({key for key, _ in kept}), "an object was put twice")
    [(manifest, version)] = [v for v in kept if v[0].endswith(f"{first}/manifest.json")]
    status, _, body = d.server.request("DELETE", f"/{d.bucket}/{manifest}", {"versionId": version})
    equal(status, 403, body)
    d.ctl("verify", f"synapse/{second}", ok=True)


@test
def what_may_not_go_yet_stays_whole_and_is_tried_again():
    d = installation(JOB.replace("local far", "far"))
    identities = []
    for _ in range(3):
        d.ctl("trigger", "synapse", "--wait", ok=True)
        identities.append(far_sets(d)[-1])
    d.server.setting(d.bucket, "policy", json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteObject"],
        "Resource": [f"arn:aws:s3:::{d.bucket}/host1/synapse/{identities[0]}/*"]}]}))
    d.change("keep 30\n", "keep 30\nmanual = keep 1\n")
    d.ctl("reload", ok=True)
    d.ctl("prune", ok=True)
    wait_until(lambda: far_sets(d) == [identities[0], identities[2]], "the rest of the pass")
    wait_until(lambda: "could not be removed" in d.log_text(), "the reason")
    contains(d.log_text(), identities[0])
    d.ctl("verify", f"synapse/{identities[0]}", ok=True)
    status, _, _ = d.server.request("DELETE", f"/{d.bucket}", {"policy": ""})
    check(status in (200, 204), str(status))
    d.ctl("prune", ok=True)
    wait_until(lambda: far_sets(d) == [identities[2]], "the next pass")


@test
def a_plain_address_is_refused():
    d = installation(start=False)
    d.change(d.server.tls_endpoint, d.server.endpoint)
    done = d.ctl("config", "check", "--config", d.conf)
    check(done.returncode != 0, done.stdout)
    contains(done.stdout + done.stderr, "insecure = yes")


run_all()
