"""A whole installation with a local destination and one on an SSH server: backup, copy, list, verify,
prune, and restore straight from the server."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment
from harness import check, contains, equal, lacks, run_all, test, wait_until
from sshd import Sshd

JOB = "[job synapse]\nsources = database media\ndestinations = local far\ndaily = at 02:00, keep 30\n"


def installation(job=JOB, far="", **more):
    server = Sshd()
    d = Deployment(start=False)
    d.server = server
    d.configure(jobs=job, extra=f"""[destination far]
warn_free = 0
type = sftp
host = 127.0.0.1
port = {server.port}
user = {server.user}
path = {server.root}/backups
private_key = file:{server.key}
known_hosts = {server.path('known_hosts')}
key = file:{d.key_file}
{far}
""", **more)
    d.start()
    return d


def far_sets(d, job="synapse"):
    folder = f"{d.server.root}/backups/{job}"
    if not os.path.isdir(folder):
        return []
    return sorted(n for n in os.listdir(folder) if os.path.exists(f"{folder}/{n}/manifest.json"))


def same_artifacts(d, identity):
    for folder, _, files in os.walk(d.set_dir(identity)):
        for name in files:
            if name.endswith((".enc", ".segments")):
                here = os.path.join(folder, name)
                there = os.path.join(f"{d.server.root}/backups/synapse/{identity}",
                                     os.path.relpath(here, d.set_dir(identity)))
                with open(here, "rb") as a, open(there, "rb") as b:
                    check(a.read() == b.read(), name)


@test
def a_set_is_copied_listed_verified_and_restored_from_there():
    d = installation()
    identity = d.backup()
    equal(far_sets(d), [identity])
    same_artifacts(d, identity)
    contains(d.ctl("list", "--destination", "far", ok=True).stdout, identity)
    contains(d.ctl("status").stdout, "far")
    d.ctl("verify", f"synapse/{identity}", "--destination", "far", ok=True)

    media, database = d.media_sums(), d.cluster.sql("select count(*) from events", database="synapse")
    shutil.rmtree(d.set_dir(identity))
    shutil.rmtree(d.media)
    os.mkdir(d.media)
    d.ctl("restore", f"synapse/{identity}", "--destination", "far", "--in-place", "--yes", ok=True)
    equal(d.media_sums(), media)
    equal(d.cluster.sql("select count(*) from events", database="synapse"), database)


@test
def damage_on_the_server_is_found():
    d = installation()
    identity = d.backup()
    folder = f"{d.server.root}/backups/synapse/{identity}/database"
    path = max((os.path.join(folder, n) for n in os.listdir(folder)), key=os.path.getsize)
    middle = os.path.getsize(path) // 2
    with open(path, "r+b") as f:
        f.seek(middle)
        byte = f.read(1)
        f.seek(middle)
        f.write(bytes([byte[0] ^ 1]))
    done = d.ctl("verify", f"synapse/{identity}", "--destination", "far")
    check(done.returncode != 0, done.stdout)


@test
def retention_holds_there_too():
    d = installation(JOB + "manual = keep 1\n")
    identities = [d.backup() for _ in range(2)]
    wait_until(lambda: far_sets(d) == identities[-1:], "the pruning at the server")


@test
def a_server_that_was_away_gets_its_copies_later():
    d = installation()
    first = d.backup()
    d.server.stop()
    done = d.ctl("trigger", "synapse", "--wait")
    equal(done.returncode, 4, done.stdout + done.stderr)
    equal(done.stdout.count("is the SSH server up"), 1, done.stdout)
    second = d.latest()
    equal(far_sets(d), [first])
    wait_until(lambda: d.ctl("status").returncode == 1, "a warning: the other place has all")
    shown = d.ctl("status").stdout
    contains(shown, "far lacks 1 set, its newest good one is from ")
    equal(shown.count("is the SSH server up"), 1, shown)
    d.server.start()
    d.ctl("copy", f"synapse/{second}", "--destination", "far", ok=True)
    wait_until(lambda: far_sets(d) == [first, second], "the copy")
    wait_until(lambda: d.ctl("status").returncode == 0, "the place to be well again")
    same_artifacts(d, second)


@test
def a_set_is_made_there_alone():
    d = installation(JOB.replace("local far", "far"))
    d.ctl("trigger", "synapse", "--wait", ok=True)
    equal(len(far_sets(d)), 1)
    equal(os.listdir(d.backups), [])
    media = d.media_sums()
    shutil.rmtree(d.media)
    os.mkdir(d.media)
    d.ctl("restore", "synapse", "--source", "media", "--in-place", "--yes", ok=True)
    equal(d.media_sums(), media)


@test
def no_secret_shows():
    d = installation()
    d.backup()
    with open(d.server.key) as f:
        lines = [line.strip() for line in f if "-----" not in line]
    text = d.log_text() + d.ctl("status", "--json").stdout + d.ctl("config", "show").stdout
    for line in lines:
        lacks(text, line)


run_all()
