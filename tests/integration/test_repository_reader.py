#!/usr/bin/env python3
"""The reader written from the document alone brings back what synbak brings back: streams and trees, several days with
deltas, with the index and from packs alone."""
import filecmp
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import ROOT, Failed, check, contains, equal, run, run_all, test, write_file  # noqa: E402

READER = os.path.join(ROOT, "tests", "tools", "repository_reader.py")
PYTHON = "/usr/bin/python3"  # the system's own, which has Debian's packages


def reader(d, *arguments, key=None, ok=True):
    return run([PYTHON, READER, "--key", key or d.key_file, *arguments], ok=ok)


def sets(d):
    return reader(d, d.backups).stdout.split()


def describe(path):
    """Everything of a tree that both ways must agree on."""
    found = {}
    for folder, folders, files in os.walk(path):
        for name in [".", *folders, *files]:
            full = os.path.normpath(os.path.join(folder, name))
            st = os.lstat(full)
            what = os.readlink(full) if os.path.islink(full) else None
            size = st.st_size if os.path.isfile(full) else 0
            attrs = {n: os.getxattr(full, n, follow_symlinks=False) for n in os.listxattr(full, follow_symlinks=False)}
            found[os.path.relpath(full, path)] = (st.st_mode, st.st_mtime_ns, st.st_uid, st.st_gid, size, what, attrs)
    return found


def same_content(a, b):
    diff = filecmp.dircmp(a, b)
    equal((diff.left_only, diff.right_only), ([], []), f"{a} and {b}")
    _, mismatch, errors = filecmp.cmpfiles(a, b, diff.common_files, shallow=False)
    equal((mismatch, errors), ([], []), f"{a} and {b}")
    for name in diff.common_dirs:
        same_content(os.path.join(a, name), os.path.join(b, name))


def odd_entries(media):
    os.symlink("../elsewhere", f"{media}/a-link")
    os.link(f"{media}/local_content/aa/bb/photo", f"{media}/z-second-name")
    os.mkfifo(f"{media}/fifo", 0o600)
    with open(f"{media}/sparse", "wb") as f:
        f.truncate(3 << 20)
        f.seek(1 << 20)
        f.write(b"in the middle")
    write_file(os.path.join(os.fsencode(media), b"\xff\xfe"), b"a name that is no text")
    os.chmod(f"{media}/local_content", 0o751)
    try:
        os.setxattr(f"{media}/sparse", "user.kind", b"hollow")
    except OSError:
        pass  # a file system without them


@test
def brings_back_what_synbak_brings_back():
    d = Deployment(destination="format = repository", events=3000)
    odd_entries(d.media)
    d.ctl("trigger", "synapse", "--wait", ok=True)
    for day in range(3):
        d.cluster.sql(f"update event_json set json = json || 'day {day}' where ctid in "
                      "(select ctid from event_json tablesample bernoulli (2) repeatable (7))", "synapse")
        write_file(f"{d.media}/day{day}", os.urandom(700000))
        d.ctl("trigger", "synapse", "--wait", ok=True)
    names = sets(d)
    equal(len(names), 4)
    for number, name in enumerate(names):
        if number not in (0, 3):
            continue
        ours, theirs, packs = (f"{d.dir}/{n}{number}" for n in ("ours", "theirs", "packs"))
        d.ctl("restore", name, "--target", ours, "--yes", ok=True)
        reader(d, d.backups, name, "--to", theirs)
        reader(d, "--no-index", d.backups, name, "--to", packs)
        same_content(theirs, packs)
        equal(describe(f"{theirs}/media"), describe(f"{packs}/media"))
        same_content(ours, theirs)
        equal(describe(f"{theirs}/media"), describe(f"{ours}/media"))


@test
def notices_what_was_changed():
    d = Deployment(destination="format = repository")
    d.ctl("trigger", "synapse", "--wait", ok=True)
    (name,) = sets(d)
    wrong = f"{d.dir}/wrong"
    write_file(wrong, "not the key of this repository\n", 0o600)
    contains(reader(d, d.backups, key=wrong, ok=False).stderr, "no slot")
    for folder in ("index", "packs", "log/writer"):
        copy = f"{d.dir}/copy"
        shutil.copytree(d.backups, copy)
        paths = [os.path.join(p, f) for p, _, files in os.walk(f"{copy}/{folder}") for f in files]
        for path in paths:
            with open(path, "r+b") as f:
                f.seek(120)
                byte = f.read(1)
                f.seek(120)
                f.write(bytes([byte[0] ^ 1]))
        check(reader(d, copy, name, "--to", f"{d.dir}/out", ok=False).returncode != 0, folder)
        shutil.rmtree(f"{d.dir}/out", ignore_errors=True)
        shutil.rmtree(copy)


if __name__ == "__main__":
    run_all()
