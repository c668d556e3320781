#!/usr/bin/env python3
"""File trees and command output through synbak-worker: archived, committed, brought back into a
folder and in place, undone, looked into."""
import fcntl
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from harness import (check, contains, equal, long, note, run, run_all, skip, temp_dir, test,
                     write_file, write_program)
from tree_world import (KEY, archive_job, back_up, command, files, new_tree, picture, restore_job,
                        same, store)
from worker_client import Worker, work, work_error


def staging(root):
    return [n for n in os.listdir(root) if n.startswith(".synbak-restore-")]


@test
def into_a_new_folder():
    root, place, target = new_tree(), store(temp_dir()), os.path.join(temp_dir(), "a", "b")
    equal(back_up(place, files(root))["media"]["whole"], True)
    before = picture(root)
    result = work(restore_job(place, "target", target=target))
    same(picture(target), before)
    same(picture(root), before, "the source is untouched")
    equal(result["undo"], None)
    equal(staging(target), [])


@test
def stock_tools_read_the_artifact():
    opened_by_stock_tools(KEY)


@test
def stock_tools_read_it_with_the_longest_key():
    opened_by_stock_tools("k" * 1022 + "z")


def opened_by_stock_tools(secret):
    root, place, out = new_tree(), store(temp_dir(), key=secret), temp_dir()
    back_up(place, files(root))
    key = write_file(os.path.join(temp_dir(), "key"), secret + "\n", 0o600)
    run(["sh", "-c", 'openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 -pass "file:$1" '
         '-in "$2" | gunzip | tar -x --xattrs --acls -S -p -C "$3"', "sh", key,
         f"{place['path']}/j/20261120_143000/media/media.tar.gz.enc", out], ok=True)
    same(picture(out), picture(root))


@test
def several_sources_and_a_single_file():
    root, place, target = new_tree(), store(temp_dir()), os.path.join(temp_dir(), "t")
    key = write_file(os.path.join(temp_dir(), "signing.key"), "ed25519 a_x secret\n", 0o600)
    said = command("said", ["printf", "hello\\n"])
    back_up(place, files(root), files(key, "keys"), said)
    result = work(restore_job(place, "target", target=target))
    equal([r["source"] for r in result["restored"]], ["keys", "media", "said"], "keys come first")
    same(picture(f"{target}/media"), picture(root))
    with open(f"{target}/said/said.out", encoding="ascii") as f:
        equal(f.read(), "hello\n")
    equal(os.stat(f"{target}/keys/signing.key").st_mode & 0o777, 0o600)
    equal(os.listdir(f"{target}/keys"), ["signing.key"])


@test
def a_target_that_is_not_empty_is_refused():
    root, place, target = new_tree(), store(temp_dir()), temp_dir()
    back_up(place, files(root))
    write_file(f"{target}/mine", "mine")
    code, error = work_error(restore_job(place, "target", target=target))
    equal(code, "refused")
    contains(error, "is not empty")
    equal(os.listdir(target), ["mine"])


@test
def in_place_and_back():
    root, place, state = new_tree(), store(temp_dir()), temp_dir()
    source = files(root)
    back_up(place, source)
    before = picture(root)
    shutil.rmtree(f"{root}/local_content")
    write_file(f"{root}/notes", "second\n")
    write_file(f"{root}/newcomer", "came later")
    damaged = picture(root)
    result = work(restore_job(place, "in-place", configured=[source], state_dir=state))
    same(picture(root), before)
    kept = result["restored"][0]["kept"]
    equal(kept["place"], f"{root}/.synbak-restore-r1")
    check(os.path.exists(f"{root}/.synbak-restore-r1/new/newcomer"), "what was there is kept")
    with open(f"{state}/restores/r1.json", encoding="utf-8") as f:
        record = json.load(f)
    equal(record["state"], "done")
    equal(record["kept"][0]["place"], kept["place"])
    work({"verb": "undo", "run": "r1", "state_dir": state, "configured": [source]})
    same(picture(root), damaged)
    equal(staging(root), [])
    code, error = work_error({"verb": "undo", "run": "r1", "state_dir": state, "configured": []})
    equal(code, "not-found", error)


@test
def in_place_where_nothing_can_be_exchanged():
    """As on NFS: renames know no flags. The plan says what that means."""
    root, place, state, source = new_tree(), store(temp_dir()), temp_dir(), None
    source = files(root)
    back_up(place, source)
    before = picture(root)
    write_file(f"{root}/notes", "second\n")
    damaged = picture(root)
    plain = {"binary": "synbak-worker-fault", "env": {**os.environ, "SYNBAK_FAULT": "deny:renameat2:EINVAL"}}
    w = Worker(restore_job(place, "in-place", configured=[source], state_dir=state), **plain)
    equal(w.finish()["ok"], True, w.messages)
    contains(str(w.messages), "not atomic here")
    same(picture(root), before)
    work({"verb": "undo", "run": "r1", "state_dir": state, "configured": [source]}, **plain)
    same(picture(root), damaged)
    equal(staging(root), [])
    w = Worker(restore_job(place, "in-place", configured=[source], state_dir=state))
    equal(w.finish()["ok"], True, w.messages)
    check("not atomic" not in str(w.messages), "it is")


@test
def undo_without_a_state_folder():
    """The folder itself holds what it takes."""
    root, place = new_tree(), store(temp_dir())
    back_up(place, files(root))
    write_file(f"{root}/notes", "second\n")
    damaged = picture(root)
    result = work(restore_job(place, "in-place", configured=[files(root)]))
    equal(result["undo"], None)
    work({"verb": "undo", "run": "r1", "state_dir": None, "target": root})
    same(picture(root), damaged)
    code, error = work_error({"verb": "undo", "run": "../x", "state_dir": None, "target": root})
    equal(code, "usage")


@test
def what_was_kept_can_be_removed_by_the_command_told():
    root, place = os.path.join(temp_dir(), "it's a tree"), store(temp_dir())
    os.mkdir(root)
    write_file(f"{root}/a", "1")
    back_up(place, files(root))
    write_file(f"{root}/a", "2")
    result = work(restore_job(place, "in-place", configured=[files(root)]))
    run(["sh", "-c", result["restored"][0]["kept"]["remove"]], ok=True)
    equal(os.listdir(root), ["a"])


@test
def what_is_excluded_stays_where_it_is():
    root, place, state = new_tree(), store(temp_dir()), temp_dir()
    source = files(root, exclude=["remote_content", "local_content/ab/skip"])
    os.mkdir(f"{root}/local_content/ab/skip")
    write_file(f"{root}/local_content/ab/skip/old", "kept out")
    back_up(place, source)
    before = picture(root)
    write_file(f"{root}/remote_content/xy/newer", "newer")
    write_file(f"{root}/local_content/ab/skip/new", "new too")
    inode = os.stat(f"{root}/remote_content/xy/cached").st_ino
    excluded = {k: v for k, v in picture(root).items() if b"remote" in k or b"skip" in k}
    shutil.rmtree(f"{root}/local_content/ab/cd")
    damaged = picture(root)
    work(restore_job(place, "in-place", configured=[source], state_dir=state))
    after = picture(root)
    equal({k: v for k, v in after.items() if b"remote" in k or b"skip" in k}, excluded)
    equal(os.stat(f"{root}/remote_content/xy/cached").st_ino, inode)
    same({k: v for k, v in after.items() if k not in excluded},
         {k: v for k, v in before.items() if k not in excluded})
    work({"verb": "undo", "run": "r1", "state_dir": state})
    same(picture(root), damaged)


@test
def a_single_file_in_place():
    folder, place, state = temp_dir(), store(temp_dir()), temp_dir()
    key = write_file(f"{folder}/signing.key", "first", 0o600)
    write_file(f"{folder}/other", "other")
    back_up(place, files(key, "keys"))
    write_file(key, "second")
    os.chmod(key, 0o644)
    work(restore_job(place, "in-place", configured=[files(key, "keys")], state_dir=state))
    with open(key, encoding="ascii") as f:
        equal(f.read(), "first")
    equal(os.stat(key).st_mode & 0o777, 0o600)
    equal(sorted(n for n in os.listdir(folder) if n[0] != "."), ["other", "signing.key"])
    work({"verb": "undo", "run": "r1", "state_dir": state})
    with open(key, encoding="ascii") as f:
        equal(f.read(), "second")
    equal(sorted(os.listdir(folder)), ["other", "signing.key"])


@test
def a_folder_that_is_gone_comes_back():
    root, place = new_tree(), store(temp_dir())
    back_up(place, files(root))
    before = picture(root)
    shutil.rmtree(root)
    work(restore_job(place, "in-place"))  # without configuration: where it came from
    same(picture(root), before)
    equal(staging(root), [])


@test
def a_person_is_asked_and_may_say_no():
    root, place = new_tree(), store(temp_dir())
    back_up(place, files(root))
    write_file(f"{root}/notes", "second\n")
    damaged = picture(root)
    job = restore_job(place, "in-place", configured=[files(root)], yes=False)
    worker = Worker(job)
    result = worker.finish(yes=False)
    equal(result["code"], "refused")
    asked = [m["text"] for m in worker.messages if m["type"] == "ask"]
    equal(len(asked), 1)
    contains(asked[0], "replaces")
    contains(asked[0], root)
    same(picture(root), damaged)
    job["safety_copy"] = "refuse"
    code, error = work_error(job, yes=True)
    equal(code, "refused")
    contains(error, "--no-safety-copy")
    same(picture(root), damaged)


@test
def damage_is_found_before_anything_is_replaced():
    root, place = new_tree(), store(temp_dir())
    back_up(place, files(root))
    write_file(f"{root}/notes", "second\n")
    damaged = picture(root)
    path = f"{place['path']}/j/20261120_143000/media/media.tar.gz"
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) - 100)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 1]))
    log = os.path.join(temp_dir(), "log")
    stop = write_program(os.path.join(temp_dir(), "stop"), f"#!/bin/sh\necho stopped >>{log}\n")
    code, error = work_error(restore_job(place, "in-place", configured=[files(root)], stop=[stop]))
    equal(code, "damaged", error)
    same(picture(root), damaged)
    equal(staging(root), [])
    check(not os.path.exists(log), "nothing was stopped")


@test
def stop_start_and_check_run_in_order():
    root, place, folder = new_tree(), store(temp_dir()), temp_dir()
    back_up(place, files(root))
    log = f"{folder}/log"
    say = {w: [write_program(f"{folder}/{w}", f"#!/bin/sh\necho {w} >>{log}\n")]
           for w in ("stop", "start", "check")}
    work(restore_job(place, "in-place", configured=[files(root)], **say))
    with open(log, encoding="ascii") as f:
        equal(f.read(), "stop\nstart\ncheck\n")
    os.unlink(log)
    bad = write_program(f"{folder}/bad", f"#!/bin/sh\necho bad >>{log}\necho why >&2\nexit 3\n")
    before = picture(root)
    code, error = work_error(restore_job(place, "in-place", configured=[files(root)], run="r2",
                                         **{**say, "stop": [bad]}))
    contains(error, "why")
    same(picture(root), before)
    with open(log, encoding="ascii") as f:
        equal(f.read(), "bad\nstart\n", "what may have stopped is started again")
    code, error = work_error(restore_job(place, "in-place", configured=[files(root)], run="r3",
                                         **{**say, "check": [bad]}))
    contains(error, "restored, but the check failed")
    contains(error, "why")


@test
def no_room_says_so():
    root, place = new_tree(), store(temp_dir())
    with open(f"{root}/big", "wb") as f:
        f.write(os.urandom(6 << 20))
    back_up(place, files(root))
    small = temp_dir()
    job = restore_job(place, "target", target=f"{small}/t")
    wrap = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=3m none {small} && exec "$0" "$@"']
    message = Worker(job, wrap=wrap).finish()
    equal(message["ok"], False)
    equal(message["code"], "refused")
    contains(message["error"], "no room")


@test
def a_command_and_back():
    folder, place = temp_dir(), store(temp_dir())
    back = write_program(f"{folder}/back", f"#!/bin/sh\ncat >{folder}/fed\n")
    source = command("said", ["sh", "-c", "seq 1 100000"], [back])
    back_up(place, source)
    work(restore_job(place, "in-place", configured=[source]))
    equal(run(["sh", "-c", f"seq 1 100000 | cmp - {folder}/fed"]).returncode, 0)
    refuses = write_program(f"{folder}/refuses", "#!/bin/sh\necho no thanks >&2\nexit 9\n")
    source["restore_command"] = [refuses]
    code, error = work_error(restore_job(place, "in-place", configured=[source]))
    contains(error, "no thanks")
    for argv, part in ((["sh", "-c", "echo x; echo oops >&2; exit 4"], "oops"),
                       (["true"], "printed nothing"), (["/nonexistent/x"], "/nonexistent/x")):
        code, error = work_error(archive_job(place, command("said", argv), "20261121_000000"))
        contains(error, part)


@test(limit=300)
def a_file_that_was_cut_off_does_not_stand_in_the_way():
    place, folder = store(temp_dir()), temp_dir()
    back_up(place, command("said", ["sh", "-c", "seq 1 300000"]))
    target, counts = f"{folder}/new", f"{folder}/counts"
    job = restore_job(place, "target", target=target)
    equal(fault(job, f"count:{counts}")["ok"], True)
    with open(counts, encoding="ascii") as f:
        calls = int(f.read().split()[-1])
    left = 0
    for n in range(1, calls + 1):
        shutil.rmtree(target, ignore_errors=True)
        result = fault(job, f"kill:{n}")
        equal(result, None, f"call {n} of {calls} came")
        parts = os.listdir(target) if os.path.exists(target) else []
        if parts == ["said.out"]:
            continue  # killed behind the end
        left += len(parts)
        work(job)
        equal(os.listdir(target), ["said.out"])
    check(left > 0, "no call leaves a part behind")
    note(f"{calls} calls, {left} leave a part")
    for n in range(1, calls + 1):
        shutil.rmtree(target, ignore_errors=True)
        result = fault(job, f"fail:{n}:EIO")
        if not result["ok"]:
            check(not os.path.exists(target) or os.listdir(target) in ([], ["said.out"]),
                  f"call {n} failed and left something: {result}")
    # what others left is theirs, and so is what is being written
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target)
    for theirs in (".said.out.part", "said.synbak-part"):
        write_file(f"{target}/{theirs}", "mine")
        contains(work_error(job)[1], "not empty")
        os.unlink(f"{target}/{theirs}")
    with open(f"{target}/.said.out.synbak-part", "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        contains(work_error(job)[1], "another restore is at work there")
    work(job)


def fault(job, what):
    """The result of a job done under a fault, or None when the worker was killed."""
    worker = Worker(job, binary="synbak-worker-fault", env={**os.environ, "SYNBAK_FAULT": what})
    while (message := worker.receive()) is not None:
        if message["type"] == "result":
            worker.process.wait(90)
            return message
    equal(worker.process.wait(90), -9, "it was killed")
    return None


@test(limit=900)
def killed_anywhere_and_restored_again():
    """The tree is whole and old, or whole and new, and the next restore goes through."""
    root, place, state = new_tree(), store(temp_dir()), temp_dir()

    def inside():
        """Without the root's own time: making and removing the staging folder changes it."""
        return {k: v for k, v in picture(root).items() if k != b"."}

    source, counts = files(root), os.path.join(temp_dir(), "counts")
    back_up(place, source)
    before = inside()
    write_file(f"{root}/notes", "second\n")
    write_file(f"{root}/newcomer", "came later")
    shutil.rmtree(f"{root}/remote_content")
    damaged = inside()

    def job(run):
        return restore_job(place, "in-place", configured=[source], state_dir=state, run=run)

    equal(fault(job("c0"), f"count:{counts}")["ok"], True)
    with open(counts, encoding="ascii") as f:
        calls = int(f.read().split()[-1])
    work({"verb": "undo", "run": "c0", "state_dir": state})
    same(inside(), damaged)
    points = list(range(1, calls + 1)) if long() else sorted(
        {*range(1, calls, max(1, calls // 12)), *range(max(1, calls - 25), calls + 1)})
    for n in points:
        if fault(job(f"k{n}"), f"kill:{n}") is not None:
            check(n > calls - 10, f"call {n} of {calls} came")  # the first run made a folder more
        now = inside()
        if now != before:
            work(job(f"a{n}"))
            same(inside(), before, f"killed at call {n}, restored again")
            work({"verb": "undo", "run": f"a{n}", "state_dir": state})
            same(inside(), damaged, f"killed at call {n}, restored again, undone")
        else:
            work({"verb": "undo", "run": f"k{n}", "state_dir": state})
            same(inside(), damaged, f"killed at call {n} when all was done, undone")
        equal(staging(root), [], f"killed at call {n}")
    note(f"{len(points)} of {calls} calls")


MOUNTS = """set -e
mount --make-rprivate /
{}
exec "$0" "$@"
"""


def in_mounts(job, script, ok=True):
    """Do the job in a mount namespace of its own, prepared by the script."""
    result = Worker(job, wrap=["unshare", "-m", "sh", "-c", MOUNTS.format(script)]).finish()
    equal(result["ok"], ok, str(result))
    return result


@test
def a_target_that_is_a_bind_mount():
    """The folder behind the mount gets the content; the mount point itself is never renamed."""
    root, place = new_tree(), store(temp_dir())
    back_up(place, files(root))
    before = picture(root)
    behind, root2 = temp_dir(), os.path.join(temp_dir(), "mounted")
    os.mkdir(root2)
    write_file(f"{behind}/notes", "other")
    inode = os.stat(behind).st_ino
    in_mounts(restore_job(place, "in-place", configured=[files(root2)]),
              f"mount --bind {behind} {root2}")
    same(picture(behind), before)
    equal(os.stat(behind).st_ino, inode)
    equal(os.listdir(root2), [])


@test
def what_is_mounted_inside_stays():
    root, place, other = new_tree(), store(temp_dir()), temp_dir()
    os.mkdir(f"{root}/local_content/inside")
    back_up(place, files(root))
    write_file(f"{other}/precious", "precious")
    write_file(f"{root}/local_content/ab/cd/file3", "damaged")
    in_mounts(restore_job(place, "in-place", configured=[files(root)]),
              f"mount --bind {other} {root}/local_content/inside")
    equal(os.listdir(other), ["precious"])
    equal(os.path.getsize(f"{root}/local_content/ab/cd/file3"), 3 * 997)


@test
def a_mount_point_in_the_way_is_refused():
    """A folder of the backup is a mount point now: refused, and nothing is changed."""
    root, place, other = new_tree(), store(temp_dir()), temp_dir()
    back_up(place, files(root))
    write_file(f"{root}/notes", "second")
    damaged = picture(root)
    for what, at in ((other, "remote_content"), (f"{root}/sparse", "notes")):
        error = in_mounts(restore_job(place, "in-place", configured=[files(root)]),
                          f"mount --bind {what} {root}/{at}", ok=False)
        equal(error["code"], "refused")
        contains(error["error"], f"{at} is a mount point")
        same(picture(root), damaged)
        equal(staging(root), [])


@test
def overlayfs_is_refused_where_it_cannot_work():
    """Into a new folder it works; in place folders cannot be exchanged there."""
    root, place = new_tree(), store(temp_dir())
    back_up(place, files(root))
    base = temp_dir()
    for name in ("lower", "upper", "work", "merged", "tmp"):
        os.mkdir(f"{base}/{name}")
    overlay = (f"mount -t tmpfs none {base}/tmp && mkdir {base}/tmp/u {base}/tmp/w && "
               f"mount -t overlay none -o lowerdir={root},upperdir={base}/tmp/u,"
               f"workdir={base}/tmp/w {base}/merged")
    if run(["unshare", "-m", "sh", "-c", overlay]).returncode != 0:
        skip("no overlayfs here")
    error = in_mounts(restore_job(place, "in-place", configured=[files(f"{base}/merged")]), overlay,
                      ok=False)
    equal(error["code"], "refused")
    contains(error["error"], "overlayfs")
    in_mounts(restore_job(place, "target", target=f"{base}/merged/new"), overlay)


@test
def another_file_system_is_not_entered():
    root, place = new_tree(), store(temp_dir())
    result = in_mounts(archive_job(place, files(root)), f"mount -t tmpfs none {root}/remote_content && "
                            f"touch {root}/remote_content/there")["result"]
    equal(result["whole"], True)
    contains(str(result["problems"]), "another file system is mounted here")


@test
def a_failed_restore_leaves_a_folder_that_was_there():
    place = store(temp_dir(), key=KEY)
    said = command("said", ["head", "-c", "3000000", "/dev/urandom"])
    back_up(place, said)
    path = f"{place['path']}/j/20261120_143000/said/said.out.gz.enc"
    with open(path, "r+b") as f:
        f.seek(-1, os.SEEK_END)
        last = f.read(1)
        f.seek(-1, os.SEEK_END)
        f.write(bytes([last[0] ^ 1]))
    there = temp_dir()
    for target in (there, os.path.join(there, "new")):
        work_error(restore_job(place, "target", target=target))
        equal(os.listdir(there), [], target)
        check(os.path.isdir(there), "the folder was the user's")


@test
def a_damaged_marker_does_not_cost_the_other_destination():
    root, good, bad = new_tree(), store(temp_dir()), {**store(temp_dir()), "destination": "bad"}
    for junk in ("", "{", "x" * 5000):
        write_file(f"{bad['path']}/synbak-destination.json", junk)
        result = work({**archive_job(good, files(root)), "stores": [bad, good]})
        equal([d["ok"] for d in result["destinations"]], [False, True], junk[:10])
        contains(result["destinations"][0]["error"], "synbak-destination.json is damaged")


@test
def no_room_for_both_and_replace():
    """The present state goes first, when told so."""
    root, place = os.path.join(temp_dir(), "tree"), store(temp_dir())
    os.mkdir(root)
    with open(f"{root}/big", "wb") as f:
        f.write(os.urandom(5 << 20))
    back_up(place, files(root))
    small = temp_dir()
    fill = f"mount -t tmpfs -o size=8m none {small} && head -c 5000000 /dev/zero >{small}/old"
    job = restore_job(place, "in-place", configured=[files(small)])
    error = in_mounts(job, fill, ok=False)
    contains(error["error"], "--replace")
    job["replace"] = True
    check_it = write_program(os.path.join(temp_dir(), "check"),
                             f"#!/bin/sh\ncmp {root}/big {small}/big && test ! -e {small}/old\n")
    in_mounts({**job, "check": [check_it]}, fill)


@test
def a_disk_that_fills_up_leaves_all_as_it_was():
    root, place = new_tree(), store(temp_dir())
    with open(f"{root}/big", "wb") as f:
        f.write(os.urandom(3 << 20))
    back_up(place, files(root))
    small, seen = temp_dir(), os.path.join(temp_dir(), "seen")
    look = write_program(os.path.join(temp_dir(), "look"),
                         f"#!/bin/sh\nls -A {small} >{seen}\n")
    fill = f"mount -t tmpfs -o nr_inodes=20 none {small} && echo old >{small}/old"
    error = in_mounts(restore_job(place, "in-place", configured=[files(small)],
                                  start=[look]), fill, ok=False)
    equal(error["code"], "no-space", str(error))
    with open(seen, encoding="ascii") as f: # the service is started before the folder is cleared
        contains(f.read(), "old")


@test
def ls_and_cat():
    root, place = new_tree(), store(temp_dir())
    back_up(place, files(root), command("said", ["echo", "hello"]))
    at = {"store": place, "job": "j", "id": "20261120_143000"}
    listed = work({"verb": "ls", **at, "source": None})["entries"]
    paths = {(e["source"], e["path"]): e for e in listed}
    equal(paths["media", "notes"]["type"], "hardlink" if ("media", "local_content/linked") in paths
          and paths["media", "local_content/linked"]["type"] == "file" else "file")
    equal(paths["media", "sparse"]["size"], 20 << 20)
    equal(paths["media", "local_content/ab/cd/file7"]["size"], 7 * 997)
    equal(paths["said", "said.out"]["size"], 6)
    for path in ("notes", "local_content/linked", "sparse", "odd \\xff\\x0a name",
                 "local_content/ab/cd/file29"):
        out = os.path.join(temp_dir(), "out")
        with open(out, "wb") as f:
            work({"verb": "cat", **at, "source": "media", "path": path}, stdout=f)
        real = os.fsencode(root) + b"/" + (b"odd \xff\n name" if path[:3] == "odd"
                                           else path.encode())
        equal(run(["cmp", out, real]).returncode, 0, path)
    code, error = work_error({"verb": "cat", **at, "source": "media", "path": "nothing"})
    equal(code, "not-found")
    code, error = work_error({"verb": "cat", **at, "source": "medai", "path": "notes"})
    contains(error, "did you mean \"media\"")


if __name__ == "__main__":
    run_all()
