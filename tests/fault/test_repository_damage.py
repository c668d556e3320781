#!/usr/bin/env python3
"""Objects of a repository that were flipped, cut, deleted, exchanged or put back as they were before, and memory of this
machine that is lost, torn or another's.

Either it is noticed, by an error that names the object, or it is harmless: what comes back is identical. Never is
anything false restored. tests/unit/repository/test_damage.c does the same for every byte."""
import functools
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import check, contains, equal, note, part, run_all, test  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from worker_client import work, work_error  # noqa: E402

NEXT = "20260201_000000"
SETS = tuple(f"2026010{day}_000000" for day in range(1, 5))
STRIDE = 9973  # between the bytes of an object that the long form flips, and the lengths that it cuts to
SHORT_STEPS = 12
EDGES = (0, 8, 9, 10, 12, 16, 47, 48, 95, 96, 97)  # of headers
ENDS = (1, 8, 16, 17, 24, 25, 26)  # from the end, where tables and trailers are


class Damage:
    """A repository with every kind of object there is."""

    def __init__(self):
        w = self.w = RepositoryWork(whole_file=True)
        w.trash_s = 0
        w.backup(SETS[0])
        w.change()
        w.backup(SETS[1])
        self.before = self.copy("before")
        work(w.keys_job("add", kind="recovery", label="card", secret=None))
        work(w.keys_job("rotate"))
        w.change()
        w.backup(SETS[2])
        w.prune([SETS[0]])
        self.between = self.copy("between")
        w.change()
        w.backup(SETS[3])
        w.prune([])
        self.whole = self.copy("whole")
        w.save()

    def begin(self, cache=False):
        """Everything is as it was, and without `cache` nothing is remembered of what lies at the destination."""
        self.w.reset()
        self.noticed = self.harmless = 0
        self.unnamed = []
        if not cache:
            shutil.rmtree(f"{self.w.state}/cache")
            os.mkdir(f"{self.w.state}/cache", 0o700)
        return self

    def copy(self, name):
        place = f"{self.w.dir}/{name}"
        shutil.copytree(self.w.place, place)
        return place

    def objects(self, prefix=""):
        return [n for n in self.w.objects(prefix) if n != "synbak-destination.json"]

    def size(self, name):
        return os.path.getsize(f"{self.w.place}/{name}")

    def put(self, name, data):
        """None: it is gone."""
        path = f"{self.w.place}/{name}"
        if data is None:
            os.unlink(path)
        else:
            with open(path, "wb") as f:
                f.write(data)

    def get(self, name, place=None):
        with open(f"{place or self.w.place}/{name}", "rb") as f:
            return f.read()

    def try_with(self, name, data, text, identity):
        """One object is something else; then it is as it was."""
        was = self.get(name)
        self.put(name, data)
        self.judge(name, text, identity)
        self.put(name, was)

    def judge(self, name, text, identity):
        error = self.w.attempt_restore(identity, f"{name} {text}")
        self.noticed += error is not None
        self.harmless += error is None
        if error is not None and not names(error, name):
            self.unnamed.append(f"{name} {text}: {error}")

    def tell(self, what):
        note(f"{what}: {self.noticed} noticed, {self.harmless} harmless, 0 false")
        check(not self.unnamed, f"{len(self.unnamed)} do not name the object, the first: {self.unnamed[:3]}")


@functools.cache
def world():
    return Damage()


def names(error, name):
    """An object is named, or the record of a log that ends early; of key slots it is told how many are damaged."""
    base = os.path.basename(name).removesuffix(".json")
    return base in error or (name.startswith("keys/") and "key slot" in error) or (
        name.startswith("log/") and f"record {int(base)}" in error)


def thin(cases):
    if harness.long() or len(cases) <= SHORT_STEPS:
        return part(cases)
    return [cases[i * len(cases) // SHORT_STEPS] for i in range(SHORT_STEPS)]


def positions(size):
    return sorted({p for p in (*EDGES, *(size - end for end in ENDS), *range(0, size, STRIDE)) if 0 <= p < size})


def newest(number):
    return SETS[1 + number % 3]


def over_objects(what, cases, change):
    d = world().begin()
    every = [(name, at) for name in d.objects() for at in cases(d, name)]
    chosen = thin(every)
    for number, (name, at) in enumerate(chosen):
        d.try_with(name, change(d.get(name), at), f"{what} at {at}", newest(number))
    d.tell(f"{what}: {len(chosen)} of {len(every)} places in {len(d.objects())} objects")


@test(limit=300)
def flipped():
    def flip(data, at):
        return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:]
    over_objects("flipped", lambda d, name: positions(d.size(name)), flip)


@test(limit=300)
def cut():
    over_objects("cut", lambda d, name: positions(d.size(name)), lambda data, at: data[:at])


@test(limit=300)
def deleted():
    over_objects("deleted", lambda d, name: [0], lambda data, at: None)


@test(limit=300)
def lengthened():
    over_objects("lengthened", lambda d, name: [1, 65536], lambda data, at: data + bytes(at))


def kind_of(name):
    return name.split("/")[0] if not name.startswith("log/") else os.path.dirname(name)


@test(limit=300)
def exchanged_with_another_of_its_kind():
    d = world().begin()
    pairs = [(a, b) for a in d.objects() for b in d.objects() if a < b and kind_of(a) == kind_of(b)]
    chosen = thin(pairs)
    for number, (a, b) in enumerate(chosen):
        data_a, data_b = d.get(a), d.get(b)
        d.put(b, data_a)
        d.try_with(a, data_b, f"is {b}", newest(number))
        d.put(b, data_b)
    d.unnamed = []  # either of the two may be named
    d.tell(f"exchanged: {len(chosen)} of {len(pairs)} pairs")


def rolled_back(d, place, *names):
    """These folders are as they were at another time."""
    for name in names:
        shutil.rmtree(f"{d.w.place}/{name}", ignore_errors=True)
        if os.path.exists(f"{place}/{name}"):
            shutil.copytree(f"{place}/{name}", f"{d.w.place}/{name}")


@test(limit=300)
def put_back_as_it_was():
    d = world().begin(cache=True)
    cases = [(d.before, "log/writer"), (d.between, "log/writer"), (d.between, "log/pruner"), (d.between, "log"),
             (d.before, "log"), (d.before, "log", "trash", "keys", "generations")]
    for place, *names in cases:
        rolled_back(d, place, *names)
        text = f"{names} as {os.path.basename(place)}"
        for cache in ("cache", "none"):  # who remembers a head notices, with or without the cache
            if cache == "none":
                os.rename(f"{d.w.state}/cache", f"{d.w.dir}/cache")
                os.mkdir(f"{d.w.state}/cache", 0o700)
            scan = {"verb": "scan", "store": d.w.store(), "jobs": [], "sweep_age_s": 0, "in_progress": []}
            for job in (scan, d.w.prune_job([SETS[1]]))[:1 + harness.long()]:
                code, error = work_error(job)
                equal(code, "tampered", f"{text}, {cache}: {error}")
                contains(error, "log")
        shutil.rmtree(f"{d.w.state}/cache")
        os.rename(f"{d.w.dir}/cache", f"{d.w.state}/cache")
        rolled_back(d, d.whole, "log", "trash", "keys", "generations")
    note(f"put back as it was: {2 * len(cases)} noticed")


def comes_back(d, text, identities=SETS[1:]):
    for identity in identities if harness.long() else identities[-1:]:
        d.w.restores(identity, text=text)


def next_run(d, text):
    """What is added now comes back, also by the reader of packs alone."""
    d.w.change()
    d.w.backup(NEXT)
    d.w.restores(NEXT, text=text)
    d.w.read_back(NEXT, "--no-index", text=text)


@test(limit=300)
def the_index_is_lost():
    for cache in (True, False):
        segments = world().begin(cache).objects("index/")
        for lost in (segments, segments[:1], segments[-1:]):
            d = world().begin(cache)
            for name in lost:
                d.put(name, None)
            comes_back(d, f"{len(lost)} segments lost, cache {cache}")
        next_run(d, f"cache {cache}")
    note(f"the index lost, whole or in part: {2 * 3} times")


@test(limit=300)
def pruning_without_the_index_deletes_nothing_that_is_needed():
    """A pack that no segment names may be a remain of a broken off run, or all that there is of a set."""
    segments = world().begin().objects("index/")
    for lost in (segments, segments[:1], segments[-1:]):
        d = world().begin()
        for name in lost:
            d.put(name, None)
        for name in d.objects("packs/"):
            os.utime(f"{d.w.place}/{name}", (10**9, 10**9))
        for _ in range(2):
            result = work(d.w.prune_job([]))
            d.w.remember_heads(result["heads"])
        for identity in SETS[1:]:
            d.w.restores(identity, text=f"{len(lost)} segments lost, pruned")
            d.w.read_back(identity, "--no-index", text=f"{len(lost)} segments lost, pruned")
    note("pruned without the index, or a part of it: 3 times")


def remembered(d, kind):
    top = f"{d.w.state}/{kind}"
    return sorted(f"{folder}/{name}" for folder, _, files in os.walk(top) for name in files)


def spoil(path, how):
    with open(path, "rb") as f:
        data = f.read()
    middle = len(data) // 2
    with open(path, "wb") as f:
        f.write({"flipped": data[:middle] + bytes([data[middle] ^ 4 if data else 0]) + data[middle + 1:],
                 "cut": data[:middle], "empty": b"", "noise": os.urandom(len(data)), "longer": data + b"x" * 100}[how])


HOWS = ("flipped", "cut", "empty", "noise", "longer")


def spoiled(kind):
    """Each file of what is remembered, in each way. The next run makes a set that comes back."""
    count = len(remembered(world().begin(cache=True), kind))
    check(count > 0, f"nothing is remembered: {kind}")
    cases = [(i, how) for i in range(count) for how in HOWS]
    chosen = part(cases) if harness.long() else cases[::max(1, len(cases) // 4)]
    for i, how in chosen:
        d = world().begin(cache=True)
        path = remembered(d, kind)[i]
        spoil(path, how)
        comes_back(d, f"{path} {how}")
        if os.path.exists(path):  # of what is wrong only what is still of use is made again
            spoil(path, how)
        next_run(d, f"{path} {how}")
    note(f"{kind}: {len(chosen)} of {len(cases)} times spoiled, {count} files")


@test(limit=300)
def what_is_kept_of_the_repository_is_spoiled():
    spoiled("cache")


@test(limit=300)
def what_is_known_of_the_sources_is_spoiled():
    spoiled("tracking")


@test(limit=300)
def what_is_known_of_the_sources_is_lost_or_of_another():
    d = world().begin(cache=True)
    shutil.rmtree(f"{d.w.state}/tracking")
    next_run(d, "lost")
    d.begin(cache=True)
    other = RepositoryWork(seed=9)  # the same names, numbers and times, another repository, another tree
    other.backup(SETS[0])
    for number in range(3):
        other.change()
        other.backup(SETS[number + 1])
    shutil.rmtree(f"{d.w.state}/tracking")
    shutil.copytree(f"{other.state}/tracking", f"{d.w.state}/tracking")
    d.w.numbers = dict(other.numbers)
    next_run(d, "another's")
    d.begin(cache=True)
    d.w.numbers = {name: 1 for name in d.w.numbers}  # an older one than there is
    next_run(d, "an older number")
    note("tracking: lost, another's, an older number")


if __name__ == "__main__":
    run_all()
