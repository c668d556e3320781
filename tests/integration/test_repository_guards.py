#!/usr/bin/env python3
"""What a pruner is told by the daemon holds it back: runs that go on, sets that are being read, a clock in doubt."""
import datetime
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, equal, run_all, test  # noqa: E402
from repository_work import JOB, RepositoryWork  # noqa: E402
from worker_client import work  # noqa: E402

FIRST, SECOND = "20260101_000000", "20260102_000000"


def with_trash():
    """One set is left, and what the other alone needed may be deleted by now."""
    w = RepositoryWork()
    w.trash_s = 0
    w.backup(FIRST)
    w.change()
    os.unlink(f"{w.tree}/large")
    w.backup(SECOND)
    w.prune([FIRST])
    check(os.listdir(f"{w.place}/trash"), "nothing is on trash")
    return w


def prune(w, ids=(), **told):
    before = w.objects("packs/")
    result = work({**w.prune_job(list(ids)), **told})
    w.remember_heads(result["heads"])
    return set(before) - set(w.objects("packs/"))


@test
def what_a_pruner_is_told_holds_it_back():
    w = with_trash()
    now = datetime.datetime.now(datetime.timezone.utc)
    equal(prune(w, oldest_run=now.strftime("%Y-%m-%dT%H:%M:%SZ")), set(), "a run that goes on may count on it")
    equal(prune(w, clock_in_doubt=True), set(), "the clock is in doubt")
    equal(prune(w, [SECOND], reading=[f"{JOB}/{SECOND}"]) and w.sets(), {SECOND}, "it is being read")
    w.restores(SECOND)


@test
def without_that_it_deletes():
    w = with_trash()
    late = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)
    check(prune(w, oldest_run=late.strftime("%Y-%m-%dT%H:%M:%SZ")), "nothing was deleted")
    w.restores(SECOND)


@test
def what_is_on_trash_is_stored_again():
    """It counts as absent for who adds, and is not read where it lies elsewhere too."""
    w = RepositoryWork()
    w.backup(FIRST)
    before = set(w.objects("packs/"))
    w.prune([FIRST])
    w.trash_s = 0
    w.backup(SECOND)
    again = sum(os.path.getsize(f"{w.place}/{name}") for name in set(w.objects("packs/")) - before)
    check(again > 500_000, f"only {again} bytes were stored again")
    prune(w)
    prune(w)
    w.restores(SECOND)
    w.read_back(SECOND)


if __name__ == "__main__":
    run_all()
