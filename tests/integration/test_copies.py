#!/usr/bin/env python3
"""Copies between destinations: what the daemon owes to whom, one lane for each destination, what is
late, what an operator asks for. Behind the scripted worker where something must go wrong, with the
real one where sets must arrive."""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon_client import Daemon, refused  # noqa: E402
import harness  # noqa: E402
from harness import check, contains, equal, program, run_all, test, wait_until  # noqa: E402

MINUTE, HOUR, DAY = 60, 3600, 86400
NAS = "[destination nas]\nwarn_free = 0\npath = {dir}/nas\nkey = none\nfeed = copy\n"
VAULT = "[destination vault]\nwarn_free = 0\npath = {dir}/vault\nkey = none\nfeed = copy\ncopy_within = 6h\n"
JOB = "[job j]\nsources = out\ndestinations = local nas\n"


def world(jobs=NAS + JOB, start_scripts=None, **options):
    """A daemon whose jobs may name its folder, as {dir}."""
    d = Daemon(start=False, **options)
    for name in ("nas", "vault"):
        os.mkdir(f"{d.dir}/{name}", 0o700)
    d.configure(jobs.format(dir=d.dir), daemon=options.get("daemon", ""))
    for verb, steps in (start_scripts or {}).items():
        d.play(verb, *steps)
    d.start()
    return d


def real(jobs=NAS + JOB, **options):
    return world(jobs, worker=program("synbak-worker"), **options)


def at(d, destination, job="j"):
    """The ids of a destination's sets, oldest first."""
    return sorted(s["id"] for s in d.call("list", job=job)["sets"] if s["destination"] == destination)


def place(d, destination, job="j"):
    return next(p for p in d.job(job)["destinations"] if p["destination"] == destination)


def broken(code, text):
    return ({"send": {"type": "result", "ok": False, "code": code, "error": text}}, {"exit": 1})


def waited(d, **params):
    """A run made now; waited for with its copies."""
    client = d.client()
    result = client.call("wait", run=client.call("trigger", job="j", **params)["run"], copies=True)
    client.socket.close()
    return result


# --- by themselves ---

@test
def a_set_is_copied_by_itself():
    d = real()
    result = d.trigger()
    equal((result["outcome"], [x["destination"] for x in result["destinations"]]), ("good", ["local"]))
    wait_until(lambda: at(d, "nas"), "the copy")
    equal(at(d, "nas"), [result["id"]])
    check(os.path.exists(f"{d.dir}/nas/j/{result['id']}/manifest.json"), "no manifest at the target")
    copied = d.records("copied")[0]
    equal((copied["id"], copied["from"], copied["destination"]), (result["id"], "local", "nas"))
    check(copied["sent_bytes"] > 0, str(copied))
    equal((place(d, "nas")["newest"], place(d, "nas")["lacks"], d.job()["level"]), (result["id"], 0, 0))
    equal(d.stop(), 0)



@test
def trigger_waits_for_the_copies_of_its_set():
    d = real(NAS + VAULT + JOB.replace("nas", "nas vault"))
    done = harness.run([program("synbakctl"), "--socket", d.socket, "--json", "trigger", "j", "--wait"])
    equal(done.returncode, 0, done.stdout + done.stderr)
    result = json.loads(done.stdout)
    equal(sorted((x["destination"], x["ok"], x.get("copied", False)) for x in result["destinations"]),
          [("local", True, False), ("nas", True, True), ("vault", True, True)])
    equal([at(d, n) for n in ("local", "nas", "vault")], [[result["id"]]] * 3)
    equal(len(d.records("copied")), 2)


@test
def an_empty_place_gets_only_the_newest_set_and_then_all_that_follow():
    d = world(JOB.replace(" nas", ""))
    made = [d.trigger()["id"] for _ in range(3)]
    d.configure((NAS + JOB).format(dir=d.dir))
    d.call("reload")
    wait_until(lambda: at(d, "nas"), "the copy")
    made += [d.trigger()["id"] for _ in range(2)]
    wait_until(lambda: len(at(d, "nas")) == 3, "the copies")
    equal(at(d, "nas"), made[2:])
    equal([j["id"] for j in d.jobs_seen("copy")], made[2:], "one was copied twice")


@test
def what_a_restart_finds_missing_is_copied():
    d = world()
    d.play("copy", {"wait_for": f"{d.dir}/go"}, {"default": True})
    made = [d.trigger()["id"] for _ in range(2)]
    wait_until(lambda: d.jobs_seen("copy"), "the first copy")
    equal(place(d, "nas")["copying"]["id"], made[0])
    check(d.jobs_seen("copy")[0]["_nice"] >= 10 or os.nice(0) >= 10, "the worker was not made nice")
    d.restart(signal.SIGKILL)
    open(f"{d.dir}/go", "w").close()
    wait_until(lambda: at(d, "nas"), "the copies")
    equal(at(d, "nas"), made[1:], "not only the newest went to the empty place")
    equal([r["id"] for r in d.records("copied")], made[1:])


@test
def a_stop_cuts_a_copy_short_and_counts_no_failure():
    d = world()
    d.play("copy", {"wait_for": f"{d.dir}/go"}, {"default": True})
    made = d.trigger()["id"]
    wait_until(lambda: d.jobs_seen("copy"), "the copy")
    equal(d.stop(), 0)
    equal(d.records("copy-failed"), [])
    contains(d.log(), "was cut short")
    open(f"{d.dir}/go", "w").close()
    d.start()
    wait_until(lambda: at(d, "nas") == [made], "the copy after the restart")


@test
def retention_looks_at_the_place_after_a_copy():
    d = world(NAS + JOB + "keep_last = 1\nmanual = keep 1\n")
    for _ in range(4):
        newest = d.trigger()["id"]
        wait_until(lambda: at(d, "nas") == [newest], "the copy, and the older one to go")
    equal(len(d.jobs_seen("copy")), 4, "something was copied twice")


@test
def a_source_is_not_deleted_while_it_is_copied():
    d = world(NAS + JOB + "keep_last = 1\nmanual = keep 1\n")
    d.play("copy", {"wait_for": f"{d.dir}/go"}, {"default": True})
    first = d.trigger()["id"]
    wait_until(lambda: d.jobs_seen("copy"), "the copy")
    second = d.trigger()["id"]
    contains(str(d.call("explain", job="j", id=first)["lines"]), "reads it now")
    equal(at(d, "local"), [first, second])
    open(f"{d.dir}/go", "w").close()
    wait_until(lambda: at(d, "nas") == [second] and at(d, "local") == [second], "all to settle")


@test
def progress_is_in_status_and_told_to_who_waits():
    d = world()
    d.play("copy", {"send": {"type": "progress", "step": "copy to nas", "done": 430, "total": 1000}},
           {"wait_for": f"{d.dir}/go"}, {"default": True})
    client = d.client()
    asked = client.ask("wait", run=client.call("trigger", job="j")["run"], copies=True)
    wait_until(lambda: (place(d, "nas")["copying"] or {}).get("done") == 430, "the progress")
    equal((place(d, "nas")["copying"]["from"], place(d, "nas")["copying"]["total"]), ("local", 1000))
    shown = harness.run([program("synbakctl"), "--socket", d.socket, "status"]).stdout
    contains(shown, "copying to nas: 43 % of ")
    open(f"{d.dir}/go", "w").close()
    result = client.answer(asked)
    equal((result["outcome"], result["destinations"][1]["copied"]), ("good", True))
    check({"run": result["run"], "step": "copying to nas", "destination": "nas", "done": 430, "total": 1000} in client.progress,
          str(client.progress))


@test
def a_name_that_no_destination_has_is_said_to_be_wrong():
    d = real()
    made = waited(d)["id"]

    def said(*words):
        done = harness.run([program("synbakctl"), "--socket", d.socket, *words])
        return done.returncode, done.stderr
    for words in (["list"], ["list", "j"], ["show", "j"], ["copy", "j"], ["copy", f"j/{made}"], ["verify", "j"],
                  ["restore", "j", "--target", f"{d.dir}/x", "--yes"], ["trigger", "j"]):
        code, text = said(*words, "--destination", "nash")
        equal(code, 1, str(words))
        contains(text, 'no destination "nash"')
    contains(said("trigger", "j", "--local-only", "--destination", "nas")[1], "either --local-only or --destination")
    done = harness.run([program("synbakctl"), "--socket", d.socket, "copy", "j", "--destination", "nas"], ok=True)
    contains(done.stdout, f"there already: j/{made} at nas\n")


# --- what fails ---

@test
def a_failed_copy_is_told_and_tried_again():
    d = world(binary="synbakd-fault")
    d.play("copy", *broken("io", "the line is cut"), times=2)
    result = waited(d)
    equal((result["outcome"], result["code"]), ("good", "none"))
    missing = next(x for x in result["destinations"] if x["destination"] == "nas")
    equal((missing["ok"], missing["code"]), (False, "io"))
    contains(missing["error"], "the line is cut")
    failed = d.records("copy-failed")[0]
    equal((failed["id"], failed["failures"], failed["code"]), (result["id"], 1, "io"))
    status = place(d, "nas")
    equal((status["lacks"], status["late"], status["failed"]["failures"]), (1, False, 1))
    equal(d.job()["problems"], [], "late already")
    d.configure((NAS + JOB + "daily = at 02:00\n").format(dir=d.dir))
    d.call("reload")
    check(place(d, "nas")["failed"] is not None, "a reload forgot the failure")
    d.pass_time(2 * MINUTE)
    wait_until(lambda: len(d.records("copy-failed")) == 2, "the second try")
    equal(d.records("copy-failed")[1]["failures"], 2)
    d.pass_time(5 * MINUTE)
    wait_until(lambda: at(d, "nas") == [result["id"]], "the third try")
    equal(place(d, "nas")["failed"], None)


@test
def a_copy_that_cannot_come_makes_trigger_exit_4():
    d = world()
    d.play("copy", *broken("io", "the line is cut"), times=1)
    done = harness.run([program("synbakctl"), "--socket", d.socket, "trigger", "j", "--wait"])
    equal(done.returncode, 4, done.stdout + done.stderr)
    contains(done.stdout, "the line is cut")


@test
def a_dead_place_holds_back_nobody():
    d = world(NAS + VAULT + JOB.replace("nas", "nas vault"))
    d.play("copy", {"unless_to": "vault"}, {"wait_for": f"{d.dir}/never"})
    made = [d.trigger()["id"] for _ in range(5)]
    wait_until(lambda: at(d, "vault"), "the copies to the other place")
    wait_until(lambda: at(d, "vault")[-1] == made[-1], "the newest")
    equal(at(d, "nas"), [])
    equal([j["to"]["destination"] for j in d.jobs_seen("copy")].count("nas"), 1, "more than one at a time")
    equal(place(d, "nas")["copying"]["id"], made[0])
    equal(d.stop(), 0)


@test
def two_jobs_share_the_lane_of_a_place():
    d = world(NAS + JOB + JOB.replace("[job j]", "[job k]"))
    d.play("copy", {"wait_for": f"{d.dir}/go"}, {"default": True})
    d.trigger(job="j")
    wait_until(lambda: d.jobs_seen("copy"), "the first copy")
    d.trigger(job="k")
    equal(len(d.jobs_seen("copy")), 1)
    open(f"{d.dir}/go", "w").close()
    wait_until(lambda: at(d, "nas", "j") and at(d, "nas", "k"), "both")
    equal(len(d.jobs_seen("copy")), 2)


@test
def a_place_that_was_away_catches_up():
    d = world()
    first = d.trigger()["id"]
    wait_until(lambda: at(d, "nas"), "the first copy")
    d.play("scan", {"unless_store": "local"}, *broken("not-mounted", "its marker is missing"))
    d.call("rescan", destination="nas")
    result = waited(d)
    missing = next(x for x in result["destinations"] if x["destination"] == "nas")
    equal((missing["ok"], missing["code"]), (False, "not-mounted"))
    equal((len(d.jobs_seen("copy")), place(d, "nas")["lacks"]), (1, 1))
    d.play_default("scan")
    d.call("rescan", destination="nas")
    wait_until(lambda: at(d, "nas") == [first, result["id"]], "the copy")


@test
def a_place_that_is_away_is_asked_again_after_a_minute():
    d = world(binary="synbakd-fault")
    first = d.trigger()["id"]
    wait_until(lambda: at(d, "nas"), "the first copy")
    d.play("scan", {"unless_store": "local"}, *broken("unavailable", "nobody answers"))
    d.call("rescan", destination="nas")
    result = waited(d)
    d.play_default("scan")
    scans = len(d.jobs_seen("scan"))
    d.pass_time(MINUTE // 2)
    d.call("status")
    equal(len(d.jobs_seen("scan")), scans, "too soon")
    d.pass_time(2 * MINUTE)
    wait_until(lambda: at(d, "nas") == [first, result["id"]], "the copy")


@test
def nothing_is_copied_to_what_is_not_mounted_or_not_ours():
    d = real()
    equal(waited(d)["outcome"], "good")
    os.rename(f"{d.dir}/nas", f"{d.dir}/away")
    os.mkdir(f"{d.dir}/nas", 0o700)  # the mount point, empty
    d.call("rescan", destination="nas")
    made = waited(d)
    missing = next(x for x in made["destinations"] if x["destination"] == "nas")
    equal((missing["ok"], os.listdir(f"{d.dir}/nas")), (False, []))
    os.rmdir(f"{d.dir}/nas")
    other = real()  # another installation takes the place for its own
    theirs = waited(other)["id"]
    manifest = f"{d.dir}/nas/j/{theirs}/manifest.json"
    os.rename(f"{other.dir}/nas", f"{d.dir}/nas")
    before = open(manifest, "rb").read()
    d.call("rescan", destination="nas")
    contains(str(d.call("status")["problems"]), "nas")
    equal(sorted(os.listdir(f"{d.dir}/nas/j")), sorted({theirs, "latest"}))  # its id may be ours, of the same second
    equal(open(manifest, "rb").read(), before)
    os.rename(f"{d.dir}/nas", f"{d.dir}/theirs")
    os.rename(f"{d.dir}/away", f"{d.dir}/nas")
    d.call("rescan", destination="nas")
    wait_until(lambda: made["id"] in at(d, "nas"), "the copy")
    equal(len(d.records("copy-failed")), 0)


@test
def late_is_a_warning_and_an_alarm():
    d = world(VAULT + JOB.replace("nas", "vault") + "daily = at 02:00\n", binary="synbakd-fault")
    d.play("copy", *broken("io", "the line is cut"))
    waited(d)
    equal(d.job()["problems"], [])
    d.pass_time(7 * HOUR)
    wait_until(lambda: place(d, "vault")["late"], "it to be late")
    problem = next(p for p in d.job()["problems"] if "late" in p)
    contains(problem, "\"vault\" is late: it lacks 1 set")
    contains(problem, "the line is cut")
    wait_until(lambda: "is late" in d.log(), "the alarm")
    done = harness.run([program("synbakctl"), "--socket", d.socket, "status"])
    equal(done.returncode, 1, done.stdout)
    contains(done.stdout, "is late")
    contains(done.stdout, "next try")
    d.play_default("copy")
    done = harness.run([program("synbakctl"), "--socket", d.socket, "copy", "j/latest", "--destination", "vault"])
    equal(done.returncode, 0, done.stdout + done.stderr)
    equal(d.job()["problems"], [])
    d.pass_time(2 * MINUTE)
    wait_until(lambda: "all right again" in d.log(), "the end of the alarm")


@test
def what_came_to_a_place_that_is_away_is_remembered():
    d = world(VAULT + JOB.replace("nas", "vault"), binary="synbakd-fault")
    first = waited(d)["id"]
    equal((place(d, "vault")["newest"], place(d, "vault")["remembered"]), (first, False))
    d.play("scan", {"unless_store": "local"}, *broken("unavailable", "the line is cut"))
    for _ in range(2):
        d.restart()
        wait_until(lambda: at(d, "local"), "the listing")
        equal((place(d, "vault")["newest"], place(d, "vault")["remembered"]), (first, True))
    d.set_clock(2 * HOUR)
    d.trigger()
    equal([p for p in d.job()["problems"] if "late" in p], [])
    status = harness.run([program("synbakctl"), "--socket", d.socket, "status"])
    contains(status.stdout, "vault has not been looked at since the start; its newest good one was from")
    d.pass_time(7 * HOUR)
    wait_until(lambda: place(d, "vault")["late"], "it to be late")
    contains(next(p for p in d.job()["problems"] if "late" in p), "it has not answered since synbakd started")
    d.play_default("scan")
    d.call("rescan", destination="vault")
    wait_until(lambda: not place(d, "vault")["remembered"], "the listing of the vault")


@test
def a_reload_that_drops_a_place_ends_its_copy():
    d = world()
    d.play("copy", {"wait_for": f"{d.dir}/never"})
    d.trigger()
    wait_until(lambda: d.jobs_seen("copy"), "the copy")
    d.configure(JOB.replace(" nas", ""))
    d.call("reload")
    wait_until(lambda: "was cut short: the configuration has changed" in d.log(), "the copy to end")
    equal(d.records("copy-failed"), [])
    equal([p["destination"] for p in d.job()["destinations"]], ["local"])
    equal(d.stop(), 0)


@test
def a_paused_job_starts_no_copies():
    d = world()
    d.trigger()
    wait_until(lambda: at(d, "nas"), "the first copy")
    d.play("scan", {"unless_store": "local"}, *broken("not-mounted", "its marker is missing"))
    d.call("rescan", destination="nas")
    made = d.trigger()["id"]
    d.call("pause", job="j")
    d.play_default("scan")
    d.call("rescan", destination="nas")
    equal((place(d, "nas")["lacks"], len(d.jobs_seen("copy"))), (1, 1))
    d.call("resume", job="j")
    wait_until(lambda: made in at(d, "nas"), "the copy")


# --- what an operator asks for ---

@test
def copy_brings_what_is_not_owed():
    d = world(JOB.replace(" nas", "") + NAS)
    made = [d.trigger()["id"] for _ in range(2)]
    answer = d.call("copy", job="j", id=made[0], destination="nas", wait=True, reason="because")
    equal((answer["state"], answer["from"], answer["sent_bytes"]), ("copied", "local", 500))
    equal((at(d, "nas"), d.records("copy-asked")[0]["reason"]), (made[:1], "because"))
    equal(d.call("copy", job="j", id=made[0], destination="nas")["state"], "there")
    refused("not-found", d.call, "copy", job="j", id=made[0], destination="nowhere")
    refused("not-found", d.call, "copy", job="j", id="20010101_000000", destination="nas")
    refused("usage", d.call, "copy", job="j", id=made[0])
    refused("usage", d.call, "copy", job="j", id=made[0], destination="nas", **{"from": "nas"})


@test
def who_asks_joins_the_copy_that_goes_on():
    d = world()
    d.play("copy", {"wait_for": f"{d.dir}/go"}, {"default": True})
    made = d.trigger()["id"]
    wait_until(lambda: d.jobs_seen("copy"), "the copy")
    equal(d.call("copy", job="j", id=made, destination="nas")["state"], "copying")
    client = d.client()
    asked = client.ask("copy", job="j", id=made, destination="nas", wait=True)
    open(f"{d.dir}/go", "w").close()
    equal(client.answer(asked)["state"], "copied")
    equal(len(d.jobs_seen("copy")), 1)


@test
def a_copy_that_was_asked_for_and_fails_says_why():
    d = world(JOB.replace(" nas", "") + NAS)
    made = d.trigger()["id"]
    d.play("copy", *broken("no-space", "nas is full"), times=1)
    contains(refused("no-space", d.call, "copy", job="j", id=made, destination="nas", wait=True), "nas is full")


@test
def what_is_made_for_some_places_stays_there():
    d = world(NAS + JOB)
    first = d.trigger(local_only=True)
    second = d.trigger(destinations=["nas"])
    equal([x["destination"] for x in second["destinations"]], ["nas"])
    third = waited(d)
    equal((at(d, "local"), at(d, "nas")), ([first["id"], third["id"]], [second["id"], third["id"]]))
    equal([j["stays"] for j in d.jobs_seen("commit")], [True, True, False])
    equal(d.job()["owed"], [])
    d.configure(NAS.format(dir=d.dir).replace("feed = copy", "type = sftp\nhost = h\nuser = u")
                + JOB.replace("local nas", "nas"))
    d.call("reload")
    refused("usage", d.call, "trigger", job="j", local_only=True)


@test
def without_a_live_place_all_are_fed_by_the_read():
    d = world(NAS + VAULT + JOB.replace("local nas", "nas vault"))
    result = d.trigger()
    equal([x["destination"] for x in result["destinations"]], ["nas", "vault"])
    equal([s["destination"] for s in d.jobs_seen("command")[0]["stores"]], ["nas", "vault"])
    equal(d.jobs_seen("copy"), [])


@test
def when_the_live_place_is_away_the_others_are_fed_by_the_read():
    d = world(start_scripts={"scan": [{"unless_store": "nas"}, *broken("not-mounted", "its marker is missing")]})
    result = d.trigger()
    equal((result["outcome"], result["code"]), ("good", "late"), str(result))
    equal([s["destination"] for s in d.jobs_seen("command")[0]["stores"]], ["nas"])
    d.play_default("scan")
    d.call("rescan", destination="local")
    wait_until(lambda: at(d, "local") == [result["id"]], "the copy back")
    equal(d.jobs_seen("copy")[0]["from"]["destination"], "nas")


run_all()
