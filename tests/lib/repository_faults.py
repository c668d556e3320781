"""kill -9, a full disk, a broken disk and a disk that can only be read, at every call of a worker that changes something
in a repository. After each there is nothing to unlock: every earlier set comes back bit for bit, and the next run goes
through (docs/repository-format.md, "Invariants").

The long form kills at every call, and breaks the disk at every call, in the three ways by turns; after each it looks at
one earlier set, by turns as well, with the worker and with the reader that knows the packs alone. --part=K/N runs a part."""
import itertools
import os

import harness
from harness import equal, note, part
from repository_work import RepositoryWork
from worker_faults import attempt, count_calls, numbers

SHORT_STEPS = 1  # how many places of each kind of fault the short form tries
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
    return part(faults + [f"space:{n * room // 22}" for n in numbers(21, SHORT_STEPS + 1)])


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


def two_sets():
    w = RepositoryWork()
    w.backup(FIRST)
    w.change()
    w.backup(SECOND)
    w.change()
    return w
