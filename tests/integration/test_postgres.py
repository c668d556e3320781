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
from harness import (Failed, check, contains, equal, lacks, run, run_all, skip, start, temp_dir, test,
                     wait_until, write_file, write_program)
from worker_client import Worker, work, work_error
from worker_jobs import commit_job, database_source as source, folder_store, part, read_job

KEY = "an example key of thirty bytes"
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
    return folder_store(path or temp_dir(), **{"destination": name, "key": KEY, **more})


def dump_job(src, *stores, id="20261120_143000"):
    return read_job(src, list(stores) or [store()], "synapse", id)


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
    c.sql("create database born_later; create database my_synbak_new_stuff;"
          "create database synapse_synbak_new_20261120_143000")
    result = work(dump_job(source(c.uri("postgres"), databases=["*"]), store(place),
                           id="20261120_143009"))
    contains(json.dumps(result), "born_later")
    names = [a["details"]["database"]["name"] for a in artifacts(result) if a["database"]]
    check("my_synbak_new_stuff" in names, f"only what a restore makes is left out: {names}")
    check("synapse_synbak_new_20261120_143000" not in names, f"it is half made: {names}")
    contains(str(result["problems"]), "synapse_synbak_new_20261120_143000")


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
    environment = {**os.environ, "PGOPTIONS": "-c statement_timeout=1h", "SECRET": "in our own"}
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
def sql_text_that_lacks_its_restriction():
    c, place = cluster(), temp_dir()
    plain = {"format": "plain", "bin_dir": fake_tools('"$REAL" "$@" | grep -v restrict')}
    refused(source(c.uri("synapse"), **plain), "source", "\\restrict line", "15.20")
    older = fake_tools('"$REAL" "$@" | grep -v restrict', version="15.13")  # writes none
    result = work(dump_job(source(c.uri("synapse"), **{**plain, "bin_dir": older}), store(place)))
    equal(result["problems"], [])


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


# --- restoring ---

def make_set(src, place, id="20261120_143000"):
    """Dump and commit: a set that can be restored."""
    stores = [store(place)]
    result = work(dump_job(src, *stores, id=id))
    equal(result["problems"], [])
    done = work(commit_job([part(src, result)], stores, "synapse", id, int(id[-6:])))
    equal([d["ok"] for d in done["destinations"]], [True], str(done))


def restore_job(place, src=None, mode="in-place", id="20261120_143000", **more):
    return {"verb": "restore", "store": store(place), "job": "synapse", "id": id, "sources": [],
            "mode": mode, "database": None, "target": None, "configured": [src] if src else [],
            "safety_copy": "none", "replace": False, "stop": [], "start": [], "check": [],
            "state_dir": shared.setdefault("state", temp_dir(whole_file=True)),
            "run": "r" + os.urandom(4).hex(), "yes": True, **more}


def undo(job, src):
    return work({"verb": "undo", "run": job["run"], "state_dir": job["state_dir"], "target": None,
                 "configured": [src]})


def databases(c):
    return c.sql("select datname from pg_database where datname !~ '^template' order by 1").split()


def fresh():
    """A server of its own with the sample database, and the source that means it."""
    c = pg.Cluster()
    pg.make_synapse(c)
    return c, source(c.uri("synapse")), temp_dir()


@test
def in_place_and_back_again():
    c, src, place = fresh()
    c.sql("""create role reader; alter database synapse connection limit 33;
        comment on database synapse is 'it''s chat'; revoke connect on database synapse from public;
        grant connect on database synapse to reader with grant option;
        alter database synapse set search_path = "$user", public, 'odd name';
        alter database synapse set work_mem = '7MB'; alter database synapse set app.key = 'a b';
        alter role reader in database synapse set statement_timeout = '9s'""")
    before = c.tool("pg_dump", "-C", "--restrict-key=x", "-d", "synapse").stdout
    make_set(src, place)
    c.sql("drop table events; create table newer (i int)", "synapse")
    damaged = c.dump("synapse")
    job = restore_job(place, src)
    result = work(job)
    kept, = [r["kept"] for r in result["restored"] if r.get("kept")]
    contains(kept["place"], "synapse_synbak_old_" + job["run"])
    check(kept["bytes"] > 1000000)
    equal(c.tool("pg_dump", "-C", "--restrict-key=x", "-d", "synapse").stdout, before)
    equal(databases(c), ["postgres", "synapse", "synapse_synbak_old_" + job["run"]])
    check(int(c.sql("select count(*) from pg_stats where tablename = 'events'", "synapse")) > 0,
          "no ANALYZE")
    undo(job, src)
    equal(c.dump("synapse"), damaged)
    kept, = undo(job, src)["kept"]
    equal(c.dump("synapse"), damaged)
    contains(kept["place"], "synapse_synbak_undone_" + job["run"])
    check(kept["bytes"] > 1000000)
    c.tool(*kept["remove"].split())
    equal(databases(c), ["postgres", "synapse"])
    c.sql("select 1", "synapse")


@test
def the_kept_one_goes_by_the_command_that_is_named():
    c, src, place = fresh()
    make_set(src, place)
    result = work(restore_job(place, src))
    command = [r["kept"]["remove"] for r in result["restored"] if r.get("kept")][0]
    run(["sh", "-c", command], ok=True, env=c.environment())
    equal(databases(c), ["postgres", "synapse"])


RECONNECT = """while :; do
  "$PSQL" -XqAt -d "$1" -c 'select pg_sleep(5)' >/dev/null 2>&1
done"""


@test
def clients_that_reconnect_in_a_loop():
    c, src, place = fresh()
    make_set(src, place)
    env = {**c.environment(), "PSQL": os.path.join(c.bin, "psql")}
    for _ in range(6):
        start(["bash", "-c", RECONNECT, "loop", "synapse"], env=env)
    holder = c.session("synapse")
    holder.stdin.write("begin; select 1;\n")
    holder.stdin.flush()
    holder.stdout.readline()
    expected = c.dump("synapse")
    c.sql("delete from events where stream_ordering > 5", "synapse")
    for _ in range(3):
        work(restore_job(place, src))
        equal(c.dump("synapse"), expected)
    equal(len(databases(c)), 5)


@test
def sql_text_goes_in_whole_or_not_at_all():
    c, src, place = fresh()
    src["format"] = "plain"
    make_set(src, place)
    expected = c.dump("synapse")
    c.sql("drop table events", "synapse")
    work(restore_job(place, src))
    equal(c.dump("synapse"), expected)
    old = temp_dir()
    for name in ("pg_dump", "pg_restore"):
        os.symlink(os.path.join(c.bin, name), os.path.join(old, name))
    write_program(os.path.join(old, "psql"), "#!/bin/sh\necho 'psql (PostgreSQL) 15.13'\n")
    code, error = work_error(restore_job(place, {**src, "bin_dir": old}))
    equal(code, "refused", error)
    contains(error, "15.13")


@test
def into_a_new_name():
    c, src, place = fresh()
    make_set(src, place)
    expected = c.dump("synapse")
    for name in ("copy", *WEIRD[:2], "globals", "new\nline", "ends\\"):
        work(restore_job(place, src, mode="database", database=name))
        equal(c.dump(name), expected)
        if name not in ("copy", WEIRD[0]):
            continue
        code, error = work_error(restore_job(place, src, mode="database", database=name))
        equal(code, "refused", error)
        contains(error, "exists already")
    check("synapse_synbak" not in " ".join(databases(c)), "something was left")
    equal(work_error(restore_job(place, src, mode="database", database="x" * 64))[0], "refused")


@test
def what_is_gone_is_made_again():
    c, src, place = fresh()
    src["globals"] = True
    c.sql("create role helper password 'pw' connection limit 7; grant synapse_user to helper;"
          "alter role helper set work_mem = '9MB'; comment on role helper is 'a;''b\nCREATE ROLE x;';"
          "alter database synapse set work_mem = '7MB'; create role present nologin")
    roles = c.tool("pg_dumpall", "--globals-only", "--restrict-key=x").stdout
    expected = c.tool("pg_dump", "-C", "--restrict-key=x", "-d", "synapse").stdout
    make_set(src, place)
    c.sql("drop database synapse; drop role helper; drop role synapse_user;"
          "alter role present login")
    job = restore_job(place, src)
    result = work(job)
    equal([r["kept"] for r in result["restored"] if r.get("kept")], [])
    equal(c.tool("pg_dump", "-C", "--restrict-key=x", "-d", "synapse").stdout, expected)
    equal(c.sql("select rolcanlogin from pg_roles where rolname = 'present'"), "t")
    c.sql("alter role present nologin")
    equal(c.tool("pg_dumpall", "--globals-only", "--restrict-key=x").stdout, roles)
    undo(job, src)
    check("synapse" not in databases(c), "undo left the database")


@test
def long_names_that_begin_alike():
    c, place = pg.Cluster(), temp_dir()
    names = ["tenant_" + "x" * 54 + str(n) for n in (1, 2)]
    equal(len(names[0]), 62)
    for name in names:
        c.sql(f"create database {name}")
        c.sql(f"create table t as select '{name}' as me", name)
    src = source(c.uri("postgres"), databases=["*"], exclude_databases=["postgres"])
    make_set(src, place)
    for name in names:
        c.sql("drop table t", name)
    result = work(restore_job(place, src))
    equal(len({r["kept"]["place"] for r in result["restored"]}), 2)
    for name in names:
        equal(c.sql("select me from t", name), name)


@test
def another_locale_provider_than_the_servers():
    if int(run([f"{pg.bin_dir()}/postgres", "--version"]).stdout.split()[2].split(".")[0]) < 15:
        skip("a server before 15 has one provider for all")
    c, place = pg.Cluster(initdb=("--locale-provider=icu", "--icu-locale=de")), temp_dir()
    c.sql("create database plain template template0 locale_provider libc locale 'C.UTF-8'")
    c.sql("create table t as select 1 as i", "plain")
    look = "select datlocprovider, datcollate from pg_database where datname = 'plain'"
    before = c.sql(look)
    src = source(c.uri("plain"))
    make_set(src, place)
    c.sql("drop database plain")
    work(restore_job(place, src))
    equal(c.sql(look), before)


@test
def no_room_for_both():
    c, src, place = fresh()
    make_set(src, place)
    expected = c.dump("synapse")
    c.sql("drop table events; alter database synapse connection limit 12", "synapse")
    job = restore_job(place, src, replace=True)
    result = work(job)
    equal([r["kept"] for r in result["restored"] if r.get("kept")], [])
    equal(databases(c), ["postgres", "synapse"])
    equal(c.dump("synapse"), expected)
    equal(c.sql("select datconnlimit from pg_database where datname = 'synapse'"), "12")


@test
def no_room_for_both_and_then_the_load_fails():
    c, src, place = fresh()
    c.sql("create role other login; alter table events owner to other", "synapse")
    make_set(src, place)
    c.sql("reassign owned by other to postgres; drop role other", "synapse")
    job = restore_job(place, src, replace=True)
    error = work_error(job)[1]
    contains(error, 'the earlier state of source "database" is gone')
    contains(error, "run the same restore again")
    contains(error, 'role "other" does not exist')
    equal(databases(c), ["postgres"])
    c.sql("create role other login")
    work({**job, "run": "r2"})
    equal(c.sql("select tableowner from pg_tables where tablename = 'events'", "synapse"), "other")


@test
def a_load_that_fails_leaves_all_as_it_was():
    c, src, place = fresh()
    c.sql("create role other login; alter table events owner to other", "synapse")
    make_set(src, place)
    c.sql("reassign owned by other to postgres; drop role other", "synapse")
    before = c.dump("synapse")
    code, error = work_error(restore_job(place, src))
    contains(error, 'role "other" does not exist')
    contains(error, "createuser")
    equal(c.dump("synapse"), before)
    equal(databases(c), ["postgres", "synapse"])
    c.sql("select 1", "synapse")


@test
def rows_are_not_quoted_in_errors():
    c, src, place = fresh()
    c.sql("""create table zz_late (i int); insert into zz_late values (1);
        create function loaded(text) returns bool language sql as 'select exists (select from public.zz_late)';
        create table aa_early (t text check (loaded(t))); insert into aa_early values ('topsecret')""", "synapse")
    make_set(src, place)
    w = Worker(restore_job(place, src))
    result = w.finish()
    contains(result["error"], "violates check constraint")
    contains(result["error"], "in the server's log")
    lacks(str(w.messages), "topsecret")


@test
def a_restore_role_without_rights():
    c, src, place = fresh()
    make_set(src, place)
    c.sql("create role weak login")
    weak = {**src, "restore_uri": c.uri("synapse", user="weak")}
    code, error = work_error(restore_job(place, weak))
    equal(code, "refused", error)
    contains(error, 'role "weak"')
    contains(work_error(restore_job(place, weak, mode="database", database="new"))[1],
             'ALTER ROLE "weak" CREATEDB')
    c.sql("alter role weak createdb")
    code, error = work_error(restore_job(place, weak, mode="database", database="new"))
    contains(error, "weak")
    equal(databases(c), ["postgres", "synapse"])


@test
def the_database_named_postgres():
    c = pg.Cluster()
    c.sql("create table here as select generate_series(1, 100) i")
    src, place = source(c.uri("postgres")), temp_dir()
    make_set(src, place)
    c.sql("drop table here")
    job = restore_job(place, src)
    work(job)
    equal(c.sql("select count(*) from here"), "100")
    undo(job, src)
    equal(c.sql("select to_regclass('here') is null"), "t")


def held_back(c, name, change="connection limit 50"):
    """A session that keeps the catalogue entry of a database, so that altering it has to wait."""
    s = c.session()
    s.stdin.write(f"begin; alter database {pg.quoted(name)} {change}; select 1;\n")
    s.stdin.flush()
    s.stdout.readline()
    return s


def waiting_for(c, part):
    c.wait_for("select exists (select from pg_stat_activity where wait_event_type = 'Lock' and"
               f" query like '%{part}%')", part + " to wait")


@test
def killed_before_and_in_the_middle_of_the_swap():
    c, src, place = fresh()
    make_set(src, place)
    c.sql("delete from events where stream_ordering > 5", "synapse")
    expected = c.dump("synapse")
    for statement in ("ALLOW_CONNECTIONS false", "RENAME TO"):
        job = restore_job(place, src)
        staged = "synapse_synbak_new_" + job["run"]
        blocker = None
        if statement.startswith("ALLOW"):
            blocker = held_back(c, "synapse")
        w = Worker(job)
        if blocker is None:
            c.wait_for(f"select exists (select from pg_database where datname = '{staged}')",
                       "the staged database")
            blocker = held_back(c, staged)
        waiting_for(c, statement)
        w.process.kill()
        w.process.wait()
        blocker.stdin.close()
        blocker.wait()
        c.wait_for("select not exists (select from pg_stat_activity where"
                   " application_name = 'synbak')", "its sessions to end")
        undo(job, src)
        equal(c.dump("synapse"), expected)
        undo(job, src)
        equal(c.dump("synapse"), expected)
        # a server that was asked to swap may finish that without us: then undo swapped back
        lacks(databases(c), staged)


@test
def connection_lost_in_the_middle_of_the_swap():
    c, src, place = fresh()
    make_set(src, place)
    expected = c.dump("synapse")
    job = restore_job(place, src)
    staged = "synapse_synbak_new_" + job["run"]
    w = Worker(job)
    c.wait_for(f"select exists (select from pg_database where datname = '{staged}')",
               "the staged database")
    blocker = held_back(c, staged)
    waiting_for(c, "RENAME TO")
    c.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%RENAME TO%'"
          " and pid <> pg_backend_pid()")
    blocker.stdin.close()
    blocker.wait()
    result = w.finish()
    equal((result["ok"], result["code"]), (False, "unavailable"))
    equal(c.dump("synapse"), expected)
    equal(databases(c), ["postgres", "synapse"])


def loading(c, job, src):
    """A worker whose pg_restore has begun and does not end."""
    slow = fake_tools("exit 1")
    os.remove(os.path.join(slow, "pg_restore"))
    write_program(os.path.join(slow, "pg_restore"), f"""#!/bin/bash
if [ "$1" = --version ]; then exec {c.bin}/pg_restore --version; fi
touch "$(dirname "$0")/begun"; exec sleep 600
""")
    w = Worker({**job, "configured": [{**src, "bin_dir": slow}]})
    wait_until(lambda: os.path.exists(os.path.join(slow, "begun")), "pg_restore to begin")
    return w


@test
def cancelled_while_loading():
    c, src, place = fresh()
    make_set(src, place)
    job = restore_job(place, state_dir=temp_dir())
    w = loading(c, job, src)
    w.cancel()
    equal(w.finish()["code"], "cancelled")
    equal(databases(c), ["postgres", "synapse"])
    equal(os.listdir(f"{job['state_dir']}/restores"), [])


@test
def killed_while_loading():
    c, src, place = fresh()
    make_set(src, place)
    job = restore_job(place, src, state_dir=temp_dir())
    w = loading(c, job, src)
    contains(work_error({"verb": "undo", "run": job["run"], "state_dir": job["state_dir"], "target": None,
                         "configured": [src]})[1], "still under way")
    w.process.kill()
    w.process.wait()
    staged = "synapse_synbak_new_" + job["run"]
    check(staged in databases(c), "it is left behind")
    with open(f"{job['state_dir']}/restores/{job['run']}.json", encoding="utf-8") as f:
        record = json.load(f)
    equal((record["state"], record["items"][0]["staged"]), ("staging", staged))
    undo(job, src)
    equal(databases(c), ["postgres", "synapse"])
    equal(os.listdir(f"{job['state_dir']}/restores"), [job["run"] + ".json"])
    # and a restore made later says what an earlier one left
    other = restore_job(place, src, state_dir=job["state_dir"])
    w = loading(c, other, src)
    w.process.kill()
    w.process.wait()
    w = Worker(restore_job(place, src, state_dir=job["state_dir"]))
    result = w.finish()
    equal(result["ok"], True, result)
    contains(str(w.messages), "synbakctl restore --undo " + other["run"])


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
    c.wait_for("select exists (select from pg_stat_activity where state = 'idle in transaction'"
               " and xact_start < now() - interval '1.2 s')", "the lock to grow old")
    late = found(findings([source(c.uri("synapse"), lock_timeout_s=1)]), "has locked public.events")
    equal(late["level"], "warning")


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
