#!/usr/bin/env python3
"""A Synapse-shaped database of 400,000 events: dump and restore against pg_dump and the usual pipe."""
import os
import subprocess

from measure import Side, compare, report, shell
from harness import ROOT, _undo, _of_file, note, temp_dir, write_file
from jobs import Place
from worker_jobs import database_source
from pg import Cluster

EVENTS = int(os.environ.get("SYNBAK_BENCH_EVENTS", "400000"))


def main():
    cluster = Cluster(whole_file=True)
    env = cluster.environment()
    cluster.sql("create database synapse")
    subprocess.run([f"{cluster.bin}/psql", "-q", "-v", f"events={EVENTS}", "-f", "etc/demo/homeserver.sql", "synapse"],
                   check=True, env=env, cwd=ROOT)
    work = temp_dir(whole_file=True)
    key = subprocess.run(["openssl", "rand", "-base64", "32"], check=True, capture_output=True, text=True).stdout.strip()
    key_file = write_file(f"{work}/key", key + "\n", 0o600)
    source = database_source(cluster.uri("synapse"))
    ours, bare = Place(f"{work}/encrypted", key), Place(f"{work}/plain", None)
    for place in (ours, bare):
        place.empty()
    dump = f"{cluster.bin}/pg_dump"
    last = {}
    sides = [
        Side("pg_dump | cat", lambda: shell(f"{dump} synapse | cat >/dev/null", env)),
        Side("synbak", lambda: last.update(id=ours.backup("dump", source)), ours.empty),
        Side("synbak, not encrypted", lambda: bare.backup("dump", source), bare.empty),
        Side("pg_dump | gzip | openssl | tee | sha256sum", lambda: shell(
            f"{dump} synapse | gzip | openssl enc -aes-256-cbc -pbkdf2 -pass file:{key_file} "
            f"| tee {work}/pipe | sha256sum", env)),
    ]
    compare("dump", sides, [("synbak", "pg_dump | cat", 1.8, "at most"),
                            ("synbak", "pg_dump | gzip | openssl | tee | sha256sum", 5, "at least"),
                            ("synbak", "synbak, not encrypted", 1.1, "at most")])
    report(1, "dump")

    gzip = int(subprocess.run(["bash", "-c", f"{dump} -Fc -Z0 synapse | gzip -6 | wc -c"], check=True, env=env,
                              capture_output=True, text=True).stdout)
    stored = ours.stored(last["id"], ".dump.gz.enc")
    note(f"stored {stored / 1e6:.0f} MB, gzip -6 {gzip / 1e6:.0f} MB: {stored / gzip:.3f}; wanted at most 1.05")
    note(f"peak memory of a worker {ours.peak:.0f} MiB; wanted at most 64")
    report(2, "size and memory")

    artifact = f"{ours.folder}/bench/{last['id']}/database/synapse.dump.gz.enc"
    drop = lambda name: shell(f"{cluster.bin}/dropdb --if-exists {name}", env)
    sides = [
        Side("openssl | gunzip | pg_restore", lambda: shell(
            f"{cluster.bin}/createdb stock && openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 -pass file:{key_file} "
            f"-in {artifact} | gunzip | {cluster.bin}/pg_restore -d stock && {cluster.bin}/psql -qc ANALYZE stock", env),
            lambda: drop("stock")),
        Side("synbak restore", lambda: ours.restore(last["id"], [source], mode="database", database="ours"),
             lambda: drop("ours")),
    ]
    compare("restore of the dump", sides, [("synbak restore", "openssl | gunzip | pg_restore", 1.2, "at most")])
    report(3, "restore")


try:
    main()
finally:
    _undo(_of_file)
