#!/usr/bin/env python3
"""A repository in a bucket that is fed by the read (feed = live); in the long form the service hangs in the middle of it: nobody is
held up, and the copy follows."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw  # noqa: E402
from deployment import Deployment  # noqa: E402
from faulty_proxy import FaultyProxy  # noqa: E402
from harness import check, contains, equal, lacks, long, run_all, test, wait_until, write_file  # noqa: E402
from pg import Cluster  # noqa: E402
from remote_place import Bucket  # noqa: E402

def slow(function):
    """Half a minute of it is real."""
    return test(limit=500)(function) if long() else function


JOB = "[job synapse]\nsources = media\ndestinations = {} far\ndaily = at 02:00, keep 30\n"
_cluster = []


def at(d, destination):
    listed = json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"]
    return [s["id"] for s in listed if s["destination"] == destination]


def installation(near, extra):
    if not _cluster:
        _cluster.append(Cluster(whole_file=True))
    d = Deployment(start=False, cluster=_cluster[0])
    d.proxy = FaultyProxy(rgw.shared().port)
    place = Bucket(endpoint=d.proxy.endpoint)
    d.configure(jobs=JOB.format(near), extra=extra(d) + place.section(
        "far", d.key_file, "format = repository\nrepository = archive\nfeed = live\n"))
    d.start()
    return d


def fed_once(d, near):
    d.ctl("trigger", "synapse", "--wait", ok=True)
    first = at(d, near)[0]
    equal(at(d, "far"), [first], "fed by the read")
    return first


def hangs_in_the_middle(d, near):
    first = fed_once(d, near)
    write_file(f"{d.media}/local_content/large", os.urandom(90 << 20))

    def hang():
        d.proxy.dead = True
    d.proxy.before("/host1/packs/", 2, hang)
    d.ctl("trigger", "synapse", ok=True)
    wait_until(lambda: len(at(d, near)) == 2, "the set near by, while the service hangs", timeout=200)
    check(d.proxy.dead, "it hung")
    contains(d.log_text(), "it was too slow for the others; the copy follows")
    second = at(d, near)[0]
    equal(at(d, "far"), [first])
    d.proxy.dead = False
    d.ctl("copy", f"synapse/{second}", "--destination", "far")  # it may be on its way already
    wait_until(lambda: at(d, "far") == [second, first], "the copy", timeout=200)
    equal(d.ctl("verify", "--all", "--data").returncode, 0)


@test
def one_read_feeds_both():
    d = installation("local", lambda _: "")
    fed_once(d, "local")
    lacks(d.log_text(), "copy")


@slow
def a_replica():
    def near(d):
        os.mkdir(f"{d.dir}/near", 0o700)
        return (f"[destination near]\nwarn_free = 0\npath = {d.dir}/near\nkey = file:{d.key_file}\nformat = repository\n"
                "repository = archive\n")
    hangs_in_the_middle(installation("near", near), "near")


@slow
def the_only_one_beside_a_plain_destination():
    hangs_in_the_middle(installation("local", lambda _: ""), "local")


if __name__ == "__main__":
    run_all()
