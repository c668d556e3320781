#!/usr/bin/env python3
"""Every request of a put, a get, a list and a delete failed once in turn, in every way that faulty_proxy.py knows,
in front of a real radosgw. After each: what is said to be done is done, an object is whole or not there, nothing
unfinished is left after a sweep.

The short form takes each kind at one request of each scenario; --long takes them all. What hangs costs half a
minute each, so those run side by side."""
import concurrent.futures
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw
from faulty_proxy import KINDS, FaultyProxy
from harness import check, equal, long, note, run_all, test
from s3_client import good, tool

MIB = 1 << 20
BIG, SEAL = 2 * 8 * MIB + 5, f"seal={8 * MIB}"  # three parts


class Scenario:
    """One call of the store; before() makes the state that it starts from."""

    def __init__(self, name, argv, size=None, before=(), reads=False):
        self.name, self.argv, self.size, self.before, self.reads = name, argv, size, before, reads

    def judge(self, env, done, said, kind):
        """What must be true afterwards, seen without the proxy."""
        where = f"{self.name}, {kind}: {said}"
        if self.argv[0] == "put":
            there, answer = tool(env, "check", "o", self.size)
            check(there or answer.startswith("not-found"), f"{where}: neither whole nor absent: {answer}")
            check(there or not done, f"{where}: said to be stored, but {answer}")
        elif self.argv[0] == "delete":
            there, answer = tool(env, "stat", "o")
            check(there or answer.startswith("not-found"), f"{where}: {answer}")
            check(not (done and there), f"{where}: said to be deleted, and is there")
        elif self.argv[0] == "list" and kind != "stale":
            check(not done or said == ["a/1 10", "a/2 20", "b 30"], f"{where}: another list")
        elif self.argv[0] == "check":
            check(done or not said.startswith(("damaged", "not-found")),
                  f"{where}: a fault on the way was taken for damage")


SCENARIOS = [
    Scenario("small put", ["put", "o", 1000], 1000),
    Scenario("large put", ["put", "o", BIG, SEAL], BIG),
    Scenario("resumed put", ["put", "o", BIG, SEAL, "resume"], BIG),
    Scenario("replacing put", ["put", "o", 2000, "replace"], 2000, [["put", "o", 2000]]),
    Scenario("get", ["check", "o", BIG], BIG, [["put", "o", BIG]], reads=True),
    Scenario("list", ["list", ""], None, [["put", "a/1", 10], ["put", "a/2", 20], ["put", "b", 30]], reads=True),
    Scenario("delete", ["delete", "o"], None, [["put", "o", 10]]),
]


class Bench:
    """A bucket and a proxy of its own, so that scenarios can run side by side."""

    def __init__(self, s3):
        self.s3, self.bucket, self.proxy, self.turn, self.ready = s3, s3.bucket(), FaultyProxy(s3.port), 0, {}

    def fresh(self, scenario):
        """(env of the service, env of the proxy), both at a prefix where only what the scenario needs lies; those
        that only read share one."""
        direct = self.ready.get(scenario.name)
        if not direct:
            self.turn += 1
            direct = self.s3.environment(self.bucket, S3_PREFIX=f"t{self.turn}", S3_PARALLEL=2)
            for argv in scenario.before:
                good(direct, *argv)
            if scenario.reads:
                self.ready[scenario.name] = direct
        return direct, dict(direct, S3_ENDPOINT=self.proxy.endpoint)

    def requests(self, scenario):
        """How many requests the scenario makes when nothing fails."""
        _, through = self.fresh(scenario)
        self.proxy.fail(0, None)
        good(through, *scenario.argv)
        return len(self.proxy.log)

    def attempt(self, scenario, number, kind):
        """One fault; True if the call succeeded all the same."""
        direct, through = self.fresh(scenario)
        self.proxy.fail(number, kind)
        done, said = tool(through, *scenario.argv, timeout=300)
        equal(self.proxy.failed, 1, f"{scenario.name}: {kind} at request {number} did not happen")
        self.proxy.fail(0, None)
        scenario.judge(direct, done, said, kind)
        if not done:
            note(f"{scenario.name}, {kind} at request {number} was the end: {said}")
        if not scenario.reads:
            good(direct, "sweep", 0)
            tool(direct, "delete", "o")  # the service has no room for all of them
        equal([key for key, _ in self.s3.uploads(self.bucket)], [], f"{scenario.name}: {kind} at {number}")
        return done


def chosen(count, turn):
    """The numbers of the requests that fail: all, or another one for each kind. A put does its work in those
    behind its first, so "lost", the last kind, takes the second."""
    return range(1, count + 1) if long() else [1 + (turn - 6) % count]


def campaign(kinds, side_by_side):
    s3 = rgw.shared()
    benches = [Bench(s3) for _ in range(side_by_side)]
    work, counts = [], {}
    for scenario in SCENARIOS:
        counts[scenario.name] = benches[0].requests(scenario)
        work += [(scenario, number, kind) for turn, kind in enumerate(kinds)
                 for number in chosen(counts[scenario.name], turn)]

    def go(index):
        return sum(benches[index].attempt(*work[i]) for i in range(index, len(work), side_by_side))

    with concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
        survived = sum(pool.map(go, range(side_by_side)))
    note(", ".join(f"{name} {count}" for name, count in counts.items()) + " requests")
    note(f"{len(work)} faults, {survived} of them overcome, the others told")
    return len(work), survived


@test(limit=3600)
def every_request_fails_in_every_way():
    faults, survived = campaign([k for k in KINDS if k not in ("hang", "swallow")], 2)
    equal(survived, faults, "one fault alone should not be the end of a call")


@test
def what_is_confirmed_and_lost_is_noticed():
    """A service that says yes to an object or to a part, with the right digest, and keeps nothing."""
    bench, faults = Bench(rgw.shared()), 0
    for scenario in SCENARIOS[:3]:
        bench.requests(scenario)
        puts = [i for i, line in enumerate(bench.proxy.log, 1) if line.startswith("PUT")]
        for number in puts:
            check(not bench.attempt(scenario, number, "swallow"), f"{scenario.name}: request {number} was not missed")
            faults += 1
    note(f"{faults} confirmations that were not true, all noticed")


@test(limit=3600)
def every_request_gets_no_answer():
    if long():
        campaign(["hang"], 16)
        return
    bench = Bench(rgw.shared())
    check(bench.attempt(SCENARIOS[0], 1, "hang"), "one answer that never came was the end")


run_all()
