#!/usr/bin/env python3
"""synbakd with 100 jobs and 10,000 sets on record: memory, wake-ups a minute while idle, time of status."""
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import time

from measure import report
from harness import _undo, _of_file, _of_test, note, program, run, start, temp_dir, wait_until, write_file

JOBS = int(os.environ.get("SYNBAK_BENCH_JOBS", "100"))
SETS = int(os.environ.get("SYNBAK_BENCH_SETS", "10000"))


def configuration(folder):
    jobs = "".join(f"[job job{n:03}]\nsources = tree\ndestinations = local\nhourly = keep 24\ndaily = at 02:00, keep 1000\n"
                   for n in range(JOBS))
    return write_file(f"{folder}/conf", f"""[daemon]
state_dir = {folder}/state
socket = {folder}/s
[destination local]
path = {folder}/backups
key = none
[source tree]
type = files
path = {folder}/tree
{jobs}""", 0o600)


def clone_sets(folder):
    """Every job gets copies of the one real set, with manifests of their own."""
    job = f"{folder}/backups/job000"
    template = os.path.join(job, os.readlink(f"{job}/latest"))
    with open(f"{template}/manifest.json", "rb") as f:
        manifest = json.load(f)
    for n in range(JOBS):
        for i in range(SETS // JOBS):
            moment = time.gmtime(1700000000 + i * 86400 + n)
            identity = time.strftime("%Y%m%d_%H%M%S", moment)
            target = f"{folder}/backups/job{n:03}/{identity}"
            shutil.copytree(template, target, dirs_exist_ok=True)
            manifest.update(job=f"job{n:03}", id=identity, sequence=i + 2,
                            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", moment),
                            finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", moment))
            body = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
            write_file(f"{target}/manifest.json", body, 0o600)
            write_file(f"{target}/manifest.mac", hashlib.sha256(body).hexdigest() + "\n", 0o600)


def status_value(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))


def switches(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt"))
    return total


def main():
    folder = temp_dir(whole_file=True)
    os.mkdir(f"{folder}/backups", 0o700)
    os.mkdir(f"{folder}/tree")
    write_file(f"{folder}/tree/file", "content")
    env = {**os.environ, "SYNBAK_SOCKET": f"{folder}/s", "SYNBAK_WORKER": program("synbak-worker")}
    command = [program("synbakd"), "--config", configuration(folder)]
    ctl = program("synbakctl")

    def begin():
        daemon = start(command, env=env, stderr=subprocess.DEVNULL)
        wait_until(lambda: run([ctl, "status"], env=env).returncode in (0, 1, 2), "synbakd")
        return daemon

    daemon = begin()
    run([ctl, "trigger", "job000", "--wait"], env=env, ok=True)
    daemon.terminate()
    daemon.wait()
    clone_sets(folder)
    daemon = begin()
    wait_until(lambda: run([ctl, "list", "job000", "--json"], env=env).stdout.count('"id"') >= SETS // JOBS, "the scan", 300)
    times = []
    for _ in range(21):
        started = time.monotonic()
        run([ctl, "status"], env=env)
        times.append((time.monotonic() - started) * 1000)
    note(f"synbakctl status, whole process, with {JOBS} jobs and {SETS} sets: median {statistics.median(times):.1f} ms; wanted 10")
    before = switches(daemon.pid)
    time.sleep(120)
    note(f"wake-ups while idle: {(switches(daemon.pid) - before) / 2:.1f} a minute; wanted at most 2")
    note(f"memory: {status_value(daemon.pid, 'VmRSS') / 1024:.1f} MiB now, {status_value(daemon.pid, 'RssAnon') / 1024:.1f} MiB of it "
         "its own; wanted at most 10 with 100 jobs")
    report(1, "daemon")


try:
    main()
finally:
    _undo(_of_test)
    _undo(_of_file)
