#!/usr/bin/env python3
"""Commit and prune are broken off at every call that changes something (tests/lib/repository_faults.py): the set
in question is there whole or not at all."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, run_all, test  # noqa: E402
from repository_faults import (FIRST, NEXT, SECOND, THIRD, campaign, look, next_run, two_sets,  # noqa: E402
                               went_well)
from repository_work import RepositoryWork  # noqa: E402


@test(limit=300)
def commit_at_every_call():
    w = two_sets()
    reads = w.read(THIRD)
    content = w.content()

    def after(message, fault):
        there = w.sets()
        check(THIRD in there or not went_well(message), f"{fault}: success without a set: {message}")
        if THIRD in there:
            w.expected[THIRD] = content
        look(w, fault, set(w.expected))
        next_run(w, fault)
    campaign("commit", w, lambda: w.commit_job(reads, THIRD), after)


@test(limit=300)
def first_commit_at_every_call():
    w = RepositoryWork()
    reads = w.read(THIRD)
    content = w.content()

    def after(message, fault):
        there = w.sets()
        check(there == {THIRD} or (not there and not went_well(message)), f"{fault}: {there}: {message}")
        if there:
            w.restores(THIRD, content, fault)
        next_run(w, fault)
    campaign("first commit", w, lambda: w.commit_job(reads, THIRD), after)


# --- prune ---

def prune_at_every_call(name, w, ids):
    """What is kept comes back; what was to go is there whole or not at all; pruning again and again ends well."""
    kept = set(w.expected) - set(ids)

    def after(message, fault):
        there = w.sets()
        check(kept <= there <= kept | set(ids), f"{fault}: {there}")
        check(there == kept or not went_well(message), f"{fault}: success, and {there} are there")
        w.expected = {identity: content for identity, content in w.expected.items() if identity in there}
        look(w, fault)
        w.prune([identity for identity in ids if identity in there])
        next_run(w, fault)
        w.prune([])
        look(w, fault, kept | {NEXT})
    campaign(name, w, lambda: w.prune_job(ids), after)


def mostly_dead():
    """The second set shares a little with the first: what they share is moved when the first goes."""
    w = two_sets()
    w.trash_s = 0
    os.unlink(f"{w.tree}/large")
    w.backup(THIRD)
    return w


@test(limit=300)
def prune_with_repacking_at_every_call():
    w = mostly_dead()
    packs = set(w.objects("packs/"))
    prune_at_every_call("prune: removing, repacking", w, [FIRST, SECOND])
    check(set(w.objects("packs/")) - packs, "nothing was moved")


@test(limit=300)
def prune_that_deletes_at_every_call():
    w = mostly_dead()
    w.prune([FIRST, SECOND])
    packs = set(w.objects("packs/"))
    prune_at_every_call("prune: deleting", w, [])
    check(packs - set(w.objects("packs/")), "nothing was deleted")


if __name__ == "__main__":
    run_all()
