#!/usr/bin/env python3
"""Everything that is stored is read again within verify_within, a portion a day: months of it, with the
real worker and a moved clock. What is damaged in an old set is found without anybody asking."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon_client import Daemon  # noqa: E402
import harness  # noqa: E402
from harness import check, contains, equal, long, program, run_all, test, wait_until, write_file  # noqa: E402

HOUR, DAY = 3600, 86400
PLAIN = "[destination place]\npath = {dir}/place\nkey = none\nwarn_free = 0\n"
REPOSITORY = "[destination place]\npath = {dir}/place\nkey = file:{dir}/key\nformat = repository\nwarn_free = 0\n"
JOB = "[source data]\ntype = command\ncommand = cat {dir}/data\n[job j]\nsources = data\ndestinations = place\n"


def world(destination, sets=3, jobs=JOB, size=300000):
    """A daemon with so many sets, each of data of its own."""
    d = Daemon(start=False, binary="synbakd-fault", worker=program("synbak-worker"))
    os.mkdir(f"{d.dir}/place", 0o700)
    write_file(f"{d.dir}/key", "a key of some length for tests\n", 0o600)
    d.configure((destination + jobs).format(dir=d.dir))
    d.start()
    for _ in range(sets):
        write_file(f"{d.dir}/data", os.urandom(size))
        equal(d.trigger(job="j")["outcome"], "good")
    return d


def place(d):
    return next(x for x in d.call("status")["destinations"] if x["name"] == "place")


def portions(d):
    return [r for r in d.records("run-queued") if r["why"] == "daily portion"]


def is_idle(d):
    return d.job()["running"] is None and not d.job()["queued"]


def live(d, days, step=29 * HOUR):
    """Days pass, each as long as it takes at most until the next portion."""
    for _ in range(days):
        d.pass_time(step)
        wait_until(lambda: is_idle(d), "the portion to be over")


def flip(path):
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))


def ids(d):
    return sorted(s["id"] for s in d.call("list", job="j")["sets"] if s["destination"] == "place")


def largest(folder):
    return max((f"{root}/{name}" for root, _, names in os.walk(folder) for name in names), key=os.path.getsize)


def unread_days(d):
    """How long ago, by the moved clock, some byte was read last."""
    return place(d)["unread_s"] / DAY


def ctl(d, *arguments):
    return harness.run([program("synbakctl"), "--socket", d.socket, *arguments]).stdout


@test
def a_flipped_byte_in_an_old_plain_set_is_found_by_the_portions_alone():
    d = world(PLAIN)
    equal(place(d)["verify_within_s"], 30 * DAY)
    old = ids(d)[0]
    flip(largest(f"{d.dir}/place/j/{old}"))
    live(d, 29)
    verdicts = {r["id"]: r["ok"] for r in d.records("verified")}
    equal(verdicts, {identity: identity != old for identity in ids(d)})
    check(portions(d), "no portion was queued")
    equal(d.job()["level"], 2)
    contains(" ".join(d.job()["problems"]), f"{old} at \"place\" is damaged")
    contains(d.log(), f"verification of {old} at \"place\"")
    equal(d.stop(), 0)


@test
def a_flipped_byte_in_a_repository_is_found_by_the_portions_alone():
    d = world(REPOSITORY + "verify_within = 10d\n", sets=4)
    flip(largest(f"{d.dir}/place/packs"))
    live(d, 9)
    bad = {r["id"]: r["error"] for r in d.records("verified") if not r["ok"]}
    equal(len(bad), 1, str(bad))
    check(not [r for r in d.records("verified") if r["ok"]], "a part of the packs proves no set")
    identity, error = bad.popitem()
    contains(error, "packs/")
    equal(d.job()["level"], 2)
    contains(" ".join(d.job()["problems"]), f"{identity} at \"place\" is damaged")
    check(len(d.records("read")) > 6, "portions: " + str(len(d.records("read"))))
    equal(d.stop(), 0)


def keep_promise(destination, within, days, **options):
    """Days like any other, a restart among them: the longest that a byte was unread."""
    d = world(destination, **options)
    worst = 0
    for day in range(days):
        live(d, 1)
        worst = max(worst, unread_days(d))
        if day == days // 2:
            d.restart()
            live(d, 1, 30 * 60)
    check(within / 2 < worst < within, f"{worst} days")
    check("read" not in (place(d)["problem"] or ""), str(place(d)))
    check(d.job()["level"] < 2, str(d.job()))
    return d


@test
def no_plain_byte_is_unread_for_longer_than_promised():
    d = keep_promise(PLAIN, 30, 70)
    contains(ctl(d, "status"), "ALL READ WITHIN")


@test(limit=240)
def of_a_large_plain_set_a_part_is_read_each_day():
    d = keep_promise(PLAIN + "verify_within = 10d\n", 10, 70 if long() else 15, sets=1, size=150 << 20)
    sizes = [r["to"] - r["from"] for r in d.records("read")]
    check(len(sizes) >= 12, f"{len(sizes)} portions")
    check(max(sizes) < (1 << 32) * 0.3, f"portions of {sizes}")
    whole = d.call("list", job="j")["sets"][0]
    check(whole["verified"] > whole["finished"], "once all parts were read, that is a verification")
    contains(ctl(d, "log"), f"{whole['id']} at place read again")
    flip(largest(f"{d.dir}/place/j/{whole['id']}"))
    live(d, 10)
    equal([r["ok"] for r in d.records("verified")], [False])
    equal(d.job()["level"], 2)


@test
def no_byte_of_a_repository_is_unread_for_longer_than_promised():
    d = keep_promise(REPOSITORY + "verify_within = 10d\n", 10, 70 if long() else 15)
    contains(ctl(d, "status"), "ALL READ WITHIN")
    contains(ctl(d, "log"), "repository at place read again")
    sizes = [r["to"] - r["from"] for r in d.records("read")]
    check(max(sizes) < (1 << 32) * 0.3, f"portions of {sizes}")


@test
def never_reads_nothing_and_what_lags_is_told():
    d = world(PLAIN + "verify_within = never\n", sets=1)
    live(d, 40)
    equal((portions(d), place(d)["unread_s"]), ([], None))
    d.configure((PLAIN + JOB).format(dir=d.dir))
    os.rename(f"{d.dir}/place", f"{d.dir}/away")
    d.call("reload")
    live(d, 2)
    contains(place(d)["problem"], "place")
    os.rename(f"{d.dir}/away", f"{d.dir}/place")
    d.call("rescan")
    texts = " ".join(p["text"] for p in d.call("status")["problems"])
    contains(texts, "have not been read for")
    live(d, 2)
    equal(place(d)["problem"], None)
    equal([r["ok"] for r in d.records("verified")], [True])


@test
def a_restore_ends_the_portion_and_it_comes_again():
    d = Daemon(binary="synbakd-fault")
    d.trigger(job="j")
    identity = d.call("list", job="j")["sets"][0]["id"]
    d.play("verify", {"wait_for": f"{d.dir}/go"}, {"default": True}, times=1)
    d.pass_time(28 * DAY)
    wait_until(lambda: d.call("status") and d.jobs_seen("verify"), "the portion")
    client = d.client()
    begun = client.call("restore-begin", job="j", id=identity, purpose="a test")
    wait_until(lambda: d.job()["running"] is None, "its end")
    d.pass_time(5 * HOUR)
    equal(len(portions(d)), 1, "while the restore goes on")
    client.call("restore-end", token=begun["token"], ok=True)
    d.pass_time(5 * HOUR)
    wait_until(lambda: d.call("status") and [r for r in d.records("verified") if r["ok"]], "the next one")
    equal(d.stop(), 0)


if __name__ == "__main__":
    run_all()
