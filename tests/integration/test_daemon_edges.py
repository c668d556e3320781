#!/usr/bin/env python3
"""synbakd between two steps: crashes in a hook or a verification, records that meet a checkpoint, pins
that end, changes that overtake each other, destinations that stay away, clients that do not read."""
import json
import os
import select
import shutil
import signal
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon_client import Daemon, refused  # noqa: E402
from harness import (check, contains, equal, lacks, program, run_all, test, wait_until, write_file,  # noqa: E402
                     write_program)

DAY, MINUTE = 86400, 60
ONE, TWO = ("[job j]\nsources = out\ndestinations = local\n", "[job k]\nsources = out\ndestinations = local\n")
PLACES = ("[destination other]\nwarn_free = 0\npath = /other\nkey = none\n"
          "[job j]\nsources = out\ndestinations = local other\nretry = 2\nretry_delay = 10min\n")


def failing(code, text):
    return {"send": {"type": "result", "ok": False, "code": code, "error": text}}, {"exit": 1}


def crash_during(d, verb, method, **params):
    """Start a run and kill the daemon while a worker of that verb is at work: the run's number."""
    seen = len(d.jobs_seen(verb))
    d.play(verb, {"wait_for": f"{d.dir}/go"}, {"default": True}, times=1)
    run = d.call(method, **params)["run"]
    wait_until(lambda: len(d.jobs_seen(verb)) > seen, "the worker")
    d.process.kill()
    d.process.wait()
    open(f"{d.dir}/go", "w").close()  # whoever is asked the same again does not wait
    return run


def answers(d):
    try:
        return d.job()
    except OSError:
        return None


def finished(d, run):
    wait_until(lambda: any(r["run"] == run for r in d.records("run-finished")), "the run to be finished")
    wait_until(lambda: not d.job()["running"], "the run to be over")
    return next(r for r in d.records("run-finished") if r["run"] == run)


def next_run(d, count):
    def look():  # each request is also a look at the clock
        return not d.job()["running"] and len(d.records("run-finished")) >= count
    wait_until(look, f"{count} finished runs")
    return d.records("run-finished")[count - 1]


def seconds_to(hour):
    return (hour * 3600 + 60 - time.time()) % DAY


# --- crashes ---

@test
def a_crash_in_the_after_hook_spoils_nothing():
    d = Daemon(jobs=ONE + "after = /bin/after\n")
    run = crash_during(d, "hook", "trigger")
    d.start()
    record = finished(d, run)
    equal((record["outcome"], record["code"], record["error"]), ("good", "none", None))
    equal((record["bytes"], [(p["ok"], p["bytes"]) for p in record["destinations"]]), (500, [(True, 500)]))
    equal(d.jobs_seen("hook")[-1]["env"]["SYNBAK_OUTCOME"], "good")
    equal(d.job()["level"], 0)


@test
def a_verification_that_was_cut_off_is_no_success():
    d = Daemon()
    d.trigger()
    run = crash_during(d, "verify", "verify", job="j")
    d.start()
    record = finished(d, run)
    equal((record["outcome"], record["code"]), ("failed", "internal"))
    contains(record["error"], "interrupted")
    contains(str(d.job()["problems"]), "the last verification failed")
    d.restart()
    contains(str(d.job()["problems"]), "the last verification failed")
    equal(d.call("wait", run=d.call("verify", job="j")["run"])["outcome"], "good")
    lacks(str(d.job()["problems"]), "verification")


@test
def no_record_is_lost_beside_a_checkpoint():
    d = Daemon(jobs=ONE + TWO)
    client = d.client()
    # the first is written alone; the others follow in one batch, which makes a checkpoint due when
    # the run that it begins has already more to write
    asked = [client.ask("hold", job="j", reason="x" * 100000),
             client.ask("trigger", job="j", reason="y" * 1000000), client.ask("hold", job="k")]
    for number in asked:
        client.answer(number)
    wait_until(lambda: d.records("checkpoint"), "the checkpoint")
    equal((d.job("j")["held"], d.job("k")["held"]), (True, True))
    d.restart(signal.SIGKILL)
    equal((d.job("j")["held"], d.job("k")["held"]), (True, True))


@test
def a_scheduled_verification_outlives_a_stop():
    d = Daemon(binary="synbakd-fault", jobs=ONE + "verify = cron 0 5 * * *\n")
    d.trigger()
    d.play("verify", {"wait_for": f"{d.dir}/go"}, {"default": True}, times=1)
    d.set_clock(seconds_to(5))
    wait_until(lambda: d.call("status") and d.jobs_seen("verify"), "the verification")
    d.restart()
    equal(next_run(d, 3)["outcome"], "good")
    equal([r["outcome"] for r in d.records("run-finished")], ["good", "cancelled", "good"])
    d.play("verify", {"wait_for": f"{d.dir}/go"}, {"default": True}, times=1)
    seen = len(d.jobs_seen("verify"))
    d.call("verify", job="j")
    wait_until(lambda: len(d.jobs_seen("verify")) > seen, "the verification that was asked for")
    d.restart()
    equal((len(d.jobs_seen("verify")), d.job()["queued"], d.job()["running"]), (seen + 1, [], None))


# --- what outlives what ---

@test
def a_pin_that_has_ended_keeps_nothing():
    d = Daemon(jobs=ONE + "manual = keep 1\n")
    first = d.trigger(pin="for the audit")["id"]
    d.call("pin", job="j", id=first, reason="for the audit", until="2000-01-01T00:00:00Z")
    d.trigger()
    wait_until(lambda: any(r["removed"] == [first] for r in d.records("pruned")), "the set to be removed")


@test
def what_is_being_removed_cannot_be_pinned():
    d = Daemon(jobs=ONE + "manual = keep 1\n")
    first = d.trigger()["id"]
    d.play("prune", {"wait_for": f"{d.dir}/go"}, {"default": True}, times=1)
    second = d.trigger()["id"]
    wait_until(lambda: d.jobs_seen("prune"), "retention")
    refused("refused", d.call, "pin", job="j", id=first, reason="too late")
    d.call("pin", job="j", id=second, reason="in time")
    open(f"{d.dir}/go", "w").close()
    wait_until(lambda: [s["id"] for s in d.call("list")["sets"]] == [second], "the removal")


@test
def what_is_being_removed_is_not_verified():
    """It would be found damaged: its manifest is there while its parts go."""
    d = Daemon(jobs=ONE + "manual = keep 1\n")
    first = d.trigger()["id"]
    d.play("prune", {"wait_for": f"{d.dir}/go"}, {"default": True}, times=1)
    second = d.trigger()["id"]
    wait_until(lambda: d.jobs_seen("prune"), "retention")
    equal(d.call("wait", run=d.call("verify", job="j")["run"])["outcome"], "good")
    equal([j["id"] for j in d.jobs_seen("verify")], [second])
    open(f"{d.dir}/go", "w").close()
    wait_until(lambda: [s["id"] for s in d.call("list")["sets"]] == [second], f"the removal of {first}")


@test
def the_last_records_need_no_old_segment():
    d = Daemon()
    for n in range(4):
        d.call("hold", job="j", reason=f"{n}" * 1000000)
        d.call("release", job="j", reason=f"{n}" * 1000000)
    d.trigger()
    segments = sorted(os.listdir(f"{d.state}/journal"))
    check(len(segments) > 3, str(segments))
    write_file(f"{d.state}/journal/{segments[0]}", "this was a segment\n")
    log = d.call("log", count=3)["records"]
    equal((len(log), log[-1]["type"]), (3, "run-finished"))


@test
def a_hold_outlives_its_job_in_the_configuration():
    d = Daemon(jobs=ONE + TWO)
    d.call("hold", job="k")
    d.configure(jobs=ONE)
    d.call("reload")
    d.restart(signal.SIGKILL)
    d.configure(jobs=ONE + TWO)
    d.call("reload")
    equal(d.job("k")["held"], True)
    d.restart()
    equal(d.job("k")["held"], True)
    d.call("release", job="k")
    equal(d.job("k")["held"], False)


@test
def a_pause_outlives_a_restore():
    d = Daemon()
    made = d.trigger()["id"]
    client = d.client()
    token = client.call("restore-begin", job="j", id=made, purpose="restore")["token"]
    d.call("pause", job="j")
    client.call("restore-end", token=token, ok=True, summary={})
    equal(d.job()["paused"], True)
    d.call("resume", job="j")
    equal(d.job()["paused"], False)


@test
def explained_in_any_language():
    d = Daemon()
    made = d.trigger()["id"]
    d.call("pin", job="j", id=made, reason="a" + "\u00e4" * 200)
    contains(str(d.call("explain", job="j", id=made)["lines"]), "pinned")


@test
def a_run_begun_by_a_reload_has_the_new_configuration():
    d = Daemon(jobs=ONE + TWO, daemon="parallel = 1\n")
    d.play("command", {"wait_for": f"{d.dir}/go"}, {"default": True})
    d.call("trigger", job="j")
    wait_until(lambda: d.jobs_seen("command"), "the worker")
    run = d.call("trigger", job="k")["run"]
    d.configure(jobs="[source new]\ntype = command\ncommand = echo new\n" + ONE + TWO.replace("out", "new"),
                daemon="parallel = 2\n")
    d.call("reload")
    wait_until(lambda: len(d.jobs_seen("command")) == 2, "the second worker")
    equal(d.jobs_seen("command")[1]["source"]["name"], "new")
    open(f"{d.dir}/go", "w").close()
    equal(d.call("wait", run=run)["outcome"], "good")


# --- destinations that stay away ---

@test
def a_run_that_no_destination_has_is_retried():
    d = Daemon(binary="synbakd-fault", jobs=PLACES + "daily = at 02:00\n")
    d.play("commit", {"full": ["local", "other"]}, times=1)
    shift = seconds_to(2)
    d.set_clock(shift)
    equal((next_run(d, 1)["outcome"], next_run(d, 1)["code"]), ("failed", "no-space"))
    d.set_clock(shift + 11 * MINUTE)
    equal(next_run(d, 2)["outcome"], "good")
    equal([[s["destination"] for s in j["stores"]] for j in d.jobs_seen("command")], [["local", "other"]] * 2)
    equal((d.job()["owed"], d.job()["retry_at"]), ([], None))


@test
def a_destination_that_a_worker_is_silent_about_gets_no_set():
    d = Daemon(jobs=PLACES)
    d.play("command", {"send": {"type": "result", "ok": True, "result": {
        "whole": True, "problems": [], "raw_bytes": 1, "files": 1, "destinations": [
            {"destination": "local", "ok": True, "artifacts": [{"stored_bytes": 500}]}]}}}, times=1)
    result = d.trigger()
    equal((result["outcome"], result["code"]), ("good", "late"), str(result))
    equal([s["destination"] for s in d.jobs_seen("commit")[0]["stores"]], ["local"])


@test
def verified_means_at_every_destination():
    d = Daemon(jobs=PLACES)
    equal(d.trigger()["outcome"], "good")
    d.stop()
    d.play("scan", *failing("not-mounted", "its marker is missing"), times=2)
    d.start()
    d.play("scan", *failing("not-mounted", "its marker is missing"), times=1)
    result = d.call("wait", run=d.call("verify", job="j")["run"])
    equal((result["outcome"], result["code"]), ("failed", "not-mounted"), str(result))
    equal(len(d.jobs_seen("verify")), 1, "what could be read was not verified")


@test
def a_set_that_has_vanished_is_no_success():
    d = Daemon()
    made = d.trigger()["id"]
    d.play("verify", *failing("not-found", "it is not there"), times=1)
    result = d.call("wait", run=d.call("verify", job="j")["run"])
    equal((result["outcome"], result["code"]), ("failed", "not-found"), str(result))
    contains(result["error"], made)
    wait_until(lambda: len(d.jobs_seen("scan")) == 2, "a look at what else has gone")


@test
def a_destination_that_goes_away_is_looked_at():
    d = Daemon(binary="synbakd-fault", jobs=ONE + "retry = 0\n")
    away = failing("not-mounted", "its marker is missing")
    d.play("scan", *away)
    d.play("command", {"send": {"type": "result", "ok": True, "result": {
        "whole": True, "problems": [], "raw_bytes": 1, "files": 1, "destinations": [
            {"destination": "local", "ok": False, "code": "not-mounted", "error": "its marker is missing"}]}}}, times=1)
    equal(d.trigger()["outcome"], "failed")
    wait_until(lambda: not d.call("status")["destinations"][0]["listed"], "the destination to be looked at")
    equal(d.call("status")["level"], 2)
    d.play_default("scan")
    seen = len(d.jobs_seen("scan"))
    d.call("status")
    equal(len(d.jobs_seen("scan")), seen, "it is looked at all the time")


@test
def no_false_alarm_at_the_start():
    d = Daemon()
    d.trigger()
    d.stop()
    d.play("scan", {"wait_for": f"{d.dir}/go"}, {"default": True}, times=1)
    d.start(ready=False)
    wait_until(lambda: answers(d), "synbakd to answer")  # the socket of its last life is there at once
    equal(d.job()["level"], 0, str(d.job()["problems"]))
    open(f"{d.dir}/go", "w").close()
    wait_until(lambda: d.job()["latest"], "the sets")


# --- alarms ---

@test
def what_grows_worse_by_itself_is_logged():
    d = Daemon(binary="synbakd-fault", jobs=PLACES.replace("retry = 2", "retry = 0") + "daily = at 02:00\n")
    d.trigger()
    d.call("pause", job="j")
    d.set_clock(3 * DAY)
    wait_until(lambda: "(rpo)" in d.log(), "the alarm")
    contains(d.log(), "error: job \"j\": the newest good backup is")
    for _ in range(5):
        d.call("status")
    equal(d.log().count("(rpo)"), 1, "it is told again and again")
    d.call("resume", job="j")
    d.set_clock(3 * DAY + 60)
    wait_until(lambda: d.job()["level"] == 0, "a backup")
    d.set_clock(3 * DAY + 200)
    wait_until(lambda: "job \"j\" is all right again" in d.log(), "the end of the alarm")


# --- clients ---

def lists_are_long(d):
    """A page of them is 2.5 MiB."""
    with open(f"{d.script}/sets.json", encoding="utf-8") as f:
        found = json.load(f)
    entry = found["local"]["j"][0]
    sources = [{**entry["sources"][0], "name": f"{i:060}"} for i in range(16)]
    found["local"]["j"] += [
        {**entry, "sources": sources, "id": f"20200101_{i // 3600:02}{i // 60 % 60:02}{i % 60:02}"} for i in range(1500)]
    write_file(f"{d.script}/sets.json", json.dumps(found))
    d.call("rescan")
    equal(len(d.call("list", job="j")["sets"]), 1000)  # a page


@test
def unread_answers_have_one_bound_for_all_connections_of_a_user():
    d = Daemon()
    made = d.trigger()
    lists_are_long(d)
    clients, watch = [d.client() for _ in range(3)], select.poll()
    for client in clients:
        watch.register(client.socket, select.POLLHUP)
    for client in clients:
        for _ in range(5):  # of 2.5 MiB each: 13 are more than 32 MiB
            client.ask("list", job="j")
    wait_until(lambda: watch.poll(0), "one of them to be closed, while nobody reads")
    closed = 0
    for client in clients:
        try:
            for number in range(1, 6):
                client.answer(number)
        except (EOFError, ConnectionResetError):
            closed += 1
    equal(closed, 1, "of 3 were closed")
    equal(d.job()["latest"], made["id"])


@test
def who_could_not_be_served_is_not_slow():
    """The clock goes on while the loop stands, as under load: those who wait for it have lost no time of theirs."""
    d = Daemon(binary="synbakd-fault")
    d.trigger()
    lists_are_long(d)
    idle, half, waits = d.client(), d.client(), d.client()
    asked = waits.ask("list", job="j")
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}}).encode()
    frame = struct.pack(">I", len(body)) + body
    half.socket.sendall(frame[:20])
    d.pass_time(3600)
    check(idle.closed(), "nothing was asked for an hour, and the next look ends that")
    half.socket.sendall(frame[20:])
    half.answer(1)
    equal(len(waits.answer(asked)["sets"]), 1000)


@test
def a_set_that_is_gone_is_not_verified():
    d = Daemon(worker=program("synbak-worker"), start=False)
    slow = f"{d.dir}/slow"
    write_program(slow, f"#!/bin/sh\nuntil test -e {d.dir}/go; do sleep 0.1; done\necho done\n")
    d.configure(extra=f"[source slow]\ntype = command\ncommand = {slow}\n",
                jobs="[job j]\nsources = slow\ndestinations = local\nretry = 0\n")
    d.start()
    write_file(f"{d.dir}/go", "")
    identity = d.trigger()["id"]
    os.unlink(f"{d.dir}/go")
    client = d.client()
    client.call("trigger", job="j")
    run_number = client.call("verify", job="j", id=identity)["run"]
    shutil.rmtree(f"{d.backups}/j/{identity}")
    client.call("rescan")
    write_file(f"{d.dir}/go", "")
    result = client.call("wait", run=run_number)
    equal((result["outcome"], result["code"]), ("failed", "not-found"), str(result))
    contains(result["error"], f"{identity} is gone")


run_all()
