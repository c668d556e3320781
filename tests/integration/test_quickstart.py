#!/usr/bin/env python3
"""README's first command, run whole: it must succeed and leave nothing behind."""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import ROOT, contains, equal, run, run_all, test  # noqa: E402


@test(limit=400)
def quickstart_runs_and_cleans_up():
    before = set(glob.glob("/tmp/synbak-quickstart.*"))
    done = run(["etc/quickstart"], cwd=ROOT, timeout=390)
    equal(done.returncode, 0, done.stdout + done.stderr)
    contains(done.stdout, "the database is the same")
    contains(done.stdout, "the media folder is the same")
    equal(set(glob.glob("/tmp/synbak-quickstart.*")), before)


if __name__ == "__main__":
    run_all()
