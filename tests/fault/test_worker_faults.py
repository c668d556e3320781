#!/usr/bin/env python3
"""kill -9, a full disk, a broken disk, at every call of a worker that changes something.

Each campaign first counts the calls of one clean piece of work, then does it again for each N
with the fault at call N. After each: the set that was committed before still verifies; the new one is whole or
is not there; doing it again succeeds (rules R2 and R4 of docs/architecture.md)."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import check, equal, note, run_all, test  # noqa: E402
from small_work import Work  # noqa: E402
from worker_client import work  # noqa: E402
from worker_faults import attempt, count_calls, numbers  # noqa: E402

SHORT_STEPS = 4  # how many N of a campaign the short form tries


def campaign(name, prepare, faults, after):
    """prepare(w) -> job, in a fresh Work each time; after(w, message, fault) checks."""
    w = Work()
    total = count_calls(prepare(w), w.dir)
    tried = 0
    for fault in faults:
        for n in numbers(total, SHORT_STEPS):
            w = Work()
            job = prepare(w)
            after(w, attempt(job, fault.format(n=n)), fault.format(n=n))
            shutil.rmtree(w.dir)
            tried += 1
    note(f"{name}: {total} calls, {tried} faults")


FAULTS = ("kill:{n}", "fail:{n}:EIO", "fail-from:{n}:ENOSPC")


@test(limit=300)
def commit_at_every_call():
    def prepare(w):
        w.make("20260101_000000", 1)
        w.read = work(w.archive_job("20260102_000000"))
        return w.commit_job("20260102_000000", w.read, 2)

    def after(w, message, fault):
        ids = w.sets() if os.path.exists(f"{w.place}/j/20260102_000000/manifest.json") else None
        w.verify("20260101_000000")
        if ids and "20260102_000000" in ids:
            w.verify("20260102_000000")
        else:
            failed = message is None or not message["ok"] or not message["result"]["destinations"][0]["ok"]
            check(failed, f"{fault}: success without a set: {message}")
            w.make("20260103_000000", 2)
            w.verify("20260103_000000")
    campaign("commit", prepare, FAULTS, after)


@test(limit=300)
def archive_at_every_call():
    def prepare(w):
        w.make("20260101_000000", 1)
        return w.archive_job("20260102_000000")

    def after(w, message, fault):
        w.verify("20260101_000000")
        equal(w.sets(), {"20260101_000000"}, fault)
        if message is not None and message["ok"] and message["result"]["destinations"][0]["ok"]:
            work(w.commit_job("20260102_000000", message["result"], 2))
            w.verify("20260102_000000")
        else:
            w.make("20260103_000000", 2)
            w.verify("20260103_000000")
    campaign("archive", prepare, FAULTS, after)


@test(limit=300)
def prune_at_every_call():
    def prepare(w):
        w.make("20260101_000000", 1)
        w.make("20260102_000000", 2)
        return {"verb": "prune", "store": w.store(), "job": "j", "ids": ["20260101_000000"]}

    def after(w, message, fault):
        w.verify("20260102_000000")
        left = w.sets()
        check(left in ({"20260102_000000"}, {"20260101_000000", "20260102_000000"}), fault)
        if "20260101_000000" in left:
            w.verify("20260101_000000")
            work({"verb": "prune", "store": w.store(), "job": "j", "ids": ["20260101_000000"]})
            equal(w.sets(), {"20260102_000000"})
    campaign("prune", prepare, FAULTS, after)


@test(limit=300)
def mark_at_every_call():
    def prepare(w):
        w.make("20260101_000000", 1)
        return {"verb": "mark", "store": w.store(), "job": "j", "id": "20260101_000000", "kind": "pin",
                "reason": "keep", "until": None}

    def after(w, message, fault):
        w.verify("20260101_000000")
        equal(w.sets(), {"20260101_000000"}, fault)
        again = work({"verb": "mark", "store": w.store(), "job": "j", "id": "20260101_000000", "kind": "pin",
                      "reason": "keep", "until": None})
        equal(again, {})
    campaign("mark", prepare, FAULTS, after)


def stored(place, identity):
    """{NAME: size} of the artifacts of a set."""
    folder = f"{place}/j/{identity}/tree"
    return {name: os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder)} if os.path.isdir(folder) else {}


def copies_at_every_call(name, **form):
    """What was put before the fault is whole, and is not sent again."""
    first, second = "20260101_000000", "20260102_000000"

    def offsite(w):
        return {**w.store(), "destination": "offsite", "path": f"{w.dir}/offsite", **form}

    def job(w, identity):
        return {"verb": "copy", "from": w.store(), "to": offsite(w), "job": "j", "id": identity}

    def prepare(w):
        w.make(first, 1)
        w.make(second, 2)
        os.mkdir(f"{w.dir}/offsite", 0o700)
        work(job(w, first))
        work({"verb": "mark", "store": w.store(), "job": "j", "id": second, "kind": "pin", "reason": "keep",
              "until": None})
        return job(w, second)

    def whole(w, identity):
        result = work({"verb": "verify", "store": offsite(w), "job": "j", "id": identity})
        equal(result["damaged"], [], identity)

    def after(w, message, fault):
        w.verify(second)
        whole(w, first)
        there, wanted = stored(f"{w.dir}/offsite", second), stored(w.place, second)
        committed = os.path.exists(f"{w.dir}/offsite/j/{second}/manifest.json")
        if committed:
            whole(w, second)
        else:
            check(message is None or not message["ok"], f"{fault}: success without a set: {message}")
        done = work(job(w, second))
        if committed or not form:
            equal(done["sent_bytes"], 0 if committed else sum(wanted.values()) - sum(there.values()), fault)
        equal(done["set"]["pinned"], True, fault)
        whole(w, second)
    campaign(name, prepare, FAULTS, after)


@test(limit=600)
def copy_at_every_call():
    copies_at_every_call("copy")


@test(limit=600)
def copy_in_another_form_at_every_call():
    if not harness.long():
        harness.skip("minutes; only with --long")
    copies_at_every_call("copy in another form", gzip=False)


if __name__ == "__main__":
    run_all()
