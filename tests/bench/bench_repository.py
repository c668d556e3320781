#!/usr/bin/env python3
"""The repository against restic and borg on the same data: a Synapse-shaped database and media store, backed up first,
again, and day after day, restored and verified. All encrypt; both rivals compress with zstd at its fastest."""
import os
import shutil
import subprocess

from measure import Side, compare, report, shell
from harness import ROOT, _undo, _of_file, note, temp_dir
from jobs import Repository
from worker_jobs import database_source, files_source
from pg import Cluster

EVENTS = int(os.environ.get("SYNBAK_BENCH_EVENTS", "400000"))
FILES = os.environ.get("SYNBAK_BENCH_FILES", "20000")
BYTES = os.environ.get("SYNBAK_BENCH_BYTES", "2G")
DAYS = int(os.environ.get("SYNBAK_BENCH_DAYS", "8"))
WORK = os.environ.get("SYNBAK_BENCH_WORK", "database media").split()
KEY = "a key of the measurement, not of anybody"


def size_of(folder):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)


def forget(path):
    shutil.rmtree(path, ignore_errors=True)


class Restic:
    name = "restic"

    def __init__(self, work):
        self.folder = f"{work}/restic"
        self.env = {**os.environ, "RESTIC_PASSWORD": KEY, "RESTIC_REPOSITORY": self.folder,
                    "RESTIC_CACHE_DIR": f"{work}/restic-cache"}

    def run(self, command):
        shell(command, self.env)

    def empty(self):
        forget(self.folder)
        forget(self.env["RESTIC_CACHE_DIR"])
        self.run("restic init")

    def dump(self, command):
        self.run(f"{command} | restic backup -q --stdin --stdin-filename synapse.dump")

    def tree(self, folder):
        self.run(f"restic backup -q {folder}")

    def restore(self, folder):
        self.run(f"restic restore -q latest --target {folder} && sync -f {folder}")

    def verify(self):
        self.run("restic check -q --read-data")


class Borg:
    name = "borg"

    def __init__(self, work):
        self.folder, self.number = f"{work}/borg", 0
        self.env = {**os.environ, "BORG_PASSPHRASE": KEY, "BORG_REPO": self.folder, "BORG_BASE_DIR": f"{work}/borg-base",
                    "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}

    def run(self, command):
        shell(command, self.env)

    def empty(self):
        forget(self.folder)
        forget(self.env["BORG_BASE_DIR"])
        self.run("borg init -e repokey 2>/dev/null")

    def create(self, before, what):
        self.number += 1
        self.run(f"{before} borg create --compression zstd,1 ::set{self.number} {what}")

    def dump(self, command):
        self.create(f"{command} |", "-")

    def tree(self, folder):
        self.create("", folder)

    def restore(self, folder):
        self.run(f"mkdir -p {folder} && cd {folder} && borg extract ::set{self.number} && sync -f {folder}")

    def verify(self):
        self.run("borg check --verify-data")


def compare_stored(title, ours, rivals, wanted):
    sizes = {r.name: size_of(r.folder) for r in (ours, *rivals)}
    ratio = sizes["synbak"] / min(sizes[r.name] for r in rivals)
    shown = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())
    note(f"{title}: {shown}: {ratio:.3f} of the smaller rival; wanted at most {wanted}: {'met' if ratio <= wanted * 1.1 else 'NOT MET'}")


def database(work):
    cluster = Cluster(whole_file=True)
    env = cluster.environment()
    psql = [f"{cluster.bin}/psql", "-q", "-v", "ON_ERROR_STOP=1"]
    cluster.sql("create database synapse")
    subprocess.run([*psql, "-v", f"events={EVENTS}", "-f", "etc/demo/homeserver.sql", "synapse"], check=True, env=env, cwd=ROOT)
    source = database_source(cluster.uri("synapse"))
    ours, rivals = Repository(f"{work}/synbak", KEY), [Restic(work), Borg(work)]
    dump = f"{cluster.bin}/pg_dump -Fc -Z0 synapse"
    for r in rivals:
        r.env.update(env)
    limit = lambda prepare=None: Side("pg_dump | cat", lambda: shell(f"{dump} | cat >/dev/null", env), prepare)

    def sides(prepare, first=None):
        return [limit(first), Side("synbak", lambda: ours.backup("dump", source), prepare and ours.empty),
                *[Side(r.name, lambda r=r: r.dump(dump), prepare and r.empty) for r in rivals]]

    compare("dump, first", sides(True), [("synbak", "pg_dump | cat", 2.1, "at most"), ("synbak", "borg", 0.7, "at most")])
    compare_stored("dump, first", ours, rivals, 1.02)
    report(1, "dump, first")
    compare("dump, again, unchanged", sides(False), [("synbak", "pg_dump | cat", 1.25, "at most")])
    report(2, "dump, again")

    day = [EVENTS]

    def a_day_later():
        first = day[0] + 1
        day[0] += EVENTS // 100
        subprocess.run([*psql, "-v", f"first={first}", "-v", f"events={day[0]}", "-f", "etc/demo/homeserver.sql", "synapse"],
                       check=True, env=env, cwd=ROOT)

    before = {r.name: size_of(r.folder) for r in (ours, *rivals)}
    compare(f"dump, a day later, {DAYS} days", sides(False, a_day_later), [("synbak", "pg_dump | cat", 1.4, "at most")], DAYS)
    grown = {r.name: size_of(r.folder) - before[r.name] for r in (ours, *rivals)}
    ratio = grown["synbak"] / min(grown[r.name] for r in rivals)
    note(f"{DAYS} days stored " + ", ".join(f"{n} {g / 1e6:.1f} MB" for n, g in grown.items()) +
         f": {ratio:.3f} of the smaller rival; wanted at most 0.05: {'met' if ratio <= 0.055 else 'NOT MET'}")
    note(f"peak memory of a worker {ours.peak:.0f} MiB; wanted at most 64")
    report(3, "dump, a day later")


def media(work):
    folder = f"{work}/media"
    make = ["python3", f"{ROOT}/etc/demo/media_store.py", folder]
    subprocess.run([*make, "--files", FILES, "--bytes", BYTES], check=True)
    shell(f"tar c -C {work} media > {work}/tar && sync {work}/tar")
    source = files_source(folder)
    ours, rivals = Repository(f"{work}/synbak-media", KEY), [Restic(work), Borg(work)]
    find = Side("find -printf", lambda: shell(f"find {folder} -printf '%p %s %T@ %C@ %i\\n' >/dev/null"))

    def sides(prepare):
        return [Side("synbak", lambda: ours.backup("archive", source), prepare and ours.empty),
                *[Side(r.name, lambda r=r: r.tree(folder), prepare and r.empty) for r in rivals]]

    write = Side("write and sync of as many bytes", lambda: shell(f"dd if={work}/tar of={work}/copy bs=1M conv=fsync status=none"),
                 lambda: os.path.exists(f"{work}/copy") and os.unlink(f"{work}/copy"))
    compare("media, first", [write, *sides(True)], [("synbak", "write and sync of as many bytes", 1.2, "at most")])
    compare_stored("media, first", ours, rivals, 1.02)
    report(4, "media, first")
    compare("media, unchanged", [find, *sides(False)], [("synbak", "find -printf", 1, "at most")])
    report(5, "media, unchanged")

    seed = iter(range(2, 1000))
    later = sides(False)
    later[0].prepare = lambda: subprocess.run([*make, "--age", "--seed", str(next(seed))], check=True)
    compare("media, a day's change (wanted at most 0.5 s)", later)
    report(6, "media, a day's change")

    identity = ours.last
    back = [Side("untar; sync", lambda: shell(f"mkdir {work}/back-tar && tar x -C {work}/back-tar -f {work}/tar && sync -f {work}/back-tar"),
                 lambda: forget(f"{work}/back-tar")),
            Side("synbak", lambda: ours.restore(identity, [source], mode="target", target=f"{work}/back-synbak"),
                 lambda: forget(f"{work}/back-synbak")),
            *[Side(r.name, lambda r=r: r.restore(f"{work}/back-{r.name}"), lambda r=r: forget(f"{work}/back-{r.name}")) for r in rivals]]
    compare("media, restore", back, [("synbak", "restic", 0.8, "at most")])
    report(7, "media, restore")
    compare("verify every byte", [Side("synbak", ours.verify), *[Side(r.name, r.verify) for r in rivals]],
            [("synbak", "restic", 0.5, "at most")])
    note(f"peak memory of a worker {ours.peak:.0f} MiB; wanted at most 64")
    report(8, "verify")


def main():
    for name, work in (("database", database), ("media", media)):
        if name in WORK:
            work(temp_dir(whole_file=True))


try:
    main()
finally:
    _undo(_of_file)
