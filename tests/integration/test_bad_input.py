#!/usr/bin/env python3
"""Bad keys, destinations and sources under the running daemon: one clear sentence, the documented exit
status, nothing lost, nothing half done."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
if os.geteuid() == 0 and "SYNBAK_TEST_MOUNTS" not in os.environ:  # mounts of our own, gone with us
    os.environ["SYNBAK_TEST_MOUNTS"] = "private"
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])

import harness  # noqa: E402
from deployment import Deployment  # noqa: E402
from harness import check, contains, equal, note, run, run_all, test, write_file  # noqa: E402
from pg import Cluster  # noqa: E402

FILES_JOB = "[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00, keep 30\nretry = 0\n"
cluster = None


def deployment(jobs=FILES_JOB, **options):
    global cluster
    cluster = cluster or Cluster(whole_file=True)
    return Deployment(jobs=jobs, cluster=cluster, events=100, **options)


def fails(d, status, *words):
    """A triggered run fails with this exit status, and its error has these words."""
    done = d.ctl("trigger", "synapse", "--wait")
    text = done.stdout + done.stderr
    equal(done.returncode, status, text)
    for word in words:
        contains(text, word)
    return text


def still_whole(d, identity):
    equal(d.ctl("verify", f"synapse/{identity}").returncode, 0, "the earlier set verifies")


@test
def keys():
    d = deployment()
    first = d.backup()
    good = open(d.key_file, encoding="ascii").read()
    for content, words in ((None, ["key", "No such file"]), (b"", ["key", "empty"]), (b"\x00\x01\xfe\xff" * 8, ["printable"]),
                           (b"tooshort\n", ["20", "openssl rand"]), (b"two lines of more than\ntwenty characters\n", ["one line"])):
        os.path.exists(d.key_file) and os.unlink(d.key_file)
        if content is not None:
            write_file(d.key_file, content, 0o600)
        fails(d, 1, *words)
    write_file(d.key_file, "a perfectly good but different key\n", 0o600)
    done = d.ctl("verify", f"synapse/{first}")
    check(done.returncode != 0, "another key must not verify the set's manifest")
    write_file(d.key_file, good, 0o600)
    still_whole(d, first)


@test
def destination_gone_or_foreign():
    d = deployment()
    first = d.backup()
    os.rename(d.backups, d.backups + ".away")
    fails(d, 1, d.backups)
    os.mkdir(d.backups, 0o700)
    fails(d, 1, "not mounted")
    equal(os.listdir(d.backups), [], "nothing is written where the destination is not")
    os.rmdir(d.backups)
    os.rename(d.backups + ".away", d.backups)
    still_whole(d, first)
    fails_not = d.ctl("trigger", "synapse", "--wait")
    equal(fails_not.returncode, 0, fails_not.stdout + fails_not.stderr)
    d.stop()
    d.state += "-other"
    d.configure(jobs=FILES_JOB)
    d.start()
    fails(d, 1, "adopt")
    d.ctl("adopt", "local", ok=True)
    equal(d.ctl("trigger", "synapse", "--wait").returncode, 0)


@test
def a_new_destination_is_claimed_by_its_first_run():
    d = deployment()
    d.ctl("rescan", "local")
    equal(os.listdir(d.backups), [], "looking at it writes nothing: it may not be mounted yet")
    d.backup()
    check(os.path.exists(f"{d.backups}/synbak-destination.json"))


@test(limit=300)
def full_at_any_byte():
    if os.geteuid() != 0:
        harness.skip("a small file system needs root")
    d = deployment(start=False)
    write_file(f"{d.media}/noise", os.urandom(900_000))
    run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", d.backups], ok=True)
    harness.defer(run, ["umount", "-l", d.backups])
    d.start()
    first, tried = d.backup(), 0
    for left in (0, 4 << 10, 64 << 10, 300 << 10, 700 << 10, 1100 << 10):
        space = os.statvfs(d.backups)
        filler = write_file(f"{d.dir}/backups/filler", b"")
        amount = max(0, space.f_bavail * space.f_frsize - left)
        with open(filler, "wb") as f:
            f.write(bytes(amount))
        before = set(os.listdir(f"{d.backups}/synapse"))
        done = d.ctl("trigger", "synapse", "--wait")
        if done.returncode != 0:
            contains(done.stdout + done.stderr, "No space left")
            after = {s for s in os.listdir(f"{d.backups}/synapse") if os.path.exists(f"{d.backups}/synapse/{s}/manifest.json")}
            check(after <= before, f"half a set is visible: {after - before}")
            tried += 1
        os.unlink(filler)
        still_whole(d, first)
    note(f"full disk: {tried} runs failed")
    check(tried >= 4, "the disk was never full")
    d.backup()


@test
def read_only_destination():
    if os.geteuid() != 0:
        harness.skip("a read-only file system needs root")
    d = deployment(start=False)
    run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", d.backups], ok=True)
    harness.defer(run, ["umount", "-l", d.backups])
    d.start()
    first = d.backup()
    run(["mount", "-o", "remount,ro", d.backups], ok=True)
    fails(d, 1, "ead-only")
    still_whole(d, first)
    run(["mount", "-o", "remount,rw", d.backups], ok=True)
    d.backup()


@test
def source_missing_empty_or_unreadable():
    d = deployment()
    first = d.backup()
    os.rename(d.media, d.media + ".away")
    fails(d, 1, d.media)
    os.mkdir(d.media)
    fails(d, 1, "empty")
    os.rmdir(d.media)
    os.rename(d.media + ".away", d.media)
    still_whole(d, first)
    d.backup()


@test
def database_down_keeps_the_files():
    d = Deployment(jobs="[job synapse]\nsources = database media\ndestinations = local\ndaily = at 02:00, keep 3\nretry = 0\n")
    first = d.backup()
    d.cluster.stop()
    text = fails(d, 3, "database")
    contains(text, d.cluster.host)
    status = d.ctl("status")
    check(status.returncode != 0, "status must not be well")
    contains(d.ctl("list").stdout, "incomplete")
    equal(d.ctl("show", "synapse/latest", ok=True).stdout.count(first) > 0, True, "latest is still the good one")
    d.cluster.start()
    d.backup()
    equal(d.ctl("status").returncode, 0)


@test
def unknown_names_are_helped():
    d = deployment()
    identity = d.backup()
    done = d.ctl("trigger", "synaps", "--wait")
    contains(done.stderr, "synapse")
    near = identity[:-1] + ("0" if identity[-1] != "0" else "1")
    done = d.ctl("restore", f"synapse/{near}", "--target", f"{d.dir}/t", "--yes")
    contains(done.stderr, identity)
    contains(done.stderr, "list")
    check(done.returncode in (1, 2), done.stderr)


@test
def wrong_configuration_never_starts():
    d = deployment(start=False)
    text = open(d.conf, encoding="utf-8").read()
    for bad, word in (("keyy = none", "key"), ("monthly = at 25:00", "25:00"), ("weekly = cron 61 * * * *", "61"),
                      ("path = relative", "relative")):
        where = text.replace("retry = 0", bad) if not bad.startswith(("key", "path")) else text.replace(
            "[source database]", f"[destination other]\n{bad}\n[source database]")
        write_file(d.conf, where, 0o600)
        done = run([harness.program("synbakd"), "--check", "--config", d.conf])
        equal(done.returncode, 2, bad + done.stderr)
        contains(done.stderr, word)
        contains(done.stderr, d.conf + ":")


@test
def two_daemons_on_one_state_directory():
    d = deployment()
    second = subprocess.run([harness.program("synbakd"), "--config", d.conf], env=d.environment(), capture_output=True,
                            text=True, timeout=60, check=False)
    check(second.returncode != 0, second.stderr)
    contains(second.stderr, "another synbakd")
    d.backup()


@test
def set_damaged_under_the_daemon():
    d = deployment()
    first = d.backup()
    artifact = f"{d.set_dir(first)}/media/media.tar.gz.enc"
    shutil.copy(artifact, f"{d.dir}/good")
    with open(artifact, "r+b") as f:
        f.seek(1000)
        byte = f.read(1)
        f.seek(1000)
        f.write(bytes([byte[0] ^ 1]))
    done = d.ctl("verify", f"synapse/{first}")
    equal(done.returncode, 1, done.stdout + done.stderr)
    contains(done.stdout + done.stderr, "media.tar.gz.enc")
    done = d.ctl("restore", f"synapse/{first}", "--target", f"{d.dir}/target", "--yes")
    check(done.returncode != 0, "a damaged set must not restore")
    equal(d.ctl("status").returncode, 2, "the only set is damaged")


if __name__ == "__main__":
    run_all()
