"""Trees, jobs for them, and comparisons by system calls alone; shared by the tests of trees."""
import errno
import hashlib
import os
import stat
import struct

from harness import Failed, equal, temp_dir
from worker_client import work
from worker_jobs import command_source as command, commit_job, files_source as files, folder_store, part, read_job  # noqa: F401

KEY = "an example key of thirty bytes"
OWNER = "cd" * 16
ID = "20261120_143000"


def store(path, **more):
    return folder_store(path, **{"owner": OWNER, "key_hint": "file:/etc/synbak/key", **more})


def archive_job(place, source, id=ID, job="j"):
    return read_job(source, [place], job, id)


def back_up(place, *sources, id=ID, sequence=1, job="j"):
    """Read and commit; the results of the sources by name."""
    results = {source["name"]: work(archive_job(place, source, id, job)) for source in sources}
    parts = [part(source, results[source["name"]]) for source in sources]
    done = work(commit_job(parts, [place], job, id, sequence))
    equal(done["destinations"][0]["ok"], True, str(done))
    return results


def restore_job(place, mode, **more):
    return {"verb": "restore", "store": place, "job": "j", "id": ID, "sources": [], "mode": mode,
            "configured": [], "safety_copy": "none", "replace": False, "stop": [], "start": [],
            "check": [], "state_dir": None, "run": "r1", "yes": True, **more}


def picture(root):
    """Everything that can be seen of a tree: a dictionary of relative path to description."""
    seen, inodes = {}, {}

    def look(path, name):
        st = os.lstat(path)
        entry = [oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns]
        if stat.S_ISREG(st.st_mode):
            with open(path, "rb") as f:
                entry += [hashlib.sha256(f.read()).hexdigest(),
                          inodes.setdefault(st.st_ino, name) if st.st_nlink > 1 else ""]
        elif stat.S_ISLNK(st.st_mode):
            entry += [os.readlink(path)]
        elif not stat.S_ISDIR(st.st_mode):
            entry += [st.st_rdev]
        if not stat.S_ISLNK(st.st_mode):
            entry += sorted((n, os.getxattr(path, n)) for n in os.listxattr(path))
        seen[name] = entry
        if stat.S_ISDIR(st.st_mode):
            for child in sorted(os.listdir(path)):
                if not child.startswith(b".synbak-restore-"):
                    look(os.path.join(path, child), name + b"/" + child)

    look(os.fsencode(root), b".")
    return seen


def make_tree(root):
    """A small tree with one of each kind."""
    os.makedirs(f"{root}/local_content/ab/cd")
    for i in range(30):
        with open(f"{root}/local_content/ab/cd/file{i}", "wb") as f:
            f.write(os.urandom(i * 997))
    os.makedirs(f"{root}/remote_content/xy")
    with open(f"{root}/remote_content/xy/cached", "w", encoding="ascii") as f:
        f.write("cached")
    with open(f"{root}/notes", "w", encoding="ascii") as f:
        f.write("first\n")
    os.chmod(f"{root}/notes", 0o640)
    os.link(f"{root}/notes", f"{root}/local_content/linked")
    os.symlink("notes", f"{root}/pointer")
    os.mkfifo(f"{root}/pipe")
    with open(f"{root}/sparse", "wb") as f:
        f.truncate(20 << 20)
        f.seek(10 << 20)
        f.write(b"in the middle")
    with open(os.fsencode(root) + b"/odd \xff\n name", "wb") as f:
        f.write(b"odd")
    os.utime(f"{root}/local_content", ns=(5, 1234567890123456789))
    mark(root)
    os.chmod(root, 0o750)


def mark(folder):
    """An attribute and an ACL that new files inherit, where the file system has them."""
    entries = ((1, 7, -1), (4, 5, -1), (8, 6, 4711), (16, 7, -1), (32, 0, -1))
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    for name, value in (("user.purpose", b"media\0store"), ("system.posix_acl_default", acl)):
        try:
            os.setxattr(folder, name, value)
        except OSError as why:
            if why.errno != errno.ENOTSUP:
                raise


def new_tree():
    root = os.path.join(temp_dir(), "tree")
    make_tree(root)
    return root


def same(got, expected, text=""):
    """Two pictures are equal; if not, only where they differ."""
    keys = [k for k in {**got, **expected} if got.get(k) != expected.get(k)]
    if keys:
        lines = [f"{k!r}: {got.get(k)} instead of {expected.get(k)}" for k in sorted(keys)[:5]]
        raise Failed(f"{text}: {len(keys)} differ: " + "; ".join(lines))
