#!/usr/bin/env python3
"""What a worker's children can see: no key in their environment, none of our descriptors, no temporary
file of what is dumped, whoever started the worker."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from harness import check, equal, program, run, run_all, temp_dir, test, write_file, write_program
from tree_world import KEY, back_up, command, files, new_tree, restore_job, store
from worker_client import work


def spy(after=""):
    """A program that writes down its descriptors and environment; its path and a function that reads them."""
    place = temp_dir()
    path = write_program(f"{place}/spy", f"""#!/bin/bash
ls /proc/$$/fd >{place}/fds; tr '\\0' '\\n' </proc/$$/environ >{place}/env; umask >{place}/umask
{after}
""")

    def seen(name):
        with open(f"{place}/{name}", encoding="utf-8") as f:
            return f.read()

    return path, seen


def check_descriptors(seen):
    # 255 is bash's own, for the script
    equal(sorted(set(seen("fds").split()) - {"255"}), ["0", "1", "2"])


@test
def commands_inherit_nothing():
    path, seen = spy("echo data")
    back, seen_back = spy("cat >/dev/null")
    stop, seen_stop = spy()
    place = store(temp_dir(), key=KEY)
    source = command("said", [path], [back])
    back_up(place, source)
    check_descriptors(seen)
    work(restore_job(place, "in-place", configured=[source], stop=[stop]))
    check_descriptors(seen_back)
    check_descriptors(seen_stop)


@test
def a_hook_inherits_nothing():
    path, seen = spy()
    work({"verb": "hook", "argv": [path], "env": {"SYNBAK_JOB": "j"}, "timeout_s": 30})
    check_descriptors(seen)
    names = {line.split("=")[0] for line in seen("env").splitlines()}
    check(names <= {"PATH", "LANG", "SYNBAK_JOB", "PWD", "SHLVL", "_", "OLDPWD"}, names)


@test
def a_key_of_the_environment_stays_with_synbakctl():
    root, place = new_tree(), store(temp_dir(), key=KEY)
    back_up(place, files(root))
    stop, seen = spy()
    conf = write_file(f"{temp_dir()}/synbak.conf", f"""[daemon]
state_dir = {temp_dir()}
socket = /nonexistent/sock
[destination local]
warn_free = 0
path = {place['path']}
key = env:BACKUP_ENCRYPTION_KEY
[source media]
type = files
path = {root}
[job j]
sources = media
destinations = local
daily = at 02:00
restore_stop = {stop}
""")
    env = {**os.environ, "BACKUP_ENCRYPTION_KEY": KEY, "OTHER": "kept"}
    run([program("synbakctl"), "restore", "j", "--in-place", "--yes", "--no-safety-copy", "--config", conf],
        env=env, ok=True)
    check("OTHER=kept" in seen("env"), "the environment is the operator's")
    check(KEY not in seen("env"), "the key is in the environment of the stop command")


if __name__ == "__main__":
    run_all()
