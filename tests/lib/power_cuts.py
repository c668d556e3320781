"""States that a disk may hold after the power went away while a worker wrote (tests/lib/power_loss.h)."""
import os
import subprocess

import harness
from harness import program

FIXED_POLICIES = 7


def recorded(log, folder):
    """Options for work(): the fault-injecting worker, writing its log."""
    return {"binary": "synbak-worker-fault",
            "env": {**os.environ, "SYNBAK_FAULT": f"log:{log}", "SYNBAK_FAULT_ROOT": folder}}


def states(log, short):
    """(cut, policy, is_end) of every state; a spread of them in the short form, the last cut always whole."""
    cuts = int(subprocess.check_output([program("power_loss_states"), log]))
    policies = FIXED_POLICIES + (20 if harness.long() else 2)
    every = [(cut, policy, False) for cut in range(cuts) for policy in range(policies)]
    if not harness.long():
        every = every[::max(1, len(every) // short)]
    return cuts, every + [(cuts, policy, True) for policy in range(policies)]


def build(log, cut, policy, target):
    """The state as a new folder: {inode number in the log: that in the folder}."""
    lines = subprocess.check_output([program("power_loss_states"), log, str(cut), str(policy), target], text=True)
    return dict(line.split() for line in lines.splitlines())
