#!/usr/bin/env python3
"""The key of a repository is stretched once a run: what the first worker made of it goes to the next ones by way of the
daemon, which keeps it nowhere but in memory."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, equal, run_all, test  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from worker_client import Worker  # noqa: E402


def said(job):
    """What a worker with this job says it stretched the key to."""
    worker = Worker(job)
    result = worker.finish()
    check(result["ok"], result)
    return [m["text"] for m in worker.messages if m["type"] == "stretched"]


@test
def the_next_worker_is_spared():
    w = RepositoryWork()
    w.backup("20260101_000000")
    scan = {"verb": "scan", "store": w.store(stretched=None), "jobs": [], "in_progress": [], "sweep_age_s": 0}
    first = said(scan)
    equal(len(first), 1)
    equal(len(first[0]), 192)
    equal(said({**scan, "store": w.store(stretched=first[0])}), [], "nothing new")
    equal(said({**scan, "store": w.store(stretched="0" * 192)}), first, "of another key: made again")
    equal(said({**scan, "store": w.store(stretched="nonsense")}), first)


run_all()
