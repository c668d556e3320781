"""What jobs of synbak-worker are made of (lib/protocol/worker_msg.h): destinations, sources, and the commit of what
was read. `more` overrides or adds members."""

OWNER = "ab" * 16
VERBS = {"postgresql": "dump", "files": "archive", "command": "command"}


def folder_store(path, **more):
    store = {"destination": "local", "type": "directory", "path": path, "owner": OWNER, "known_id": None, "key": None,
             "old_keys": [], "gzip": True, "level": 1, "volume_bytes": 1 << 36, **more}
    return {"key_hint": "none" if store["key"] is None else "file:/etc/synbak/key", **store}


def files_source(path, name="media", **more):
    return {"name": name, "type": "files", "path": path, "include": [], "exclude": [], "one_file_system": True,
            "xattrs": True, "allow_empty": False, "had_files": False, **more}


def database_source(uri, name="database", **more):
    return {"name": name, "type": "postgresql", "uri": uri, "restore_uri": uri, "databases": [],
            "exclude_databases": [], "exclude_tables": [], "exclude_table_data": [], "schemas": [],
            "schema_only": False, "globals": False, "format": "custom", "bin_dir": None, "lock_timeout_s": 60, **more}


def command_source(name, argv, restore=()):
    return {"name": name, "type": "command", "command": list(argv), "restore_command": list(restore)}


def read_job(source, stores, job, identity, threads=2):
    """Reads one source to the stores; its result goes to part()."""
    return {"verb": VERBS[source["type"]], "job": job, "id": identity, "source": source, "stores": stores,
            "threads": threads}


def part(source, result):
    """A source that was read, as a commit wants it."""
    return {"name": source["name"], "type": source["type"], "whole": result["whole"], "problems": result["problems"],
            "artifacts": {d["destination"]: d["artifacts"] for d in result["destinations"]}}


def commit_job(parts, stores, job, identity, sequence=1, **more):
    return {"verb": "commit", "job": job, "id": identity, "sequence": sequence, "tiers": ["manual"],
            "reason": "a test", "started": "2026-01-01T00:00:00Z", "fragment": False, "host": "here",
            "stores": stores, "sources": parts, **more}
