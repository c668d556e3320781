#!/usr/bin/env python3
"""synbakd's runs, schedules and restarts, behind a scripted worker: each way in which a worker can
fail, hooks, retries, cancelling, pausing, reloading, the clock, crashes, two daemons."""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon_client import Client, Daemon, Refused, refused  # noqa: E402
from harness import (check, contains, end_process, equal, lacks, long, program, run, run_all, start,  # noqa: E402
                     test, wait_until)

OK = {"send": {"type": "result", "ok": True, "result": {}}}
MINUTE, DAY, YEAR = 60, 86400, 365 * 86400


def failed(result, code, text):
    equal(result["outcome"], "failed", str(result))
    equal(result["code"], code, str(result))
    contains(result["error"], text)


# --- a run, whole ---

@test
def a_run_from_trigger_to_record():
    d = Daemon()
    result = d.trigger(job="j", reason="because")
    equal((result["outcome"], result["bytes"], result["place"]), ("good", 500, f"{d.backups}/j/{result['id']}"))
    equal([j["verb"] for j in d.jobs_seen()], ["scan", "command", "commit"])
    commit = d.jobs_seen("commit")[0]
    equal((commit["sequence"], commit["tiers"], commit["reason"]), (1, ["manual"], "because"))
    equal([r["type"] for r in d.records() if r.get("run") == result["run"]],
          ["run-queued", "run-started", "set-begun", "run-result", "run-finished"])
    equal((d.records("run-queued")[0]["uid"], d.records("run-queued")[0]["reason"]), (os.getuid(), "because"))
    job = d.job()
    equal((job["latest"], job["grade"], job["level"], job["sets"]), (result["id"], "written", 0, 1))
    equal(d.trigger()["outcome"], "good")
    equal([c["sequence"] for c in d.jobs_seen("commit")], [1, 2])
    check(d.jobs_seen("command")[0]["_nice"] >= 10 or os.nice(0) >= 10, "the worker was not made nice")
    equal(d.stop(), 0)


@test
def ids_are_never_taken_twice():
    d = Daemon()
    ids = [d.trigger()["id"] for _ in range(4)]
    equal(len(set(ids)), 4, str(ids))


@test
def parts_of_a_job_make_a_fragment():
    d = Daemon(jobs="[source two]\ntype = command\ncommand = echo two\n"
                    "[job j]\nsources = out two\ndestinations = local\n")
    result = d.trigger(sources=["two"])
    equal(result["outcome"], "good")
    equal(d.call("list")["sets"][0]["state"], "fragment")
    equal(d.job()["latest"], None)
    refused("not-found", d.call, "trigger", sources=["nope"])


@test
def pin_on_trigger_and_marks():
    d = Daemon()
    made = d.trigger(pin="before the upgrade")
    equal([m["kind"] for m in d.jobs_seen("mark")], ["pin"])
    entry = d.call("list")["sets"][0]
    equal((entry["pinned"], entry["pin_reason"]), (True, "before the upgrade"))
    d.call("unpin", job="j", id=made["id"])
    equal(d.call("list")["sets"][0]["pinned"], False)
    text = refused("not-found", d.call, "show", job="j", id=made["id"][:-1] + "x")
    contains(text, made["id"])
    contains(refused("not-found", d.call, "status", job="k"), "did you mean \"j\"")


# --- how workers fail ---

def one_failure(d, code, text, *steps):
    d.play("command", *steps, times=1)
    failed(d.trigger(), code, text)
    equal(d.job()["level"], 2)


@test(limit=200)
def each_way_a_worker_can_fail():
    d = Daemon(jobs="[job j]\nsources = out\ndestinations = local\nretry = 0\n")
    one_failure(d, "child", "killed by signal 9", {"kill": 9})
    one_failure(d, "child", "without a result", {"exit": 0})
    one_failure(d, "child", "status 3 and without a result: it broke", {"stderr": "it broke\n"}, {"exit": 3})
    one_failure(d, "child", "without a result", {"raw": "00000040" + b'{"type"'.hex()}, {"exit": 0})
    one_failure(d, "child", "nonsense", {"raw": "ffffffff"}, {"sleep": 60})
    one_failure(d, "child", "nonsense", {"raw": "00000003" + b"abc".hex()}, {"sleep": 60})
    one_failure(d, "child", "unknown type", {"send": {"type": "song"}}, {"sleep": 60})
    one_failure(d, "child", "went on talking", OK, OK, {"sleep": 60})
    one_failure(d, "child", "reported success and then exit status 4", OK, {"exit": 4})
    one_failure(d, "unavailable", "source \"out\": the server is away",
                {"send": {"type": "result", "ok": False, "code": "unavailable", "error": "the server is away"}},
                {"exit": 1})
    big = d.trigger
    d.play("command", {"stderr": "x" * 1023 + "\n", "count": 1024}, {"stderr": "\x1b[31mlast words\n"}, {"exit": 1},
           times=1)
    result = big()
    contains(result["error"], "last words")
    lacks(result["error"], "\x1b")
    check(len(result["error"]) < 1000, "the error is not bounded")
    equal(d.trigger()["outcome"], "good")
    lacks(d.log(), "\x1b")


@test(limit=200)
def a_worker_that_hangs():
    d = Daemon(jobs="[job j]\nsources = out\ndestinations = local\nretry = 0\nprogress_timeout = 10s\n")
    d.play("command", {"send": {"type": "progress", "step": "reading", "done": 1, "total": 0}}, {"sleep": 300}, times=1)
    failed(d.trigger(), "timeout", "no progress for 10 s in \"reading\"")
    pid = d.jobs_seen("command")[0]["_pid"]
    check(not os.path.exists(f"/proc/{pid}"), "the worker is still there")
    if long():
        d.play("command", {"default": True}, {"sleep": 300}, times=1)
        failed(d.trigger(), "child", "did not end")
        d.play("command", {"deaf": True}, {"sleep": 300}, times=1)
        failed(d.trigger(), "timeout", "no progress for")
    equal(d.trigger()["outcome"], "good")


@test
def a_worker_that_cannot_be_started():
    d = Daemon(worker="/nonexistent/worker", jobs="[job j]\nsources = out\ndestinations = local\nretry = 0\n")
    failed(d.trigger(), "child", "/nonexistent/worker")
    equal(d.stop(), 0)


@test
def one_source_fails_and_the_rest_is_kept():
    d = Daemon(jobs="[source tree]\ntype = files\npath = /nowhere\n"
                    "[job j]\nsources = out tree\ndestinations = local\nretry = 0\n")
    d.play("archive", {"send": {"type": "result", "ok": False, "code": "source", "error": "it is gone"}}, {"exit": 1})
    result = d.trigger()
    equal((result["outcome"], result["code"]), ("incomplete", "incomplete"))
    contains(result["error"], "it is gone")
    equal(d.call("list")["sets"][0]["state"], "incomplete")
    equal(d.job()["latest"], None)


@test
def a_destination_that_fails_is_told_and_left_to_the_copies():
    two = ("[destination other]\nwarn_free = 0\npath = /other\nkey = none\n"
           "[job j]\nsources = out\ndestinations = local other\nretry = 1\nretry_delay = 1s\ndaily = at 02:00\n")
    d = Daemon(jobs=two)
    d.play("commit", {"full": ["other"]}, times=1)
    result = d.trigger()
    equal((result["outcome"], result["code"]), ("good", "late"), str(result))
    contains(result["error"], "the disk is full")
    contains(d.log(), "the disk is full")
    equal((d.job()["latest"], d.job()["problems"]), (result["id"], []))
    wait_until(lambda: d.records("copied"), "the copy")
    equal(len(d.jobs_seen("command")), 1, "the source was read again")


@test
def a_destination_that_cannot_be_listed():
    d = Daemon(start=False, jobs="[job j]\nsources = out\ndestinations = local\nretry = 0\n")
    d.play("scan", {"send": {"type": "result", "ok": False, "code": "not-mounted", "error": "its marker is missing"}},
           {"exit": 1})
    d.start()
    failed(d.trigger(), "not-mounted", "destination \"local\": its marker is missing")
    equal(d.jobs_seen("command"), [], "a source was read for nothing")
    status = d.call("status")
    equal((status["level"], status["destinations"][0]["listed"]), (2, False))
    contains(status["destinations"][0]["problem"], "its marker is missing")
    equal(d.call("prune", dry_run=True)["jobs"][0]["problem"], "its marker is missing")
    d.play_default("scan")
    equal(d.trigger()["outcome"], "good")


# --- hooks ---

HOOKED = "[job j]\nsources = out\ndestinations = local\nretry = 0\nbefore = /bin/b x\nafter = /bin/a\n"
HOOK_FAILS = {"send": {"type": "result", "ok": False, "code": "hook", "error": "b: exit status 1"}}, {"exit": 1}


@test
def hooks_run_around():
    d = Daemon(jobs=HOOKED)
    equal(d.trigger()["outcome"], "good")
    before, after = d.jobs_seen("hook")
    equal((before["argv"], after["argv"]), (["/bin/b", "x"], ["/bin/a"]))
    equal((after["env"]["SYNBAK_OUTCOME"], after["env"]["SYNBAK_JOB"], after["env"]["SYNBAK_BYTES"]),
          ("good", "j", "500"))
    equal([j["verb"] for j in d.jobs_seen()], ["scan", "hook", "command", "commit", "hook"])


@test
def a_before_hook_that_fails_aborts():
    d = Daemon(jobs=HOOKED)
    d.play("hook", *HOOK_FAILS, times=1)
    failed(d.trigger(), "hook", "before hook: b: exit status 1")
    equal(d.jobs_seen("command"), [])
    equal(d.jobs_seen("hook")[1]["env"]["SYNBAK_OUTCOME"], "failed", "the after hook did not run")


@test
def hooks_that_only_report():
    d = Daemon(jobs=HOOKED + "before_failure = report\nafter_failure = report\n")
    d.play("hook", *HOOK_FAILS)
    result = d.trigger()
    equal(result["outcome"], "good")
    equal(len(result["problems"]), 2, str(result))


@test
def an_after_hook_that_fails_the_run():
    d = Daemon(jobs=HOOKED + "before_failure = report\nafter_failure = abort\n")
    d.play("hook", *HOOK_FAILS)
    failed(d.trigger(), "hook", "after hook")
    equal(len(d.call("list")["sets"]), 1)


# --- cancel, stop, pause ---

def running(d, verb="command"):
    """Start a run that hangs in that verb until the file `go` appears: its number."""
    d.play(verb, {"wait_for": f"{d.dir}/go"}, {"default": True})
    seen = len(d.jobs_seen(verb))
    number = d.call("trigger")["run"]
    wait_until(lambda: len(d.jobs_seen(verb)) > seen, "the worker")
    return number


@test
def cancel_a_run():
    d = Daemon()
    number = running(d)
    waiter = d.client()
    asked = waiter.ask("wait", run=number)
    equal(d.job()["running"]["run"], number)
    d.call("cancel", run=number, reason="wrong day")
    result = waiter.answer(asked)
    equal((result["outcome"], result["code"]), ("cancelled", "cancelled"))
    equal(d.records("cancel-asked")[0]["reason"], "wrong day")
    refused("not-found", d.call, "cancel", run=number)
    d.play_default("command")
    equal(d.trigger()["outcome"], "good")


@test
def cancel_a_run_that_waits():
    d = Daemon()
    number = running(d)
    queued = d.call("trigger")["run"]
    entry = d.job()["queued"][0]
    equal((entry["run"], entry["waits_for"]), (queued, f"run {number} of the same job"))
    waiter = d.client()
    asked = waiter.ask("wait", run=queued)
    d.call("cancel", run=queued)
    equal(waiter.answer(asked)["outcome"], "cancelled")
    open(f"{d.dir}/go", "w").close()
    equal(d.call("wait", run=number)["outcome"], "good")


@test
def stop_in_the_middle_of_a_run():
    d = Daemon()
    number = running(d)
    pid = d.jobs_seen("command")[0]["_pid"]
    equal(d.stop(), 0)
    check(not os.path.exists(f"/proc/{pid}"), "the worker outlived the daemon")
    check(not os.path.exists(d.socket), "the socket is left behind")
    last = d.records("run-finished")[-1]
    equal((last["run"], last["outcome"], last["asked"]), (number, "cancelled", False))
    equal(d.records()[-1]["type"], "stopped")


@test
def pause_and_resume():
    d = Daemon()
    d.call("pause", job="j", reason="holidays")
    number = d.call("trigger")["run"]
    d.restart()
    equal((d.job()["paused"], d.job()["queued"][0]["run"]), (True, number))
    equal(d.jobs_seen("command"), [])
    d.call("resume", job="j")
    equal(d.call("wait", run=number)["outcome"], "good")
    equal(d.job()["paused"], False)
    refused("usage", d.call, "pause", job="j", until="tomorrow")


# --- schedules and the clock ---

DAILY = "[job j]\nsources = out\ndestinations = local\ndaily = at 02:00\nretry = 2\nretry_delay = 10min\n"


def seconds_to(hour):
    """From now to the next time that UTC's clock shows that hour and one minute."""
    return (hour * 3600 + 60 - time.time()) % DAY


def finished(d, count):
    def look():
        # each request is also a look at the clock; a record is on disk a moment before it is believed
        done = len(d.records("run-finished")) >= count
        return done and not any(j["running"] for j in d.call("status")["jobs"])
    wait_until(look, f"{count} finished runs")
    return d.records("run-finished")[count - 1]


@test
def a_schedule_fires():
    d = Daemon(jobs=DAILY, binary="synbakd-fault")
    shift = seconds_to(2)
    d.set_clock(shift)
    first = finished(d, 1)
    equal((first["outcome"], first["tiers"]), ("good", ["daily"]))
    d.set_clock(shift + DAY)
    equal(finished(d, 2)["outcome"], "good")
    d.set_clock(shift + DAY + 3600)
    equal(len(d.records("run-finished")), 2)
    equal(d.job()["owed"], [])


@test
def what_was_missed_is_made_up_for_once():
    d = Daemon(jobs=DAILY, binary="synbakd-fault")
    d.stop()
    with open(d.clock, "w", encoding="ascii") as f:
        f.write(str(int((seconds_to(2) + 3 * DAY) * 1000000)))
    d.start()
    equal(finished(d, 1)["outcome"], "good")
    equal(len(d.records("run-queued")), 1)


@test
def a_new_job_owes_nothing():
    d = Daemon(jobs=DAILY, binary="synbakd-fault")
    d.stop()
    with open(d.clock, "w", encoding="ascii") as f:
        f.write(str(int((seconds_to(2) + 3 * DAY) * 1000000)))
    d.configure(jobs=DAILY.replace("[job j]", "[job k]"))
    d.start()
    equal((d.records("run-queued"), d.job("k")["owed"]), ([], []))


@test
def retries_and_then_peace():
    d = Daemon(jobs=DAILY, binary="synbakd-fault")
    shift = seconds_to(2)
    d.play("command", {"exit": 1})
    d.set_clock(shift)
    equal(finished(d, 1)["outcome"], "failed")
    check(d.job()["retry_at"] is not None, "no retry")
    d.restart()
    check(d.job()["retry_at"] is not None, "the restart forgot the retry")
    d.set_clock(shift + 11 * MINUTE)
    equal(finished(d, 2)["outcome"], "failed")
    d.set_clock(shift + 22 * MINUTE)
    equal(finished(d, 3)["outcome"], "failed")
    equal([r["retry"] for r in d.records("run-queued")], [0, 1, 2])
    d.set_clock(shift + 12 * 3600)
    equal((d.job()["owed"], d.job()["retry_at"], len(d.records("run-queued"))), (["daily"], None, 3))
    d.play_default("command")
    d.set_clock(shift + DAY)
    equal(finished(d, 4)["outcome"], "good")
    equal(d.job()["owed"], [])


@test
def a_long_list_comes_in_pages():
    d = Daemon(jobs="[job j]\nsources = out\ndestinations = local\n[job k]\nsources = out\ndestinations = local\n")
    d.trigger(job="j")
    one, count = d.call("list")["sets"][0], 1500
    made = [{"id": f"20200101_{n // 3600:02}{n // 60 % 60:02}{n % 60:02}", "sequence": n + 1, "tiers": ["daily"],
             "reason": "", "started": one["started"], "finished": one["started"], "fragment": False,
             "incomplete": False, "pinned": False, "accepted": False, "stays": False,
             "sources": [{"name": "out", "type": "command", "whole": True, "raw_bytes": 1, "stored_bytes": 1}]}
            for n in range(count)]
    d.play("scan", {"send": {"type": "result", "ok": True, "result": {
        "marker_id": "0123456789abcdef" * 2, "sets": {"j": made, "k": made}, "damaged": [], "swept": 0,
        "total_bytes": 1, "free_bytes": 1}}})
    d.call("rescan")
    first = d.call("list")
    equal((len(first["sets"]), first["next"]["job"]), (1000, "j"))
    seen, after = list(first["sets"]), first["next"]
    while after:
        page = d.call("list", after=after)
        seen, after = seen + page["sets"], page["next"]
    equal([(s["job"], s["id"]) for s in seen],
          [(job, s["id"]) for job in "jk" for s in sorted(made, key=lambda s: s["id"], reverse=True)])
    equal(d.call("list", job="k")["next"]["job"], "k")
    equal(d.call("list", after={"job": "k", "id": made[0]["id"], "destination": "local"}), {"sets": [], "next": None})
    told = run([program("synbakctl"), "--socket", d.socket, "list", "--json"], ok=True).stdout
    equal(len(json.loads(told)["sets"]), 2 * count)


@test
def the_clock_moves_by_years():
    d = Daemon(jobs=DAILY, binary="synbakd-fault")
    d.set_clock(10 * YEAR)
    equal(finished(d, 1)["outcome"], "good")
    equal(len(d.records("run-queued")), 1, "a storm of runs")
    d.set_clock(-10 * YEAR)
    status = d.call("status")
    equal(status["clock_in_doubt"], True)
    contains(str(status["problems"]), "behind")
    equal(d.trigger()["outcome"], "good")
    equal([s["id"] for s in d.call("list")["sets"]], sorted((s["id"] for s in d.call("list")["sets"]), reverse=True))
    sequences = [c["sequence"] for c in d.jobs_seen("commit")]
    equal(sequences, [1, 2])
    equal(d.job()["latest"], d.jobs_seen("commit")[-1]["id"], "the newest is not decided by the sequence")
    d.restart()
    equal(d.call("status")["clock_in_doubt"], True)
    d.call("clock-accept")
    equal(d.call("status")["clock_in_doubt"], False)
    d.restart()
    equal(d.call("status")["clock_in_doubt"], False)


# --- crashes ---

@test
def a_crash_in_the_middle_of_a_run():
    d = Daemon(jobs=HOOKED)
    number = running(d)
    pid = d.jobs_seen("command")[0]["_pid"]
    d.process.kill()
    d.process.wait()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the worker to follow its parent")
    d.play_default("command")
    d.start()
    result = finished(d, 1)
    equal((result["run"], result["outcome"]), (number, "failed"))
    contains(result["error"], "interrupted")
    wait_until(lambda: len(d.jobs_seen("hook")) == 2, "the after hook")
    equal(d.jobs_seen("hook")[1]["env"]["SYNBAK_OUTCOME"], "failed")
    again = d.trigger()
    equal(again["outcome"], "good")
    check(again["run"] > number, "a run number was used twice")
    equal(d.jobs_seen("commit")[-1]["sequence"], 2, "a sequence number was used twice")


@test
def a_crash_after_the_commit():
    d = Daemon(jobs=HOOKED)
    number = running(d, "hook")
    d.process.kill()
    d.process.wait()
    with open(f"{d.dir}/go", "w", encoding="ascii"):
        pass
    d.play_default("hook")
    d.start()
    equal(finished(d, 1)["run"], number)
    d.play("hook", {"default": True}, times=1)
    os.unlink(f"{d.dir}/go")
    d.play("hook", {"default": True}, times=1)
    client = d.client()
    second = client.call("trigger")["run"]
    wait_until(lambda: len(d.jobs_seen("commit")) == 1, "the commit")
    equal(client.call("wait", run=second)["outcome"], "good")
    set_id = d.call("list")["sets"][0]["id"]
    d.play("commit", {"default": True}, {"sleep": 300})
    third = d.call("trigger")["run"]
    wait_until(lambda: len(d.jobs_seen("commit")) == 2 and json_sets(d) == 2, "the second commit")
    d.process.kill()
    d.process.wait()
    d.play_default("commit")
    d.start()
    result = finished(d, 3)
    equal((result["run"], result["outcome"]), (third, "good"), "what was committed is not found again")
    check(result["id"] != set_id)
    equal(len(d.call("list")["sets"]), 2)


def json_sets(d):
    try:
        with open(f"{d.script}/sets.json", encoding="utf-8") as f:
            return len(json.load(f)["local"]["j"])
    except (OSError, ValueError, KeyError):
        return 0


@test
def a_lost_state_directory():
    d = Daemon()
    for _ in range(3):
        equal(d.trigger()["outcome"], "good")
    owner = d.jobs_seen("commit")[0]["stores"][0]["owner"]
    d.stop()
    os.rename(d.state, d.state + ".lost")
    d.start()
    equal(d.trigger()["outcome"], "good")
    last = d.jobs_seen("commit")[-1]
    equal((last["sequence"], len(d.call("list")["sets"])), (4, 4))
    if os.path.exists("/etc/machine-id"):
        equal(last["stores"][0]["owner"], owner, "the owner has changed")


@test
def two_daemons():
    d = Daemon()
    second = Daemon(start=False)
    second.state = d.state
    second.configure()
    second.start(ready=False)
    check(second.process.wait(60) != 0, "two daemons on one state directory")
    contains(second.log(), "another synbakd uses")
    third = Daemon(start=False)
    third.socket = d.socket
    third.configure()
    third.start(ready=False)
    check(third.process.wait(60) != 0, "two daemons on one socket")
    contains(third.log(), "another synbakd answers")
    equal(d.trigger()["outcome"], "good")
    d.process.kill()
    d.process.wait()
    check(os.path.exists(d.socket), "kill -9 leaves the socket")
    d.start()
    equal((os.stat(d.state).st_mode & 0o777, os.stat(d.socket).st_mode & 0o777), (0o700, 0o660))


# --- reload ---

@test
def reload_keeps_what_is_right():
    d = Daemon()
    d.configure(jobs="[job j]\nsources = out\ndestinations = local\n[job k]\nsources = out\ndestinations = local\n")
    d.call("reload")
    equal([j["name"] for j in d.call("status")["jobs"]], ["j", "k"])
    d.configure(jobs="[job j]\nsources = out\ndestinations = local\ndialy = at 02:00\n")
    contains(refused("config", d.call, "reload"), "dialy")
    d.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(d.records("reload-refused")) == 2, "the second refusal")
    status = d.call("status")
    equal([j["name"] for j in status["jobs"]], ["j", "k"])
    contains(str(status["problems"]), "the last reload was refused")
    contains(d.log(), "the old one stays")
    d.configure(jobs="[job j]\nsources = out\ndestinations = local\ndaily = at 25:00\n")
    refused("config", d.call, "reload")
    d.configure(jobs="[job k]\nsources = out\ndestinations = local\n")
    d.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(d.records("reloaded")) == 2, "the reload")
    equal([j["name"] for j in d.call("status")["jobs"]], ["k"])
    equal(d.call("status")["problems"], [])
    equal(d.trigger()["outcome"], "good")


@test
def reload_while_a_run_goes_on():
    d = Daemon(jobs=HOOKED)
    number = running(d)
    d.configure(jobs="[job other]\nsources = out\ndestinations = local\n")
    d.call("reload")
    client = d.client()
    asked = client.ask("wait", run=number)
    open(f"{d.dir}/go", "w").close()
    equal(client.answer(asked)["outcome"], "good")
    equal(len(d.jobs_seen("hook")), 2, "the run did not keep its own configuration")


@test
def one_destination_that_has_it_fulfils_a_tier():
    d = Daemon(binary="synbakd-fault", jobs="[destination other]\nwarn_free = 0\npath = /other\nkey = none\n" +
               DAILY.replace("= local", "= local other"))
    d.play("commit", {"full": ["other"]}, times=1)
    shift = seconds_to(2)
    d.set_clock(shift)
    equal((finished(d, 1)["outcome"], finished(d, 1)["code"]), ("good", "late"))
    equal((d.job()["owed"], d.job()["retry_at"]), ([], None))
    wait_until(lambda: d.records("copied"), "the copy")
    d.set_clock(shift + 11 * MINUTE)
    equal((d.job()["running"], d.job()["queued"]), (None, []))
    equal(len(d.jobs_seen("command")), 1, "the source was read again")


@test
def verification_comes_by_itself():
    d = Daemon(binary="synbakd-fault", jobs=DAILY + "verify = cron 0 5 * * *\n")
    d.set_clock(seconds_to(2))
    equal(finished(d, 1)["kind"], "backup")
    d.set_clock(seconds_to(2) + 4 * 3600)
    equal((finished(d, 2)["kind"], finished(d, 2)["outcome"]), ("verify", "good"))
    equal(d.job()["grade"], "verified")


@test
def who_waits_too_long_is_an_alarm():
    d = Daemon(binary="synbakd-fault", jobs="[job j]\nsources = out\ndestinations = local\nqueue_alarm = 1h\n"
                                            "[job k]\nsources = out\ndestinations = local\nqueue_alarm = 1h\n")
    d.play("command", {"wait_for": f"{d.dir}/go"}, {"default": True})
    first = d.call("trigger", job="j")["run"]
    second = d.call("trigger", job="k")["run"]
    d.set_clock(2 * 3600)
    wait_until(lambda: d.records("queue-alarm"), "the alarm")
    alarm = d.records("queue-alarm")[0]
    equal(alarm["run"], second)
    contains(alarm["why"], f"waits for run {first} of job \"j\"")
    contains(str(d.job("k")["problems"]), "has been queued for")
    open(f"{d.dir}/go", "w").close()
    equal(d.call("wait", run=second)["outcome"], "good")


@test
def an_old_backup_is_critical():
    d = Daemon(binary="synbakd-fault", jobs=DAILY)
    d.play("command", {"exit": 1})
    equal(d.job()["level"], 1)
    contains(str(d.job()["problems"]), "never backed up")
    d.play_default("command")
    d.trigger()
    equal(d.job()["level"], 0)
    d.call("pause", job="j")
    d.set_clock(2 * DAY + 3600)
    equal(d.job()["level"], 2)
    contains(str(d.job()["problems"]), "(rpo)")


@test
def sizes_and_space_are_watched():
    d = Daemon(start=False)
    d.play("scan", {"send": {"type": "result", "ok": True, "result": {
        "marker_id": "ab" * 16, "sets": {}, "damaged": [{"job": "j", "id": "x", "error": "its MAC is wrong", "code": "damaged"}],
        "total_bytes": 1000000, "free_bytes": 150000}}})
    d.configure(warn_free="20%")
    d.start()
    problems = str(d.call("status")["problems"])
    contains(problems, "14 %")
    contains(problems, "its MAC is wrong")
    equal(d.call("status")["level"], 2)
    for _ in range(4):
        equal(d.trigger()["outcome"], "good")

    def sized(stored):
        d.play("command", {"send": {"type": "result", "ok": True, "result": {
            "whole": True, "problems": [], "raw_bytes": stored, "files": 1, "destinations": [
                {"destination": "local", "ok": True, "artifacts": [{"stored_bytes": stored}]}]}}}, times=1)
        return d.trigger()

    equal(sized(2000)["outcome"], "good")
    contains(str(d.job()["problems"]), "the one before had")
    small = sized(100)
    equal((small["outcome"], small["code"]), ("suspect", "suspect"))
    check(d.job()["latest"] != small["id"])
    d.call("accept", job="j", id=small["id"])
    equal(d.job()["latest"], small["id"])


def ends_without_room(d, room):
    """The state directory is full after so many bytes: the daemon says so and stops, nothing else."""
    d.env["SYNBAK_FAULT"] = f"space:{room}"
    d.start(ready=False)
    try:
        wait_until(lambda: d.process.poll() is not None or os.path.exists(d.socket), "the start")
        client = d.client()
        client.call("wait", run=client.call("trigger")["run"])
    except (OSError, EOFError, Refused):
        pass
    check(d.process.wait(60) != 0, "it ended well")
    contains(d.log(), "No space left")
    for pid in {j["_pid"] for j in d.jobs_seen()}:
        check(not os.path.exists(f"/proc/{pid}"), "a worker outlived the daemon")
    del d.env["SYNBAK_FAULT"]


@test
def a_full_state_directory():
    d = Daemon(binary="synbakd-fault")
    equal(d.trigger()["outcome"], "good")
    d.stop()
    for room in (10, 400, 800, 1000, 1400) if not long() else range(10, 1800, 50):
        ends_without_room(d, room)
        d.start()
        wait_until(lambda: not d.job()["running"], "what was cut off to be written down")
        equal(d.trigger()["outcome"], "good", f"after {room} bytes")
        d.stop()


# --- retention, verification, restores ---

KEEP_TWO = "[job j]\nsources = out\ndestinations = local\nmanual = keep 2\nmax_delete = 10\n"


@test
def retention_after_a_run():
    d = Daemon(jobs=KEEP_TWO)
    made = [d.trigger()["id"] for _ in range(4)]
    wait_until(lambda: len(d.call("list")["sets"]) == 2, "retention")
    equal([s["id"] for s in d.call("list")["sets"]], made[:1:-1])
    equal([r["remove"][0]["id"] for r in d.records("prune-begun")], made[:2])
    d.call("hold", job="j")
    d.trigger()
    contains(d.call("explain", job="j", id=made[2])["lines"][0]["why"], "hold")
    d.restart()
    equal((d.job()["held"], len(d.call("list")["sets"])), (True, 3))
    d.call("release", job="j")
    plan = d.call("prune", dry_run=True)["jobs"][0]
    equal([r["id"] for r in plan["remove"]], [made[2]])
    d.call("prune")
    wait_until(lambda: len(d.call("list")["sets"]) == 2, "the prune")


@test
def verification_is_remembered():
    d = Daemon()
    good, bad = d.trigger()["id"], d.trigger()["id"]
    equal(d.call("wait", run=d.call("verify", job="j", id=good)["run"])["outcome"], "good")
    d.play("verify", {"send": {"type": "result", "ok": True, "result": {
        "sets": 1, "bytes": 1, "damaged": [{"job": "j", "id": bad, "error": "segment 3 differs"}]}}}, times=1)
    result = d.call("wait", run=d.call("verify", job="j", id="latest")["run"])
    failed(result, "damaged", "segment 3 differs")
    for _ in range(2):
        state = {s["id"]: s for s in d.call("list")["sets"]}
        equal((state[bad]["state"], state[good]["state"], state[good]["verified"] is not None),
              ("damaged", "good", True))
        equal((d.job()["latest"], d.job()["grade"], d.job()["level"]), (good, "verified", 2))
        d.restart()
    equal(d.call("wait", run=d.call("verify", job="j")["run"])["outcome"], "good")
    equal(d.job()["latest"], bad)


@test
def a_backup_runs_beside_a_verification():
    d = Daemon(jobs="[job j]\nsources = out\ndestinations = local\ndaily = at 02:00\nmanual = keep 1\nkeep_last = 1\n")
    oldest = d.trigger()["id"]
    d.play("verify", {"wait_for": f"{d.dir}/go"}, {"default": True}, times=1)
    verification = d.call("verify", job="j", id=oldest)["run"]
    wait_until(lambda: d.jobs_seen("verify"), "the verification to begin")
    for _ in range(3):
        equal(d.trigger()["outcome"], "good")
    check(oldest in [s["id"] for s in d.call("list")["sets"]], "what is being read back is not deleted")
    equal(d.job()["running"]["run"], verification)
    open(f"{d.dir}/go", "w", encoding="ascii").close()
    equal(d.call("wait", run=verification)["outcome"], "good")
    d.trigger()
    wait_until(lambda: oldest not in [s["id"] for s in d.call("list")["sets"]], "retention to go on")


@test
def a_restore_holds_what_it_reads():
    d = Daemon(jobs=KEEP_TWO)
    oldest, second = d.trigger()["id"], d.trigger()["id"]
    client = d.client()
    begun = client.call("restore-begin", job="j", id=oldest)
    equal((begun["id"], begun["store"]["path"], begun["config_file"]), (oldest, d.backups, d.conf))
    equal(d.job()["paused"], True)
    before = client.call("wait", run=client.call("pre-restore", job="j", token=begun["token"])["run"])
    equal(before["outcome"], "good")
    commit = d.jobs_seen("commit")[-1]
    equal((commit["tiers"], commit["sequence"]), (["pre-restore"], 0))
    contains(d.call("explain", job="j", id=oldest)["lines"][0]["why"], "hold")
    waiting = d.call("trigger")["run"]
    equal(d.job()["queued"][0]["run"], waiting)
    refused("refused", d.call, "pre-restore", job="j", token="0" * 32)
    refused("not-found", d.call, "restore-end", token=begun["token"], ok=True)
    client.call("restore-end", token=begun["token"], ok=True, summary={"restored": []})
    equal(d.call("wait", run=waiting)["outcome"], "good")
    equal(d.records("restore-ended")[0]["ok"], True)
    other = d.client()
    other.call("restore-begin", job="j", id=second)
    other.socket.close()
    wait_until(lambda: not d.job()["paused"], "the end of the pause")
    equal(d.records("restore-ended")[1]["ok"], False)
    d.client().call("restore-begin", job="j", id=second)
    equal(d.stop(), 0)
    equal(len(d.records("restore-ended")), 3, "a restore that the stop cut off is not on record")


@test
def the_end_of_a_restore_is_on_record_when_it_is_answered():
    d = Daemon(jobs=KEEP_TWO)
    set_id, client = d.trigger()["id"], d.client()
    for n in range(1, 31):
        token = client.call("restore-begin", job="j", id=set_id)["token"]
        client.call("restore-end", token=token, ok=True, summary={})
        equal(len(d.records("restore-ended")), n)


@test
def a_restore_holds_as_long_as_its_worker_lives():
    d = Daemon(jobs=KEEP_TWO)
    oldest = d.trigger()["id"]
    worker = start(["sleep", "600"])
    client = d.client()
    token = client.call("restore-begin", job="j", id=oldest)["token"]
    refused("usage", client.call, "restore-worker", token=token, pid=2**31 - 1)
    refused("usage", client.call, "restore-worker", token=token, pid=1)
    refused("not-found", d.call, "restore-worker", token=token, pid=worker.pid)
    client.call("restore-worker", token=token, pid=worker.pid)
    client.socket.close()
    waiting = d.call("trigger")["run"]
    equal(d.job()["paused"], True)
    contains(d.call("explain", job="j", id=oldest)["lines"][0]["why"], "hold")
    end_process(worker)
    wait_until(lambda: not d.job()["paused"], "the end of the pause")
    equal(d.call("wait", run=waiting)["outcome"], "good")
    equal([(r["ok"], r["error"]) for r in d.records("restore-ended")],
          [(False, "synbakctl was gone before its worker ended")])
    # one that ends before its client leaves the word to it
    worker = start(["sleep", "600"])
    token = (client := d.client()).call("restore-begin", job="j", id=d.job()["latest"])["token"]
    client.call("restore-worker", token=token, pid=worker.pid)
    end_process(worker)
    equal(d.job()["paused"], True)
    client.call("restore-end", token=token, ok=True, summary={})
    equal(d.records("restore-ended")[1]["ok"], True)
    worker = start(["sleep", "600"])
    token = (client := d.client()).call("restore-begin", job="j", id=d.job()["latest"])["token"]
    client.call("restore-worker", token=token, pid=worker.pid)
    client.socket.close()
    equal(d.stop(), 0)


@test
def the_journal_starts_new_segments():
    d = Daemon()
    made = [d.trigger()["id"] for _ in range(3)]
    filler = "x" * 900000
    d.call("pause", job="j", reason=filler)
    d.call("resume", job="j", reason=filler)
    d.trigger()
    wait_until(lambda: len(os.listdir(f"{d.state}/journal")) > 1, "a second segment")
    d.restart(signal.SIGKILL)
    equal((len(d.call("list")["sets"]), d.job()["last_run"]["outcome"]), (4, "good"))
    check(d.trigger()["id"] not in made)
    equal(d.jobs_seen("commit")[-1]["sequence"], 5)
    log = d.call("log", count=500)["records"]
    check(len(log) > 10 and "checkpoint" not in [r["type"] for r in log])
    equal(d.call("log", after=log[-2]["seq"], count=5)["records"][0]["seq"], log[-1]["seq"])


@test
def progress_reaches_who_waits():
    d = Daemon()
    d.play("command", {"send": {"type": "progress", "step": "dump x", "done": 5, "total": 9}},
           {"wait_for": f"{d.dir}/go"}, {"default": True})
    client = d.client()
    number = client.call("trigger")["run"]
    asked = client.ask("wait", run=number)
    wait_until(lambda: (d.job()["running"] or {}).get("step") == "dump x", "the progress in status")
    Client(d.socket)
    d.play("commit", {"send": {"type": "progress", "step": "commit", "done": 1, "total": 1}}, {"default": True})
    open(f"{d.dir}/go", "w").close()
    equal(client.answer(asked)["outcome"], "good")
    contains(str(client.progress), "commit")
    refused("not-found", d.call, "wait", run=12345)


run_all()
