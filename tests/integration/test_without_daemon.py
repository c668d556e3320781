#!/usr/bin/env python3
"""What synbakctl does where a configuration is and no synbakd answers: verify and explain, and what config check tells
programs of destinations."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from daemon_client import Daemon  # noqa: E402
from harness import check, contains, equal, lacks, program, run_all, test, write_file  # noqa: E402

CONFIG = """[destination near]
path = {dir}/near
key = none
warn_free = 0
delete = no
[destination archive]
path = {dir}/archive
key = file:{dir}/key
format = repository
warn_free = 0
delete = no
[source data]
type = command
command = cat {dir}/data
[job j]
sources = data
destinations = near archive
manual = keep 1
[job k]
sources = data
destinations = near
manual = keep 5
"""
ELSEWHERE = """[destination elsewhere]
type = s3
endpoint = http://127.0.0.1:9
insecure = yes
bucket = b
credentials = file:{dir}/credentials
key = file:{dir}/key
"""


def installation(made=("j", "k", "j")):
    """A set of each of these jobs, and no daemon any more."""
    d = Daemon(start=False, worker=program("synbak-worker"))
    for name in ("near", "archive"):
        os.mkdir(f"{d.dir}/{name}", 0o700)
    write_file(f"{d.dir}/key", "a key of some length for tests\n", 0o600)
    write_file(f"{d.dir}/credentials", "id\nsecret\n", 0o600)
    d.configure(CONFIG.format(dir=d.dir))
    d.start()
    for job in made:
        write_file(f"{d.dir}/data", os.urandom(300000))
        equal(d.trigger(job=job)["outcome"], "good")
    d.ids = [s["id"] for s in d.call("list", job="j")["sets"] if s["destination"] == "near"]
    d.call("hold", job="j")
    d.stop()
    d.configure((CONFIG + ELSEWHERE).format(dir=d.dir))
    return d


def ctl(d, *arguments, ok=None):
    return harness.run([program("synbakctl"), *arguments], ok=ok, env={
        "PATH": os.environ["PATH"], "SYNBAK_SOCKET": d.socket, "SYNBAK_CONFIG": d.conf,
        "SYNBAK_WORKER": program("synbak-worker")})


def flip(folder):
    path = max((f"{root}/{name}" for root, _, names in os.walk(folder) for name in names), key=os.path.getsize)
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))


@test(limit=150)
def a_set_is_verified_wherever_it_lies():
    d = installation()
    done = ctl(d, "verify", "j", "--data", ok=True)
    contains(done.stderr, "synbakd does not answer")
    contains(done.stdout, "near: verified: 1 set")
    contains(done.stdout, "archive: verified: 1 set")
    done = ctl(d, "verify", "j", "--destination", "near", ok=True)
    lacks(done.stdout, "archive")
    flip(f"{d.dir}/near/j/{d.ids[0]}")
    done = ctl(d, "verify", f"j/{d.ids[0]}", "--json")
    equal(done.returncode, 1, done.stdout)
    damaged = json.loads(done.stdout)["damaged"]
    equal([(x["destination"], x["id"]) for x in damaged], [("near", d.ids[0])])
    equal(ctl(d, "verify", "j", "--destination", "archive", "--data").returncode, 0)
    equal(ctl(d, "verify", "j", "--destination", "nowhere").returncode, 2)
    equal(ctl(d, "verify", "nothing").returncode, 1)


@test(limit=150)
def all_of_a_destination_is_verified():
    d = installation()
    done = ctl(d, "verify", "--all", "--destination", "near", ok=True)
    contains(done.stdout, "near: verified: 3 sets")
    done = ctl(d, "verify", "--all", "--data")
    contains(done.stdout, "near: verified: 3 sets")
    contains(done.stdout, "archive: verified: 2 sets")
    check(done.returncode not in (0, 2), "one of them is not there")
    contains(done.stderr, "elsewhere")
    shutil.rmtree(f"{d.dir}/near")
    done = ctl(d, "verify", "--all", "--destination", "near")
    check(done.returncode != 0, done.stdout)
    contains(done.stderr, "near")


@test(limit=150)
def why_a_set_stays_is_told():
    d = installation()
    done = ctl(d, "explain", f"j/{d.ids[1]}", ok=True)
    contains(done.stderr, "holds of synbakd are not known here")
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    equal(sorted(lines), ["archive", "near"])
    for line in lines.values():
        contains(line, "delete = no leaves that to another identity")
    contains(ctl(d, "explain", "j", ok=True).stdout, "near: ")
    told = json.loads(ctl(d, "explain", "k", "--json", ok=True).stdout)["lines"]
    equal([line["destination"] for line in told], ["near"])
    equal(ctl(d, "explain", "j/20200101_000000").returncode, 1)
    equal(ctl(d, "explain", "nothing").returncode, 1)


@test
def without_a_configuration_either_it_is_said():
    d = installation(made=())
    os.unlink(d.conf)
    for command in (("verify", "j"), ("verify", "--all"), ("explain", "j")):
        done = ctl(d, *command)
        equal(done.returncode, 6, done.stderr)
        contains(done.stderr, "synbakd does not answer")


@test
def config_check_tells_programs_of_each_destination():
    d = installation(made=())
    told = json.loads(ctl(d, "config", "check", "--json", ok=True).stdout)["destinations"]
    found = [x for x in told if x["name"] != "local"]  # every configuration of these tests has that one
    equal([x["name"] for x in found], ["near", "archive", "elsewhere"])
    equal(found[0], {"name": "near", "type": "directory", "place": f"{d.dir}/near", "format": "plain", "feed": "live",
                     "deletes": False, "tells_room": True})
    equal((found[1]["format"], found[1]["deletes"]), ("repository", False))
    equal((found[2]["type"], found[2]["feed"], found[2]["tells_room"]), ("s3", "copy", False))


if __name__ == "__main__":
    run_all()
