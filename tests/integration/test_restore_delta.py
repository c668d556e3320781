#!/usr/bin/env python3
"""Restore of a tree from a repository where most of it is there already: in place, and after an attempt that was cut
off. What is the same is neither fetched nor touched, and undo brings back what was."""
import hashlib
import os
import re
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from deployment import Deployment  # noqa: E402
from harness import check, contains, equal, lacks, note, program, run_all, temp_dir, test, wait_until, write_file  # noqa: E402
from repository_place import backup  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from tree_world import picture, same  # noqa: E402
from worker_client import Worker, work, work_error  # noqa: E402
from worker_faults import attempt, count_calls, numbers  # noqa: E402

FIRST, SECOND = "20260101_000000", "20260102_000000"
BIG = 24 << 20


class Tree(RepositoryWork):
    """Trees alone, restored in place."""

    excluded, single = (), None

    def sources(self):
        return [{**super(Tree, self).sources()[0], "exclude": list(self.excluded), "path": self.single or self.tree}]

    def content(self):
        return picture(self.single or self.tree)

    def many(self):
        for i in range(200):
            write_file(f"{self.tree}/a/b/small{i:03}", self.random.randbytes(3000 + i))
        write_file(f"{self.tree}/big", self.random.randbytes(BIG))

    def in_place(self, **more):
        return {**self.restore_job(FIRST, None), "mode": "in-place", "configured": self.sources(),
                "state_dir": self.state, **more}

    def undo(self, run="r"):
        work({"verb": "undo", "run": run, "state_dir": self.state, "configured": self.sources()})


def places(root):
    """What stays where it is: inode and ctime of every regular file, which nobody can set."""
    found = {}
    for folder, _, names in os.walk(root):
        if ".synbak-restore-" in folder:
            continue
        for name in names:
            st = os.lstat(f"{folder}/{name}")
            found[os.path.relpath(f"{folder}/{name}", root)] = (st.st_ino, st.st_ctime_ns)
    return found


def staging(root):
    return sorted(n for n in os.listdir(root) if n.startswith(".synbak-restore-"))


def damage_one_percent(w):
    """Two small files of 200 and a megabyte of the large one; one came, one went."""
    for i in (7, 100):
        write_file(f"{w.tree}/a/b/small{i:03}", "changed\n")
    os.unlink(f"{w.tree}/a/b/small150")
    write_file(f"{w.tree}/a/newcomer", "came later\n")
    with open(f"{w.tree}/big", "r+b") as f:
        f.seek(9 << 20)
        f.write(b"x" * 100)


@test
def a_tree_with_one_percent_changed():
    w = Tree()
    w.many()
    w.backup(FIRST)
    damage_one_percent(w)
    damaged, before = w.content(), places(w.tree)
    result = work(w.in_place())
    same(w.content(), w.expected[FIRST])
    after = places(w.tree)
    moved = sorted(p for p in after if before.get(p) != after[p])
    equal(moved, ["a/b/small007", "a/b/small100", "a/b/small150", "big"])
    delta = result["restored"][0]["delta"]
    note(str(delta))
    equal(delta["stayed"]["files"] + delta["written"]["files"], 213)
    equal(delta["written"]["files"], 5, "those, and a link, which is made anew to be compared")
    equal(delta["written"]["bytes"], BIG + 3007 + 3100 + 3150)
    equal(delta["fetched_bytes"], (4 << 20) + 3007 + 3100 + 3150, "of the large one a single chunk")
    w.undo()
    same(w.content(), damaged)
    equal(places(w.tree), {**before, **{p: (before[p][0], places(w.tree)[p][1]) for p in before if p in
                                        ("a/b/small007", "a/b/small100", "a/newcomer", "big")}})
    equal(staging(w.tree), [])


@test
def what_is_the_same_is_not_even_there_to_be_fetched():
    """The packs that hold it are gone: nobody misses them."""
    w = Tree()
    w.backup(FIRST)
    old = set(w.objects("packs/"))
    write_file(f"{w.tree}/a/added", w.random.randbytes(30_000))
    w.backup(SECOND)
    lists = [name for name in old if is_list(f"{w.place}/{name}")]
    check(0 < len(lists) < len(old), f"{len(lists)} of {len(old)} packs hold lists")
    for name in old - set(lists):
        os.unlink(f"{w.place}/{name}")
    for run, more in (("r1", {}), ("r2", {"stop": ["/bin/true"]})):  # with a stop, all is verified before it
        os.unlink(f"{w.tree}/a/added")
        delta = work(w.in_place(id=SECOND, run=run, **more))["restored"][0]["delta"]
        same(w.content(), w.expected[SECOND])
        equal(delta["fetched_bytes"], 30_000)
    code, error = work_error(w.restore_job(SECOND, f"{w.dir}/elsewhere"))
    equal(code, "damaged", error)
    os.unlink(f"{w.tree}/a/5")
    stopped = f"{w.dir}/stopped"
    code, error = work_error(w.in_place(id=SECOND, run="r3", stop=["/bin/touch", stopped]))
    equal((code, os.path.exists(stopped)), ("damaged", False), error)
    contains(error, "nothing was changed")


def is_list(path):
    """The class in a pack's header (docs/repository-format.md, "Sealing")."""
    with open(path, "rb") as f:
        return f.read(10)[9] == 1


@test
def the_same_tree_again_is_not_touched():
    w = Tree()
    w.many()
    w.backup(FIRST)
    before = {path: os.lstat(path).st_ino for path in walk(w.tree)}
    result = work(w.in_place())
    same(w.content(), w.expected[FIRST])
    equal({path: os.lstat(path).st_ino for path in walk(w.tree)}, before, "nor folders, nor links")
    equal(result["restored"][0]["delta"]["fetched_bytes"], 0)
    equal(result["restored"][0]["kept"], None)
    equal(staging(w.tree), [])


def walk(root):
    return [f"{folder}/{name}" for folder, folders, files in os.walk(root) for name in [*folders, *files]] + [root]


@test
def what_differs_in_anything_is_written():
    w = Tree()
    for name in ("time", "mode", "longer", "shorter", "owner", "type"):
        write_file(f"{w.tree}/a/{name}", w.random.randbytes(5000))
    os.mkdir(f"{w.tree}/a/folder")
    write_file(f"{w.tree}/a/folder/in", "in\n")
    w.backup(FIRST)
    path = f"{w.tree}/a/"
    st = os.stat(path + "time")
    os.utime(path + "time", ns=(st.st_atime_ns, st.st_mtime_ns + 1))
    os.chmod(path + "mode", 0o600)
    if os.geteuid() == 0:
        os.chown(path + "owner", 1, 1)
    for name, change in (("longer", b"more"), ("shorter", None)):
        times = os.stat(path + name)
        with open(path + name, "r+b") as f:
            f.seek(0, 2)
            f.truncate(100) if change is None else f.write(change)
        os.utime(path + name, ns=(times.st_atime_ns, times.st_mtime_ns))
    times = os.stat(path + "5")  # the same in all that stat tells, but for its content
    with open(path + "5", "r+b") as f:
        f.write(b"another beginning")
    os.utime(path + "5", ns=(times.st_atime_ns, times.st_mtime_ns))
    os.unlink(path + "type")
    os.symlink("/etc/passwd", path + "type")
    shutil.rmtree(path + "folder")
    os.mkfifo(path + "folder")
    damaged = w.content()
    delta = work(w.in_place())["restored"][0]["delta"]
    same(w.content(), w.expected[FIRST])
    written = 8 if os.geteuid() == 0 else 7
    equal(delta["written"]["files"], written + 1, "and a link")
    equal(delta["fetched_bytes"], 5000 + 5000 + 10_000 + 3, "times, modes and what was appended cost no content")
    w.undo()
    same(w.content(), damaged)


@test
def several_names_stay_together_or_not_at_all():
    for text, change in (
            ("a name is missing", lambda w: os.unlink(f"{w.tree}/z-second")),
            ("a name more", lambda w: os.link(f"{w.tree}/a/3", f"{w.tree}/a/third")),
            ("a name outside", lambda w: os.link(f"{w.tree}/a/3", f"{w.dir}/third")),
            ("a copy", lambda w: (os.rename(f"{w.tree}/z-second", f"{w.dir}/was"),
                                  shutil.copy2(f"{w.dir}/was", f"{w.tree}/z-second"), os.unlink(f"{w.dir}/was")))):
        w = Tree()
        w.backup(FIRST)
        change(w)
        damaged = w.content()
        work(w.in_place())
        same(w.content(), w.expected[FIRST], text)
        equal(os.stat(f"{w.tree}/a/3").st_nlink, 2, text)
        w.undo()
        same(w.content(), damaged, text)


@test
def what_was_excluded_stays():
    w = Tree()
    os.mkdir(f"{w.tree}/a/cache")
    write_file(f"{w.tree}/a/cache/blob", "not backed up")
    w.excluded = ["cache"]
    w.backup(FIRST)
    write_file(f"{w.tree}/a/b/text", "changed")
    write_file(f"{w.tree}/a/extra", "goes")
    work(w.in_place())
    same(w.content(), w.expected[FIRST])


@test
def a_file_that_is_written_to_meanwhile():
    """It was found the same, and is not when the trees are exchanged: nothing is. What was made is not lost."""
    w = Tree()
    w.many()
    w.backup(FIRST)
    damage_one_percent(w)
    damaged = w.content()
    call = all_is_made(w, w.in_place())
    w.undo()
    worker = Worker(w.in_place(), binary="synbak-worker-fault", env={**os.environ, "SYNBAK_FAULT": f"stop:{call}"})
    wait_stopped(worker.process.pid)
    with open(f"{w.tree}/a/b/small050", "ab") as f:
        f.write(b"a log line")
    os.kill(worker.process.pid, signal.SIGCONT)
    message = worker.finish()
    check(not message["ok"], str(worker.messages))
    equal(message["code"], "refused")
    contains(message["error"], "a/b/small050 changed while the restore was running")
    contains(str(worker.messages), "the same command goes on with it")
    same({k: v for k, v in w.content().items() if k != b"./a/b/small050"},
         {k: v for k, v in damaged.items() if k != b"./a/b/small050"}, "nothing was exchanged")
    result = work(w.in_place(run="r2"))
    same(w.content(), w.expected[FIRST])
    equal(result["restored"][0]["delta"]["resumed"]["files"], 4)
    equal(result["restored"][0]["delta"]["fetched_bytes"], 0, "it has what was there before the line")
    equal(staging(w.tree), [".synbak-restore-r2"])


def calls_of(w, job):
    """What a restore calls that changes something, in order."""
    trace = f"{temp_dir()}/trace"
    worker = Worker(job, binary="synbak-worker-fault", env={**os.environ, "SYNBAK_FAULT": f"trace:{trace}"})
    check(worker.finish()["ok"], str(worker.messages))
    with open(trace, encoding="ascii") as f:
        return [line.split()[1] for line in f]


def all_is_made(w, job):
    """A call when all was read and the last folders get their times; the number of writes before it varies by a few."""
    return calls_of(w, job).index("syncfs") - 7


def wait_stopped(pid):
    def stopped():
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as f:
                if f.read().rsplit(")", 1)[1].split()[0] not in "Tt":
                    return False
        return True
    wait_until(stopped, "the worker stops")


# --- cut off ---

def resume(w, job, run, target):
    """The same command again: its result. It is right, and nothing is left beside it."""
    worker = Worker({**job, "run": run})
    message = worker.finish(True)
    check(message["ok"], str(worker.messages))
    same(picture(target), w.expected[FIRST], run)
    return message["result"]["restored"][0]["delta"], str(worker.messages)


@test
def killed_at_many_calls_and_begun_again():
    """Into a folder: the second attempt takes what the first had made, and fetches no more than the rest."""
    w = Tree()
    for i in range(40):
        write_file(f"{w.tree}/a/b/small{i:03}", w.random.randbytes(30_000 + i))
    w.backup(FIRST)
    target, total = f"{w.dir}/target", None
    job = w.restore_job(FIRST, target)
    calls = count_calls(job, w.dir)
    same(picture(target), w.expected[FIRST])
    resumed, tried = 0, 0
    for n in numbers(calls, 10):
        shutil.rmtree(target, ignore_errors=True)
        if attempt(job, f"kill:{n}") is not None or is_finished(w, target):
            continue
        left = left_whole(w, target)
        delta, said = resume(w, job, f"again{n}", target)
        total = sum(delta[key]["bytes"] for key in ("stayed", "resumed", "written"))
        equal(staging(target), [], f"kill:{n}")
        equal(delta["resumed"]["files"], left, f"kill:{n}")
        equal(delta["fetched_bytes"] <= total - delta["resumed"]["bytes"], True)
        check(left == 0 or "goes on with the restore that was cut off" in said, said)
        resumed, tried = resumed + left, tried + 1
    note(f"{tried} kills of {calls} calls, {resumed} files taken up")
    check(resumed > 20, "many were")


def is_finished(w, target):
    """Killed when all was in its place."""
    return os.path.isdir(target) and picture(target).keys() == w.expected[FIRST].keys()


def left_whole(w, target):
    """Files with their whole content in the staging folder that was left, or on their way from there to their places, none
    of them empty."""
    if not os.path.isdir(target) or not staging(target):
        return 0
    there = {}
    for place in (target, f"{target}/{staging(target)[0]}/new"):
        there.update(picture(place) if os.path.isdir(place) else {})
    links = {v[5] for k, v in w.expected[FIRST].items() if len(v) > 5 and v[5]}
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    return sum(1 for name, what in there.items() if is_file(what) and what[4] != empty
               and w.expected[FIRST][name][4] == what[4] and not is_second(name, w.expected[FIRST][name], links))


def is_file(what):
    return what[0].startswith("0o100")


def is_second(name, what, links):
    return what[5] in links and what[5] != name


@test
def killed_in_place_and_begun_again():
    w = Tree()
    w.many()
    w.backup(FIRST)
    damage_one_percent(w)
    damaged, before = w.content(), f"{w.dir}/before"
    shutil.copytree(w.tree, before, symlinks=True)
    job = w.in_place()
    calls = count_calls(job, w.dir)
    w.undo()
    same(w.content(), damaged)
    resumed, tried = 0, 0
    for n in numbers(calls, 10):
        run = f"k{n}"
        if attempt({**job, "run": run}, f"kill:{n}") is None:
            delta, _ = resume(w, job, f"again{n}", w.tree)
            # killed before anything was in place, with all but the link, which is made anew to be compared, or with all
            check(delta["stayed"]["files"] in (208, 212, 213), str(delta))
            resumed, tried = resumed + delta["resumed"]["files"], tried + 1
            run = f"again{n}"
        if staging(w.tree):
            left = staging(w.tree)
            for name in left:  # both, where the first was killed when all was in place
                w.undo(name.removeprefix(".synbak-restore-"))
        equal(staging(w.tree), [])
        same(but_time(w.content()), but_time(damaged), f"kill:{n} undone")
    note(f"{tried} kills of {calls} calls, {resumed} files taken up")
    check(resumed > 5, "many were")


def but_time(tree):
    """The target's own time is lost where the restore was killed before it wrote that down."""
    return {**tree, b".": tree[b"."][:3] + tree[b"."][4:]}


@test
def cut_off_twice():
    w = Tree()
    w.many()
    w.backup(FIRST)
    target = f"{w.dir}/target"
    job = w.restore_job(FIRST, target)
    calls = count_calls(job, w.dir)
    shutil.rmtree(target)
    equal(attempt({**job, "run": "one"}, f"kill:{calls // 3}"), None)
    equal(attempt({**job, "run": "two"}, f"kill:{calls // 2}"), None)
    equal(len(staging(target)), 2)
    delta, _ = resume(w, job, "three", target)
    check(delta["resumed"]["files"] > 50, str(delta))
    equal(staging(target), [])


@test
def a_large_file_goes_on_in_its_middle():
    w = Tree()
    w.many()
    w.backup(FIRST)
    target = f"{w.dir}/target"
    job = w.restore_job(FIRST, target)
    writes = [1 + n for n, call in enumerate(calls_of(w, job)) if call == "pwrite"]
    shutil.rmtree(target)
    equal(attempt(job, f"kill:{writes[len(writes) - 30]}"), None)
    half = os.stat(f"{target}/.synbak-restore-r/new/big").st_size
    check(8 << 20 < half < BIG, str(half))
    delta, _ = resume(w, job, "again", target)
    check(delta["fetched_bytes"] < BIG - half + (5 << 20) + 600_000, str(delta))


@test
def a_disk_that_is_full_and_a_place_that_goes_away():
    for fault in ("space", "away"):
        w = Tree()
        w.many()
        w.backup(FIRST)
        target = f"{w.dir}/target"
        job = w.restore_job(FIRST, target)
        if fault == "space":
            message = attempt(job, f"space:{9 << 20}")
        else:
            packs = sorted(n for n in w.objects("packs/") if not is_list(f"{w.place}/{n}"))
            os.rename(f"{w.place}/{packs[-1]}", f"{w.dir}/pack")
            message = Worker(job).finish()
            os.rename(f"{w.dir}/pack", f"{w.place}/{packs[-1]}")
        equal(message["ok"], False)
        equal(len(staging(target)), 1, f"{fault}: {message}")
        equal(len(os.listdir(target)), 1, "and nothing else")
        delta, said = resume(w, job, "again", target)
        contains(said, "goes on with the restore that was cut off")
        equal(staging(target), [])
        note(f"{fault}: {delta}")


@test
def what_was_cancelled_leaves_nothing():
    w = Tree()
    w.many()
    w.backup(FIRST)
    target = f"{w.dir}/target"
    job = w.restore_job(FIRST, target)
    calls = count_calls(job, w.dir)
    shutil.rmtree(target)
    worker = Worker(job, binary="synbak-worker-fault", env={**os.environ, "SYNBAK_FAULT": f"stop:{calls // 2}"})
    wait_stopped(worker.process.pid)
    worker.cancel()
    os.kill(worker.process.pid, signal.SIGCONT)
    equal(worker.finish()["code"], "cancelled")
    equal(os.path.exists(target), False)


@test
def another_set_undoes_it():
    w = Tree()
    w.many()
    w.backup(FIRST)
    write_file(f"{w.tree}/a/more", "more\n")
    w.backup(SECOND)
    target = f"{w.dir}/target"
    job = w.restore_job(FIRST, target)
    calls = count_calls(job, w.dir)
    shutil.rmtree(target)
    equal(attempt(job, f"kill:{calls // 2}"), None)
    equal(len(staging(target)), 1)
    worker = Worker({**w.restore_job(SECOND, target), "run": "other"})
    message = worker.finish()
    check(message["ok"], str(message))
    contains(str(worker.messages), "was cut off: undone")
    equal(message["result"]["restored"][0]["delta"]["resumed"]["files"], 0)
    same(picture(target), w.expected[SECOND])
    equal(staging(target), [])


@test
def what_was_left_is_not_believed():
    """Files in the staging folder are what somebody, or a power loss, made of them."""
    w = Tree()
    w.many()
    w.backup(FIRST)
    target = f"{w.dir}/target"
    job = w.restore_job(FIRST, target)
    call = all_is_made(w, job)
    shutil.rmtree(target)
    equal(attempt(job, f"kill:{call}"), None)
    new = f"{target}/.synbak-restore-r/new"
    with open(f"{new}/a/b/small001", "r+b") as f:
        f.write(bytes(100))  # as after a power loss
    os.unlink(f"{new}/a/b/small002")
    os.symlink("/etc/passwd", f"{new}/a/b/small002")
    os.unlink(f"{new}/a/b/small003")
    os.mkfifo(f"{new}/a/b/small003")
    os.truncate(f"{new}/a/b/small004", 1000)
    os.setxattr(f"{new}/a/b/small005", "user.stray", b"x")
    os.chmod(f"{new}/a/b/small006", 0o4777)
    write_file(f"{new}/a/b/stranger", "not of the set")
    delta, _ = resume(w, job, "again", target)
    equal(staging(target), [])
    files = sum(is_file(what) for what in w.expected[FIRST].values())
    equal(delta["resumed"]["files"], files - 4 - 1 - 1, "all but those, an empty one, and a second name")


@test
def undo_removes_what_was_left():
    w = Tree()
    w.many()
    w.backup(FIRST)
    damage_one_percent(w)
    damaged = w.content()
    job = w.in_place()
    calls = count_calls(job, w.dir)
    w.undo()
    equal(attempt(job, f"kill:{calls // 2}"), None)
    equal(len(staging(w.tree)), 1)
    w.undo()
    equal(staging(w.tree), [])
    same(w.content(), damaged)


@test
def after_replace_it_goes_on_too():
    """The present state is gone, and what was made is all that there is."""
    w = Tree()
    w.many()
    w.backup(FIRST)
    damage_one_percent(w)
    job = w.in_place(replace=True)
    writes = [1 + n for n, call in enumerate(calls_of(w, job)) if call == "pwrite"]
    damage_one_percent(w)
    equal(attempt(job, f"kill:{writes[len(writes) // 2]}"), None)
    equal([n for n in os.listdir(w.tree) if not n.startswith(".synbak-restore-")], [])
    delta, _ = resume(w, job, "again", w.tree)
    check(delta["resumed"]["files"] > 50, str(delta))


@test
def a_single_file_in_place():
    w = Tree()
    w.single = f"{w.dir}/single/signing.key"
    os.mkdir(os.path.dirname(w.single))
    write_file(w.single, w.random.randbytes(9000))
    beside = write_file(f"{w.dir}/single/beside", "not ours")
    w.backup(FIRST)
    before = os.stat(w.single)
    delta = work(w.in_place())["restored"][0]["delta"]
    equal((delta["stayed"]["files"], delta["written"]["files"]), (1, 0))
    equal(os.stat(w.single).st_ctime_ns, before.st_ctime_ns)
    write_file(w.single, "broken")
    work(w.in_place(run="r2"))
    same(w.content(), w.expected[FIRST])
    w.undo("r2")
    with open(w.single, encoding="ascii") as f, open(beside, encoding="ascii") as other:
        equal((f.read(), other.read()), ("broken", "not ours"))


@test
def what_belongs_to_the_file_system_is_no_obstacle():
    w = Tree()
    os.mkdir(f"{w.tree}/lost+found")
    write_file(f"{w.tree}/lost+found/found", "found")
    w.backup(FIRST)
    write_file(f"{w.tree}/a/5", "changed")
    work(w.in_place())
    same(w.content(), w.expected[FIRST])


@test
def undo_in_a_folder_without_a_record():
    w = Tree()
    w.many()
    w.backup(FIRST)
    target = f"{w.dir}/target"
    job = w.restore_job(FIRST, target)
    call = all_is_made(w, job)
    shutil.rmtree(target)
    message = attempt(job, f"fail-from:{call}:EIO")
    equal(message["code"], "io", message)
    equal(len(staging(target)), 1)
    work({"verb": "undo", "run": "r", "state_dir": None, "target": target})
    equal(os.listdir(target), [])


# --- dumps and outputs as files ---

def stream_work():
    w = RepositoryWork()
    w.rows = [w.row(i) for i in range(120_000)]
    w.write_stream()
    w.backup(FIRST)
    return w


def cut_off_stream(w, job, fault=None):
    """Killed in the middle of the file: its length then."""
    path = f"{job['target']}/stream/.stream.out.synbak-part"
    if fault is None:
        trace = calls_of(w, job)
        shutil.rmtree(job["target"])
        writes = [1 + n for n, call in enumerate(trace) if call == "write"]
        fault = f"kill:{writes[len(writes) * 2 // 3]}"
    attempt(job, fault)
    return os.stat(path).st_size


@test
def a_file_goes_on_behind_what_is_right_of_it():
    w = stream_work()
    target = f"{w.dir}/target"
    job = {**w.restore_job(FIRST, target), "sources": []}
    part, whole = f"{target}/stream/.stream.out.synbak-part", os.path.getsize(w.stream)
    for text, meddle in (("as it was left", lambda size: None), ("torn", lambda size: overwrite(part, size // 2)),
                         ("longer", lambda size: append(part, whole)), ("empty", lambda size: os.truncate(part, 0))):
        size = cut_off_stream(w, job)
        check(whole // 4 < size < whole, f"{size} of {whole}")
        meddle(size)
        worker = Worker({**job, "run": "again"})
        result = worker.finish()
        check(result["ok"], str(worker.messages))
        contains(str(worker.messages), "goes on with the restore that was cut off")
        w.compare(target, w.expected[FIRST], text)
        note(f"{text}: {size} of {whole} were there")
        equal(os.listdir(f"{target}/stream"), ["stream.out"], text)
        shutil.rmtree(target)


def overwrite(path, offset):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(bytes(4096))


def append(path, length):
    with open(path, "ab") as f:
        f.write(bytes(length))


@test
def a_part_of_a_file_needs_no_packs():
    """What is right of it is not fetched: its packs are gone."""
    w = stream_work()
    target = f"{w.dir}/target"
    job = {**w.restore_job(FIRST, target), "sources": ["stream"]}
    work(job)
    os.rename(f"{target}/stream.out", f"{target}/.stream.out.synbak-part")
    for name in w.objects("packs/"):
        if not is_list(f"{w.place}/{name}"):
            os.unlink(f"{w.place}/{name}")
    work({**job, "run": "again"})
    with open(f"{target}/stream.out", "rb") as f:
        equal(hashlib.sha256(f.read()).hexdigest(), w.expected[FIRST][1])
    equal(os.listdir(target), ["stream.out"])


@test
def what_cannot_go_on_is_removed():
    w = stream_work()
    target = f"{w.dir}/target"
    job = {**w.restore_job(FIRST, target), "sources": ["stream"]}
    os.mkdir(target)
    for name in (".other.out.synbak-part", ".stream.out.synbak-part"):
        write_file(f"{target}/{name}", "something")
    os.link(f"{target}/.stream.out.synbak-part", f"{w.dir}/second-name")
    code, error = work_error(job)
    equal((code, sorted(os.listdir(target))), ("refused", [".stream.out.synbak-part"]), error)
    contains(error, "is not empty")  # a file with another name is nobody's part
    os.unlink(f"{target}/.stream.out.synbak-part")
    work(job)
    equal(os.listdir(target), ["stream.out"])


# --- by the commands that people give ---

@test
def through_synbakctl():
    def another_second():  # a restore is named by the second it begins in
        now = int(time.time())
        wait_until(lambda: int(time.time()) > now, "another second")

    d = Deployment(destination="format = repository",
                   jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    for i in range(60):
        write_file(f"{d.media}/local_content/file{i:02}", os.urandom(20_000))
    backup(d)
    before, target = picture(d.media), f"{d.dir}/restored"
    write_file(f"{d.media}/local_content/file07", "changed")
    os.unlink(f"{d.media}/local_content/file08")
    changed = picture(d.media)
    said = d.ctl("restore", "synapse", "--in-place", "--yes", ok=True).stdout
    same(picture(d.media), before)
    contains(said, "what is the same stays as it is: ")
    contains(said, "the same already, left as they were")
    contains(said, "written")
    run = re.search(r"--undo (\S+)", said.split("restored")[-1])[1]
    d.ctl("restore", "--undo", run, "--yes", ok=True)
    same(picture(d.media), changed)

    cut = d.environment(SYNBAK_WORKER=program("synbak-worker-fault"), SYNBAK_FAULT="kill:150")
    equal(d.ctl("restore", "synapse", "--target", target, "--yes", env=cut).returncode, 1)
    equal(len(staging(target)), 1)
    another_second()
    said = d.ctl("restore", "synapse", "--target", target, "--yes", ok=True).stdout
    contains(said, "goes on with the restore that was cut off: ")
    contains(said, "made before the restore was cut off, and right")
    same(picture(target), before)

    shutil.rmtree(f"{d.media}/local_content")
    os.mkdir(f"{d.media}/local_content")
    equal(d.ctl("restore", "synapse", "--in-place", "--yes", env=cut).returncode, 1)
    wait_until(lambda: "was cut off" in d.ctl("status").stdout, "status tells of it")
    another_second()
    said = d.ctl("restore", "synapse", "--in-place", "--yes", ok=True)
    contains(said.stdout, "goes on with the restore that was cut off: ")
    lacks(said.stdout + said.stderr, "what it left behind goes by")
    same(picture(d.media), before)
    wait_until(lambda: "was cut off" not in d.ctl("status").stdout, "it is over")


run_all()
