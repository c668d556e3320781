"""Worker jobs for the measurements: one source to one directory, committed, and back again."""
import os
import shutil
import threading
import time

from harness import Failed
from measure import peak_memory
from worker_client import Worker
from worker_jobs import commit_job, folder_store, part, read_job


class Place:
    """A destination folder; backup() makes one committed set in it."""

    def __init__(self, folder, key, volume_bytes=64 << 30):
        self.folder, self.key, self.volume_bytes = folder, key, volume_bytes
        self.peak = 0.0
        self.number = 0

    def store(self):
        return folder_store(self.folder, key=self.key, level=2, volume_bytes=self.volume_bytes)

    def empty(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, 0o700)

    def work(self, job):
        worker = Worker(job)
        stop = threading.Event()

        def watch():
            while not stop.is_set():
                try:
                    self.peak = max(self.peak, peak_memory(worker.process.pid))
                except OSError:
                    return
                time.sleep(0.05)
        watcher = threading.Thread(target=watch)
        watcher.start()
        message = worker.finish(True, timeout=600)
        stop.set()
        watcher.join()
        if not message["ok"]:
            raise Failed(message["error"])
        self.heard(worker.messages)
        return message["result"]

    def heard(self, messages):
        """All that a worker said."""

    def backup(self, verb, source, threads=2):
        self.number += 1
        identity = f"20260101_{self.number // 3600:02}{self.number // 60 % 60:02}{self.number % 60:02}"
        read = self.work(read_job(source, [self.store()], "bench", identity, threads))
        self.work(commit_job([part(source, read)], [self.store()], "bench", identity, self.number))
        return identity

    def stored(self, identity, suffix):
        total = 0
        for folder, _, files in os.walk(os.path.join(self.folder, "bench", identity)):
            total += sum(os.path.getsize(os.path.join(folder, f)) for f in files if suffix in f)
        return total

    def restore(self, identity, sources, **how):
        return self.work({"verb": "restore", "store": self.store(), "job": "bench", "id": identity,
                          "sources": [], "configured": sources, "safety_copy": "none", "replace": False,
                          "stop": [], "start": [], "check": [], "state_dir": None, "run": "bench",
                          "yes": True, "database": None, "target": None, **how})


class Repository(Place):
    """A destination folder with format = repository: what one set leaves behind serves the next."""
    name = "synbak"

    def __init__(self, folder, key):
        super().__init__(folder, key)
        self.cache, self.tracking, self.tracked, self.last = f"{folder}.cache", f"{folder}.tracking", {}, None
        self.stretched = None  # within one run, as the daemon keeps it

    def store(self):
        store = folder_store(self.folder, key=self.key, format="repository", repository="bench", cache_dir=self.cache,
                             stretched=self.stretched, known_writer=None, known_pruner=None, trash_s=7 * 86400)
        return {name: value for name, value in store.items() if name not in ("gzip", "level", "volume_bytes")}

    def empty(self):
        for folder in (self.folder, self.cache, self.tracking):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder, 0o700)
        self.tracked = {}

    def heard(self, messages):
        for message in messages:
            if message["type"] == "stretched":
                self.stretched = message["text"]

    def backup(self, verb, source, threads=2):
        self.number += 1
        self.stretched = None
        identity = f"20260101_{self.number // 3600:02}{self.number // 60 % 60:02}{self.number % 60:02}"
        tracking = {"bench": {"dir": f"{self.tracking}/{source['name']}", "number": self.tracked.get(source["name"], 0)}}
        read = self.work({**read_job(source, [self.store()], "bench", identity, threads), "host": "here",
                          "tracking": tracking})
        self.work(commit_job([part(source, read)], [self.store()], "bench", identity, self.number))
        self.tracked[source["name"]] = read["tracking"]["bench"]
        self.last = identity
        return identity

    def verify(self):
        result = self.work({"verb": "verify", "store": self.store(), "all": True, "data": True})
        if result["damaged"]:
            raise Failed(f"damaged: {result['damaged']}")
