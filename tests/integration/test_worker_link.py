#!/usr/bin/env python3
"""synbak-worker and its parent: what happens when one of them is gone."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, equal, program, run, run_all, temp_dir, test, wait_until  # noqa: E402
from worker_client import Worker  # noqa: E402
from worker_jobs import folder_store  # noqa: E402


def store(place):
    return folder_store(place, volume_bytes=1 << 30)


@test
def a_stuck_worker_ends_when_its_parent_is_gone():
    place, pid_file = temp_dir(), temp_dir() + "/pid"
    worker = Worker({"verb": "command", "job": "j", "id": "20260101_000000", "stores": [store(place)], "threads": 1,
                     "source": {"name": "c", "type": "command", "restore_command": [],
                                "command": ["/bin/sh", "-c", f"echo $$ > {pid_file}; trap '' TERM; exec sleep 600"]}})
    wait_until(lambda: os.path.exists(pid_file) and os.path.getsize(pid_file) > 0, "the command to start")
    with open(pid_file, encoding="ascii") as f:
        command = int(f.read())
    worker.ours.close()
    worker.process.wait(60)
    wait_until(lambda: not os.path.exists(f"/proc/{command}"), "its child to end too", 30)
    check(not os.path.exists(f"{place}/j"), "nothing is visible")


@test
def started_by_hand():
    done = run([program("synbak-worker")])
    equal(done.returncode, 2)
    check("by hand" in done.stderr)


@test
def a_worker_that_is_killed_takes_its_children_along():
    pid_file = temp_dir() + "/pid"
    worker = Worker({"verb": "hook", "argv": ["/bin/sh", "-c", f"echo $$ > {pid_file}; exec sleep 600"], "env": {}, "timeout_s": 600})
    wait_until(lambda: os.path.exists(pid_file) and os.path.getsize(pid_file) > 0, "the hook to start")
    with open(pid_file, encoding="ascii") as f:
        hook = int(f.read())
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait(30)
    wait_until(lambda: not os.path.exists(f"/proc/{hook}"), "the hook to end", 30)


if __name__ == "__main__":
    run_all()
