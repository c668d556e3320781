#!/usr/bin/env python3
"""synbakctl with the real daemon, worker and server: what was damaged comes back, what was there is kept
and listed, looking inside, the unprivileged caller, the machine without a daemon."""
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from deployment import Deployment  # noqa: E402
from harness import (check, contains, equal, lacks, program, run, run_all, skip, test, wait_until,  # noqa: E402
                     write_file, write_program)
from pg import Cluster  # noqa: E402

cluster = None


def deployment(**options):
    global cluster
    cluster = cluster or Cluster(whole_file=True)
    return Deployment(cluster=cluster, events=100, **options)


def kept(d):
    return json.loads(d.ctl("status", "--json").stdout)["kept"]


@test
def a_lost_database_and_a_lost_tree_come_back():
    d = deployment()
    before, sums = d.cluster.dump("synapse"), d.media_sums()
    identity = d.backup()
    d.cluster.sql("drop database synapse")
    shutil.rmtree(d.media)
    done = d.ctl("restore", "--in-place", "--yes", ok=True)
    lacks(done.stdout, "saved as")  # nothing is there that could be copied
    equal(d.cluster.dump("synapse") == before, True, "the dumps are the same")
    equal(d.media_sums(), sums)
    equal(kept(d), [])
    contains(d.ctl("log", ok=True).stdout, f"synapse: restore of {identity} is done")


@test
def what_was_there_is_copied_kept_listed_and_comes_back_by_undo():
    d = deployment()
    identity = d.backup()
    d.cluster.sql("create table later (n int)", "synapse")
    write_file(f"{d.media}/later", "later")
    later, sums = d.cluster.dump("synapse"), d.media_sums()
    done = d.ctl("restore", f"synapse/{identity}", "--in-place", "--yes", ok=True)
    contains(done.stdout, "the present state is saved as synapse/")
    check(not os.path.exists(f"{d.media}/later"), "the later file is gone")
    listed = wait_until(lambda: kept(d), "what is kept to be listed")
    equal(len(listed), 2)
    contains(d.ctl("status").stdout, "Kept aside by restores")
    equal(json.loads(d.ctl("list", "--json").stdout)["sets"][-1]["tiers"].count("pre-restore") +
          json.loads(d.ctl("list", "--json").stdout)["sets"][0]["tiers"].count("pre-restore"), 1)
    undo = done.stdout.split("restore --undo ")[1].split()[0]
    d.ctl("restore", "--undo", undo, "--yes", "--config", d.conf, ok=True)
    equal(d.cluster.dump("synapse") == later, True, "the dumps are the same")
    equal(d.media_sums(), sums)
    listed = wait_until(lambda: [k for k in kept(d) if "_undone_" in k["what"]], "the undone database to be listed")
    check(listed[0]["bytes"] > 0 and listed[0]["command"].startswith("dropdb "), listed)
    equal(len(kept(d)), 1)
    run(["sh", "-c", listed[0]["command"]], ok=True,
        env={**os.environ, "PATH": d.cluster.bin + ":" + os.environ["PATH"]})
    equal(os.listdir(f"{d.state}/restores"), [])


def killed(d, tools, *arguments):
    """A restore whose worker is killed while the database loads."""
    write_program(f"{tools}/pg_restore", f"""#!/bin/bash
if [ "$1" = --version ]; then exec {d.cluster.bin}/pg_restore --version; fi
echo $PPID >{d.dir}/new; mv {d.dir}/new {d.dir}/loading; exec sleep 600
""")
    process = harness.start([program("synbakctl"), "--config", d.conf, "restore", *arguments],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: os.path.exists(f"{d.dir}/loading"), "pg_restore to begin")
    with open(f"{d.dir}/loading", encoding="ascii") as f:
        os.kill(int(f.read()), signal.SIGKILL)
    process.wait(30)


@test
def a_killed_restore_is_listed_and_cleared():
    tools = harness.temp_dir()
    d = deployment(source=f"bin_dir = {tools}")
    for name in ("pg_dump", "pg_dumpall"):
        os.symlink(f"{d.cluster.bin}/{name}", f"{tools}/{name}")
    d.backup()
    killed(d, tools, "--in-place", "--yes", "--no-safety-copy")
    left, = wait_until(lambda: [k for k in kept(d) if "synapse_synbak_new_" in k["what"]], "what is left behind")
    contains(left["what"], "cut off")
    run([program("synbakctl"), *left["command"].split()[1:], "--yes", "--config", d.conf], ok=True)
    lacks(d.cluster.sql("select string_agg(datname, ' ') from pg_database"), "synbak_new")
    wait_until(lambda: not kept(d), "the list to be empty")


@test
def a_lost_marker_costs_no_set():
    d = deployment()
    identity = d.backup()
    place = json.loads(d.ctl("show", "synapse", "--json").stdout)["sets"][0]["place"]
    os.unlink(os.path.join(os.path.dirname(os.path.dirname(place)), "synbak-destination.json"))
    check(d.ctl("trigger", "synapse", "--wait").returncode != 0, "a destination without its marker is refused")
    d.ctl("adopt", "local", ok=True)
    d.ctl("rescan", ok=True)
    equal([s["state"] for s in json.loads(d.ctl("list", "--json").stdout)["sets"] if s["id"] == identity], ["good"])
    d.ctl("verify", f"synapse/{identity}", ok=True)


@test
def looking_inside_and_taking_out():
    d = deployment()
    identity = d.backup()
    entries = json.loads(d.ctl("ls", "--json", ok=True).stdout)["entries"]
    check({"local_content/aa/bb/photo", "globals.sql", "synapse.dump"} <= {e["path"] for e in entries}, entries)
    out = d.ctl("dump", "synapse", "media", "local_content/ze/ro/text", ok=True).stdout
    with open(f"{d.media}/local_content/ze/ro/text", encoding="utf-8") as f:
        equal(out, f.read())
    d.ctl("export", "synapse", d.dir, ok=True)
    file = f"{d.dir}/synapse-{identity}.tar"
    d.ctl("verify", file, "--key", d.key_file, ok=True)
    d.ctl("restore", file, "--key", d.key_file, "--target", f"{d.dir}/from-file", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/from-file/media"), d.media_sums())
    with open(file, "r+b") as f:
        f.seek(os.path.getsize(file) // 2)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 1]))
    equal(d.ctl("verify", file, "--key", d.key_file).returncode, 1)
    other = write_file(f"{d.dir}/other", "another key that is long enough\n", 0o600)
    equal(d.ctl("verify", file, "--key", other).returncode, 1)


@test
def marks_are_seen():
    d = deployment()
    identity = d.backup()
    d.ctl("pin", "--reason", "before the upgrade", ok=True)
    shown = wait_until(lambda: next((s for s in [d.ctl("show").stdout] if "before the upgrade" in s), None), "the pin")
    contains(shown, "pinned       for ever")
    d.ctl("unpin", identity, ok=True)
    d.ctl("hold", ok=True)
    contains(d.ctl("status").stdout, "synbakctl release synapse")
    d.ctl("release", ok=True)
    d.ctl("pause", "--until", "2h", ok=True)
    contains(d.ctl("status").stdout, "paused until")
    d.ctl("resume", ok=True)
    lacks(d.ctl("status").stdout, "paused")
    log = d.ctl("log", ok=True).stdout
    for word in ("pinned", "unpinned", "held", "released", "paused", "resumed"):
        contains(log, word)


@test
def without_the_daemon_the_configuration_is_enough():
    d = deployment()
    identity, sums = d.backup(), d.media_sums()
    d.stop()
    equal(d.ctl("status").returncode, 3)
    contains(d.ctl("list", "--config", d.conf, ok=True).stdout, f"synapse/{identity}")
    d.ctl("restore", "--config", d.conf, "--source", "media", "--target", f"{d.dir}/t", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/t"), sums)
    done = d.ctl("restore", f"synapse/{identity[:-1]}x", "--config", d.conf, "--target", f"{d.dir}/u", "--yes")
    equal(done.returncode, 1)
    contains(done.stderr, f"the nearest is {identity}")
    write_file(f"{d.media}/later", "later")
    later, dump = d.media_sums(), d.cluster.dump("synapse")
    done = d.ctl("restore", "--config", d.conf, "--in-place", "--yes", ok=True)
    equal(d.media_sums(), sums)
    saved = done.stdout.split("saved as synapse/")[1].split()[0]
    listed = d.ctl("list", "--config", d.conf, ok=True).stdout
    contains(listed, f"synapse/{saved}\tpre-restore\tgood")
    d.start()
    d.ctl("restore", f"synapse/{saved}", "--in-place", "--yes", ok=True)
    equal(d.media_sums(), later)
    equal(d.cluster.dump("synapse") == dump, True, "the dumps are the same")
    contains(d.ctl("status", ok=True).stdout, f"{identity}  ")  # a copy is never the latest


@test
def another_key_opens_nothing_and_says_so():
    d = deployment()
    d.backup()
    other = write_file(f"{d.dir}/other", "another key that is long enough\n", 0o600)
    where = ["--destination", d.backups, "--key", other]
    contains(d.ctl("list", *where).stdout, "does not open")
    done = d.ctl("restore", *where, "--target", f"{d.dir}/t", "--yes")
    equal(done.returncode, 1)
    contains(done.stderr, "key")
    check(not os.path.exists(f"{d.dir}/t"), "nothing was made")


@test
def somebody_without_a_role():
    if os.geteuid() != 0:
        skip("needs root, to be somebody else")
    d = deployment()
    d.backup()
    os.chmod(d.socket, 0o666)
    os.chmod(d.dir, 0o755)

    def as_nobody(*arguments):
        return run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program("synbakctl"), *arguments],
                   env=d.environment())
    for arguments in (["status"], ["trigger", "synapse"], ["restore", "synapse", "--target", "/tmp/x"]):
        done = as_nobody(*arguments)
        equal(done.returncode, 5, str(arguments))
        equal(done.stderr.count("\n"), 1)
    os.chmod(d.socket, 0o600)
    done = as_nobody("reload")
    equal(done.returncode, 5)
    contains(done.stderr, "[access]")


@test
def doctor_and_the_card_of_a_real_machine():
    d = deployment()
    d.backup()
    done = d.ctl("doctor", "--config", d.conf, ok=True)
    contains(done.stdout, "there is one destination only")
    contains(d.ctl("key", "check", "--config", d.conf, ok=True).stdout, "ok, opens 1 sets")
    card = d.ctl("key", "card", "--config", d.conf, ok=True).stdout
    with open(d.key_file, encoding="utf-8") as f:
        lacks(card, f.read().strip())
    with open(f"{d.backups}/synbak-destination.json", encoding="utf-8") as f:
        contains(card, json.load(f)["id"])
    d.cluster.sql("create role small login")
    text = open(d.conf, encoding="utf-8").read()
    write_file(d.conf, text.replace(d.cluster.uri("synapse"), d.cluster.uri("synapse", user="small")), 0o600)
    done = d.ctl("doctor", "--config", d.conf)
    equal(done.returncode, 1)
    contains(done.stdout, "pg_read_all_data")


if __name__ == "__main__":
    run_all()
