#!/usr/bin/env python3
"""Power loss while a worker writes a set, and while one prunes a set.

The worker runs once with its write log on. Then, for a cut at every change of that log, the states that the disk may
hold are built, with what was not synced lost, kept, torn or mixed (tests/lib/power_loss.h), and each is looked at as
after a restart: old sets verify, a set that is listed verifies, and once the worker has said "done" it is so (rules R1
and R2 of docs/architecture.md)."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import check, equal, note, program, run_all, test, write_file  # noqa: E402
from small_work import Work  # noqa: E402
from worker_client import work  # noqa: E402

OLD, NEW = "20260101_000000", "20260102_000000"
FIXED_POLICIES = 7
SHORT_STATES = 60


def recorded(log, folder):
    """Options for work(): the fault-injecting worker, writing its log."""
    return {"binary": "synbak-worker-fault",
            "env": {**os.environ, "SYNBAK_FAULT": f"log:{log}", "SYNBAK_FAULT_ROOT": folder}}


def states(log):
    """(cut, policy, is_end) of every state; a spread of them in the short form, the last cut always whole."""
    cuts = int(subprocess.check_output([program("power_loss_states"), log]))
    policies = FIXED_POLICIES + (20 if harness.long() else 2)
    every = [(cut, policy, False) for cut in range(cuts) for policy in range(policies)]
    if not harness.long():
        every = every[::max(1, len(every) // SHORT_STATES)]
    return cuts, every + [(cuts, policy, True) for policy in range(policies)]


def campaign(name, w, log, look):
    cuts, all_states = states(log)
    w.place = f"{w.dir}/state"
    for cut, policy, is_end in all_states:
        subprocess.check_call([program("power_loss_states"), log, str(cut), str(policy), w.place])
        try:
            look(w, is_end)
        except harness.Failed as why:
            raise harness.Failed(f"cut {cut}, policy {policy}: {why}") from None
        shutil.rmtree(w.place)
    note(f"{name}: {cuts} changes, {len(all_states)} states")


@test(limit=300)
def while_a_set_is_made():
    w = Work()
    write_file(f"{w.tree}/large", os.urandom(2_500_000))  # several volumes
    w.make(OLD, 1)
    log = f"{w.dir}/log"
    w.make(NEW, 2, **recorded(log, w.place))

    def look(state, is_end):
        ids = state.sets()
        check(OLD in ids, f"the old set is lost: {ids}")
        check(NEW in ids or not is_end, "success was reported, and the set is lost")
        for identity in ids:
            state.verify(identity)
    campaign("archive and commit", w, log, look)


@test(limit=300)
def while_a_set_is_pruned():
    w = Work()
    log = f"{w.dir}/log"
    w.make(OLD, 1)
    w.make(NEW, 2)
    job = {"verb": "prune", "store": w.store(), "job": "j", "ids": [OLD]}
    work(job, **recorded(log, w.place))

    def look(state, is_end):
        ids = state.sets()
        check(NEW in ids, f"the kept set is lost: {ids}")
        for identity in ids:
            state.verify(identity)
        if is_end:
            equal(ids, {NEW})
    campaign("prune", w, log, look)


if __name__ == "__main__":
    run_all()
