#!/usr/bin/env python3
"""Three replicas of a repository, two installations: whatever is away while one of them backs up, copies, prunes, pins or
takes a replica over, the logs of the replicas stay beginnings of one another, and once all are there they are one again.

Where nobody who acts has seen the newest record and no replica that has it is there, nobody can know of it: such steps are
left out."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, equal, long, note, run_all, temp_dir, test  # noqa: E402
from worker_client import Worker  # noqa: E402
from worker_jobs import command_source, commit_job, folder_store, part, read_job  # noqa: E402

KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"
NAMES = ("a", "b", "c")
ROLES = ("writer", "pruner")
EXPECTED = {"foreign", "unavailable", "not-found", "not-mounted", "refused", "exists"}


def number(head):
    return int(head.split(":")[0])


class World:
    def __init__(self):
        self.dir = temp_dir()
        self.away, self.sets, self.made, self.told = set(), {}, 0, []
        for name in NAMES:
            os.mkdir(f"{self.dir}/{name}", 0o700)
        self.hosts = [Host(self, f"{i}{i}" * 16) for i in (1, 2)]

    def path(self, name):
        return f"{self.dir}/{name}" + ("-away" if name in self.away else "")

    def here(self):
        return [name for name in NAMES if name not in self.away]

    def move(self, away):
        for name in NAMES:
            before = self.path(name)
            self.away = self.away - {name} | ({name} & set(away))
            os.rename(before, self.path(name))

    def log(self, name, role):
        """(number, bytes) of the newest object; no test here fills a group."""
        folder = f"{self.path(name)}/log/{role}"
        newest = max((n for n in os.listdir(folder) if n[0] != "."), default=None) if os.path.isdir(folder) else None
        if newest is None:
            return 0, b""
        with open(f"{folder}/{newest}", "rb") as f:
            return int(newest), f.read()

    def longest(self, names=NAMES):
        return {role: max((self.log(name, role)[0] for name in names), default=0) for role in ROLES}

    def check(self, text):
        for role in ROLES:
            logs = sorted((self.log(name, role) for name in NAMES), key=lambda log: log[0])
            for (n, shorter), (m, longer) in zip(logs, logs[1:]):
                check(longer.startswith(shorter), f"{text}: the {role}'s logs part at or before {n} (of {m}): {self.told}")
            for name, heads in ((name, heads) for host in self.hosts for name, heads in host.heads.items()):
                check(number(heads[role]) <= self.log(name, role)[0],
                      f"{text}: more is said to be seen at {name} than lies there: {heads} {self.told}")


class Host:
    def __init__(self, world, owner):
        self.world, self.owner, self.heads = world, owner, {}
        self.cache = f"{world.dir}/cache-{owner[:1]}"
        os.mkdir(self.cache)

    def newest(self):
        return {role: max((number(heads[role]) for heads in self.heads.values()), default=0) for role in ROLES}

    def may_know(self):
        """Has it seen all, or is it there to be seen?"""
        w = self.world
        newest, all_of_it, here = self.newest(), w.longest(), w.longest(w.here())
        return all(all_of_it[role] in (newest[role], here[role]) for role in ROLES)

    def store(self, name):
        heads = self.heads.get(name, {})
        store = folder_store(f"{self.world.dir}/{name}", key=KEY, destination=name, owner=self.owner, format="repository",
                             repository="r", cache_dir=self.cache, known_writer=heads.get("writer"),
                             known_pruner=heads.get("pruner"), newest=self.newest(), trash_s=7 * 86400)
        return {key: value for key, value in store.items() if key not in ("gzip", "level", "volume_bytes")}

    def leading(self):
        """As the daemon orders replicas: whose logs were seen to be the longest first."""
        def seen(name):
            heads = self.heads.get(name)
            return [-number(heads[role]) for role in ROLES] if heads else [0, 0]
        return sorted(self.world.here(), key=seen)

    def work(self, job):
        """The result, or None where it is refused for a reason that there is."""
        message = Worker(job).finish()
        if message["ok"]:
            return message["result"]
        self.world.told.append(f"{job['verb']}: {message['code']}: {message['error']}")
        check(message["code"] in EXPECTED, f"{self.world.told}")
        return None

    def note(self, name, heads):
        if heads:
            self.heads[name] = heads

    # --- what it does ---

    def backup(self):
        w = self.world
        w.made += 1
        identity = f"20260101_{w.made:06}"
        stores, source = [self.store(name) for name in NAMES], command_source("out", ["/bin/echo", identity])
        read = self.work({**read_job(source, stores, "j", identity), "host": "here"})
        if read is None or not any(d["ok"] for d in read["destinations"]):
            return
        alive = [s for s, d in zip(stores, read["destinations"]) if d["ok"]]
        for d in self.work(commit_job([part(source, read)], alive, "j", identity, w.made))["destinations"]:
            if d["ok"]:
                self.note(d["destination"], d.get("heads"))
                w.sets[identity] = True
            else:
                w.told.append(f"commit {d['destination']}: {d['code']}: {d['error']}")
                check(d["code"] in EXPECTED, f"{w.told}")

    def adopt(self, name):
        others = [other for other in NAMES if other != name]
        forgotten = self.heads.pop(name, None)
        result = self.work({"verb": "adopt", "stores": [self.store(n) for n in (name, *others)]})
        if result is None:
            if forgotten:
                self.heads[name] = forgotten
            return
        for other, heads in result.get("heads", {}).items():
            self.note(other, heads)

    def scan(self):
        """{NAME: ids} of what it may list."""
        found = {}
        for name in self.world.here():
            result = self.work({"verb": "scan", "store": self.store(name), "jobs": ["j"], "sweep_age_s": 0, "in_progress": []})
            if result is not None:
                self.note(name, result.get("heads"))
                found[name] = {s["id"] for s in result["sets"].get("j", [])}
        return found

    def copy(self):
        found = self.scan()
        for to, has in found.items():
            for supplier, holds in found.items():
                lacking = sorted(holds - has)
                if supplier == to or not lacking:
                    continue
                result = self.work({"verb": "copy", "from": self.store(supplier), "to": self.store(to), "job": "j",
                                    "id": lacking[-1]})
                if result is not None:
                    self.note(to, result.get("heads"))
                    has |= holds

    def prune(self):
        ids = sorted(set.union(set(), *self.scan().values()))[:-2]
        if ids and self.leading():
            self.remove(ids[:1])

    def remove(self, ids):
        """Also with nothing to remove it brings what a replica missed of earlier prunes."""
        result = self.work({"verb": "prune", "stores": [self.store(n) for n in self.leading()], "job": "j", "ids": ids,
                            "reading": [], "oldest_run": None})
        if result is not None:
            self.note(self.leading()[0], result["heads"])
            for identity in result["removed"]:
                self.world.sets.pop(identity, None)

    def mark(self):
        ids = sorted(set.union(set(), *self.scan().values()))
        if ids and self.leading():
            result = self.work({"verb": "mark", "stores": [self.store(n) for n in self.leading()], "job": "j", "id": ids[-1],
                                "kind": "pin", "reason": "why not", "until": None})
            if result is not None:
                self.note(self.leading()[0], result.get("heads"))

    def rotate(self):
        self.work({"verb": "keys", "stores": [self.store(n) for n in self.leading()], "change": "rotate"})


def step(w, random_):
    host = random_.choice(w.hosts)
    w.move(set(random_.sample(NAMES, random_.choice((0, 0, 1, 1, 2)))))
    what = random_.choice(("backup", "backup", "backup", "adopt", "adopt", "copy", "copy", "prune", "mark", "rotate"))
    if not host.may_know() or not w.here():
        return None
    w.told.append(f"{what} by {host.owner[0]}, away {sorted(w.away)}")
    getattr(host, what)(*((random_.choice(w.here()),) if what == "adopt" else ()))
    w.check(what)
    return what


def heal(w):
    """All are there; one takes all over and goes on."""
    w.move(())
    host = w.hosts[0]
    for _ in range(2):  # the one that has most comes first, whichever that is
        for name in NAMES:
            host.adopt(name)
    host.backup()
    host.copy()
    host.remove([])
    w.check("in the end")
    found = host.scan()
    equal(found, {name: set(w.sets) for name in NAMES}, str(w.told))
    equal([w.log(name, "writer") for name in NAMES[1:]], [w.log("a", "writer")] * 2, str(w.told))


@test
def no_more_is_said_to_be_seen_than_lies_there():
    w = World()
    host = w.hosts[0]
    host.backup()
    w.move("bc")
    host.rotate()  # a record of the pruner that the others lack
    w.move(())
    host.backup()
    w.check("a backup")
    equal(set(host.scan()), set(NAMES), "nothing looks as if it had been rolled back")


@test(limit=3000)
def any_order():
    rounds, done = 20 if long() else 2, {}
    for seed in range(rounds):
        w, random_ = World(), random.Random(seed)
        w.hosts[0].backup()
        for _ in range(25 if long() else 12):
            what = step(w, random_)
            done[what] = done.get(what, 0) + 1
        heal(w)
    note(f"{rounds} rounds: " + ", ".join(f"{count} {what}" for what, count in sorted(done.items(), key=str)))


if __name__ == "__main__":
    run_all()
