"""A worker under the faults of tests/lib/seam.h, told by its environment."""
import os

import harness
from harness import Failed, check
from worker_client import Worker


def attempt(job, fault):
    """The result message, or None when the worker died without one."""
    worker = Worker(job, binary="synbak-worker-fault", env={**os.environ, "SYNBAK_FAULT": fault})
    try:
        return worker.finish()
    except Failed as why:
        if "no result, exit status -9" in str(why):
            return None
        raise
    finally:
        worker.close()


def count_calls(job, folder):
    """How many calls that change something one clean piece of work makes."""
    counts = f"{folder}/count"
    message = attempt(job, f"count:{counts}")
    check(message is not None and message["ok"], str(message))
    with open(counts, encoding="ascii") as f:
        return sum(int(line.split()[-1]) for line in f)


def numbers(total, short):
    """Which of 1..total are tried: all in the long form, an even spread in the short one."""
    if harness.long() or total <= short:
        return range(1, total + 1)
    return sorted({1 + i * (total - 1) // (short - 1) for i in range(short)})
