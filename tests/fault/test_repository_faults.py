#!/usr/bin/env python3
"""kill -9, a full disk, a broken disk and a disk that can only be read, at every call of a worker that changes something
in a repository: its first run, a run with deltas and changed files, commit, key slots and generations, prune.

After each there is nothing to unlock: every earlier set comes back bit for bit, the one in question is there whole or
not at all, and the next run goes through (docs/repository-format.md, "Invariants").

The long form kills at every call, and breaks the disk at every call, in the three ways by turns; after each it looks at
one earlier set, by turns as well, with the worker and with the reader that knows the packs alone. --part=K/N runs a part."""
import itertools
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import check, equal, note, part, run_all, test  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from worker_client import work  # noqa: E402
from worker_faults import attempt, count_calls, numbers  # noqa: E402

SHORT_STEPS = 2  # how many places of each kind of fault the short form tries
LOOKS = itertools.count()
FAULTS = ("kill:{n}", "fail:{n}:EIO", "fail-from:{n}:ENOSPC", "fail-from:{n}:EROFS")
FIRST, SECOND, THIRD, NEXT = ("20260101_000000", "20260102_000000", "20260103_000000", "20260104_000000")


def stored(w):
    """Bytes at the destination and beside it."""
    return sum(os.path.getsize(f"{folder}/{name}") for top in (w.place, w.state)
               for folder, _, files in os.walk(top) for name in files)


def faults_of(total, room):
    """total: calls; room: bytes that the work adds."""
    if harness.long():
        faults = [f"kill:{n}" for n in range(1, total + 1)]
        faults += [FAULTS[1 + n % 3].format(n=n) for n in range(1, total + 1)]
    else:  # each kind of fault has places of its own
        faults = [fault.format(n=min(total, n + shift * total // 16)) for shift, fault in enumerate(FAULTS)
                  for n in numbers(total, SHORT_STEPS + 2)[1:-1]]
    # a write is cut short, then there is no room
    return part(faults + [f"space:{n * room // 22}" for n in numbers(21, SHORT_STEPS)])


def campaign(name, w, job, after):
    """Each attempt begins with what lies there now. after(message, fault) looks at what it left."""
    w.save()
    before = stored(w)
    total = count_calls(job(), w.dir)
    room = stored(w) - before
    after({"ok": True}, "no fault")
    faults = faults_of(total, room)
    for fault in faults:
        w.reset()
        after(attempt(job(), fault), fault)
    note(f"{name}: {total} calls, {len(faults)} faults")


def went_well(message):
    """The worker said that it is done, at its destination as well."""
    return message is not None and message["ok"] and all(
        d["ok"] for d in message.get("result", {}).get("destinations", []))


def look(w, fault, sets=None):
    """One of the earlier sets comes back, another each time; in the long form also without anything that this machine
    remembers."""
    earlier, number = sorted(w.expected), next(LOOKS)
    if earlier:
        w.restores(earlier[number % len(earlier)], text=fault)
    if earlier and harness.long():
        w.read_back(earlier[(number + 1) % len(earlier)], "--no-index", text=fault)
    if sets is not None:
        equal(w.sets(), sets, fault)


def next_run(w, fault):
    w.backup(NEXT)
    w.restores(NEXT, text=fault)
    if harness.long():
        w.read_back(NEXT, text=fault)


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


def two_sets():
    w = RepositoryWork()
    w.backup(FIRST)
    w.change()
    w.backup(SECOND)
    w.change()
    return w


@test(limit=300)
def tree_at_every_call():
    read_at_every_call("a changed tree", two_sets(), 0)


@test(limit=300)
def stream_at_every_call():
    read_at_every_call("a stream with deltas", two_sets(), 1)


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


# --- keys ---

def slots(w):
    return {s["label"]: s["slot"] for s in work(w.keys_job("list"))["slots"]}


def keys_at_every_call(name, w, job, again, other):
    """`again` does what the broken off job was to do; `other` opens the repository as well, before and after."""
    def after(message, fault):
        look(w, fault, set(w.expected))
        again(went_well(message), fault)
        w.backup(NEXT)
        for w.key in (other, w.key):
            look(w, fault)
    campaign(name, w, job, after)


def with_recovery():
    """A repository with one set, and another key that opens it."""
    w = RepositoryWork()
    w.backup(FIRST)
    return w, work(w.keys_job("add", kind="recovery", label="card", secret=None))["secret"]


@test(limit=300)
def adding_a_slot_at_every_call():
    w, card = with_recovery()

    def job():
        return w.keys_job("add", kind="passphrase", label="words", secret="correct horse battery staple")

    def again(done, fault):
        check("words" in slots(w) or not done, f"{fault}: success without a slot")
        if "words" not in slots(w):
            work(job())
        check("words" in slots(w), fault)
    keys_at_every_call("adding a key slot", w, job, again, card)


@test(limit=300)
def removing_a_slot_at_every_call():
    w, card = with_recovery()
    gone = work(w.keys_job("add", kind="operation", label="old", secret="ab" * 24))["slot"]

    def job():
        return w.keys_job("remove", slot=gone)

    def again(done, fault):
        check("old" not in slots(w) or not done, f"{fault}: success, and the slot is there")
        if "old" in slots(w):
            work(job())
        check("old" not in slots(w), fault)
    keys_at_every_call("removing a key slot", w, job, again, card)


@test(limit=300)
def rotating_at_every_call():
    w, card = with_recovery()
    keys_at_every_call("rotating", w, lambda: w.keys_job("rotate"), lambda *_: work(w.keys_job("rotate")), card)


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
