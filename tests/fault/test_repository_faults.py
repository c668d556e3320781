#!/usr/bin/env python3
"""A worker that reads a source into a repository is broken off at every call that changes something
(tests/lib/repository_faults.py): its first run, a run with deltas and changed files. No set is there that was not before,
and the next run goes through."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import equal, run_all, test  # noqa: E402
from repository_faults import FIRST, THIRD, campaign, look, next_run, two_sets  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402


def read_at_every_call(name, w, which):
    """Reading one source, with a fault: no set is there that was not before; the next run goes through."""
    def after(message, fault):
        if w.expected:
            look(w, fault, set(w.expected))
        next_run(w, fault)
    campaign(name, w, lambda: w.read_job(w.sources()[which], THIRD), after)


@test(limit=300)
def first_run_at_every_call():
    read_at_every_call("first run", RepositoryWork(), 0)


@test
def a_first_run_goes_on_with_what_has_no_key_yet():
    """Killed after repository.json and before the first key slot."""
    other, w = RepositoryWork(), RepositoryWork()
    other.backup(FIRST)
    for name in ("synbak-destination.json", "repository.json"):
        shutil.copy(f"{other.place}/{name}", w.place)
    equal(w.sets(), set())
    w.backup(FIRST)
    w.restores(FIRST)


@test(limit=300)
def tree_at_every_call():
    read_at_every_call("a changed tree", two_sets(), 0)


@test(limit=300)
def stream_at_every_call():
    read_at_every_call("a stream with deltas", two_sets(), 1)


if __name__ == "__main__":
    run_all()
