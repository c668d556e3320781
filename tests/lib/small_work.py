"""The smallest work there is for a worker: one destination, one tree, unencrypted sets of it."""
import os

from harness import equal, temp_dir, write_file
from worker_client import work

OWNER = "ab" * 16


class Work:
    """One destination, one small tree; sets are made by archive and commit."""

    def __init__(self):
        self.dir = temp_dir()
        self.place, self.tree = f"{self.dir}/place", f"{self.dir}/tree"
        os.mkdir(self.place, 0o700)
        os.makedirs(f"{self.tree}/folder")
        write_file(f"{self.tree}/folder/file", os.urandom(300_000))
        write_file(f"{self.tree}/text", "a line\n" * 1000)

    def store(self):
        return {"destination": "local", "type": "directory", "path": self.place, "owner": OWNER, "known_id": None,
                "key": None, "key_hint": "none", "old_keys": [], "gzip": True, "level": 1, "volume_bytes": 1 << 20}

    def source(self):
        return {"name": "tree", "type": "files", "path": self.tree, "include": [], "exclude": [],
                "one_file_system": True, "xattrs": True, "allow_empty": False, "had_files": False}

    def archive_job(self, identity):
        return {"verb": "archive", "job": "j", "id": identity, "source": self.source(), "stores": [self.store()],
                "threads": 1}

    def commit_job(self, identity, read, sequence):
        return {"verb": "commit", "job": "j", "id": identity, "sequence": sequence, "tiers": ["daily"], "reason": "test",
                "started": "2026-01-01T00:00:00Z", "fragment": False, "host": "h", "stores": [self.store()],
                "sources": [{"name": "tree", "type": "files", "whole": read["whole"], "problems": read["problems"],
                             "artifacts": {d["destination"]: d["artifacts"] for d in read["destinations"]}}]}

    def make(self, identity, sequence, **options):
        read = work(self.archive_job(identity), **options)
        work(self.commit_job(identity, read, sequence), **options)
        return read

    def verify(self, identity):
        result = work({"verb": "verify", "store": self.store(), "job": "j", "id": identity})
        equal(result["damaged"], [], identity)

    def sets(self):
        result = work({"verb": "scan", "store": self.store(), "jobs": ["j"], "sweep_age_s": 0, "in_progress": []})
        equal(result["damaged"], [])
        return {s["id"] for s in result["sets"].get("j", [])}
