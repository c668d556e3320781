"""Worker jobs for the measurements: one source to one directory, committed, and back again."""
import os
import shutil
import threading
import time

from harness import Failed
from measure import peak_memory
from worker_client import Worker

OWNER = "0" * 31 + "1"


class Place:
    """A destination folder; backup() makes one committed set in it."""

    def __init__(self, folder, key, volume_bytes=64 << 30):
        self.folder, self.key, self.volume_bytes = folder, key, volume_bytes
        self.peak = 0.0
        self.number = 0

    def store(self):
        return {"destination": "local", "type": "directory", "path": self.folder, "owner": OWNER,
                "known_id": None, "key": self.key, "key_hint": "none" if self.key is None else "file:/etc/synbak/key",
                "old_keys": [], "gzip": True, "level": 2, "volume_bytes": self.volume_bytes}

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
        return message["result"]

    def backup(self, verb, source, threads=2):
        self.number += 1
        identity = f"20260101_{self.number // 3600:02}{self.number // 60 % 60:02}{self.number % 60:02}"
        job = {"job": "bench", "id": identity, "stores": [self.store()]}
        read = self.work({**job, "verb": verb, "source": source, "threads": threads})
        commit = {**job, "verb": "commit", "sequence": self.number, "tiers": ["manual"], "reason": "bench",
                  "started": "2026-01-01T00:00:00Z", "fragment": False, "host": "bench",
                  "sources": [{"name": source["name"], "type": source["type"], "whole": read["whole"],
                               "problems": read["problems"],
                               "artifacts": {d["destination"]: d["artifacts"] for d in read["destinations"]}}]}
        self.work(commit)
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


def database_source(uri, dump_format="custom"):
    return {"name": "database", "type": "postgresql", "uri": uri, "restore_uri": uri, "databases": [],
            "exclude_databases": [], "exclude_tables": [], "exclude_table_data": [], "schemas": [],
            "schema_only": False, "globals": False, "format": dump_format, "bin_dir": None, "lock_timeout_s": 60}


def files_source(path):
    return {"name": "media", "type": "files", "path": path, "include": [], "exclude": [],
            "one_file_system": True, "xattrs": True, "allow_empty": False, "had_files": False}
