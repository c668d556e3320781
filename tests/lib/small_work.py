"""The smallest work there is for a worker: one destination, one tree, unencrypted sets of it."""
import os

from harness import equal, temp_dir, write_file
from worker_client import work
from worker_jobs import OWNER, commit_job, files_source, folder_store, part, read_job  # noqa: F401


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
        return folder_store(self.place, volume_bytes=1 << 20)

    def source(self):
        return files_source(self.tree, "tree")

    def archive_job(self, identity):
        return read_job(self.source(), [self.store()], "j", identity, threads=1)

    def commit_job(self, identity, read, sequence):
        return commit_job([part(self.source(), read)], [self.store()], "j", identity, sequence)

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
