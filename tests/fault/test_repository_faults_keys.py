#!/usr/bin/env python3
"""Key slots are added and removed and the reading key is rotated, broken off at every call that changes something
(tests/lib/repository_faults.py): it can be done again, and what opened the repository before still does."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, run_all, test  # noqa: E402
from repository_faults import FIRST, NEXT, campaign, look, went_well  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from worker_client import work  # noqa: E402


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


if __name__ == "__main__":
    run_all()
