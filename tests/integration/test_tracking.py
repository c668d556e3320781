#!/usr/bin/env python3
"""A file that has not changed is neither opened nor read, and whatever is doubtful is read: real runs of the archive
verb into a repository, watched by the kernel (inotify), and what they made restored."""
import ctypes
import os
import shutil
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, contains, equal, note, run_all, temp_dir, test, write_file  # noqa: E402
from tree_world import picture, restore_job  # noqa: E402
from worker_client import Worker, work  # noqa: E402
from worker_jobs import commit_job, files_source, folder_store, part, read_job  # noqa: E402

REST = 3.2  # seconds until a file counts as at rest: the clock's resolution, generously, and one more
IN_OPEN, IN_ISDIR, IN_NONBLOCK = 0x20, 0x40000000, 0x800
libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """The files below a folder that are opened between begin and end."""

    def __init__(self, root):
        self.fd, self.folders = libc.inotify_init1(IN_NONBLOCK), {}
        for folder, _, _ in os.walk(root):
            number = libc.inotify_add_watch(self.fd, os.fsencode(folder), IN_OPEN)
            self.folders[number] = os.path.relpath(folder, root)

    def end(self):
        opened = set()
        try:
            while True:
                data = os.read(self.fd, 1 << 16)
                while data:
                    number, mask, _, length = struct.unpack_from("iIII", data)
                    name = os.fsdecode(data[16:16 + length].rstrip(b"\0"))
                    if name and not mask & IN_ISDIR:
                        opened.add(os.path.normpath(os.path.join(self.folders[number], name)))
                    data = data[16 + length:]
        except BlockingIOError:
            pass
        os.close(self.fd)
        return sorted(opened)


class Source:
    """One tree, one repository, and what is remembered between them."""

    def __init__(self):
        self.work = temp_dir()
        self.root, self.tracking = f"{self.work}/tree", f"{self.work}/tracking"
        self.place, self.number, self.sequence = f"{self.work}/place", 0, 0
        for folder in ("a/b", "c"):
            os.makedirs(f"{self.root}/{folder}")
        os.mkdir(self.place, 0o700)
        for name in ("a/one", "a/b/two", "c/three", "four"):
            write_file(f"{self.root}/{name}", f"content of {name}\n" * 100)
        os.symlink("four", f"{self.root}/link")
        os.link(f"{self.root}/four", f"{self.root}/second name of four")
        self.source = files_source(self.root)
        time.sleep(REST)

    def store(self):
        store = folder_store(self.place, key="a key for tests, of one line", format="repository", repository="main",
                             cache_dir=f"{self.work}/cache", known_writer=None, known_pruner=None, trash_s=0)
        return {name: value for name, value in store.items() if name not in ("gzip", "level", "volume_bytes")}

    def read(self):
        """A run up to its commit: (result, id, what was opened). self.log: what it said."""
        self.sequence += 1
        identity = f"20260101_0000{self.sequence:02}"
        watch = Watch(self.root)
        worker = Worker({**read_job(self.source, [self.store()], "job", identity), "host": "here",
                         "tracking": {"main": {"dir": self.tracking, "number": self.number}}})
        message = worker.finish()
        check(message["ok"], message.get("error"))
        equal(message["result"]["problems"], [])
        self.log = " ".join(str(m) for m in worker.messages if m["type"] == "log")
        return message["result"], identity, watch.end()

    def backup(self, expected):
        """A whole run, which opens these files and comes back as the tree is."""
        result, identity, opened = self.read()
        equal(opened, sorted(expected), "opened")
        work(commit_job([part(self.source, result)], [self.store()], "job", identity, self.sequence))
        self.number = result["tracking"]["main"]
        self.compare(identity)

    def compare(self, identity):
        target = f"{self.work}/{identity}"
        work({**restore_job(self.store(), "target", target=target), "job": "job", "id": identity}, yes=True)
        equal(picture(target), picture(self.root), "what came back")
        shutil.rmtree(target)


ALL = ["a/one", "a/b/two", "c/three", "four"]


@test
def what_has_not_changed_is_not_opened():
    s = Source()
    s.backup(ALL)
    for _ in range(2):
        s.backup([])


@test
def each_kind_of_change_is_seen():
    s = Source()
    s.backup(ALL)
    with open(f"{s.root}/a/one", "r+") as file:
        file.write("CONTENT")
    s.backup(["a/one"])
    time.sleep(REST)
    s.backup(["a/one"])  # it was written too shortly before the last run
    st = os.stat(f"{s.root}/a/b/two")
    with open(f"{s.root}/a/b/two", "r+") as file:  # the same size, and the mtime put back: ctime tells
        file.write("CONTENT")
    os.utime(f"{s.root}/a/b/two", ns=(st.st_atime_ns, st.st_mtime_ns))
    write_file(f"{s.root}/c/new", "new")
    os.rename(f"{s.root}/c/three", f"{s.root}/c/renamed")
    s.backup(["a/b/two", "c/new", "c/renamed"])
    os.unlink(f"{s.root}/a/one")
    os.unlink(f"{s.root}/four")  # its other name is the only one now
    time.sleep(REST)
    s.backup(["a/b/two", "c/new", "c/renamed", "second name of four"])
    time.sleep(REST)
    s.backup([])


@test
def a_run_that_was_not_committed_leaves_no_hole():
    s = Source()
    s.backup(ALL)
    write_file(f"{s.root}/c/three", "changed")
    for _ in range(2):  # read, but the set never came to be: the number does not count
        equal(s.read()[2], ["c/three"])
    s.backup(["c/three"])


@test
def what_is_lost_or_torn_or_of_another_costs_a_full_read():
    s = Source()
    s.backup(ALL)
    s.backup([])

    def damage_list(path):
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))

    def files():
        folder = f"{s.tracking}/{s.number}"
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder))]
    equal(len(files()), 2)
    tried = 0
    for change in (os.unlink, lambda path: os.truncate(path, os.path.getsize(path) // 2), damage_list):
        for which in range(2):
            change(files()[which])
            s.backup(ALL)
            contains(s.log, "of last time" if which == 1 else "what was remembered")
            tried += 1
    shutil.rmtree(s.tracking)
    s.backup(ALL)
    s.backup([])
    note(f"{tried + 1} losses, each a full read and no more")
    os.rename(s.root, f"{s.root}.aside")  # another tree at the same path, of the same names
    shutil.copytree(f"{s.root}.aside", s.root, symlinks=True)
    opened = s.read()[2]
    equal(opened, sorted(ALL + ["second name of four"]))
    contains(s.log, "is of another")


if __name__ == "__main__":
    run_all()
