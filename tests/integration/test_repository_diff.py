#!/usr/bin/env python3
"""What changed: from one set of a repository to another, and from run to run."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import contains, equal, lacks, run_all, test, write_file  # noqa: E402

TWO = ("[job synapse]\nsources = database media\ndestinations = local\ndaily = at 02:00\n")


def backup(d):
    d.ctl("trigger", "synapse", "--wait", ok=True)
    return json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"][0]["id"]


def change_files(d):
    write_file(f"{d.media}/local_content/aa/bb/new", b"n" * 5000)
    write_file(f"{d.media}/local_content/aa/bb/photo", b"p" * 7000)
    shutil.rmtree(f"{d.media}/local_thumbnails")
    os.chmod(f"{d.media}/local_content/ze/ro/text", 0o640)


@test
def set_against_set():
    d = Deployment(destination="format = repository", jobs=TWO)
    first = backup(d)
    same = json.loads(d.ctl("diff", f"synapse/{first}", f"synapse/{first}", "--json", ok=True).stdout)
    equal([same[n] for n in ("added", "removed", "changed", "changes")], [0, 0, 0, []])
    change_files(d)
    d.cluster.sql("create table added as select 1 as one", "synapse")
    second = backup(d)
    arguments = ("diff", f"synapse/{first}", f"synapse/{second}")
    told = json.loads(d.ctl(*arguments, "--json", ok=True).stdout)
    equal((told["from"], told["to"]), (f"synapse/{first}", f"synapse/{second}"))
    found = {o["path"]: (o["change"], o["was"], o["size"]) for o in told["changes"]}
    equal(found["local_content/aa/bb/new"], ("added", None, 5000))
    equal(found["local_content/aa/bb/photo"], ("changed", 76800, 7000))
    equal(found["local_content/ze/ro/text"][0], "attributes")
    equal(found["local_thumbnails/aa/bb/x/320-240-image-jpeg-scale"], ("removed", 900, None))
    equal(found["synapse.dump"][0], "changed")
    equal("local_content/aa/cc/empty" in found, False)
    back = json.loads(d.ctl("diff", f"synapse/{second}", f"synapse/{first}", "--json", ok=True).stdout)
    equal((back["added"], back["removed"], back["changed"]), (told["removed"], told["added"], told["changed"]))
    shown = d.ctl(*arguments, "--source", "media", ok=True).stdout
    for line in ("+ media: local_content/aa/bb/new  5.0 kB", "M media: local_content/aa/bb/photo  7.0 kB, was 77 kB",
                 "- media: local_thumbnails/aa", "a media: local_content/ze/ro/text"):
        contains(shown, line)
    lacks(shown, "synapse.dump")
    wrong = d.ctl(*arguments, "--source", "mediaa")
    equal(wrong.returncode, 1)
    contains(wrong.stderr, 'did you mean "media"')
    equal(d.ctl("diff", f"synapse/{first}", "synapse/20000101_000000").returncode, 1)
    d.stop()
    place = ("--destination", d.backups, "--key", f"file:{d.key_file}")
    equal(d.ctl(*arguments, "--source", "media", *place, ok=True).stdout, shown)


@test
def plain_sets_are_not_compared():
    d = Deployment(jobs=TWO.replace("database ", ""))
    identity = d.backup()
    done = d.ctl("diff", f"synapse/{identity}", f"synapse/{identity}")
    equal(done.returncode, 5)
    contains(done.stderr, "plain format")


if __name__ == "__main__":
    run_all()
