#!/usr/bin/env python3
"""Sets copied from one destination to another by synbak-worker: byte for byte, and in another form."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from cli_world import KEY as CLI_KEY, World
from daemon_client import Daemon
from fake_daemon import Error
from harness import ROOT, check, contains, equal, program, run, run_all, temp_dir, test, write_file
from tree_world import ID, KEY, back_up, command, files, restore_job, store
from worker_client import Worker, work, work_error

OTHER_KEY = "another key of twenty-nine by"
READER = os.path.join(ROOT, "tests", "tools", "plain_reader.py")
OLDER = "20261119_143000"
LISTED = "20261121_020000"  # by the scripted daemon
MIB = 1 << 20


def copy_job(source, target, id=ID):
    return {"verb": "copy", "from": source, "to": target, "job": "j", "id": id}


def target_store(**more):
    return store(temp_dir(), **{"destination": "offsite", "key": KEY, "volume_bytes": MIB, **more})


def a_set(place, *, id=ID, sequence=1):
    """A tree of some volumes of 1 MiB, and a command."""
    root = temp_dir()
    write_file(os.path.join(root, "noise"), os.urandom(2 * MIB + 4711))
    write_file(os.path.join(root, "text"), b"words and words\n" * 5000)
    back_up(place, files(root), command("said", ["echo", "hello " + id], ["cat"]), id=id, sequence=sequence)
    return place, root


def source_store(**more):
    return store(temp_dir(), **{"key": KEY, "volume_bytes": MIB, **more})


def folder(place, id=ID):
    return os.path.join(place["path"], "j", id)


def objects(place, id=ID):
    base, found = folder(place, id), {}
    for where, _, names in os.walk(base):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, base)] = f.read()
    return found


def artifacts(place, id=ID):
    return {name: data for name, data in objects(place, id).items() if "/" in name}


def manifest(place, id=ID):
    with open(os.path.join(folder(place, id), "manifest.json"), encoding="utf-8") as f:
        return json.load(f)


def scan(place):
    result = work({"verb": "scan", "store": place, "jobs": [], "sweep_age_s": 0, "in_progress": []})
    equal(result["damaged"], [])
    return {s["id"]: s for s in result["sets"].get("j", [])}


def verify(place, id=ID):
    equal(work({"verb": "verify", "store": place, "job": "j", "id": id})["damaged"], [])


def content(place, key, id=ID):
    """What the independent reader finds in a set: {NAME: bytes}."""
    out = temp_dir()
    argv = [sys.executable, READER, folder(place, id), "--to", out]
    if key:
        argv += ["--key", write_file(os.path.join(temp_dir(), "key"), key + "\n", 0o600)]
    run(argv, ok=True)
    return {name: data for name, data in
            ((os.path.relpath(os.path.join(d, n), out), open(os.path.join(d, n), "rb").read())
             for d, _, names in os.walk(out) for n in names)}


@test
def the_same_form_goes_byte_for_byte():
    source, target = a_set(source_store())[0], target_store()
    done = work(copy_job(source, target))
    equal(artifacts(target), artifacts(source))
    check(len(artifacts(target)) >= 5, str(list(artifacts(target))))
    equal((done["reencrypted"], done["sent_bytes"]), (False, sum(len(d) for d in artifacts(source).values())))
    equal(done["set"], scan(target)[ID])
    equal(done["set"], {**scan(source)[ID], "key_id": done["set"]["key_id"]})
    ours, theirs = manifest(source), manifest(target)
    changed = {k for k in ours if ours[k] != theirs[k]}
    equal(changed, {"destination", "salt", "key_id"})
    equal(theirs["destination"], done["marker_id"])
    verify(target)
    equal(content(target, KEY), content(source, KEY))
    equal(os.readlink(os.path.join(target["path"], "j", "latest")), ID)
    run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder(target), ok=True)


@test(limit=300)
def another_form_is_written_anew():
    source, root = a_set(source_store())
    for more, key in (({"key": OTHER_KEY, "gzip": False}, OTHER_KEY), ({"key": None, "volume_bytes": MIB // 4}, None)):
        target = target_store(**more)
        done = work(copy_job(source, target))
        check(done["reencrypted"], str(more))
        equal(done["sent_bytes"], sum(len(d) for d in artifacts(target).values()))
        equal(content(target, key), content(source, KEY), str(more))
        verify(target)
        to = os.path.join(temp_dir(), "to")
        work(restore_job(target, "target", sources=["media"], target=to))
        with open(os.path.join(root, "noise"), "rb") as one, open(os.path.join(to, "noise"), "rb") as two:
            check(one.read() == two.read())


@test
def a_set_that_is_there_is_not_sent_again():
    source, target = a_set(source_store())[0], target_store()
    work(copy_job(source, target))
    before = objects(target)
    again = work(copy_job(source, target))
    equal((again["sent_bytes"], again["set"]), (0, scan(target)[ID]))
    equal(objects(target), before)


def mark(place, kind, until=None, reason="why"):
    work({"verb": "mark", "store": place, "job": "j", "id": ID, "kind": kind, "reason": reason, "until": until})


@test(limit=300)
def marks_follow_the_set():
    source, target = a_set(source_store())[0], target_store(key=OTHER_KEY)
    mark(source, "pin", until="2031-01-01T00:00:00Z", reason="the audit")
    for step in ("pin", "accept", "unpin"):
        if step != "pin":
            mark(source, step)
        done = work(copy_job(source, target))
        ours, theirs = scan(source)[ID], scan(target)[ID]
        equal(done["set"], theirs)
        equal(theirs, {**ours, "key_id": theirs["key_id"]}, step)
    verify(target)


@test
def an_older_set_does_not_become_the_latest():
    source, target = source_store(), target_store()
    a_set(source, id=OLDER, sequence=1)
    a_set(source, id=ID, sequence=2)
    latest = os.path.join(target["path"], "j", "latest")
    work(copy_job(source, target, OLDER))
    equal(os.readlink(latest), OLDER)
    work(copy_job(source, target))
    equal(os.readlink(latest), ID)
    os.unlink(latest)
    work(copy_job(source, target, OLDER))
    check(not os.path.lexists(latest))
    equal(set(scan(target)), {OLDER, ID})


@test
def what_must_not_be_written_is_not():
    source, target = a_set(source_store())[0], target_store()
    code, error = work_error(copy_job(source, target, OLDER))
    equal(code, "not-found", error)
    work(copy_job(source, target))
    stranger = {**target, "owner": "ef" * 16}
    code, error = work_error(copy_job(source, stranger))
    equal(code, "foreign", error)
    other = a_set(source_store(), sequence=9)[0]
    code, error = work_error(copy_job(other, target))
    equal(code, "exists", error)
    contains(error, "another set")
    verify(target)


@test
def a_damaged_source_is_named_and_commits_nothing():
    source, target = a_set(source_store())[0], target_store()
    name = sorted(artifacts(source))[0]
    with open(os.path.join(folder(source), name), "r+b") as f:
        f.seek(100)
        byte = f.read(1)
        f.seek(100)
        f.write(bytes([byte[0] ^ 1]))
    code, error = work_error(copy_job(source, target))
    equal(code, "damaged", error)
    contains(error, name)
    equal(scan(target), {})


@test
def a_stopped_copy_goes_on_where_it_was():
    source, target = a_set(source_store())[0], target_store()
    worker = Worker(copy_job(source, target))
    worker.wait_step("copy to offsite")
    worker.cancel()
    message = worker.finish()
    if message["ok"]:
        equal(set(scan(target)), {ID})
    else:
        equal((message["code"], scan(target)), ("cancelled", {}))
    before = artifacts(target) if os.path.isdir(folder(target)) else {}
    done = work(copy_job(source, target))
    sizes = {name: len(data) for name, data in artifacts(source).items()}
    equal(done["sent_bytes"], sum(size for name, size in sizes.items() if name not in before))
    verify(target)


@test
def a_set_that_stays_may_be_copied_when_asked():
    place, root = source_store(), temp_dir()
    write_file(os.path.join(root, "text"), b"words\n")
    read = work({"verb": "archive", "job": "j", "id": ID, "source": files(root), "stores": [place], "threads": 1})
    work({"verb": "commit", "job": "j", "id": ID, "sequence": 1, "tiers": [], "reason": "", "stays": True,
          "started": "2026-11-20T14:30:00Z", "fragment": False, "host": "h", "stores": [place],
          "sources": [{"name": "media", "type": "files", "whole": True, "problems": [],
                       "artifacts": {"local": read["destinations"][0]["artifacts"]}}]})
    equal((scan(place)[ID]["stays"], manifest(place)["stays"]), (True, True))
    target = target_store()
    equal(work(copy_job(place, target))["set"]["stays"], False)


# --- synbakctl copy ---


def a_world(**options):
    """A configuration with two destinations, the first with one set; no daemon."""
    w = World(daemon=False)
    os.mkdir(f"{w.dir}/offsite", 0o700)
    w.configure(destination=f"[destination offsite]\nwarn_free = 0\npath = {w.dir}/offsite\nkey = file:{w.dir}/key\n" +
                "".join(f"{k} = {v}\n" for k, v in options.items()))
    place = store(f"{w.dir}/backups", key=CLI_KEY)
    root = temp_dir()
    write_file(os.path.join(root, "text"), b"words and words\n" * 5000)
    back_up(place, files(root), job="synapse")
    return w


def ctl(w, *arguments, **options):
    return w.ctl(*arguments, env={"SYNBAK_WORKER": program("synbak-worker")}, **options)


@test
def without_a_daemon_a_worker_copies():
    w = a_world()
    done = ctl(w, "copy", "synapse", "--destination", "offsite", ok=True)
    contains(done.stdout, f"copied: synapse/{ID} from local to offsite")
    contains(done.stdout, f"synbakctl restore synapse/{ID} --destination offsite")
    for name in ("local, ", "offsite, "):
        contains(done.stdout, name)
    again = json.loads(ctl(w, "copy", f"synapse/{ID}", "--destination", "offsite", "--json", ok=True).stdout)
    equal((again["state"], again["sent_bytes"], again["from"], again["destination"]), ("there", 0, "local", "offsite"))
    equal([p["destination"] for p in again["places"]], ["local", "offsite"])
    equal(again["places"][0]["bytes"], again["bytes"])
    listed = json.loads(ctl(w, "list", "--destination", "offsite", "--json", ok=True).stdout)
    equal(listed["totals"], {"sets": 1, "bytes": again["bytes"]})
    contains(ctl(w, "list", "--destination", "offsite", ok=True).stdout, "1 set at offsite, ")
    back = ctl(w, *again["restore"].split()[1:], "--target", f"{w.dir}/back", "--yes", ok=True)
    contains(back.stdout + back.stderr, "restored")


@test
def another_form_is_said():
    w = a_world(compression="none")
    done = ctl(w, "copy", "synapse", "--destination", "offsite", ok=True)
    contains(done.stdout, "in another form")


@test
def what_cannot_be_copied_is_refused_with_a_reason():
    w = a_world()
    for arguments, status, part in (((), 2, "--destination"),
                                    (("--destination", "nowhere"), 2, "no destination"),
                                    (("--destination", "/mnt"), 2, "names of destinations"),
                                    (("--destination", "local", "--from", "local"), 2, "where it is to go"),
                                    (("--destination", "local"), None, "no other destination could give"),
                                    (("--destination", "offsite", "--from", "nowhere"), 2, "no destination")):
        done = ctl(w, "copy", "synapse", *arguments, ok=False)
        contains(done.stderr, part)
        check(status in (None, done.returncode), f"{arguments}: {done.returncode}: {done.stderr}")
    os.rename(f"{w.dir}/offsite", f"{w.dir}/gone")
    done = ctl(w, "copy", "synapse", "--destination", "offsite", ok=False)
    contains(done.stderr, "offsite")


def copied(params, notify):
    notify({"job": "synapse", "id": LISTED, "destination": "usb", "step": "copy to usb", "done": 1400000000, "total": 1400000000})
    return {"job": "synapse", "id": LISTED, "destination": params["destination"], "from": "local", "state": "copied",
            "bytes": 1400000000, "sent_bytes": 1400000000, "reencrypted": False}


@test
def with_a_daemon_it_copies():
    w = World(copy=copied)
    done = w.ctl("copy", f"synapse/{LISTED}", "--destination", "usb", "--from", "local", "--reason", "now", ok=True)
    equal(w.daemon.params("copy"), {"job": "synapse", "id": LISTED, "destination": "usb", "from": "local", "wait": True,
                                    "reason": "now"})
    contains(done.stdout, f"copied: synapse/{LISTED} from local to usb, 1.4 GB sent")
    contains(done.stdout, "copy to usb")
    for name in ("local, 1.4 GB", "usb, 1.4 GB"):
        contains(done.stdout, name)
    w = World(copy=Error("unavailable", "usb is away: mount it"))
    done = w.ctl("copy", "synapse", "--destination", "usb", ok=False)
    contains(done.stderr, "usb is away: mount it")
    equal(w.daemon.params("copy")["id"], "latest")


@test
def the_real_daemon_copies_what_stays():
    d = Daemon(start=False, worker=program("synbak-worker"))
    os.mkdir(f"{d.dir}/nas", 0o700)
    d.configure(f"[destination nas]\nwarn_free = 0\npath = {d.dir}/nas\nkey = none\n"
                "[job j]\nsources = out\ndestinations = local nas\n")
    d.start()
    client = d.client()
    made = client.call("wait", run=client.call("trigger", job="j", destinations=["local"])["run"])
    equal(made["outcome"], "good")

    def ctl_copy(*more):
        return run([program("synbakctl"), "copy", "j", "--destination", "nas", "--socket", d.socket, *more], ok=True)
    done = ctl_copy()
    contains(done.stdout, f"copied: j/{made['id']} from local to nas")
    contains(done.stdout, f"restore  synbakctl restore j/{made['id']} --destination nas")
    again = json.loads(ctl_copy("--json").stdout)
    equal((again["state"], sorted(p["destination"] for p in again["places"])), ("there", ["local", "nas"]))


if __name__ == "__main__":
    run_all()
