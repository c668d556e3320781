#!/usr/bin/env python3
"""Power loss while a worker writes a set, while one prunes a set, and while one exchanges a tree.

The worker runs once with its write log on. Then, for a cut at every change of that log, the states that the disk may
hold are built, with what was not synced lost, kept, torn or mixed (tests/lib/power_loss.h), and each is looked at as
after a restart: old sets verify, a set that is listed verifies, and once the worker has said "done" it is so (rules R1
and R2 of docs/architecture.md)."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import check, equal, note, run_all, test, write_file  # noqa: E402
from power_cuts import build, recorded, states  # noqa: E402
from small_work import Work  # noqa: E402
from worker_client import Worker, work  # noqa: E402

OLD, NEW = "20260101_000000", "20260102_000000"
SHORT_STATES = 60


def campaign(name, w, log, look):
    cuts, all_states = states(log, SHORT_STATES)
    w.place = f"{w.dir}/state"
    for cut, policy, is_end in all_states:
        w.inodes = build(log, cut, policy, w.place)
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


def lay(root, files):
    for name, text in files.items():
        os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
        write_file(f"{root}/{name}", text)


def contents(root):
    """Every file below, but for what a restore has beside it."""
    found = {}
    for folder, names, files in os.walk(root):
        names[:] = [n for n in names if not n.startswith(".synbak-restore-")]
        for name in files:
            with open(f"{folder}/{name}", encoding="utf-8") as f:
                found[os.path.relpath(f"{folder}/{name}", root)] = f.read()
    return found


def translate(state):
    """A plan names inodes, and the state that was built has others."""
    path = f"{state.place}/.synbak-restore-r1/plan.json"
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as f:
        plan = json.load(f)
    for step in plan["steps"]:
        for side in ("old", "new"):
            if step[side]:
                step[side] = int(state.inodes.get(str(step[side]), step[side] + 2**40))
    write_file(path, json.dumps(plan), 0o600)


def in_place(name, undo, plain):
    """A restore in place, or the undo of one, of a tree with what belongs to somebody else in it."""
    w = Work()
    w.inodes = {}
    source = {**w.source(), "exclude": ["keep"]}
    shutil.rmtree(w.tree)
    brought = {"both": "b" * 5000, "folder/a": "b", "mixed/x": "b" * 5000, "mixed/new": "b"}
    lay(w.tree, brought)
    read = work({**w.archive_job(OLD), "source": source})
    work(w.commit_job(OLD, read, 1))
    shutil.rmtree(w.tree)
    there = {"both": "t" * 5000, "folder/b": "t", "mixed/x": "t" * 5000, "mixed/old": "t", "gone": "t"}
    theirs = {"mixed/keep/mine": "k"}
    lay(w.tree, {**there, **theirs})
    os.sync()
    destination, log = w.place, f"{w.dir}/log"
    job = {"verb": "restore", "store": w.store(), "job": "j", "id": OLD, "sources": [], "mode": "in-place",
           "configured": [source], "safety_copy": "none", "replace": False, "stop": [], "start": [], "check": [],
           "state_dir": None, "run": "r1", "yes": True}
    back = {"verb": "undo", "run": "r1", "state_dir": None, "target": w.tree, "configured": []}
    options = recorded(log, w.tree)
    if plain:
        options["env"]["SYNBAK_FAULT"] += ",deny:renameat2:EINVAL"
    if undo:
        work(job)
    work(back if undo else job, **options)

    def look(state, is_end):
        translate(state)
        w.place = destination
        new = {**brought, **theirs}
        old = {**there, **theirs}
        again = {**job, "configured": [{**source, "path": state.dir + "/state"}]}
        undone = {**back, "target": state.dir + "/state"}
        where = state.dir + "/state"
        now = contents(where)
        if is_end:
            equal(now, old if undo else new)
        staged = os.path.exists(f"{where}/.synbak-restore-r1")
        if undo:
            if staged:
                work(undone)
            equal(contents(where), old)
        else:
            # either it is finished and can be undone, or the next restore goes through and can be
            result = Worker({**again, "run": "r2"}).finish()
            equal(result["ok"], True, result)
            equal(contents(where), new)
            work({**undone, "run": "r2"})
            finished = os.path.exists(f"{where}/.synbak-restore-r1")
            equal(contents(where), new if finished else old)
            if finished:
                work(undone)
                equal(contents(where), old)
        w.place = where
    campaign(name, w, log, look)


@test(limit=300)
def while_a_tree_is_exchanged():
    in_place("in place", undo=False, plain=False)


@test(limit=300)
def while_a_tree_is_exchanged_by_three_renames():
    in_place("in place, three renames", undo=False, plain=True)


@test(limit=300)
def while_a_restore_is_undone():
    in_place("undo", undo=True, plain=False)


@test(limit=300)
def while_a_restore_is_undone_by_three_renames():
    in_place("undo, three renames", undo=True, plain=True)


if __name__ == "__main__":
    run_all()
