#!/usr/bin/env python3
"""A repository whose keys change: a new reading key, another key of operation, at every replica; and keys that
may only write."""
import json
import os
import pwd
import shutil
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, contains, equal, lacks, run_all, skip, test, write_file  # noqa: E402
from key_world import MEDIA_ONLY, backup, deployment, restored, slots, stored  # noqa: E402


@test
def a_new_reading_key():
    d = deployment()
    first = backup(d)
    code = json.loads(d.ctl("key", "add", "--recovery", "--json", ok=True).stdout)["secret"]
    equal(json.loads(d.ctl("key", "rotate", "--json", ok=True).stdout)["generation"], 2)
    write_file(f"{d.media}/local_content/aa/bb/new", os.urandom(100000))
    backup(d)
    write_file(f"{d.dir}/code", code + "\n", 0o600)
    place = ("--destination", d.backups, "--key", f"file:{d.dir}/code")
    restored(d, "new", *place)
    d.ctl("restore", f"synapse/{first}", *place, "--target", f"{d.dir}/old", "--yes", ok=True)


@test
def at_every_replica():
    d = deployment(jobs=MEDIA_ONLY.replace("local\n", "local second\n"), start=False)
    second = f"{d.dir}/second"
    os.mkdir(second, 0o700)
    d.change("[source database]", f"[destination second]\nwarn_free = 0\npath = {second}\nkey = file:{d.key_file}\n"
                                  "format = repository\nrepository = local\n\n[source database]")
    d.start()
    d.ctl("trigger", "synapse", "--wait", "--destination", "local", ok=True)
    shutil.copytree(d.backups, second, dirs_exist_ok=True, ignore=shutil.ignore_patterns("synbak-*"))
    backup(d)
    added = json.loads(d.ctl("key", "add", "--recovery", "--json", ok=True).stdout)
    equal(added["problems"], [])
    d.ctl("key", "rotate", ok=True)
    backup(d)
    write_file(f"{d.dir}/code", added["secret"] + "\n", 0o600)
    for place in (d.backups, second):
        restored(d, "from-" + os.path.basename(place), "--destination", place, "--key", f"file:{d.dir}/code")
    d.ctl("key", "remove", added["slot"], "--yes", "--destination", "second", ok=True)
    for place in (d.backups, second):
        equal(d.ctl("list", "--destination", place, "--key", f"file:{d.dir}/code").returncode, 1, place)
        equal(len(os.listdir(f"{place}/keys")), 1)
    os.rename(second, f"{second}-away")
    late = d.ctl("key", "add", "--recovery")
    equal(late.returncode, 4)
    contains(late.stderr, 'replica "second"')


@test
def the_key_of_operation_is_changed():
    d = deployment()
    backup(d)
    old, path = slots(d)[0]["slot"], f"{d.dir}/key.new"
    d.ctl("key", "add", "--operation", "--output", path, ok=True)
    d.change(f"key = file:{d.key_file}", f"key = file:{path}")
    d.ctl("reload", ok=True)
    d.ctl("key", "remove", old, "--yes", ok=True)
    d.ctl("key", "rotate", ok=True)
    os.unlink(d.key_file)
    backup(d)
    restored(d, "out")


@test
def the_new_key_goes_to_a_file_of_the_callers_alone():
    d = deployment()
    backup(d)
    path = f"{d.dir}/write-only"
    done = d.ctl("key", "add", "--write-only", "--output", path, ok=True)
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    with open(path, encoding="ascii") as f:
        lacks(done.stdout, f.read().strip())
    again = d.ctl("key", "add", "--write-only", "--output", path)
    equal(again.returncode, 1)
    contains(again.stderr, path)
    equal(len(slots(d)), 2)


@test
def root_leaves_nothing_that_the_daemon_cannot_read():
    if os.geteuid() != 0:
        skip("only root can give files away")
    d = deployment()
    backup(d)
    d.stop()
    os.chmod(d.dir, 0o755)
    nobody = pwd.getpwnam("nobody").pw_uid
    for folder, folders, files in os.walk(d.backups):
        for name in (".", *folders, *files):
            os.chown(f"{folder}/{name}", nobody, -1)
    d.ctl("key", "add", "--recovery", ok=True)
    d.ctl("key", "rotate", ok=True)
    equal([f"{folder}/{name}" for folder, _, files in os.walk(d.backups) for name in files
           if os.stat(f"{folder}/{name}").st_uid != nobody], [])


@test
def a_host_that_may_only_write():
    d = deployment(jobs=MEDIA_ONLY + "manual = keep 1\n")
    first = backup(d)
    path = f"{d.dir}/write-only"
    d.ctl("key", "add", "--write-only", "--output", path, "--label", "this host", ok=True)
    d.change(f"key = file:{d.key_file}", f"key = file:{path}")
    d.ctl("reload", ok=True)
    write_file(f"{d.media}/local_content/aa/bb/video", os.urandom(3 << 20))
    second = backup(d)
    grown = stored(d)
    third = backup(d)
    check(stored(d) - grown < 1 << 20, f"{grown}, then {stored(d)}: what it wrote itself is known")
    equal([s["id"] for s in json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"]], [third, second, first])
    status = d.ctl("status")
    equal(status.returncode, 1)
    contains(status.stdout, "set delete = no")
    contains(d.ctl("prune", ok=True).stdout, "left to another identity")
    contains(d.ctl("key", "check", ok=True).stdout, "may not read")
    card = d.ctl("key", "card", ok=True).stdout
    contains(card, "may only write")
    lacks(card, "synbakctl restore")
    for arguments in (("ls", "synapse"), ("restore", "synapse", "--target", f"{d.dir}/no", "--yes"),
                      ("verify", "synapse"), ("verify", "synapse", "--data"), ("dump", "synapse", "media"),
                      ("export", "synapse", f"{d.dir}/set.tar"), ("key", "rotate"), ("key", "add", "--recovery"),
                      ("key", "remove", slots(d)[0]["slot"], "--yes")):
        done = d.ctl(*arguments)
        check(done.returncode != 0, f"{arguments}")
        contains(done.stderr + done.stdout, "may only write")
    d.ctl("verify", "--all", "--data", ok=True)
    d.stop()
    shutil.rmtree(f"{d.state}/repositories")
    d.start()
    fourth = backup(d)
    check(stored(d) - grown > 3 << 20, "without its cache everything is sent once more")
    grown = stored(d)
    backup(d)
    check(stored(d) - grown < 1 << 20, f"{grown}, then {stored(d)}: and only once")
    told = d.ctl("verify", "--all", "--destination", d.backups, "--key", f"file:{path}", ok=True).stdout
    contains(told, "only a key that may read")
    place = ("--destination", d.backups, "--key", f"file:{d.key_file}")
    for identity in (second, third, fourth):
        d.ctl("restore", f"synapse/{identity}", *place, "--target", f"{d.dir}/{identity}", "--yes", ok=True)
        equal(d.media_sums(f"{d.dir}/{identity}"), d.media_sums(), identity)
    d.ctl("verify", "--all", *place, ok=True)


if __name__ == "__main__":
    run_all()
