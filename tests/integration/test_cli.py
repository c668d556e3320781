#!/usr/bin/env python3
"""synbakctl against a scripted daemon: arguments, help, JSON, exit statuses, what a terminal and a pipe
get, completions, the manual page."""
import json
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_world import ANSWERS, SETS, Error, World, a_set, destination, finished, iso, job, status  # noqa: E402
from fake_daemon import FakeDaemon, frame  # noqa: E402
import harness  # noqa: E402
from harness import check, contains, equal, lacks, program, run, run_all, skip, test, write_file  # noqa: E402

DEF = open(f"{harness.ROOT}/cli/commands.def", encoding="utf-8").read()
COMMANDS = [w for w in re.findall(r'^COMMAND\(\w+, "([^"]+)"', DEF, re.M) if not w.startswith("__")]
OPTIONS = re.findall(r'^OPTION\((\w+), "([^"]+)"', DEF, re.M)
# the least that each command is content with
LEAST = {"cancel": ["7"], "copy": ["synapse", "--destination", "local"], "export": ["synapse", "./x.tar"],
         "dump": ["synapse", "media"],
         "adopt": ["local"], "completion": ["bash"], "restore": ["synapse", "--target", "/nowhere"]}


@test
def first_use():
    w = World()
    done = w.ctl("status", ok=True)
    contains(done.stdout, "OK: the job is protected")
    contains(done.stdout, "20261121_020000")
    check(re.search(r"in (49|50) min \(daily\)", done.stdout), done.stdout)
    contains(done.stdout, "312 GB free of 500 GB (62 %)")


# --- arguments ---

@test
def every_command_explains_itself():
    for words in COMMANDS:
        done = run([program("synbakctl"), *words.split(), "--help"], ok=True)
        contains(done.stdout, f"Usage: synbakctl {words}")
        for owner, option in OPTIONS:
            if owner in ("ANY", words.replace(" ", "_")):
                contains(done.stdout, option)
        equal(done.stderr, "")
    everything = run([program("synbakctl"), "--help"], ok=True).stdout
    for words in COMMANDS:
        contains(everything, f"\n  {words} ")
    lacks(everything, "__")
    check(all(len(line) < 80 for line in everything.splitlines()), "help is at most 79 wide")


@test
def wrong_usage_is_2_and_one_sentence():
    w = World()
    cases = [([], "no command"), (["statsu"], 'did you mean "status"'), (["xyzzy"], "--help"),
             (["key"], "no command"), (["key", "chek"], 'did you mean "key check"'),
             (["trigger", "--wiat"], "did you mean --wait"), (["trigger", "--tier"], "needs a value"),
             (["trigger", "--tier="], "needs a value"), (["trigger", "--wait=1"], "takes no value"),
             (["trigger", "--tier", "dayly"], "--tier is one of"), (["cancel"], "usage: synbakctl cancel RUN"),
             (["cancel", "x"], "number of a run"), (["cancel", "0"], "number of a run"),
             (["status", "a", "b"], "one word too many"), (["status", "-x"], "no option -x"),
             (["restore", "synapse"], "--to-database"), (["pin", "a b"], "neither JOB nor JOB/ID"),
             (["restore", "synapse", "--target", "x", "--in-place"], "one of"),
             (["restore", "--target", "x", "--replace", "synapse"], "--in-place only"),
             (["restore", "--undo", "1", "--in-place"], "stands alone"),
             (["schedule", "--count", "0"], "--count"), (["log", "--count", "ten"], "--count"),
             (["pause", "synapse", "--until", "tomorrow"], "is no time"),
             (["pause", "synapse", "--until", "2020-01-01"], "is over already"),
             (["verify", "--all", "synapse"], "either"), (["completion", "tcsh"], "tcsh"),
             (["show", "./file"], "not a file"), (["trigger", "x.tar"], "not a file"),
             (["dump", "synapse", "media", "--json"], "--json"),
             (["config", "check", "/nowhere/synbak.conf"], "/nowhere/synbak.conf")]
    for arguments, words in cases:
        done = w.ctl(*arguments)
        equal(done.returncode, 2, f"{arguments}: {done.stderr}")
        contains(done.stderr, words)
        check(done.stderr.startswith("synbakctl: ") and done.stderr.count("\n") == 1, done.stderr)
        equal(done.stdout, "" if "--json" not in arguments else done.stdout, str(arguments))
    equal(w.daemon.methods(), [], "nothing reached the daemon")


@test
def options_may_stand_anywhere():
    w = World()
    for arguments in (["trigger", "--tier", "daily", "synapse"], ["--tier=daily", "trigger", "synapse"],
                      ["trigger", "--tier", "daily", "--", "synapse"]):
        w.ctl(*arguments, ok=True) if "--" not in arguments else run(
            [program("synbakctl"), "--socket", w.socket, *arguments], ok=True, env=w.environment())
        equal(w.daemon.params("trigger"), {"job": "synapse", "tier": "daily"})


@test
def version():
    equal(run([program("synbakctl"), "--version"], ok=True).stdout, "synbakctl 0.1.0\n")


# --- what reaches the daemon ---

@test
def what_is_sent():
    w = World()
    cases = [(["trigger", "synapse", "--source", "media", "--source", "database", "--destination", "usb",
               "--pin", "keep it", "--reason", "because"],
              "trigger", {"job": "synapse", "sources": ["media", "database"], "destinations": ["usb"],
                          "pin": "keep it", "reason": "because"}),
             (["trigger"], "trigger", {"job": "synapse"}),
             (["pause", "--until", "2999-01-01"], "pause", {"job": "synapse", "until": "2999-01-01T00:00:00Z"}),
             (["resume", "synapse"], "resume", {"job": "synapse"}),
             (["pin", "20261120_020000", "--reason", "r"], "pin",
              {"job": "synapse", "id": "20261120_020000", "reason": "r"}),
             (["pin", "synapse", "--until", "2999-01-01T06:00:00Z"], "pin",
              {"job": "synapse", "id": "latest", "until": "2999-01-01T06:00:00Z"}),
             (["unpin", "synapse/20261120_020000"], "unpin", {"job": "synapse", "id": "20261120_020000"}),
             (["accept", "synapse/latest"], "accept", {"job": "synapse", "id": "latest"}),
             (["hold", "synapse"], "hold", {"job": "synapse"}), (["release"], "release", {"job": "synapse"}),
             (["cancel", "7", "--reason", "r"], "cancel", {"run": 7, "reason": "r"}),
             (["prune", "--dry-run"], "prune", {"dry_run": True}),
             (["prune", "synapse"], "prune", {"dry_run": False, "job": "synapse"}),
             (["explain", "synapse"], "explain", {"job": "synapse", "id": "latest"}),
             (["schedule", "--count", "9"], "schedule", {"count": 9}),
             (["log", "synapse", "--count", "3"], "log", {"job": "synapse", "count": 3}),
             (["list", "--destination", "usb"], "list", {"destination": "usb"}),
             (["verify", "synapse/20261120_020000", "--destination", "usb"], "verify",
              {"job": "synapse", "id": "20261120_020000", "destination": "usb"}),
             (["verify", "--all"], "verify", {}), (["adopt", "usb"], "adopt", {"destination": "usb"}),
             (["rescan"], "rescan", {}), (["clock", "accept"], "clock-accept", {}), (["reload"], "reload", {})]
    for arguments, method, params in cases:
        w.ctl(*arguments, ok=True)
        equal(w.daemon.params(method), params, arguments)


@test
def job_left_out_with_several():
    w = World(status=status(jobs=[job("a"), job("b")]))
    done = w.ctl("trigger")
    equal(done.returncode, 2)
    contains(done.stderr, "name the job, there are 2: a, b")
    equal(World(status=status(jobs=[])).ctl("trigger").returncode, 2)


# --- exit statuses ---

@test
def status_says_how_bad_it_is():
    for level in (0, 1, 2):
        for flags in ([], ["--json"]):
            equal(World(status=status(level, [job(level=level)])).ctl("status", *flags).returncode, level)
    nobody = World(daemon=False)
    done = nobody.ctl("status")
    equal(done.returncode, 3)
    contains(done.stderr, "does not answer")
    equal(nobody.ctl("list").returncode, 6)
    write_file(f"{nobody.dir}/control.sock", "")
    equal(nobody.ctl("list").returncode, 6, "a file that is no socket")
    nobody.configure(extra="nonsense = yes\n")
    done = nobody.ctl("list", "--config", nobody.config)
    equal(done.returncode, 2)
    contains(done.stderr, "nonsense")


@test
def a_run_gives_its_exit_status():
    for outcome, code in (("good", 0), ("failed", 1), ("incomplete", 3), ("suspect", 3), ("late", 4),
                          ("cancelled", 130)):
        w = World(wait=finished(outcome=outcome, error=None if outcome == "good" else "because"))
        equal(w.ctl("trigger", "--wait").returncode, code, outcome)
        equal(w.ctl("trigger", "--wait", "--json").returncode, code, outcome)
    late = World(wait=finished(destinations=[{"destination": "local", "ok": True},
                                             {"destination": "usb", "ok": False, "error": "full"}]))
    done = late.ctl("trigger", "--wait")
    equal(done.returncode, 4)
    contains(done.stdout, "usb: full")


@test
def errors_of_the_daemon():
    for code, number in (("denied", 5), ("refused", 5), ("config", 2), ("io", 1), ("no-such-word", 1)):
        done = World(reload=Error(code, "the daemon's own sentence")).ctl("reload")
        equal((done.returncode, done.stderr), (number, "synbakctl: the daemon's own sentence\n"))
        done = World(reload=Error(code, "the daemon's own sentence")).ctl("reload", "--json")
        equal(json.loads(done.stdout)["error"]["exit"], number)


@test
def unknown_names_get_the_nearest():
    unknown = Error("not-found", "there is none")
    w = World(trigger=unknown, show=unknown, status=status(jobs=[job("synapse"), job("other")]))
    done = w.ctl("trigger", "synaps")
    equal(done.returncode, 1)
    contains(done.stderr, 'there is no job "synaps"; did you mean "synapse"? (synbakctl status')
    done = w.ctl("show", "synapse/20261120_020001")
    contains(done.stderr, "the nearest is 20261120_020000 (synbakctl list synapse")
    w = World(show=unknown, list={"sets": []})
    contains(w.ctl("show", "synapse").stderr, "no sets yet")


@test
def a_daemon_that_talks_nonsense():
    for answer in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\2[]", b"GET / HTTP/1.0\r\n\r\n", None,
                   frame({"jsonrpc": "2.0", "id": 1, "result": 5})):
        done = World(status=lambda *_: answer).ctl("status")
        check(done.returncode in (1, 3), done)
        check(done.stderr.startswith("synbakctl: ") and done.stderr.count("\n") == 1, done.stderr)
    folder = harness.temp_dir()
    for i, greeting in enumerate((b"", b"\0\0\0\2{}", frame({"protocol": 2}), b"\xff" * 8)):
        with FakeDaemon(f"{folder}/{i}", ANSWERS, greeting=greeting or b"\0\0\0\0"):
            done = run([program("synbakctl"), "reload", "--socket", f"{folder}/{i}"])
            equal(done.returncode, 6, done.stderr)


# --- what people and programs see ---

@test
def json_is_one_value_as_it_came():
    w = World(copy={"job": "synapse", "id": "20261121_020000", "destination": "local", "from": "other",
                    "state": "there"})
    for words in COMMANDS:
        if words in ("restore", "export", "dump", "ls", "diff", "repair", "completion", "doctor") or words.startswith(("key", "config")):
            continue
        done = w.ctl(*words.split(), *LEAST.get(words, []), "--json")
        equal(done.stderr, "", words)
        value = json.loads(done.stdout)
        method = words.replace(" ", "-")
        answer = ANSWERS.get(method)  # copy adds where the set lies now
        if isinstance(answer, dict) and method not in ("verify", "log"):
            equal(value, answer, words)
    equal(json.loads(w.ctl("trigger", "--wait", "--json").stdout), finished())


@test
def names_from_outside_drive_no_terminal():
    evil = "\x1b]0;owned\x07\r\n\u202eevil\x9b31m"
    s = status(1, [job(evil, level=1, problems=[evil])], [destination(evil, problem=evil)],
               [{"level": "warning", "text": evil}])
    s["kept"] = [{"what": evil, "bytes": 1, "command": evil}]
    w = World(status=s, list={"sets": [a_set(evil)]}, show={"sets": [a_set(evil, problems=[evil])]},
              explain={"lines": [{"destination": evil, "why": evil}]})
    w.daemon.answers["reload"] = Error("io", evil)
    for arguments in (["status"], ["list"], ["show", "synapse"], ["explain", "synapse"], ["log"], ["reload"]):
        code, output = w.terminal(*arguments, env={"NO_COLOR": "1"})
        for bad in ("\x1b", "\x07", "\u202e", "\x9b"):
            lacks(output, bad)
        contains(output, "\\x1b")


@test
def a_terminal_gets_colours_and_columns_a_pipe_gets_tabs():
    w = World(status=status(2, [job(level=2), job("other")]))
    piped = w.ctl("status").stdout
    lacks(piped, "\x1b")
    contains(piped, "synapse\tCRITICAL\t")
    code, shown = w.terminal("status")
    equal(code, 2)
    contains(shown, "\x1b[1;31mCRITICAL")
    lacks(shown, "\t")
    rows = [re.sub("\x1b[^m]*m", "", line) for line in shown.splitlines()]
    columns = {row.index("RECOVERABLE" if "RECOVERABLE" in row else "11 min ago")
               for row in rows if "RECOVERABLE" in row or "11 min ago (" in row}
    equal(len(columns), 1, rows)
    for quiet in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        lacks(w.terminal("status", env=quiet)[1], "\x1b")


@test
def the_status_screen_names_what_is_wrong_worst_first():
    w = World(status=status(
        2, [job("a", level=2, problems=["no good set for 2 d"], last_run={
            "run": 15, "outcome": "failed", "finished": iso(-9000), "error": 'role "x" does not exist'}),
            job("b", level=1, held=True, paused=True, recoverable_until=None, latest=None, sets=0),
            job("c", running={"run": 17, "step": "dump synapse", "done": 41, "total": 100, "since": iso(-70)},
                queued=[{"run": 18, "why": "manual", "since": iso(-5), "waits_for": "run 17"}])],
        [destination(), destination("usb", encrypted=False), destination("nas", problem="not mounted")],
        [{"level": "warning", "text": 'destination "usb": 3 % free'},
         {"level": "critical", "text": 'job "a": no good set for 2 d'}], clock_in_doubt=True))
    text = w.ctl("status").stdout
    for part in ("CRITICAL: of 3 jobs 1 critical, 1 with a warning", "never backed up", "paused",
                 "running now", "run 17, dump synapse, 41 B of 100 B (41 %)", "run 18 is queued",
                 "waits for run 17", 'role "x" does not exist', "not mounted", "not encrypted, not authenticated",
                 "synbakctl release b", "synbakctl clock accept"):
        contains(text, part)
    equal(text.count("no good set for 2 d"), 1, "said once")
    wrong = text[text.index("What is wrong"):]
    check(wrong.index("CRITICAL") < wrong.index("warning"), "the worst first")


@test
def a_hundred_jobs_stay_on_a_screen():
    jobs = [job(f"job{n}") for n in range(99)] + [job("broken", level=2)]
    w = World(status=status(2, jobs))
    code, shown = w.terminal("status")
    check(shown.count("\n") < 40, shown)
    contains(shown, "more that are ok")
    check(shown.index("broken") < shown.index("job0"), "the worst first")
    equal(w.ctl("status").stdout.count("\tok\t"), 99, "a pipe gets them all")


@test
def status_of_one_job_says_more():
    text = World().ctl("status", "synapse", ok=True).stdout
    contains(text, "last run   12, good, ")
    contains(text, "sets       2")


@test
def steps_that_go_on_side_by_side_are_told_once_each():
    def wait(_params, notify):
        notify({"run": 18, "step": "archive media", "done": 5000, "total": 0})
        for part in range(1, 5):
            for name in ("nas", "vault", "away"):
                notify({"run": 18, "step": f"copying to {name}", "destination": name,
                        "done": part * 2000 // (2 if name == "away" else 1), "total": 8000})
            time.sleep(0.3)  # the line is drawn anew at most so often
        return finished()

    lines = World(wait=wait).ctl("trigger", "--wait", ok=True).stdout.splitlines()
    equal([line.split(":")[0] for line in lines[:3]], ["archive media", "copying to nas", "copying to vault"])
    check("away" not in "".join(lines), "what was not finished is told as if it were")
    _, text = World(wait=wait).terminal("trigger", "--wait")
    contains(text, "copying to nas 50 %, copying to vault 25 %, copying to away 12 %")


@test
def waiting_on_a_pipe_is_a_line_for_each_step():
    text = World().ctl("trigger", "--wait", ok=True).stdout
    lacks(text, "\r")
    lines = text.splitlines()
    check(lines[0].startswith("dump synapse: 400 MB in "), lines)
    check(lines[1].startswith("archive media: 1.0 GB in "), lines)
    for part in ('good: run 18 of job "synapse"', "20261121_084500", "/var/backups/local/synapse/20261121_084500",
                 "1.4 GB", "synbakctl restore synapse/20261121_084500"):
        contains(text, part)


@test
def waiting_on_a_terminal_shows_rate_and_eta():
    def slowly(_params, notify):
        for done in (0, 100000000, 200000000):
            notify({"step": "dump synapse", "done": done, "total": 400000000})
            time.sleep(0.3)
        return finished()
    code, text = World(wait=slowly).terminal("trigger", "--wait")
    equal(code, 0)
    contains(text, "[######------------------]  100 MB of 400 MB")
    contains(text, "ETA ")
    contains(text, "MB/s")


@test
def ctrl_c_stops_the_waiting_not_the_run():
    import threading
    never = threading.Event()
    harness.defer(never.set)

    def hang(_params, notify):
        notify({"step": "dump synapse", "done": 1, "total": 4})
        never.wait(60)
        return finished()
    w = World(wait=hang)
    code, text = w.terminal("trigger", "--wait", interrupt_at="dump synapse")
    equal(code, 130)
    contains(text, "run 18 goes on (to stop it: synbakctl cancel 18)")
    lacks(str(w.daemon.methods()), "cancel")


@test
def output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = World().ctl("list", stdout=full)
    equal(done.returncode, 1)
    contains(done.stderr, "No space left")


@test
def log_tells_in_sentences():
    w = World()
    w.daemon.answers["log"] = {"last": 6, "records": [
        {"seq": 1, "time": iso(-60), "type": "set-begun", "job": "synapse", "run": 15, "id": "20261121_020000"},
        {"seq": 2, "time": iso(-50), "type": "run-finished", "job": "synapse", "run": 15, "kind": "backup",
         "outcome": "good", "id": "20261121_020000", "bytes": 2000000, "duration_s": 3,
         "destinations": [{"destination": "local", "ok": True}, {"destination": "second", "ok": True}]},
        {"seq": 3, "time": iso(-40), "type": "run-finished", "job": "synapse", "run": 16, "outcome": "failed",
         "error": "it \x1b[31mbroke"},
        {"seq": 4, "time": iso(-30), "type": "held", "job": "synapse", "uid": 0, "reason": "to look"},
        {"seq": 5, "time": iso(-20), "type": "restore-ended", "job": "synapse", "id": "20261121_020000",
         "purpose": "restore", "ok": True, "summary": {"undo": "20261121_030000"}},
        {"seq": 6, "time": iso(-10), "type": "of-the-future", "uid": 0}]}
    told = [line.split(" UTC ")[1] for line in w.ctl("log", ok=True).stdout.splitlines()]
    equal(told, ["synapse: run 15 is good: 20261121_020000 at local, second, 2.0 MB in 3 s",
                 "synapse: run 16 failed: it \\x1b[31mbroke",
                 "synapse: held: nothing is deleted until it is released (root: to look)",
                 "synapse: restore of 20261121_020000 is done, undo it with: synbakctl restore --undo 20261121_030000",
                 "of-the-future (root)"])


@test
def log_follows():
    w = World()
    served = []

    def log(params, _notify):
        served.append(params)
        if params.get("after") is None:
            return {"records": [], "last": 7}
        if len(served) == 2:
            return {"records": [{"seq": 8, "time": iso(0), "type": "paused", "job": "synapse"}], "last": 8}
        return {"records": [], "last": 8}
    w.daemon.answers["log"] = log
    code, text = w.terminal("log", "--follow", interrupt_at="paused")
    equal(code, 0)
    equal([p.get("after") for p in served[:2]], [None, 7])


# --- completions, the manual ---

@test
def completion_scripts_parse():
    for shell, check_flag in (("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")):
        script = run([program("synbakctl"), "completion", shell], ok=True).stdout
        contains(script, "__complete")
        if shutil.which(shell):
            run([shell, check_flag, write_file(f"{harness.temp_dir()}/script", script)], ok=True)


@test
def completions():
    w = World(config=True, status=status(jobs=[job(), job("other", running={"run": 17, "step": "x"})]))

    def complete(*words):
        done = run([program("synbakctl"), "--config", w.config, "__complete", "--", *words], ok=True,
                   env=w.environment())
        return [line.split("\t")[0] for line in done.stdout.splitlines()]
    check({"status", "restore", "key", "config", "clock"} <= set(complete("")), complete(""))
    check("__complete" not in complete("_"), "hidden")
    equal(complete("sta"), ["status"])
    equal(complete("key", ""), ["check", "card", "add", "list", "remove", "rotate"])
    equal(complete("key", "add", "--p"), ["--passphrase", "--private-key"])
    equal(complete("config", "s"), ["show", "sandbox"])
    equal(complete("trigger", ""), ["synapse", "other"])
    equal(complete("trigger", "synapse", ""), [])
    equal(complete("trigger", "--w"), ["--wait"])
    equal(complete("trigger", "--tier", "d"), ["daily"])
    equal(complete("trigger", "--source", ""), ["database", "media"])
    equal(complete("trigger", "--destination", ""), ["local"])
    equal(complete("restore", "synapse/2026112"), ["synapse/20261121_020000", "synapse/20261120_020000"])
    equal(complete("cancel", ""), ["17"])
    equal(complete("completion", ""), ["bash", "zsh", "fish"])
    equal(complete("xyzzy", ""), [])
    alone = World(daemon=False, config=True)  # without synbakd the configuration names them
    w.config, w.environment = alone.config, alone.environment
    equal(complete("prune", "--destination", ""), ["local"])
    equal(complete("restore", "syn"), ["synapse"])


@test
def bash_completes():
    if not shutil.which("bash"):
        skip("no bash")
    w = World()
    script = run([program("synbakctl"), "completion", "bash"], ok=True).stdout
    test_script = script + f"""
COMP_WORDS=({program("synbakctl")} trigger sy); COMP_CWORD=2
_synbakctl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = run(["bash", "-c", test_script], ok=True, env={**w.environment(), "SYNBAK_SOCKET": w.socket})
    equal(done.stdout, "synapse\n")


@test
def manual_holds_the_table():
    page = f"{harness.ROOT}/docs/man/synbakctl.1"
    text = open(page, encoding="utf-8").read()
    table = run([program("synbakctl"), "__manual"], ok=True).stdout
    inside = text.split('.\\" begin commands\n')[1].split('.\\" end commands\n')[0]
    equal(inside == table, True, "docs/man/synbakctl.1 differs from synbakctl __manual")
    for name in ("synbakctl.1", "synbakd.8"):
        if not shutil.which("mandoc"):
            skip("no mandoc")
        done = run(["mandoc", "-T", "lint", "-W", "warning", f"{harness.ROOT}/docs/man/{name}"])
        equal((done.returncode, done.stdout), (0, ""), name)


if __name__ == "__main__":
    run_all()
