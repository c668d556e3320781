#!/usr/bin/env python3
"""Retention in a repository, as synbakd does it: what no set needs any more waits on trash, the rest restores; who
does not own the place any more removes nothing. What goes when the wait is over: tests/unit/repository/test_collect*."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import check, equal, run_all, test, wait_until, write_file  # noqa: E402
from repository_place import backup, packs, sets  # noqa: E402

JOB = "[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\nmanual = keep 1\n"
BIG = 3 << 20


def records(d):
    """Of the pruner's log."""
    return sorted(os.listdir(f"{d.backups}/log/pruner"))


def two_generations():
    """A large file, then another in its place: the installation, packs of the first set, the set that stays."""
    d = Deployment(destination="format = repository", jobs=JOB)
    big = f"{d.media}/local_content/aa/bb/video"
    write_file(big, os.urandom(BIG))
    first = backup(d)
    old = packs(d.backups)
    write_file(big, os.urandom(BIG))
    last = backup(d)
    wait_until(lambda: sets(d) == [last], f"{first} to go")
    return d, old, last


def restores(d, where):
    d.ctl("restore", "synapse", "--target", f"{d.dir}/{where}", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/{where}"), d.media_sums())


@test
def what_is_not_needed_waits():
    d, old, _ = two_generations()

    def listed():
        d.ctl("prune", ok=True)
        return os.path.isdir(f"{d.backups}/trash") and os.listdir(f"{d.backups}/trash")
    wait_until(listed, "a trash list")
    restores(d, "restored")
    check(old <= packs(d.backups), "everything is still there")
    # what comes back while its packs are on trash is stored again
    write_file(f"{d.media}/local_content/aa/bb/more", os.urandom(BIG))
    last = backup(d)
    wait_until(lambda: sets(d) == [last], "the one before to go")
    restores(d, "again")
    d.ctl("verify", "synapse", ok=True)


@test
def who_does_not_own_the_place_removes_nothing():
    d, _, last = two_generations()
    marker = f"{d.backups}/synbak-destination.json"
    with open(marker, encoding="ascii") as f:
        text = f.read()
    owner = text.split('"owner":"')[1][:32]
    d.stop()
    write_file(marker, text.replace(owner, "f" * 32).encode(), 0o600)
    before, there = records(d), packs(d.backups)
    d.start()
    wait_until(lambda: "another installation" in d.ctl("status").stdout, "the owner to be noticed")
    d.ctl("prune", ok=True)
    equal(d.ctl("trigger", "synapse", "--wait").returncode, 1, "nothing is written there")
    equal(records(d), before)
    equal(packs(d.backups), there)
    d.ctl("adopt", "local", ok=True)
    wait_until(lambda: sets(d) == [last], "the destination to be listed again")

    def collected():
        d.ctl("prune", ok=True)
        return records(d) != before
    wait_until(collected, "what is not needed to be noted")
    restores(d, "restored")


if __name__ == "__main__":
    run_all()
