#!/usr/bin/env python3
"""A restore that was confirmed goes on to its end when whoever asked for it is gone: killed, hung up,
disconnected. Only an explicit cancel stops it."""
import os
import pty
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from harness import (check, defer, end_process, equal, program, run_all, temp_dir, test, wait_until,
                     write_file, write_program)
from tree_world import KEY, back_up, files, new_tree, picture, restore_job, same, store
from worker_client import Worker, work


class Gate:
    """A stop command that waits: the restore stands still behind it until it may go on."""

    def __init__(self):
        self.dir = temp_dir()
        self.command = write_program(f"{self.dir}/stop", f"""#!/bin/sh
echo $PPID >{self.dir}/reached.new; mv {self.dir}/reached.new {self.dir}/reached
while [ ! -e {self.dir}/go ]; do sleep 0.05; done
""")

    def wait(self):
        """Until the restore stands there; the worker's pid."""
        wait_until(lambda: os.path.exists(f"{self.dir}/reached"), "the stop command to run")
        with open(f"{self.dir}/reached", encoding="ascii") as f:
            return int(f.read())

    def open(self):
        write_file(f"{self.dir}/go", "")


def damaged_tree(**keys):
    root, place = new_tree(), store(temp_dir(), **keys)
    back_up(place, files(root))
    before = picture(root)
    write_file(f"{root}/notes", "second\n")
    return root, place, before


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().split()[2] != "Z"
    except FileNotFoundError:
        return False


@test
def the_other_end_goes_away():
    root, place, before = damaged_tree()
    gate = Gate()
    w = Worker(restore_job(place, "in-place", configured=[files(root)], stop=[gate.command]))
    gate.wait()
    w.ours.close()
    gate.open()
    equal(w.process.wait(60), 0)
    same(picture(root), before)


@test
def the_other_end_goes_away_with_the_answer():
    root, place, before = damaged_tree()
    w = Worker(restore_job(place, "in-place", configured=[files(root)], yes=False))
    while w.receive()["type"] != "ask":
        pass
    w.answer(True)
    w.ours.close()
    equal(w.process.wait(60), 0)
    same(picture(root), before)


@test
def nobody_answers():
    root, place, _ = damaged_tree()
    damaged = picture(root)
    w = Worker(restore_job(place, "in-place", configured=[files(root)], yes=False))
    while w.receive()["type"] != "ask":
        pass
    w.ours.close()
    check(w.process.wait(60) != 0, "it must not succeed")
    same(picture(root), damaged)


@test
def cancel_still_stops_it():
    root, place, _ = damaged_tree()
    damaged = picture(root)
    gate = Gate()
    w = Worker(restore_job(place, "in-place", configured=[files(root)], stop=[gate.command]))
    gate.wait()
    w.cancel()
    gate.open()
    result = w.finish()
    equal(result["code"], "cancelled", result)
    same(picture(root), damaged)


@test
def an_undo_outlives_too():
    root, place, before = damaged_tree()
    damaged, state = picture(root), temp_dir()
    work(restore_job(place, "in-place", configured=[files(root)], state_dir=state))
    same(picture(root), before)
    w = Worker({"verb": "undo", "run": "r1", "state_dir": state, "target": None, "configured": []})
    w.ours.close()
    equal(w.process.wait(60), 0)
    same(picture(root), damaged)


def configuration(root, place, gate):
    key = write_file(f"{gate.dir}/key", KEY + "\n", 0o600)
    return write_file(f"{gate.dir}/synbak.conf", f"""[daemon]
state_dir = {gate.dir}/state
socket = {gate.dir}/sock
[destination local]
warn_free = 0
path = {place['path']}
key = file:{key}
[source media]
type = files
path = {root}
[job j]
sources = media
destinations = local
daily = at 02:00
restore_stop = {gate.command}
""")


def begin(conf, **options):
    return subprocess.Popen([program("synbakctl"), "restore", "j", "--in-place", "--yes", "--no-safety-copy",
                             "--config", conf], **options)


@test
def synbakctl_is_killed():
    root, place, before = damaged_tree(key=KEY)
    gate = Gate()
    ctl = begin(configuration(root, place, gate), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    defer(end_process, ctl)
    worker = gate.wait()
    ctl.kill()
    ctl.wait()
    gate.open()
    wait_until(lambda: not is_running(worker), "the worker to end")
    same(picture(root), before)


@test
def the_terminal_hangs_up():
    root, place, before = damaged_tree(key=KEY)
    gate = Gate()
    master, slave = pty.openpty()
    ctl = begin(configuration(root, place, gate), stdin=slave, stdout=slave, stderr=slave,
                start_new_session=True, preexec_fn=lambda: os.close(os.open(os.ttyname(slave), os.O_RDWR)))
    defer(end_process, ctl)
    os.close(slave)
    gate.wait()
    os.close(master)  # nothing can be shown any more, and the kernel sends SIGHUP
    ctl.send_signal(signal.SIGHUP)
    gate.open()
    check(ctl.wait(60) >= 0, "synbakctl ends by itself")
    same(picture(root), before)


if __name__ == "__main__":
    run_all()
