#!/usr/bin/env python3
"""Random trees and a stream with random changes, backed up, pruned, rotated and restored, cycle after cycle: every set
that is kept comes back bit for bit, by the worker and by the reader that knows the document alone."""
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import equal, note, part, run_all, test  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from worker_client import work  # noqa: E402

CYCLES, LONG_SEEDS = 10, 12
NAMES = ["a", "b b", "c\nline", "d-ä", "e.txt", "-f", "g" * 60]


class Wild:
    """Random changes of a tree: anything may become anything."""

    def __init__(self, root, seed):
        self.root, self.random = root, random.Random(seed)

    def everything(self, want):
        found = [self.root] if want == "folders" else []
        for folder, folders, files in os.walk(self.root):
            found += [f"{folder}/{n}" for n in (folders if want == "folders" else files)
                      if want == "files" or not os.path.islink(f"{folder}/{n}")]
        return sorted(found)

    def fresh(self):
        path = f"{self.random.choice(self.everything('folders'))}/{self.random.choice(NAMES)}{self.random.randrange(20)}"
        return None if os.path.lexists(path) else path

    def bytes(self):
        length = self.random.choice((0, 1, 100, 5000, 70_000, 600_000))
        return self.random.randbytes(length) if self.random.random() < 0.5 else bytes([self.random.randrange(256)]) * length

    def step(self):
        r, files = self.random, self.everything("files")
        path, some = self.fresh(), r.choice(files) if files else None
        regular = some is not None and os.path.isfile(some) and not os.path.islink(some)
        what = r.randrange(11)
        if what < 3 and path:
            with open(path, "wb") as f:
                f.write(self.bytes())
        elif what == 3 and path:
            os.mkdir(path)
        elif what == 4 and path:
            os.symlink(r.choice(("nowhere", "../a", "/etc/hostname")), path)
        elif what == 5 and path and regular:
            os.link(some, path)
        elif what == 6 and some:
            os.unlink(some)
        elif what == 7 and regular:
            with open(some, "r+b") as f:
                f.seek(r.randrange(os.path.getsize(some) + 1))
                f.write(r.randbytes(r.randrange(1, 500)))
        elif what == 8 and path and some:
            os.rename(some, path)
        elif what == 9 and regular:
            os.chmod(some, r.choice((0o600, 0o644, 0o755)))
            os.utime(some, ns=(0, r.randrange(10**18)))
        elif what == 10 and len(self.everything("folders")) > 8:
            shutil.rmtree(r.choice(self.everything("folders")[1:]))


def soak(seed):
    w = RepositoryWork(seed=seed)
    wild, r = Wild(w.tree, seed), random.Random(seed + 1000)
    w.trash_s = 0
    restored = 0
    for cycle in range(CYCLES):
        w.change_stream()
        for _ in range(r.randrange(30)):
            wild.step()
        identity = f"2026010{cycle // 9 + 1}_0000{cycle:02}"
        w.backup(identity)
        event = r.randrange(6)
        if event == 0:
            shutil.rmtree(f"{w.state}/cache")
        if event == 1:
            shutil.rmtree(f"{w.state}/tracking")
        if event == 2:
            work(w.keys_job("rotate"))
        if len(w.expected) > 4:
            w.prune(r.sample(sorted(w.expected), r.randrange(1, 3)))
        for again in {identity, r.choice(sorted(w.expected))} & set(w.expected):
            w.restores(again, text=f"seed {seed}, cycle {cycle}")
            restored += 1
    equal(w.sets(), set(w.expected))
    for identity in w.expected:
        w.read_back(identity, *(["--no-index"] if r.randrange(2) else []), text=f"seed {seed}")
    note(f"seed {seed}: {CYCLES} cycles, {restored} restored on the way, {len(w.expected)} left and read by the reader")


@test(limit=300)
def random_trees_come_back():
    for seed in part(range(1, LONG_SEEDS + 1)) if harness.long() else [1]:
        soak(seed)


if __name__ == "__main__":
    run_all()
