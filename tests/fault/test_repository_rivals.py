#!/usr/bin/env python3
"""Two installations with the same key at one repository: two writers, two pruners, and one that was suspended while the
other took over. Who is no longer the holder of a role appends nothing and deletes nothing."""
import os
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import check, equal, note, part, run_all, test  # noqa: E402
from repository_work import RepositoryWork  # noqa: E402
from worker_client import Worker, work, work_error  # noqa: E402
from worker_faults import count_calls, numbers  # noqa: E402

RIVAL = "cd" * 16
FIRST, SECOND, THIRD, THEIRS = ("20260101_000000", "20260102_000000", "20260103_000000", "20260104_000000")
SHORT_STEPS = 4


def adopt(w):
    """The marker and both roles are this installation's from now on."""
    w.heads = (None, None)
    result = work({"verb": "adopt", "store": w.store()})
    w.remember_heads(result["heads"]["local"])


def two():
    """One with a set, and another one that takes nothing over yet."""
    one = RepositoryWork()
    one.backup(FIRST)
    return one, RepositoryWork(place=one.place, owner=RIVAL, seed=2)


@test
def who_was_fenced_off_adds_no_set_and_deletes_nothing():
    one, other = two()
    reads = one.read(SECOND)
    adopt(other)
    before = one.objects()
    done = work(one.commit_job(reads, SECOND))["destinations"][0]
    equal((done["ok"], done["code"]), (False, "foreign"), str(done))
    code, _ = work_error(one.prune_job([FIRST]))
    equal(code, "foreign")
    for change in (one.keys_job("rotate"), one.keys_job("add", kind="recovery", label="x", secret=None)):
        work_error(change)
    equal(one.objects(), before)
    other.backup(THEIRS)
    other.expected.update(one.expected)
    equal(other.sets(), {FIRST, THEIRS})
    for identity in other.expected:
        other.restores(identity)
    # and back again
    adopt(one)
    one.backup(SECOND)
    one.expected.update(other.expected)
    equal(one.sets(), {FIRST, THEIRS, SECOND})
    for identity in one.expected:
        one.restores(identity)
        one.read_back(identity)


def suspended_at(job, call, meanwhile):
    """A worker that is stopped before the call of that number, and goes on after `meanwhile`. Its result message."""
    worker = Worker(job, binary="synbak-worker-fault", env={**os.environ, "SYNBAK_FAULT": f"stop:{call}"})
    _, status = os.waitpid(worker.process.pid, os.WUNTRACED)
    check(os.WIFSTOPPED(status), f"{call}: it did not stop")
    meanwhile()
    os.kill(worker.process.pid, signal.SIGCONT)
    return worker.finish()


def campaign(name, one, other, job, look, refused_here=True):
    """`one` is suspended at each call of its work, and `other` takes over and makes a set. What there is then, stays."""
    one.save()
    total = count_calls(job(), one.dir)
    fenced, tried, lost = 0, part(numbers(total, SHORT_STEPS)), []
    for call in tried:
        one.reset()
        for folder in ("cache", "tracking"):
            shutil.rmtree(f"{other.state}/{folder}", ignore_errors=True)
            os.mkdir(f"{other.state}/{folder}", 0o700)
        other.numbers, other.expected, other.sequence = {}, dict(one.expected), one.sequence
        there = set()

        def meanwhile():
            adopt(other)
            other.backup(THEIRS)
            there.update(other.objects())
        message = suspended_at(job(), call, meanwhile)
        refused = [message.get("code")] + [d["code"] for d in message.get("result", {}).get("destinations", [])
                                           if not d["ok"]]
        fenced += "foreign" in refused
        # the call that it was stopped at may be a deletion
        lost = sorted(there - set(other.objects()))
        check(len(lost) <= 1, f"stopped at {call}: deleted after the take-over: {lost}")
        look(f"stopped at {call}", message, other.sets())
        for identity in other.expected:
            other.restores(identity, text=f"stopped at {call}")
    note(f"{name}: stopped at {len(tried)} of {total} calls while another took over, fenced off {fenced} times")
    check(fenced > 0 or not refused_here, "never fenced off")


@test(limit=300)
def a_writer_that_wakes():
    one, other = two()
    one.change()
    reads = one.read(SECOND)

    def look(text, message, there):
        committed = message["ok"] and message["result"]["destinations"][0]["ok"]
        equal(there, {FIRST, THEIRS, SECOND} if committed else {FIRST, THEIRS}, f"{text}: {message}")
    campaign("commit", one, other, lambda: one.commit_job(reads, SECOND), look)


@test(limit=300)
def a_reader_of_sources_that_wakes():
    one, other = two()
    one.change()

    def look(text, message, there):
        equal(there, {FIRST, THEIRS}, text)
    campaign("a stream", one, other, lambda: one.read_job(one.sources()[1], SECOND), look,
             refused_here=False)  # what it adds is no set, and the commit is refused


@test(limit=300)
def a_pruner_that_wakes():
    one, other = two()
    one.trash_s = 0
    one.change()
    os.unlink(f"{one.tree}/large")
    one.backup(SECOND)
    one.prune([FIRST])  # on trash now: the next one deletes

    def look(text, _message, there):
        equal(there, {SECOND, THEIRS}, text)
    campaign("prune", one, other, lambda: one.prune_job([]), look)


@test(limit=300)
def two_at_once():
    """They take over from each other and commit at the same time: a set whose commit was told to be there is there."""
    one, other = two()
    rounds = 20 if harness.long() else 3
    kept, refused = {FIRST: one.expected[FIRST]}, 0
    for number in range(rounds):
        ready = []
        for w in (one, other) if number % 2 else (other, one):
            adopt(w)
            w.change()
            identity = f"202602{number + 1:02}_00000{int(w is one)}"
            ready.append((identity, w.content(), w.commit_job(w.read(identity), identity)))
        running = [(identity, content, Worker(job)) for identity, content, job in ready]
        for identity, content, worker in running:
            done = worker.finish()["result"]["destinations"][0]
            if done["ok"]:
                kept[identity] = content
            else:
                equal(done["code"], "foreign", str(done))
                refused += 1
    adopt(one)
    equal(one.sets(), set(kept))
    for identity, content in kept.items():
        one.restores(identity, content)
    note(f"{rounds} rounds: {len(kept) - 1} sets, {refused} refused")
    equal(refused, rounds)


if __name__ == "__main__":
    run_all()
