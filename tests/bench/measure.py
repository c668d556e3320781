"""Measuring two sides in one run: wall time and core-seconds of whole process trees, medians, ratios.

Times mean nothing across machines; only ratios of medians taken alternately in the same run are
quoted. Nothing here asserts.
"""
import os
import resource
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))

REPEATS = int(os.environ.get("SYNBAK_BENCH_REPEATS", "5"))


class Side:
    """One way of doing the work: times of its repeats."""

    def __init__(self, name, work, prepare=None):
        self.name, self.work, self.prepare = name, work, prepare
        self.seconds, self.cores = [], []

    def run(self):
        if self.prepare:
            self.prepare()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        self.work()
        self.seconds.append(time.monotonic() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cores.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    @property
    def median(self):
        return statistics.median(self.seconds)


def compare(title, sides, limits=(), repeats=REPEATS):
    """Run the sides alternately and print medians; limits: (side, against, wanted, "at most"|"at least")."""
    for _ in range(repeats):
        for side in sides:
            side.run()
    print(f"# {title}: medians of {repeats}")
    for side in sides:
        spread = f"{min(side.seconds):.2f}..{max(side.seconds):.2f}"
        print(f"#   {side.name:42} {side.median:7.2f} s ({spread}), "
              f"{statistics.median(side.cores):6.2f} core-seconds")
    by_name = {side.name: side for side in sides}
    for side, against, wanted, kind in limits:
        ratio = by_name[side].median / by_name[against].median
        if kind == "at least":  # how many times faster
            ratio = 1 / ratio
        met = ratio <= wanted * 1.1 if kind == "at most" else ratio >= wanted * 0.9
        verb = "x the time of" if kind == "at most" else "x faster than"
        print(f"#   {side}: {ratio:.2f} {verb} {against}; wanted {kind} {wanted}: "
              f"{'met' if met else 'NOT MET'}", flush=True)


def shell(command, env=None):
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True, env=env,
                   stdout=subprocess.DEVNULL)


def peak_memory(pid):
    """VmHWM of a live process, in MiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


def report(number, name):
    print(f"ok {number} - {name}", flush=True)
