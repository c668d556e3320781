#!/usr/bin/env python3
"""Single tables of a custom dump, out of both formats: into a new database, or as SQL text."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import contains, equal, lacks, run_all, test  # noqa: E402

DATABASE_ONLY = "[job synapse]\nsources = database\ndestinations = local\ndaily = at 02:00\n"


def rows(d, table, database):
    return d.cluster.sql(f"select md5(string_agg(x::text, '|' order by x::text)) from {table} x", database)


def both_ways(d):
    d.cluster.sql("create table \"odd Name\" as select generate_series(1, 9) as n", "synapse")
    d.ctl("trigger", "synapse", "--wait", ok=True)
    wanted = ("--table", "event_json", "--table", "odd Name")
    d.ctl("restore", "synapse", *wanted, "--to-database", "some", "--yes", ok=True)
    tables = d.cluster.sql("select string_agg(relname, ' ' order by relname) from pg_class where relkind = 'r' "
                           "and relnamespace = 'public'::regnamespace", "some")
    contains(tables, "event_json odd Name")
    for table in ("event_json", '"odd Name"'):
        equal(rows(d, table, "some"), rows(d, table, "synapse"), table)
    d.ctl("restore", "synapse", *wanted, "--target", f"{d.dir}/out", "--yes", ok=True)
    equal(os.listdir(f"{d.dir}/out"), ["synapse.sql"])
    d.cluster.sql("create database loaded")
    d.cluster.tool("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", "loaded", "-f", f"{d.dir}/out/synapse.sql")
    equal(rows(d, "event_json", "loaded"), rows(d, "event_json", "synapse"))
    for where in (("--to-database", "none"), ("--target", f"{d.dir}/none")):
        done = d.ctl("restore", "synapse", "--table", "event_jso", *where, "--yes")
        equal(done.returncode, 1)
        contains(done.stderr, 'no table "event_jso"')
    equal(os.path.exists(f"{d.dir}/none"), False)
    lacks(d.cluster.sql("select string_agg(datname, ' ') from pg_database"), "none")
    equal(d.ctl("restore", "synapse", "--table", "event_json", "--in-place", "--yes").returncode, 2)


@test
def of_a_plain_set():
    both_ways(Deployment(jobs=DATABASE_ONLY))


@test
def of_a_repository():
    both_ways(Deployment(jobs=DATABASE_ONLY, destination="format = repository"))


@test
def not_of_sql_text():
    d = Deployment(jobs=DATABASE_ONLY, source="dump_format = plain")
    d.ctl("trigger", "synapse", "--wait", ok=True)
    done = d.ctl("restore", "synapse", "--table", "event_json", "--to-database", "some", "--yes")
    equal(done.returncode, 5)
    contains(done.stderr, "dump_format = custom")


if __name__ == "__main__":
    run_all()
