#!/usr/bin/env python3
"""Restore of a tree from a repository where most of it is there already: in place, and after an attempt that was cut
off. What is the same is neither fetched nor touched, and undo brings back what was."""
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from harness import check, contains, equal, note, run_all, test, write_file  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from tree_world import picture, same  # noqa: E402
from worker_client import Worker, work, work_error  # noqa: E402
from worker_faults import attempt, count_calls, numbers  # noqa: E402

FIRST = "20260101_000000"
BIG = 24 << 20


class Tree(RepositoryWork):
    """Trees alone, restored in place."""

    def sources(self):
        return super().sources()[:1]

    def content(self):
        return picture(self.tree)

    def many(self):
        for i in range(200):
            write_file(f"{self.tree}/a/b/small{i:03}", self.random.randbytes(3000 + i))
        write_file(f"{self.tree}/big", self.random.randbytes(BIG))

    def in_place(self, **more):
        return {**self.restore_job(FIRST, None), "mode": "in-place", "configured": self.sources(),
                "state_dir": self.state, **more}

    def undo(self, run="r"):
        work({"verb": "undo", "run": run, "state_dir": self.state, "configured": self.sources()})


def places(root):
    """What stays where it is: inode and ctime of every regular file, which nobody can set."""
    found = {}
    for folder, _, names in os.walk(root):
        if ".synbak-restore-" in folder:
            continue
        for name in names:
            st = os.lstat(f"{folder}/{name}")
            found[os.path.relpath(f"{folder}/{name}", root)] = (st.st_ino, st.st_ctime_ns)
    return found


def staging(root):
    return sorted(n for n in os.listdir(root) if n.startswith(".synbak-restore-"))


def damage_one_percent(w):
    """Two small files of 200 and a megabyte of the large one; one came, one went."""
    for i in (7, 100):
        write_file(f"{w.tree}/a/b/small{i:03}", "changed\n")
    os.unlink(f"{w.tree}/a/b/small150")
    write_file(f"{w.tree}/a/newcomer", "came later\n")
    with open(f"{w.tree}/big", "r+b") as f:
        f.seek(9 << 20)
        f.write(b"x" * 100)


@test
def a_tree_with_one_percent_changed():
    w = Tree()
    w.many()
    w.backup(FIRST)
    damage_one_percent(w)
    damaged, before = w.content(), places(w.tree)
    result = work(w.in_place())
    same(w.content(), w.expected[FIRST])
    after = places(w.tree)
    moved = sorted(p for p in after if before.get(p) != after[p])
    equal(moved, ["a/b/small007", "a/b/small100", "a/b/small150", "big"])
    delta = result["restored"][0]["delta"]
    note(str(delta))
    equal(delta["stayed"]["files"] + delta["written"]["files"], 213)
    equal(delta["written"]["files"], 5, "those, and a link, which is made anew to be compared")
    equal(delta["written"]["bytes"], BIG + 3007 + 3100 + 3150)
    equal(delta["fetched_bytes"], (4 << 20) + 3007 + 3100 + 3150, "of the large one a single chunk")
    w.undo()
    same(w.content(), damaged)
    equal(places(w.tree), {**before, **{p: (before[p][0], places(w.tree)[p][1]) for p in before if p in
                                        ("a/b/small007", "a/b/small100", "a/newcomer", "big")}})
    equal(staging(w.tree), [])


run_all()
