#!/usr/bin/env python3
"""A replica of a repository that is damaged in any way is made whole from another: packs, index, logs, keys."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, contains, equal, long, note, run_all, temp_dir, test, write_file  # noqa: E402
from worker_client import work, work_error  # noqa: E402
from worker_jobs import commit_job, files_source, folder_store, part, read_job  # noqa: E402

KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"


class Replicas:
    def __init__(self, sets=3):
        self.dir = temp_dir()
        self.places = [f"{self.dir}/{name}" for name in ("first", "second")]
        self.tree = f"{self.dir}/tree"
        for folder in (*self.places, self.tree, f"{self.dir}/cache"):
            os.makedirs(folder, 0o700)
        for number in range(sets):
            for i in range(4):
                write_file(f"{self.tree}/{number}-{i}", os.urandom(60_000))
            self.backup(number)

    def store(self, which):
        store = folder_store(self.places[which], key=KEY, destination=("local", "second")[which], format="repository",
                             repository="r", cache_dir=f"{self.dir}/cache", known_writer=None, known_pruner=None, trash_s=7 * 86400)
        return {name: value for name, value in store.items() if name not in ("gzip", "level", "volume_bytes")}

    def backup(self, number):
        source, stores, identity = files_source(self.tree), [self.store(0), self.store(1)], f"20260101_00000{number}"
        read = work({**read_job(source, stores, "j", identity), "host": "here"})
        result = work(commit_job([part(source, read)], stores, "j", identity, number + 1))
        check(all(r["ok"] for r in result["destinations"]), result)

    def repair(self, data=True):
        return work({"verb": "repair", "to": self.store(0), "from": [self.store(1)], "data": data})

    def damaged(self, which=0):
        return work({"verb": "verify", "store": self.store(which), "all": True, "data": True})["damaged"]

    def objects(self):
        found = []
        for folder, _, names in os.walk(self.places[0]):
            found += [os.path.relpath(f"{folder}/{name}", self.places[0]) for name in names]
        return sorted(name for name in found if name.split("/")[0] in ("packs", "index", "log", "keys", "repository.json"))

    def flip(self, name, at):
        with open(f"{self.places[0]}/{name}", "r+b") as f:
            f.seek(at)
            byte = f.read(1)
            f.seek(at)
            f.write(bytes([byte[0] ^ 4]))

    def forget_cache(self):
        shutil.rmtree(f"{self.dir}/cache")
        os.makedirs(f"{self.dir}/cache", 0o700)

    def needed(self, name):
        """Of a log only the newest object of each group is read."""
        parts = name.split("/")
        return parts[0] != "log" or name == max(o for o in self.objects() if o.startswith(f"log/{parts[1]}/"))


@test
def nothing_to_mend():
    r = Replicas(1)
    result = r.repair()
    equal((result["mended"], result["left"]), ([], []))
    check(result["bytes"] > 0, result)


@test
def each_object_changed_or_missing():
    r = Replicas(1)
    tried = 0
    for name in filter(r.needed, r.objects()):
        path = f"{r.places[0]}/{name}"
        with open(path, "rb") as f:
            whole = f.read()
        for damage in ("flip", "cut", "missing") if long() else (("flip", "cut", "missing")[tried % 3],):
            if damage == "flip":
                r.flip(name, len(whole) // 2)
            elif damage == "cut":
                os.truncate(path, len(whole) // 2)
            else:
                os.unlink(path)
            r.forget_cache()
            result = r.repair()
            check(not result["left"] and (result["mended"] or result["brought"]), f"{name}, {damage}: {result}")
            with open(path, "rb") as f:
                check(f.read() == whole, f"{name}, {damage}")
            tried += 1
    equal(r.damaged(), [])
    note(f"objects damaged: {tried}")


@test
def all_of_it_lost():
    r = Replicas(2)
    for name in ("packs", "index", "log", "keys", "repository.json"):
        path = f"{r.places[0]}/{name}"
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    r.forget_cache()
    equal(r.repair()["left"], [])
    equal(r.damaged(), [])


@test
def what_no_replica_has_is_told():
    r = Replicas(1)
    pack = next(name for name in r.objects() if name.startswith("packs/") and os.path.getsize(f"{r.places[0]}/{name}") > 100_000)
    r.flip(pack, 5000)
    with open(f"{r.places[0]}/{pack}", "rb") as f:
        write_file(f"{r.places[1]}/{pack}", f.read())
    result = r.repair()
    equal(result["mended"], [])
    equal([left["object"] for left in result["left"]], [pack])
    contains(result["left"][0]["error"], "no replica has")
    other = Replicas(1)
    shutil.rmtree(f"{r.places[0]}/keys")
    contains(work_error({"verb": "repair", "to": r.store(0), "from": [other.store(0)], "data": False})[1], r.places[0])


@test
def an_index_that_nobody_has_is_made_again():
    r = Replicas(2)
    for place in r.places:
        shutil.rmtree(f"{place}/index")
    r.forget_cache()
    contains(r.damaged()[0]["error"], "index segment")
    result = r.repair()
    equal((result["mended"], result["left"]), (["index"], []))
    equal(r.damaged(), [])
    equal(len(os.listdir(f"{r.places[0]}/index")), 1)


if __name__ == "__main__":
    run_all()
