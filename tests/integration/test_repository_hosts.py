#!/usr/bin/env python3
"""Two installations that write to one repository in a bucket: whoever does not hold it is fenced off, deletes nothing, and
is told what to do; also when it only wakes up from a suspend. The sets of both stay."""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import check, contains, equal, lacks, run_all, test, wait_until, write_file  # noqa: E402
from pg import Cluster  # noqa: E402
from remote_place import Bucket  # noqa: E402
from repository_place import backup, sets  # noqa: E402
from sshd import children_of  # noqa: E402

JOB = "[job synapse]\nsources = media slow\ndestinations = far\ndaily = at 02:00, keep 30\nmanual = keep 5\n"
SLOW = "[source slow]\ntype = command\ncommand = {dir}/slow\n"
PROGRAM = """#!/bin/sh
test -e {dir}/go || touch {dir}/waits
until test -e {dir}/go; do sleep 0.1; done
echo done
"""


def host(place, cluster, key_file=None):
    d = Deployment(start=False, cluster=cluster)
    d.place = place
    write_file(f"{d.dir}/go", "")
    write_file(f"{d.dir}/slow", PROGRAM.format(dir=d.dir), 0o755)
    d.key_file = key_file or d.key_file
    write_file(f"{d.media}/local_content/ze/ro/own", os.urandom(200_000))
    d.configure(jobs=JOB, extra=SLOW.format(dir=d.dir) + place.section("far", d.key_file, "format = repository\n"))
    d.start()
    return d


def two():
    place, cluster = Bucket(), Cluster()
    one = host(place, cluster)
    mine = backup(one)
    return place, one, host(place, cluster, one.key_file), mine


def restored(d, identity, sums):
    target = f"{d.dir}/{identity}"
    d.ctl("restore", f"synapse/{identity}", "--source", "media", "--target", target, "--yes", ok=True)
    equal(d.media_sums(target), sums, identity)


def refused(d, place):
    """A run, a pass of retention and a mark come to nothing, and say why."""
    before = place.names()
    done = d.ctl("trigger", "synapse", "--wait")
    equal(done.returncode, 1, done.stdout)
    contains(done.stdout + done.stderr, "another installation")
    contains(done.stdout + done.stderr, "synbakctl adopt far")
    d.ctl("prune")
    shown = d.ctl("status").stdout
    contains(shown, "another installation")
    equal(set(before) - set(place.names()), set(), "nothing is deleted")
    equal([n for n in place.names() if n.startswith(("log/writer/", "packs/")) and n not in before], [], "nothing is written")


@test(limit=240)
def the_second_is_fenced_off_until_it_adopts():
    place, one, two_, mine = two()
    refused(two_, place)
    two_.ctl("adopt", "far", ok=True)
    wait_until(lambda: mine in sets(two_), "what lies there to be listed")
    theirs = backup(two_)
    lacks(two_.ctl("status").stdout, "another installation")
    refused(one, place)
    equal(sets(two_), [theirs, mine])
    restored(two_, mine, one.media_sums())
    restored(two_, theirs, two_.media_sums())
    one.ctl("adopt", "far", ok=True)
    latest = backup(one)
    equal(sets(one)[:2], [latest, theirs])
    restored(one, theirs, two_.media_sums())
    restored(one, latest, one.media_sums())
    refused(two_, place)
    one.ctl("verify", "--all", "--data", ok=True)


def asleep(d):
    """Every process of it."""
    pids = [d.daemon.pid]
    for pid in pids:
        pids += children_of(pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


def wakes_up(pids):
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)


@test(limit=240)
def who_wakes_up_is_fenced_off():
    place, one, two_, mine = two()
    os.unlink(f"{one.dir}/go")
    write_file(f"{one.media}/local_content/ze/ro/late", os.urandom(200_000))
    one.ctl("trigger", "synapse", ok=True)
    wait_until(lambda: os.path.exists(f"{one.dir}/waits"), "the middle of a run")
    pids = asleep(one)
    two_.ctl("adopt", "far", ok=True)
    theirs = backup(two_)
    there = place.names()
    write_file(f"{one.dir}/go", "")
    wakes_up(pids)
    wait_until(lambda: "another installation" in one.ctl("status").stdout, "it to see that")
    contains(one.log_text(), "synbakctl adopt far")
    one.ctl("prune")
    equal(set(there) - set(place.names()), set(), "nothing is deleted")
    equal([n for n in place.names("log/") if n not in there], [], "nothing is said")
    two_.ctl("rescan", ok=True)
    equal(sets(two_), [theirs, mine])
    two_.ctl("verify", "--all", "--data", ok=True)
    again = backup(two_)
    restored(two_, again, two_.media_sums())
    one.ctl("adopt", "far", ok=True)
    latest = backup(one)
    restored(one, latest, one.media_sums())
    restored(one, theirs, two_.media_sums())
    check(json.loads(one.ctl("list", "--json", ok=True).stdout)["sets"], "all is listed")


if __name__ == "__main__":
    run_all()
