#!/usr/bin/env python3
"""Copies between destinations: what the daemon owes to whom, one lane for each destination, what is
late, what an operator asks for. Behind the scripted worker where something must go wrong, with the
real one where sets must arrive."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon_client import Daemon, Refused  # noqa: E402
from harness import check, contains, equal, lacks, program, run_all, test, wait_until  # noqa: E402

MINUTE, HOUR, DAY = 60, 3600, 86400
NAS = "[destination nas]\npath = {dir}/nas\nkey = none\nfeed = copy\n"
VAULT = "[destination vault]\npath = {dir}/vault\nkey = none\nfeed = copy\ncopy_within = 6h\n"
JOB = "[job j]\nsources = out\ndestinations = local nas\n"


def world(jobs=NAS + JOB, **options):
    """A daemon whose jobs may name its folder, as {dir}."""
    d = Daemon(start=False, **options)
    for name in ("nas", "vault"):
        os.mkdir(f"{d.dir}/{name}", 0o700)
    d.configure(jobs.format(dir=d.dir), daemon=options.get("daemon", ""))
    d.start()
    return d


def real(jobs=NAS + JOB, **options):
    return world(jobs, worker=program("synbak-worker"), **options)


def at(d, destination, job="j"):
    """The ids of a destination's sets, oldest first."""
    return sorted(s["id"] for s in d.call("list", job=job)["sets"] if s["destination"] == destination)


def place(d, destination, job="j"):
    return next(p for p in d.job(job)["destinations"] if p["destination"] == destination)


def broken(code, text):
    return ({"send": {"type": "result", "ok": False, "code": code, "error": text}}, {"exit": 1})


# --- by themselves ---

@test
def a_set_is_copied_by_itself():
    d = real()
    result = d.trigger()
    equal((result["outcome"], [x["destination"] for x in result["destinations"]]), ("good", ["local"]))
    wait_until(lambda: at(d, "nas"), "the copy")
    equal(at(d, "nas"), [result["id"]])
    check(os.path.exists(f"{d.dir}/nas/j/{result['id']}/manifest.json"), "no manifest at the target")
    copied = d.records("copied")[0]
    equal((copied["id"], copied["from"], copied["destination"]), (result["id"], "local", "nas"))
    check(copied["sent_bytes"] > 0, str(copied))
    equal((place(d, "nas")["newest"], place(d, "nas")["lacks"], d.job()["level"]), (result["id"], 0, 0))
    equal(d.stop(), 0)


run_all()
