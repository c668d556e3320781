#!/usr/bin/env python3
"""The commands of MANIFEST.txt, word for word, by the shell that an operator has at night."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import pg
import tree_world
from harness import check, contains, equal, lacks, run, run_all, temp_dir, test, write_file
from tree_world import KEY, command, files, new_tree, picture, same, store
from worker_client import work
from worker_jobs import database_source as database

ID = "20261120_143000"


def back_up(place, *sources):
    """Read, commit; the folder of the set."""
    for result in tree_world.back_up(place, *sources, id=ID).values():
        equal(result["whole"], True, str(result))
    return os.path.join(place["path"], "j", ID)


def script_of(folder):
    """All commands: the lines indented by two spaces."""
    with open(os.path.join(folder, "MANIFEST.txt"), encoding="utf-8") as f:
        text = f.read()
    return text, "".join(line[2:] + "\n" for line in text.splitlines() if line.startswith("  "))


def run_script(folder, home, environment=None, shell="sh"):
    _, script = script_of(folder)
    check(script.count("\n") > 3, script)
    return run([shell, "-e", "-c", script], cwd=folder, ok=True,
               env={**os.environ, **(environment or {}), "HOME": home})


@test
def trees_and_commands():
    for key in (KEY, None):
        root, home = new_tree(), temp_dir()
        place = store(temp_dir(), key=key, volume_bytes=1 << 16,
                      key_hint="file:" + write_file(temp_dir() + "/it's a key", KEY + "\n", 0o600)
                      if key else "none")
        copied = os.path.join(home, "copied")
        folder = back_up(place, files(root), command("said", ["seq", "30000"]),
                         command("fed", ["printf", "a\\nb"], ["sh", "-c", f"cat > '{copied}'"]))
        check(os.path.exists(os.path.join(folder, "media")))
        for shell in ("sh", "bash"):
            done = run_script(folder, home, shell=shell)
            contains(done.stdout, "media/media.tar.gz")
            same(picture(os.path.join(home, "restored", "media")), picture(root))
            with open(os.path.join(home, "restored", "said.out"), encoding="ascii") as f:
                equal(f.read(), "".join(f"{i}\n" for i in range(1, 30001)))
            with open(copied, encoding="ascii") as f:
                equal(f.read(), "a\nb")
            os.rename(os.path.join(home, "restored"), os.path.join(home, "was-" + shell))


@test
def databases():
    old, new = pg.Cluster(), pg.Cluster()
    old.sql("create role \"odd 'role\"")
    pg.make_synapse(old)
    old.sql("create database \"it's\" owner synapse_user template template0 encoding 'UTF8' "
            "lc_collate 'C' lc_ctype 'C'")
    old.sql("create table t as select generate_series(1, 1000) as n; "
            "alter table t owner to synapse_user", "it's")
    key = write_file(os.path.join(temp_dir(), "key"), KEY + "\n", 0o600)
    place = store(temp_dir(), key=KEY, key_hint="file:" + key, volume_bytes=1 << 16)
    folder = back_up(place, database(old.uri(), databases=["synapse"], globals=True),
                     database(old.uri(), "plain", databases=["it's"], format="plain"))
    text, script = script_of(folder)
    check(text.index("globals") < text.index("createdb"), "roles come first")
    done = run_script(folder, temp_dir(), new.environment())
    lacks(done.stdout, "FAILED")
    for name in ("synapse", "it's"):
        wanted, got = old.dump(name), new.dump(name)
        equal(got, wanted, f"database {name}")
        query = ("select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, "
                 f"datctype from pg_database where datname = '{name.replace(chr(39), chr(39) * 2)}'")
        equal(new.sql(query), old.sql(query))


@test
def the_text_gives_nothing_away():
    place = store(temp_dir(), key=KEY, key_hint="env:BACKUP_KEY")
    folder = back_up(place, command("said", ["echo", "x"]))
    text, script = script_of(folder)
    lacks(text, KEY)
    contains(text, "env:BACKUP_KEY")
    check(re.search(r"^  KEY=", text, re.M))


if __name__ == "__main__":
    run_all()
