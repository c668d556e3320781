#!/usr/bin/env python3
"""synbakctl restore, ls, dump, export, verify FILE with a scripted worker: what the worker is given,
who is asked what, what a terminal and a pipe get, hang-ups, interrupts, workers that misbehave."""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_world import KEY, Error, World, finished  # noqa: E402
import harness  # noqa: E402
from harness import check, contains, equal, lacks, run_all, test, wait_until, write_file  # noqa: E402

PLAN = {"type": "ask", "text": "database synapse: 8 tables, 1.1 GB\nmedia: 20000 files, 2.0 GB", "replaced": ["media"]}
RESULT = {"restored": [{"source": "media", "what": "tree", "where": "/srv/media", "bytes": 2000000000,
                        "kept": {"place": "/srv/.synbak-restore-1", "bytes": 5, "remove": "rm -r /srv/x"}}],
          "undo": "20261121_091500", "seconds": 61}
DONE = {"type": "result", "ok": True, "result": RESULT}
RESTORE = [{"type": "progress", "step": "verify", "done": 5000000, "total": 10000000}, PLAN,
           {"type": "progress", "step": "restore media", "done": 10, "total": 10}, DONE]
SCAN = {"type": "result", "ok": True, "result": {
    "marker_id": "ab" * 16, "damaged": [], "swept": 0, "total_bytes": 9, "free_bytes": 5, "sets": {
        "synapse": [{"id": "20261119_020000", "sequence": 7, "tiers": ["daily"], "incomplete": False,
                     "fragment": False, "sources": [{"name": "media", "type": "files", "whole": True,
                                                     "stored_bytes": 5, "raw_bytes": 9}],
                     "started": "2026-11-19T02:00:00Z", "key_id": "0123456789abcdef"},
                    {"id": "20261120_020000", "sequence": 8, "tiers": ["daily"], "incomplete": True,
                     "fragment": False, "sources": [], "started": "2026-11-20T02:00:00Z"},
                    {"id": "20261121_020000", "sequence": 0, "tiers": ["pre-restore"], "incomplete": False,
                     "fragment": False, "sources": [], "started": "2026-11-21T02:00:00Z"}]}}}


def begun(world):
    return {"token": "t1", "config_file": world.config, "job": "synapse", "id": "20261121_020000",
            "destination": "local", "owner": "cd" * 16, "key": KEY,
            "store": {"destination": "local", "type": "directory", "path": f"{world.dir}/backups",
                      "key": None, "key_hint": "file:/x", "old_keys": []}}


def world(steps=None, **answers):
    w = World(worker={"restore": steps or RESTORE, "scan": [SCAN]}, config=True, **answers)
    w.daemon.answers.update({"restore-begin": lambda p, n: begun(w), "restore-end": {},
                             "pre-restore": {"run": 18}, "wait": finished(), **answers})
    return w


def bare(**scripts):
    return World(daemon=False, worker={"scan": [SCAN], "restore": RESTORE, **scripts})


@test
def in_place_with_the_daemon():
    w = world()
    done = w.ctl("restore", "synapse", "--in-place", "--yes", "--source", "media", ok=True)
    job, answer = w.got()
    equal((job["verb"], job["job"], job["id"], job["mode"]), ("restore", "synapse", "20261121_020000", "in-place"))
    equal((job["store"]["key"], job["sources"], job["safety_copy"], job["yes"]), (KEY, ["media"], "done", False))
    equal([s["name"] for s in job["configured"]], ["database", "media"])
    equal(answer, {"type": "answer", "yes": True})
    equal(w.daemon.methods(), ["restore-begin", "restore-worker", "pre-restore", "wait", "restore-end"])
    equal(w.daemon.params("restore-begin"), {"job": "synapse", "id": "latest", "purpose": "restore"})
    check(w.daemon.params("restore-worker")["pid"] > 1, "the worker is named")
    equal(w.daemon.params("pre-restore"), {"job": "synapse", "sources": ["media"], "token": "t1"})
    equal(w.daemon.params("restore-end"), {"token": "t1", "ok": True, "summary": RESULT})
    for part in ("database synapse: 8 tables, 1.1 GB\n", "media: 20000 files, 2.0 GB\n",
                 "the present state is saved as synapse/20261121_084500", "media: /srv/media, 2.0 GB",
                 "remove it with: rm -r /srv/x", "undo: synbakctl restore --undo 20261121_091500"):
        contains(done.stdout, part)
    lacks(done.stdout, "\r")
    lacks(" ".join(w.arguments([])) + done.stdout + done.stderr, KEY)


@test
def only_what_is_there_is_copied_before():
    w = world([{**PLAN, "replaced": []}, DONE])
    w.ctl("restore", "--in-place", "--yes", ok=True)
    lacks(str(w.daemon.methods()), "pre-restore")
    w = world()
    w.ctl("restore", "--in-place", "--yes", "--no-safety-copy", ok=True)
    lacks(str(w.daemon.methods()), "pre-restore")
    equal(w.got()[0]["safety_copy"], "none")


@test
def a_copy_that_fails_stops_it():
    w = world(wait=finished(outcome="failed", error="disk full"))
    done = w.ctl("restore", "--in-place", "--yes")
    equal(done.returncode, 5)
    contains(done.stderr, "the present state could not be copied: disk full")
    contains(done.stderr, "--no-safety-copy")
    equal(w.got()[1], {"type": "answer", "yes": False})
    equal(w.daemon.params("restore-end")["ok"], False)


@test
def without_a_terminal_and_yes_it_refuses_behind_the_plan():
    for where in (["--in-place"], ["--target", "x"], ["--to-database", "y"]):
        w = world()
        done = w.ctl("restore", "synapse", *where)
        equal(done.returncode, 5)
        contains(done.stdout, "database synapse: 8 tables")
        contains(done.stderr, "--yes is needed")
        equal(w.got()[1], {"type": "answer", "yes": False})
        lacks(str(w.daemon.methods()), "pre-restore")


@test
def on_a_terminal_yes_is_typed():
    w = world([PLAN, DONE])
    code, text = w.terminal("restore", "--in-place", typed={"Type yes": "yes\n"})
    equal(code, 0, text)
    check(text.index("8 tables") < text.index("Type yes") < text.index("Beginning in 5 s"), text)
    w = world([PLAN, DONE])
    code, text = w.terminal("restore", "--in-place", typed={"Type yes": "y\n"})
    equal(code, 5)
    contains(text, "nothing was changed")
    lacks(text, "Beginning")
    w = world([{**PLAN, "replaced": []}, DONE])
    code, text = w.terminal("restore", "--target", "x", typed={"Type yes": "yes\n"})
    equal(code, 0)
    lacks(text, "Beginning")


@test
def the_countdown_can_be_stopped():
    w = world([PLAN, DONE])
    code, text = w.terminal("restore", "--in-place", typed={"Type yes": "yes\n"}, interrupt_at="Beginning in 4")
    equal(code, 130)
    contains(text, "nothing was changed")
    equal(w.got()[1], {"type": "answer", "yes": False})
    w = world([{**PLAN, "linger": 1}, DONE])
    code, text = w.terminal("restore", "--in-place", interrupt_at="Type yes")
    equal(code, 5)
    equal(w.got()[1:], [{"type": "answer", "yes": False}], "it is the answer, and no second thing")


@test
def ctrl_c_reaches_the_worker_as_cancel():
    w = world([{"type": "progress", "step": "verify", "done": 1, "total": 2}, {"sleep": 60}, DONE])
    code, text = w.terminal("restore", "--in-place", "--yes", interrupt_at="verify")
    equal(code, 130)
    contains(text, "cleaning up")
    equal(w.got()[1], {"type": "cancel"})


@test
def a_hang_up_stops_nothing():
    w = world([{"type": "progress", "step": "verify", "done": 1, "total": 2}, {"sleep": 1}, PLAN, DONE])
    code, text = w.terminal("restore", "--in-place", "--yes", interrupt_at="verify", signal_at=signal.SIGHUP)
    equal(code, 0)
    with open(f"{w.dir}/process", encoding="utf-8") as f:
        pid, session, _ = f.read().split()
    equal(pid, session, "the worker has a session of its own")


@test
def workers_that_misbehave():
    for steps, words, number in (
            ([{"exit": 0}], "no result", 1), ([{"exit": 7}], "status 7", 1), ([DONE, {"exit": 7}], "did not end well", 1),
            ([{"type": "result", "ok": False, "code": "damaged", "error": "segment 3 is wrong"}], "segment 3", 1),
            ([{"type": "result", "ok": False, "code": "refused", "error": "not empty"}], "not empty", 5)):
        w = world(steps)
        done = w.ctl("restore", "--target", "x", "--yes")
        equal(done.returncode, number, done.stderr)
        contains(done.stderr, words)
        equal(done.stderr.count("\n"), 1)
    done = world().ctl("restore", "--target", "x", env={"SYNBAK_WORKER": "/nowhere/worker"})
    equal(done.returncode, 1)
    contains(done.stderr, "/nowhere/worker")


@test
def with_configuration_but_without_daemon():
    w = World(daemon=False, worker={"scan": [SCAN], "restore": RESTORE}, config=True)
    w.ctl("restore", "--in-place", "--yes", "--no-safety-copy", ok=True)
    job = [m for m in w.got() if m.get("verb") == "restore"][0]
    equal((job["job"], job["id"], job["safety_copy"]), ("synapse", "20261119_020000", "none"))
    equal(job["store"]["key"], KEY)
    equal(w.ctl("restore", "--in-place", "--yes").returncode, 5, "no destination is there that could take the copy")
    equal([m for m in w.got() if m.get("verb") == "restore"][1]["safety_copy"], "refuse")
    listed = w.ctl("list", ok=True).stdout
    contains(listed, "synbakd does not answer")
    contains(listed, "synapse/20261119_020000\tdaily\tgood\t5 B")


@test
def the_present_state_is_copied_without_a_daemon():
    took = {"destination": "local", "ok": True, "artifacts": [{"kind": "tar"}]}
    w = World(daemon=False, config=True, worker={
        "scan": [SCAN], "restore": RESTORE, "mark": [{"type": "result", "ok": True, "result": {}}],
        "archive": [{"type": "result", "ok": True, "result": {"destinations": [took], "whole": True, "problems": []}}],
        "commit": [{"type": "result", "ok": True, "result": {"destinations": [took]}}]})
    write_file(f"{w.dir}/backups/synbak-destination.json", json.dumps({"version": 1, "id": "ab" * 16, "owner": "cd" * 16}))
    done = w.ctl("restore", "--in-place", "--yes", ok=True)
    contains(done.stdout, "the present state is saved as synapse/")
    by_verb = {m["verb"]: m for m in w.got() if "verb" in m}
    equal(by_verb["restore"]["safety_copy"], "done")
    archive, commit, mark = by_verb["archive"], by_verb["commit"], by_verb["mark"]
    equal((archive["stores"][0]["owner"], archive["stores"][0]["known_id"]), ("cd" * 16, "ab" * 16))
    equal((commit["tiers"], commit["sequence"], commit["id"]), (["pre-restore"], 0, archive["id"]))
    equal(commit["sources"], [{"name": "media", "type": "files", "whole": True, "problems": [],
                               "artifacts": {"local": [{"kind": "tar"}]}}])
    equal((mark["kind"], mark["id"]), ("pin", commit["id"]))
    for verb, result, words in (("commit", {"destinations": [{**took, "ok": False, "error": "disk full"}]}, "disk full"),
                                ("archive", {"destinations": [took], "whole": False, "problems": ["x unreadable"]},
                                 "x unreadable")):
        w.script(verb, {"type": "result", "ok": True, "result": result})
        done = w.ctl("restore", "--in-place", "--yes")
        equal(done.returncode, 5)
        contains(done.stderr, words)
        contains(done.stderr, "nothing was changed")
        equal([m for m in w.got() if m["type"] == "answer"][-1]["yes"], False)


@test
def on_a_bare_machine():
    w = bare()
    where = ["--destination", f"{w.dir}/backups", "--key", f"file:{w.dir}/key"]
    w.ctl("restore", *where, "--target", f"{w.dir}/t", "--yes", ok=True)
    scan, job, _ = w.got()
    equal((scan["store"]["path"], scan["store"]["owner"], scan["sweep_age_s"]), (f"{w.dir}/backups", None, 0))
    equal((job["job"], job["id"], job["store"]["key"], job["target"]),
          ("synapse", "20261119_020000", KEY, f"{w.dir}/t"))
    done = w.ctl("restore", "synapse/20261119_020001", *where, "--target", "t", "--yes")
    equal(done.returncode, 1)
    contains(done.stderr, "the nearest is 20261119_020000 (synbakctl list --destination")
    contains(w.ctl("restore", "other", *where, "--target", "t").stderr, "but of: synapse")
    done = w.ctl("restore", *where, "--in-place", "--yes")
    equal(done.returncode, 2)
    contains(done.stderr, "--in-place needs the configuration")
    listed = w.ctl("list", *where, ok=True).stdout
    contains(listed, "synapse/20261120_020000\tdaily\tincomplete")
    equal(json.loads(w.ctl("list", *where, "--json", ok=True).stdout)["sets"][0]["job"], "synapse")
    done = w.ctl("list", "--destination", f"{w.dir}/backups")
    equal(done.returncode, 2)
    contains(done.stderr, "needs --key")
    write_file(f"{w.dir}/short", "hunter2\n", 0o600)
    contains(w.ctl("list", "--destination", f"{w.dir}/backups", "--key", f"{w.dir}/short").stderr, "at least 20")
    for key in (KEY, "hunter2"):
        done = w.ctl("list", "--destination", f"{w.dir}/backups", "--key", key)
        equal(done.returncode, 2)
        lacks(done.stderr, key)


@test
def sets_that_do_not_open_say_why():
    w = bare(scan=[{"type": "result", "ok": True, "result": {
        "marker_id": "", "sets": {"synapse": []}, "swept": 0, "total_bytes": 1, "free_bytes": 1,
        "damaged": [{"job": "synapse", "id": "20261119_020000", "code": "key", "error": "made with another key"}]}}])
    where = ["--destination", w.dir, "--key", f"{w.dir}/key"]
    done = w.ctl("restore", *where, "--target", "t", "--yes")
    equal(done.returncode, 1)
    contains(done.stderr, "synapse/20261119_020000: made with another key")
    contains(w.ctl("list", *where).stdout, "does not open: made with another key")


@test
def from_a_file():
    w = bare(verify=[{"type": "result", "ok": True, "result": {"sets": 1, "bytes": 5, "damaged": []}}])
    w.ctl("restore", "./x.tar", "--key", "none", "--target", "t", "--yes", ok=True, cwd=w.dir)
    equal((w.got()[0]["file"], w.got()[0]["key"]), (f"{w.dir}/x.tar", None))
    w.ctl("verify", f"{w.dir}/backups/synapse/1", "--key", f"{w.dir}/key", ok=True)
    equal(w.got()[-1]["key"], KEY)
    equal(w.ctl("verify", "x.tar").returncode, 2)
    w.script("verify", {"type": "result", "ok": True, "result": {
        "sets": 1, "bytes": 5, "damaged": [{"job": "a", "id": "b", "error": "broken"}]}})
    done = w.ctl("verify", "x.tar", "--key", "none")
    equal(done.returncode, 1)
    contains(done.stdout, "broken")


@test
def a_key_that_the_daemon_keeps_is_read_where_it_lies():
    w = world()
    w.daemon.answers["restore-begin"] = lambda p, n: {**begun(w), "key": None}
    w.ctl("restore", "--target", "x", "--yes", ok=True)
    equal(w.got()[0]["store"]["key"], KEY)
    os.unlink(f"{w.dir}/key")
    done = w.ctl("restore", "--target", "x", "--yes")
    equal(done.returncode, 1)
    contains(done.stderr, "gives the key to root alone")


@test
def unknown_sets_and_denied_roles():
    w = world()
    w.daemon.answers["restore-begin"] = Error("not-found", "no")
    done = w.ctl("restore", "synapse/20261121_020001", "--target", "x", "--yes")
    equal(done.returncode, 1)
    contains(done.stderr, "the nearest is 20261121_020000")
    w.daemon.answers["restore-begin"] = Error("denied", "you need the role restore")
    equal(w.ctl("restore", "--target", "x", "--yes").returncode, 5)


@test
def undo():
    w = world()
    w.script("undo", {"type": "result", "ok": True, "result": {"undone": [{"source": "media", "what": "tree"}]}})
    equal(w.ctl("restore", "--undo", "20261121_091500").returncode, 5)
    done = w.ctl("restore", "--undo", "20261121_091500", "--yes", ok=True)
    contains(done.stdout, "media: the tree is as it was before")
    equal((w.got()[-1]["run"], len(w.got()[-1]["configured"])), ("20261121_091500", 2))


@test
def looking_inside():
    w = world()
    w.script("ls", {"type": "result", "ok": True, "result": {"entries": [
        {"source": "media", "path": "a\n\x1b[31mb", "type": "file", "size": 5, "mtime": "2026-11-21T02:00:00Z"}]}})
    text = w.ctl("ls", "--source", "media", ok=True).stdout
    contains(text, "file\t5 B\t2026-11-21 02:00 UTC\tmedia\ta\\x0a\\x1b[31mb")
    w.script("cat", {"output": "the bytes\n"}, {"type": "result", "ok": True, "result": {"bytes": 10}})
    equal(w.ctl("dump", "synapse", "media", "a/b", ok=True).stdout, "the bytes\n")
    equal((w.got()[-1]["source"], w.got()[-1]["path"]), ("media", "a/b"))
    code, text = w.terminal("dump", "synapse", "media")
    equal(code, 5)
    contains(text, "> FILE")
    w.script("export", {"type": "result", "ok": True, "result": {"bytes": 10, "sha256": "00" * 32}})
    contains(w.ctl("export", "synapse", f"{w.dir}/x.tar", ok=True).stdout, f"{w.dir}/x.tar: 10 B")
    equal(w.got()[-1]["place"], f"{w.dir}/x.tar")
    write_file(f"{w.dir}/x.tar", "")
    equal(w.ctl("export", "synapse", f"{w.dir}/x.tar").returncode, 5)


@test
def json_of_a_restore():
    done = world().ctl("restore", "--in-place", "--yes", "--json", ok=True)
    equal(json.loads(done.stdout), RESULT)
    contains(done.stderr, "8 tables")


@test
def the_guard_is_held_until_the_end():
    w = world([{"type": "progress", "step": "verify", "done": 1, "total": 2}, {"sleep": 1}, PLAN, DONE])
    process = harness.start(w.arguments(["restore", "--target", "x", "--yes"]), env=w.environment(),
                            stdout=-3, stderr=-3)
    wait_until(lambda: w.got(), "the worker's job")
    lacks(str(w.daemon.methods()), "restore-end")
    equal(process.wait(60), 0)
    wait_until(lambda: w.daemon.methods()[-1] == "restore-end", "the guard to be released")


if __name__ == "__main__":
    run_all()
