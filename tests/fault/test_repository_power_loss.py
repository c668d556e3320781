#!/usr/bin/env python3
"""Power loss while a set is added to a repository, while its first one is, and while sets are removed, chunks moved and
packs deleted. What this machine remembers lies on the same disk.

The workers run once with their write log on. Then the states that the disk may hold are built, with what was not synced
lost, kept, torn or mixed (tests/lib/power_loss.h), and each is looked at as after a restart: every earlier set comes back
bit for bit, what is listed comes back, what was told to be done is done, and the next run goes through."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import check, equal, note, part, run_all, test  # noqa: E402
from power_cuts import FIXED_POLICIES, build, recorded, states  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from worker_client import work  # noqa: E402

SHORT_STATES = 4
MIXTURES = 20  # that power_cuts.states gives in its long form
FIRST, SECOND, THIRD, NEXT = ("20260101_000000", "20260102_000000", "20260103_000000", "20260104_000000")


def is_taken(cut, policy, is_end):
    """The long form: at each change everything that was not synced lost, one of the other policies and one of the random
    mixtures, by turns. What was told to be done is looked at in all of them."""
    turns = (0, 1 + cut % (FIXED_POLICIES - 1), FIXED_POLICIES + cut % MIXTURES)
    return is_end or policy in turns


def campaign(name, w, before, log, look):
    """before: what the installation knew then. look(is_end) is at the state."""
    cuts, every = states(log, SHORT_STATES)
    if harness.long():
        every = part(s for s in every if is_taken(*s))
    else:
        every = [s for s in every if not s[2]] + [s for s in every if s[2]][::4]
    for cut, policy, is_end in every:
        w.numbers, w.heads, w.sequence, w.expected = before
        w.numbers, w.expected = dict(w.numbers), dict(w.expected)
        shutil.rmtree(w.disk)
        build(log, cut, policy, w.disk)
        try:
            look(is_end)
        except harness.Failed as why:
            raise harness.Failed(f"cut {cut}, policy {policy}: {why}") from None
    note(f"{name}: {cuts} changes, {len(every)} states")


def known(w):
    return dict(w.numbers), w.heads, w.sequence, dict(w.expected)


def next_run(w):
    w.backup(NEXT)
    w.restores(NEXT)
    if harness.long():
        w.read_back(NEXT)


def while_adding(name, w):
    before, log = known(w), f"{w.dir}/log"
    w.backup(THIRD, **recorded(log, w.disk))
    content = w.expected[THIRD]

    def look(is_end):
        # a repository that is not complete yet holds no set; the next run completes it
        there = w.sets() if w.expected or is_end else set()
        check(THIRD in there or not is_end, f"success was told, and there is {there}")
        check(set(w.expected) <= there, f"lost: {there}")
        for identity in there if harness.long() else there & {FIRST, THIRD}:
            w.restores(identity, content if identity == THIRD else None)
        next_run(w)
    campaign(name, w, before, log, look)


@test(limit=300)
def while_the_first_set_is_added():
    while_adding("first set", RepositoryWork())


@test(limit=300)
def while_a_set_is_added():
    w = RepositoryWork()
    w.backup(FIRST)
    w.change()
    w.backup(SECOND)
    w.change()
    while_adding("a set", w)


def while_pruning(name, ids):
    w = RepositoryWork()
    w.trash_s = 0
    for identity in (FIRST, SECOND):
        w.backup(identity)
        w.change()
    os.unlink(f"{w.tree}/large")
    w.backup(THIRD)
    if not ids:
        w.prune([FIRST, SECOND])
    before, log = known(w), f"{w.dir}/log"
    work(w.prune_job(ids), **recorded(log, w.disk))

    def look(is_end):
        there = w.sets()
        check(there <= set(before[3]) and THIRD in there, f"there are {there}")
        if is_end:
            equal(there, {THIRD})
        for identity in there if harness.long() else there - {SECOND}:
            w.restores(identity)
        w.prune([i for i in ids if i in there])
        next_run(w)
        w.restores(THIRD)
    campaign(name, w, before, log, look)


@test(limit=300)
def while_sets_are_removed_and_chunks_moved():
    while_pruning("prune: removing, repacking", [FIRST, SECOND])


@test(limit=300)
def while_packs_are_deleted():
    while_pruning("prune: deleting", [])


if __name__ == "__main__":
    run_all()
