#!/usr/bin/env python3
"""The newest records of a repository's logs go out with every ping. What a ping told is compared with what lies there,
on a machine that remembers nothing else."""
import hashlib
import os
import shutil
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import contains, equal, run_all, test, wait_until  # noqa: E402
from ping_receiver import Receiver  # noqa: E402
from repository_place import backup  # noqa: E402

JOB = "[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\nping = {url}\n"


def head(root, role):
    """Of a log, as docs/repository-format.md says: the number and the SHA-256 of the newest record."""
    name = max(n for n in os.listdir(f"{root}/log/{role}") if n.isdigit())
    with open(f"{root}/log/{role}/{name}", "rb") as f:
        rest = f.read()
    while rest:
        length, = struct.unpack("<I", rest[:4])
        record, rest = rest[4:4 + length], rest[4 + length:]
    return f"{int(name)}:{hashlib.sha256(record).hexdigest()}"


def told(receiver, identity):
    """The line of the ping that told of this set."""
    def found():
        return [body for path, _, body in receiver.got if not path.endswith("/start") and identity in body]
    wait_until(found, f"the ping of {identity}")
    return next(line for line in found()[0].splitlines() if line.startswith("heads local: "))


@test
def what_a_ping_told_outlives_the_machine():
    receiver = Receiver()
    d = Deployment(destination="format = repository", jobs=JOB.format(url=receiver.url))
    first = backup(d)
    before = told(receiver, first)
    shutil.copytree(f"{d.backups}/log", f"{d.dir}/log-before")
    second = backup(d)
    after = told(receiver, second)
    contains(after, f"writer {head(d.backups, 'writer')}")
    started = [body for path, _, body in receiver.got if path.endswith("/start")][-1]
    contains(started, before)  # "every ping"
    d.stop()
    shutil.rmtree(d.state)
    os.unlink(d.conf)
    place = ("--destination", d.backups, "--key", f"file:{d.key_file}")
    for known in (before, after, after.split(": ", 1)[1], after.split()[3]):
        contains(d.ctl("list", *place, "--known-head", known, ok=True).stdout, second)
    shutil.rmtree(f"{d.backups}/log")
    os.rename(f"{d.dir}/log-before", f"{d.backups}/log")
    contains(d.ctl("list", *place, ok=True).stdout, first)
    contains(d.ctl("list", *place, "--known-head", before, ok=True).stdout, first)
    for command in (("list",), ("restore", "synapse", "--target", f"{d.dir}/no", "--yes"), ("verify", "--all")):
        done = d.ctl(*command, *place, "--known-head", after)
        equal(done.returncode, 1, f"{command}: {done.stdout}")
        contains(done.stderr, "rolled back")
    done = d.ctl("list", *place, "--known-head", "yesterday's")
    equal(done.returncode, 2)
    contains(done.stderr, "NUMBER:HASH")
    equal(d.ctl("list", *place, "--known-head", "12:xyz").returncode, 1)
    shutil.rmtree(d.backups)
    os.mkdir(d.backups)
    contains(d.ctl("list", *place, "--known-head", after).stderr, "no repository")


if __name__ == "__main__":
    run_all()
