"""Destinations on file systems that promise less than a local one: real mounts of what this machine
can mount. Nothing fails for what they lack, and `doctor` says what fsync and rename mean there."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import check, contains, equal, program, run, run_all, temp_dir, test
from sshd import Sshd
from worker_client import work


def mountable(*tools):
    if os.getuid() != 0:
        harness.skip("mounts need root")
    for tool in tools:
        if not shutil.which(tool):
            harness.skip(f"{tool} is not installed")


def mounted(argv, folder):
    done = run(argv)
    if done.returncode != 0:
        harness.skip(f"cannot mount here: {done.stderr.strip()}")
    harness.defer(lambda: run(["umount", folder]))
    return folder


def passes_the_suite(folder):
    done = run([program("directory_suite")], env=dict(os.environ, DIRECTORY_PATH=folder))
    equal(done.returncode, 0, done.stdout + done.stderr)


def findings(folder):
    store = {"destination": "there", "type": "directory", "path": folder, "key": None, "old_keys": [],
             "gzip": False, "level": 1, "volume_bytes": 1 << 20}
    return work({"verb": "check", "stores": [store], "sources": []})["findings"]


def said(folder, part):
    found = [f for f in findings(folder) if part in f["what"]]
    check(found, f"no finding with {part!r}: {findings(folder)}")
    return found[0]


def nothing_wrong(folder):
    equal([f for f in findings(folder) if f["level"] == "error"], [])


@test
def a_folder_mounted_by_sshfs():
    mountable("sshfs")
    server, folder = Sshd(), temp_dir()
    os.mkdir(server.root + "/objects")
    mounted(["sshfs", "-p", str(server.port), "-o", f"IdentityFile={server.key}", "-o", "BatchMode=yes",
             "-o", f"UserKnownHostsFile={server.path('known_hosts')}", "-F", "none",
             f"{server.user}@127.0.0.1:{server.root}/objects", folder], folder)
    passes_the_suite(folder)
    contains(said(folder, "lies on sshfs")["do"], "type = sftp")
    nothing_wrong(folder)


@test
def a_folder_behind_some_program():
    mountable("bindfs")
    behind, folder = temp_dir(), temp_dir()
    mounted(["bindfs", "--no-allow-other", "-o", "subtype=somefs", "--chmod-ignore", "--chown-ignore",
             "--perms=0777", behind, folder], folder)
    passes_the_suite(folder)
    finding = said(folder, "lies on FUSE")
    equal(finding["level"], "warning")
    nothing_wrong(folder)


@test
def a_folder_that_says_it_is_a_bucket():
    mountable("bindfs")
    behind, folder = temp_dir(), temp_dir()
    mounted(["bindfs", "-o", "subtype=s3fs", "--chmod-deny", behind, folder], folder)
    passes_the_suite(folder)
    contains(said(folder, "lies on s3fs")["do"], "type = s3")
    nothing_wrong(folder)


@test
def a_local_folder_is_nothing_to_speak_of():
    equal([f for f in findings(temp_dir()) if "lies on" in f["what"]], [])


run_all()
