#!/usr/bin/env python3
"""Dumps, checks and restores of real databases by synbak-worker, driven over fd 3."""
import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import pg
from harness import (Failed, check, contains, equal, lacks, run, run_all, start, temp_dir, test,
                     wait_until, write_file, write_program)
from worker_client import Worker, work, work_error

KEY = "an example key of thirty bytes"
OWNER = "ab" * 16
WEIRD = ["with space", "Üml\"aut'", "a=b", "%percent", "-dash", "semi;drop", "new\nline", "globals",
         "host=evil", "ends\\"]
shared = {}


def cluster():
    """One server for all tests of this file that do not break it."""
    if "cluster" not in shared:
        shared["cluster"] = pg.Cluster(auth="scram", whole_file=True)
        pg.make_synapse(shared["cluster"])
    return shared["cluster"]


def store(path=None, name="local", **more):
    return {"destination": name, "type": "directory", "path": path or temp_dir(), "owner": OWNER,
            "known_id": None, "key": KEY, "key_hint": "file:/etc/synbak/key", "old_keys": [],
            "gzip": True, "level": 1, "volume_bytes": 1 << 36, **more}


def source(uri, **more):
    return {"name": "database", "type": "postgresql", "uri": uri, "restore_uri": uri,
            "databases": [], "exclude_databases": [], "exclude_tables": [],
            "exclude_table_data": [], "schemas": [], "schema_only": False, "globals": False,
            "format": "custom", "bin_dir": None, "lock_timeout_s": 60, **more}


def dump_job(src, *stores, id="20261120_143000"):
    return {"verb": "dump", "job": "synapse", "id": id, "source": src,
            "stores": list(stores) or [store()], "threads": 2}


def plain_bytes(place, artifact, id="20261120_143000"):
    """What stock tools make of an artifact."""
    folder = os.path.join(place, "synapse", id)
    key = write_file(os.path.join(temp_dir(), "key"), KEY + "\n", 0o600)
    volumes = [os.path.join(folder, v["name"]) for v in artifact["volumes"]]
    opened = run(["sh", "-c", 'k=$1; shift; cat "$@" | openssl enc -d -aes-256-cbc -pbkdf2 '
                  '-iter 600000 -md sha256 -pass "file:$k" | gunzip', "sh", key, *volumes],
                 ok=True, text=False)
    return opened.stdout


def artifacts(result, kind=None):
    return [a for a in result["destinations"][0]["artifacts"] if kind in (None, a["kind"])]


def fake_tools(script, version="15.20"):
    """A bin_dir whose pg_dump says it is of that version and otherwise runs the script, with the
    real one as $REAL; the other programs are the real ones."""
    folder = temp_dir()
    real = pg.bin_dir()
    for name in ("pg_dumpall", "pg_restore", "psql"):
        os.symlink(os.path.join(real, name), os.path.join(folder, name))
    write_program(os.path.join(folder, "pg_dump"), f"""#!/bin/bash
if [ "$1" = --version ]; then echo 'pg_dump (PostgreSQL) {version}'; exit 0; fi
REAL={real}/pg_dump
{script}
""")
    return folder


# --- dumping ---

@test
def a_dump_restores_to_the_same_database():
    c, place = cluster(), temp_dir()
    result = work(dump_job(source(c.uri("synapse"), globals=True), store(place)))
    equal(result["whole"], True)
    equal(result["problems"], [])
    dump, = artifacts(result, "dump")
    equal(dump["database"], "synapse")
    equal(dump["volumes"][0]["name"], "database/synapse.dump.gz.enc")
    equal(dump["details"]["database"]["owner"], "synapse_user")
    equal(dump["details"]["tables"], 4)
    data = plain_bytes(place, dump)
    equal(len(data), dump["raw_bytes"])
    c.sql("create database again template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'")
    c.tool("pg_restore", "--exit-on-error", "-d", "again", text=False, input=data)
    equal(c.dump("again"), c.dump("synapse"))
    roles, = artifacts(result, "globals")
    contains(plain_bytes(place, roles).decode(), "CREATE ROLE synapse_user;")


@test
def sql_text_schemas_and_exclusions():
    c, place = cluster(), temp_dir()
    result = work(dump_job(source(c.uri("synapse"), format="plain"), store(place)))
    text, = artifacts(result, "sql")
    equal(text["volumes"][0]["name"], "database/synapse.sql.gz.enc")
    contains(plain_bytes(place, text).decode(), "COPY public.events (")
    result = work(dump_job(source(c.uri("synapse"), format="plain", exclude_tables=["event_json"],
                                  exclude_table_data=["e2e_*"]), store(place), id="20261120_143001"))
    sql = plain_bytes(place, artifacts(result)[0], "20261120_143001").decode()
    lacks(sql, "TABLE public.event_json")
    contains(sql, "CREATE TABLE public.e2e_one_time_keys_json")
    lacks(sql, "COPY public.e2e_one_time_keys_json")
    result = work(dump_job(source(c.uri("synapse"), format="plain", schema_only=True),
                           store(place), id="20261120_143002"))
    lacks(plain_bytes(place, artifacts(result)[0], "20261120_143002").decode(), "COPY ")


@test
def every_database_whatever_its_name():
    c, place = pg.Cluster(auth="scram"), temp_dir()
    for name in WEIRD:
        c.sql(f"create database {pg.quoted(name)}")
        c.sql(f"create table t as select 1 as {pg.quoted(name[:20])}", name)
    c.sql("create database closed allow_connections false; create database not_me")
    for form in ("custom", "plain"):
        result = work(dump_job(source(c.uri("postgres"), databases=["*"], globals=True, format=form,
                                      exclude_databases=["not_*"]), store(place, key=None),
                               id="20261120_14300" + str(len(form))))
        equal(result["problems"], [])
        names = [a["details"]["database"]["name"] for a in artifacts(result) if a["database"]]
        equal(sorted(names), sorted(WEIRD + ["postgres"]))
        volumes = [a["volumes"][0]["name"] for a in artifacts(result)]
        equal(len(set(volumes)), len(WEIRD) + 2)
    c.sql("create database born_later")
    result = work(dump_job(source(c.uri("postgres"), databases=["*"]), store(place),
                           id="20261120_143009"))
    contains(json.dumps(result), "born_later")


@test
def two_destinations_from_one_read():
    c, one, two = cluster(), temp_dir(), temp_dir()
    bin_dir = fake_tools('echo run >>"$(dirname "$0")/count"; exec "$REAL" "$@"')
    result = work(dump_job(source(c.uri("synapse"), bin_dir=bin_dir), store(one, "one"),
                           store(two, "two", key=None)))
    equal([d["ok"] for d in result["destinations"]], [True, True])
    with open(os.path.join(bin_dir, "count"), encoding="ascii") as f:
        equal(f.read(), "run\n")
    contains(os.listdir(os.path.join(two, "synapse/20261120_143000/database")), "synapse.dump.gz")


@test
def a_missing_destination_does_not_cost_the_other():
    c, place = cluster(), temp_dir()
    result = work(dump_job(source(c.uri("synapse")), store(os.path.join(place, "absent"), "gone"),
                           store(place, "there")))
    equal([d["ok"] for d in result["destinations"]], [False, True])
    contains(result["destinations"][0]["error"], "absent")


@test
def no_password_where_others_can_see_it():
    c = cluster()
    bin_dir = fake_tools('tr "\\0" "\\n" </proc/$$/cmdline >"$(dirname "$0")/seen"\n'
                         'tr "\\0" "\\n" </proc/$$/environ >>"$(dirname "$0")/seen"\n'
                         'exec "$REAL" "$@"')
    environment = {**os.environ, "PGOPTIONS": "-c statement_timeout=1", "SECRET": "in our own"}
    work(dump_job(source(c.uri("synapse"), bin_dir=bin_dir)), env=environment)
    with open(os.path.join(bin_dir, "seen"), encoding="utf-8") as f:
        seen = f.read()
    contains(seen, "PGPASSFILE=/proc/self/fd/")
    for secret in (c.password, KEY, "SECRET", "PGOPTIONS"):
        lacks(seen, secret)


# --- dumps that go wrong ---

def refused(src, code, *parts):
    place = temp_dir()
    got, error = work_error(dump_job(src, store(place)))
    for part in parts:
        contains(error, part)
    equal(got, code, error)
    left = [f for _, _, files in os.walk(place) for f in files if f != "synbak-destination.json"]
    equal(left, [], "objects left behind")
    return error


@test
def server_down_and_up_again():
    c = pg.Cluster()
    uri = c.uri("postgres")
    c.stop()
    refused(source(uri), "unavailable", "connect to " + c.host)
    c.start()
    work(dump_job(source(uri)))
    refused(source("postgresql://x@127.0.0.1:1/y?connect_timeout=2"), "unavailable", "127.0.0.1:1")


@test
def server_that_refuses():
    c = cluster()
    c.sql("create role shut login password 'pw'; create database shut allow_connections false")
    refused(source(c.uri("shut")), "source", "not currently accepting connections")
    refused(source(c.uri("synapse", user="nobody_here", password="x")), "source", "nobody_here")
    error = refused(source(c.uri("synapse", user="shut", password="wrong")), "source", "password")
    lacks(error, "wrong")
    refused(source(c.uri("nowhere")), "source", '"nowhere" does not exist')
    c.sql("create database private; revoke connect on database private from public")
    refused(source(c.uri("private", user="shut", password="pw")), "source", "GRANT CONNECT")


@test
def role_that_does_not_exist():
    c = pg.Cluster()
    refused(source(c.uri("postgres", user="synbak")), "source", 'role "synbak" does not exist',
            "createuser synbak")


@test
def too_many_connections_is_worth_a_retry():
    c = pg.Cluster(settings=["max_connections = 4", "superuser_reserved_connections = 0",
                             "max_wal_senders = 0"])
    sessions = [c.session() for _ in range(4)]
    for s in sessions:
        s.stdin.write("select 1;\n")
        s.stdin.flush()
        s.stdout.readline()
    refused(source(c.uri("postgres")), "unavailable", "too many clients")


def locked(c, database="synapse", table="events"):
    s = c.session(database)
    s.stdin.write(f"begin; lock table {table} in access exclusive mode; select 1;\n")
    s.stdin.flush()
    s.stdout.readline()
    return s


@test
def a_table_locked_for_long():
    c = cluster()
    locked(c)
    refused(source(c.uri("synapse"), lock_timeout_s=1), "unavailable", "lock_timeout (1 s)",
            "has locked public.events")


@test
def server_dropped_in_the_middle():
    c = pg.Cluster()
    pg.make_synapse(c)
    locked(c)
    place = temp_dir()
    w = Worker(dump_job(source(c.uri("synapse")), store(place)))
    c.wait_for("select exists (select from pg_locks where not granted)", "pg_dump to wait")
    c.stop(signal.SIGQUIT)
    result = w.finish()
    equal((result["ok"], result["code"]), (False, "unavailable"))


@test
def cancelling_ends_pg_dump():
    c = cluster()
    locked(c)
    w = Worker(dump_job(source(c.uri("synapse"))))
    c.wait_for("select exists (select from pg_locks where not granted)", "pg_dump to wait")
    w.cancel()
    equal(w.finish()["code"], "cancelled")
    c.wait_for("select not exists (select from pg_stat_activity where application_name = 'synbak')",
               "its sessions to end")


@test
def pg_dump_too_old_or_missing():
    c = cluster()
    old = fake_tools("exit 1", version="14.9 (Debian 14.9-1)")
    refused(source(c.uri("synapse"), bin_dir=old), "source", "14.9", "too old",
            "apt install postgresql-client-15", "dnf install postgresql15")
    refused(source(c.uri("synapse"), bin_dir=temp_dir()), "source", "no pg_dump",
            "apt install postgresql-client-15")
    odd = fake_tools("exit 1", version="unheard of")
    refused(source(c.uri("synapse"), bin_dir=odd), "source", "does not say which version")


@test
def pg_dump_that_lies():
    c = cluster()
    for script, *parts in (
            ('"$REAL" "$@"; echo "some trouble" >&2; exit 1', "exit status 1", "some trouble"),
            ('"$REAL" "$@" | head -c 5000; kill -SEGV $$; sleep 9', "killed by signal 11"),
            ("exit 0", "the dump is empty"),
            ('"$REAL" "$@" | head -c 100000; exit 0', "stops early"),
            ('"$REAL" "$@"; echo more', "bytes follow the last block"),
            ('echo "<html>502 Bad Gateway"; exit 0', "malformed"),
            ('printf "\\033[31mevil\\n" >&2; exit 3', "exit status 3", "\\x1b[31mevil")):
        refused(source(c.uri("synapse"), bin_dir=fake_tools(script)), "source", *parts)
    refused(source(c.uri("synapse"), format="plain",
                   bin_dir=fake_tools('"$REAL" "$@" | head -c 100000')), "source", "stops early")


@test
def one_database_of_several_fails():
    c, place = cluster(), temp_dir()
    result = work(dump_job(source(c.uri("synapse"), databases=["synapse", "absent", "postgres"]),
                           store(place)))
    equal(result["whole"], False)
    equal(len(result["problems"]), 1)
    contains(result["problems"][0], 'database "absent"')
    equal([a["database"] for a in artifacts(result)], ["synapse", "postgres"])


@test
def roles_without_rights_are_told_the_statement():
    c = cluster()
    c.sql("create role small login password 'pw'; create database rights")
    c.sql("create table hidden (i int); create table rows (i int);"
          "alter table rows enable row level security", "rights")
    uri = c.uri("rights", user="small", password="pw")
    refused(source(uri), "source", "public.hidden", 'GRANT pg_read_all_data TO "small"')
    c.sql('grant pg_read_all_data to small')
    refused(source(uri), "source", "public.rows", 'ALTER ROLE "small" BYPASSRLS')
    c.sql("alter role small bypassrls; select lo_from_bytea(0, 'x')", "rights")
    refused(source(uri), "source", "large object", "GRANT SELECT ON LARGE OBJECT")
    grants = c.sql("select format('grant select on large object %s to small', oid)"
                   " from pg_largeobject_metadata", "rights")
    c.sql(grants, "rights")
    result = work(dump_job(source(uri, globals=True)))
    equal(result["whole"], True)
    contains(result["problems"][0], "passwords of roles")
    equal(artifacts(result, "globals")[0]["details"]["role_passwords"], False)


# --- checks ---

def findings(sources=(), stores=()):
    return work({"verb": "check", "sources": list(sources), "stores": list(stores)})["findings"]


def found(list_of, part):
    hits = [f for f in list_of if part in f["what"] or part in f["do"]]
    check(hits, f"nothing about {part!r} in {list_of}")
    return hits[0]


@test
def checks_of_a_database():
    c = cluster()
    good = findings([source(c.uri("synapse"))])
    equal([f for f in good if f["level"] != "note"], [])
    check(found(good, 'database "synapse"')["bytes"] > 1000000)
    c.sql("create role checker login password 'pw'")
    poor = findings([source(c.uri("synapse", user="checker", password="pw"), globals=True)])
    equal(found(poor, "may not read")["level"], "error")
    contains(found(poor, "may not read")["do"], "GRANT pg_read_all_data")
    equal(found(poor, "may not create databases")["level"], "warning")
    equal(found(poor, "passwords of roles")["level"], "note")
    equal(found(findings([source("postgresql:///x?host=/nonexistent")]), "/nonexistent")["level"],
          "error")
    old = fake_tools("exit 1", version="9.6.1")
    contains(found(findings([source(c.uri("synapse"), bin_dir=old)]), "9.6.1")["what"], "too old")
    locked(c)
    contains(found(findings([source(c.uri("synapse"), lock_timeout_s=1)] * 1), "synapse")["what"],
             "synapse")


@test
def checks_of_places():
    place, tree = temp_dir(), temp_dir()
    open_to_all = findings(stores=[store(place)])
    contains(found(open_to_all, "others may enter")["do"], "chmod 700")
    os.chmod(place, 0o700)
    quiet = findings(stores=[store(place)])
    equal([f for f in quiet if f["level"] == "error"], [])
    equal([f for _, _, files in os.walk(place) for f in files], [])
    contains(found(findings(stores=[store(place, known_id="cd" * 16)]), "lost its marker")["do"],
             "mount it")
    equal(found(findings(stores=[store(place + "/none")]), "none")["level"], "error")
    files = {"name": "media", "type": "files", "path": tree, "allow_empty": False}
    contains(found(findings([files]), "is empty")["do"], "allow_empty")
    write_file(os.path.join(tree, "f"), "x")
    equal(findings([files]), [])
    equal(found(findings([{**files, "path": tree + "/no"}]), "/no")["level"], "error")
    inside = os.path.join(tree, "backups")
    os.mkdir(inside, 0o700)
    equal(found(findings([files], [store(inside)]), "lies inside source")["level"], "error")
    command = {"name": "c", "type": "command", "command": ["no-such-program"],
               "restore_command": []}
    both = findings([command])
    equal(found(both, "no-such-program")["level"], "error")
    equal(found(both, "restore_command")["level"], "warning")


if __name__ == "__main__":
    run_all()
