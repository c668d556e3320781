"""Work for a worker at a destination with format = repository: a tree and a stream, changed from set to set, so that
there are deltas, unchanged files and several packs. What each set must bring back is remembered."""
import copy
import hashlib
import os
import random
import shutil
import stat

from harness import ROOT, check, equal, run, temp_dir, write_file
from worker_client import Worker, work
from worker_jobs import OWNER, command_source, commit_job, files_source, folder_store, part, read_job

KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"
READER = os.path.join(ROOT, "tests", "tools", "repository_reader.py")
PYTHON = "/usr/bin/python3"  # the system's own, which has Debian's packages
JOB = "j"


def fingerprint(root):
    """{path: what it is} of everything below root."""
    found, names = {}, {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = f"{folder}/{name}"
            st = os.lstat(path)
            what = [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_mtime_ns]
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    what.append(hashlib.sha256(f.read()).hexdigest())
                what.append(names.setdefault(st.st_ino, len(names)) if st.st_nlink > 1 else None)
            elif stat.S_ISLNK(st.st_mode):
                what.append(os.readlink(path))
            found[os.path.relpath(path, root)] = tuple(what)
    return found


def left_there(target):
    """What lies in the folder of each source."""
    return [name for source in os.listdir(target) for name in os.listdir(f"{target}/{source}")]


def is_unfinished(name):
    """It is kept for a restore that goes on."""
    return name.startswith(".synbak-restore-") or name.endswith(".synbak-part")


class RepositoryWork:
    """One installation and its destination. `place`: that of another installation."""

    def __init__(self, place=None, owner=OWNER, key=KEY, seed=1, whole_file=False):
        self.dir = temp_dir(whole_file)
        self.owner, self.key, self.random = owner, key, random.Random(seed)
        self.disk = f"{self.dir}/disk"
        self.place, self.state = place or f"{self.disk}/place", f"{self.disk}/state"
        self.tree, self.stream = f"{self.dir}/tree", f"{self.dir}/stream"
        self.numbers, self.heads, self.sequence, self.trash_s = {}, (None, None), 0, 7 * 86400
        self.expected = {}  # of the sets that exist: what they bring back
        os.makedirs(self.place, 0o700, exist_ok=True)
        for folder in (f"{self.state}/cache", f"{self.state}/tracking", f"{self.tree}/a/b", f"{self.tree}/empty"):
            os.makedirs(folder, 0o700)
        self.rows = [self.row(i) for i in range(6000)]
        write_file(f"{self.tree}/large", self.random.randbytes(500_000))
        for i in range(8):
            write_file(f"{self.tree}/a/{i}", self.random.randbytes(2000 * i))
        write_file(f"{self.tree}/a/b/text", "a line\n" * 20_000)
        os.symlink("../large", f"{self.tree}/a/link")
        os.link(f"{self.tree}/a/3", f"{self.tree}/z-second")
        self.write_stream()

    # --- the data ---

    def row(self, i):
        return f"{i}\t{self.random.getrandbits(64):x}\t{self.random.choice(('alpha', 'beta', 'gamma'))} text of row\n"

    def write_stream(self):
        write_file(self.stream, "".join(self.rows))

    def change_stream(self):
        """Rows are updated and appended."""
        for _ in range(20):
            i = self.random.randrange(len(self.rows))
            self.rows[i] = self.row(i)
        self.rows += [self.row(len(self.rows)) for _ in range(60)]
        self.write_stream()

    def change(self):
        """A day passes: the stream changes, and files come and change."""
        self.change_stream()
        day = self.random.getrandbits(32)
        write_file(f"{self.tree}/a/{day}", self.random.randbytes(30_000))
        write_file(f"{self.tree}/a/{self.random.randrange(8)}", self.random.randbytes(self.random.randrange(20_000)))
        with open(f"{self.tree}/a/b/text", "a", encoding="ascii") as f:
            f.write(f"day {day}\n")

    # --- jobs ---

    def store(self, **more):
        store = folder_store(self.place, key=self.key, owner=self.owner, format="repository", repository="r",
                             cache_dir=f"{self.state}/cache", known_writer=self.heads[0], known_pruner=self.heads[1],
                             trash_s=self.trash_s, **more)
        return {name: value for name, value in store.items() if name not in ("gzip", "level", "volume_bytes")}

    def sources(self):
        return [files_source(self.tree, "tree"), command_source("stream", ["/bin/cat", self.stream])]

    def read_job(self, source, identity):
        tracking = {"r": {"dir": f"{self.state}/tracking/{source['name']}", "number": self.numbers.get(source["name"], 0)}}
        return {**read_job(source, [self.store()], JOB, identity), "host": "here", "tracking": tracking}

    def commit_job(self, reads, identity):
        parts = [part(source, read) for source, read in zip(self.sources(), reads)]
        return commit_job(parts, [self.store()], JOB, identity, self.sequence + 1)

    def restore_job(self, identity, target):
        return {"verb": "restore", "store": self.store(), "job": JOB, "id": identity, "sources": [], "mode": "target",
                "target": target, "configured": [], "safety_copy": "none", "replace": False, "stop": [], "start": [],
                "check": [], "state_dir": None, "run": "r", "yes": True, "database": None}

    def prune_job(self, ids):
        return {"verb": "prune", "stores": [self.store()], "job": JOB, "ids": ids, "reading": [], "oldest_run": None}

    def keys_job(self, change, **more):
        return {"verb": "keys", "stores": [self.store()], "change": change, **more}

    # --- doing them ---

    def remember_heads(self, heads):
        self.heads = heads["writer"], heads["pruner"]

    def content(self):
        """What a set that is made now brings back."""
        with open(self.stream, "rb") as f:
            return fingerprint(self.tree), hashlib.sha256(f.read()).hexdigest()

    def read(self, identity, **options):
        """options: of work()."""
        reads = [work(self.read_job(source, identity), **options) for source in self.sources()]
        for read in reads:
            equal([d["error"] for d in read["destinations"] if not d["ok"]], [])
        return reads

    def committed(self, identity, reads, destination):
        """A commit said so."""
        self.sequence += 1
        self.remember_heads(destination["heads"])
        for source, read in zip(self.sources(), reads):
            self.numbers[source["name"]] = read["tracking"]["r"]
        self.expected[identity] = self.content()

    def backup(self, identity, **options):
        reads = self.read(identity, **options)
        destination = work(self.commit_job(reads, identity), **options)["destinations"][0]
        check(destination["ok"], str(destination))
        self.committed(identity, reads, destination)
        return reads

    def prune(self, ids):
        result = work(self.prune_job(ids))
        equal(result["failed"], [])
        self.remember_heads(result["heads"])
        for identity in ids:
            self.expected.pop(identity, None)
        return result

    def sets(self):
        result = work({"verb": "scan", "store": self.store(), "jobs": [JOB], "sweep_age_s": 0, "in_progress": []})
        equal(result["damaged"], [])
        return {s["id"] for s in result["sets"].get(JOB, [])}

    def compare(self, target, content, text=""):
        with open(f"{target}/stream/stream.out", "rb") as f:
            stream = hashlib.sha256(f.read()).hexdigest()
        equal(stream, content[1], f"{text}: the stream")
        got, wanted = fingerprint(f"{target}/tree"), content[0]
        equal({p: got.get(p) for p in {*got, *wanted} if got.get(p) != wanted.get(p)},
              {p: wanted.get(p) for p in {*got, *wanted} if got.get(p) != wanted.get(p)}, f"{text}: the tree")

    def restores(self, identity, content=None, text=""):
        """It comes back bit for bit."""
        target = f"{self.dir}/restored"
        work(self.restore_job(identity, target))
        self.compare(target, content or self.expected[identity], f"{text} {identity}")
        shutil.rmtree(target)

    def attempt_restore(self, identity, text=""):
        """A restore of what may be damaged: None when it went well, and what came is right, else the error.
        Nothing is at the target then."""
        target = f"{self.dir}/restored"
        message = Worker(self.restore_job(identity, target)).finish(True)
        if message["ok"]:
            self.compare(target, self.expected[identity], f"{text} {identity}")
        elif os.path.isdir(target):  # what was finished before the fault is right
            equal([n for n in left_there(target) if not is_unfinished(n)], [], f"{text} {identity}: left there")
        shutil.rmtree(target, ignore_errors=True)
        return None if message["ok"] else message["error"]

    def reader(self, *arguments, ok=True):
        key = f"{self.dir}/key"
        if not os.path.exists(key):
            write_file(key, self.key + "\n", 0o600)
        return run([PYTHON, READER, "--key", key, *arguments], ok=ok)

    def read_back(self, identity, *options, text=""):
        """The same by the reader that shares no code with the worker."""
        target = f"{self.dir}/read"
        self.reader(*options, self.place, f"{JOB}/{identity}", "--to", target)
        self.compare(target, self.expected[identity], f"{text} {identity}, by the reader")
        shutil.rmtree(target)

    # --- a template that each attempt begins with ---

    def save(self):
        self.saved = copy.deepcopy((self.numbers, self.heads, self.sequence, self.expected))
        for name in ("place", "state"):
            shutil.rmtree(f"{self.dir}/saved-{name}", ignore_errors=True)
            shutil.copytree(getattr(self, name), f"{self.dir}/saved-{name}", symlinks=True)

    def reset(self):
        """The trees stay: what is tracked knows them by their inodes."""
        self.numbers, self.heads, self.sequence, self.expected = copy.deepcopy(self.saved)
        for name in ("place", "state"):
            shutil.rmtree(getattr(self, name))
            shutil.copytree(f"{self.dir}/saved-{name}", getattr(self, name), symlinks=True)

    def objects(self, prefix=""):
        """Names of all objects at the destination; not what a put has under way."""
        found = []
        for folder, _, files in os.walk(self.place):
            found += [os.path.relpath(f"{folder}/{name}", self.place) for name in files]
        return sorted(name for name in found if name.startswith(prefix) and not name.startswith(".synbak"))
