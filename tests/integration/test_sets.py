#!/usr/bin/env python3
"""Sets through synbak-worker: committed, scanned, verified, marked, pruned, exported, adopted; and
the reader that was written from docs/plain-format.md alone."""
import itertools
import json
import os
import random
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from harness import (ROOT, check, contains, equal, lacks, long, note, run, run_all, temp_dir, test,
                     write_file)
from tree_world import ID, KEY, OWNER, back_up, command, files, new_tree, store
from worker_client import Worker, work, work_error

LATER = "20261121_143000"
OTHER_KEY = "another key of twenty-nine by"
READER = os.path.join(ROOT, "tests", "tools", "plain_reader.py")


def scan_job(place, **more):
    return {"verb": "scan", "store": place, "jobs": [], "sweep_age_s": 0, "in_progress": [], **more}


def verify_job(place, id=ID):
    return {"verb": "verify", "store": place, "job": "j", "id": id}


def a_set(key=KEY, id=ID, place=None, **more):
    """One set of a tree and a command, in volumes of 1 MiB."""
    place = place or store(temp_dir(), key=key, volume_bytes=1 << 20, **more)
    root = temp_dir()
    write_file(os.path.join(root, "noise"), os.urandom(2 << 20))
    write_file(os.path.join(root, "text"), b"words and words\n" * 5000)
    back_up(place, files(root), command("said", ["echo", "hello " + id]), id=id)
    return place


def folder(place, id=ID):
    return os.path.join(place["path"], "j", id)


def objects(place, id=ID):
    base = folder(place, id)
    return sorted(os.path.relpath(os.path.join(d, f), base)
                  for d, _, names in os.walk(base) for f in names)


def key_file(key=KEY):
    return write_file(os.path.join(temp_dir(), "key"), key + "\n", 0o600)


def reader(path, key=KEY, **options):
    argv = [sys.executable, READER, path] + (["--key", key_file(key)] if key else [])
    return run(argv, **options)


@test
def a_committed_set_is_listed_and_whole():
    place = a_set()
    equal(objects(place)[:3], ["MANIFEST.txt", "SHA256SUMS", "manifest.json"])
    equal(os.readlink(os.path.join(place["path"], "j", "latest")), ID)
    result = work(scan_job(place))
    (found,) = result["sets"]["j"]
    equal((found["id"], found["sequence"], found["tiers"], found["incomplete"], found["pinned"]),
          (ID, 1, ["manual"], False, False))
    equal([(s["name"], s["whole"]) for s in found["sources"]], [("media", True), ("said", True)])
    check(found["sources"][0]["stored_bytes"] > 2 << 20)
    equal(result["damaged"], [])
    verified = work(verify_job(place))
    equal((verified["sets"], verified["damaged"]), (1, []))
    check(verified["bytes"] > 2 << 20)
    run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder(place), ok=True)
    for path in objects(place):
        equal(os.stat(os.path.join(folder(place), path)).st_mode & 0o777, 0o600, path)


@test
def the_reader_from_the_document_agrees():
    for key in (KEY, None):
        for more in ({}, {"gzip": False}, {"level": 6}):
            place, out = a_set(key, **more), temp_dir()
            done = run([sys.executable, READER, folder(place), "--to", out] +
                       (["--key", key_file()] if key else []), ok=True)
            contains(done.stdout, f"j/{ID} is whole")
            with open(os.path.join(out, "said", "said.out"), encoding="ascii") as f:
                equal(f.read(), f"hello {ID}\n")
            names = run(["tar", "-tf", os.path.join(out, "media", "media.tar")], ok=True).stdout
            contains(names, "noise")


@test
def damage_is_found_by_both_readers():
    place = a_set()
    dice, changes = random.Random(1), itertools.cycle(("bit", "cut", "gone"))
    for name in objects(place):
        path = os.path.join(folder(place), name)
        with open(path, "rb") as f:
            whole = f.read()
        for change in ("bit", "cut", "gone") if long() else [next(changes)]:
            at = dice.randrange(len(whole))
            if change == "gone":
                os.unlink(path)
            else:
                write_file(path, whole[:at] if change == "cut" else
                           whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1:], 0o600)
            what = f"{change} at {at} of {name}"
            message = Worker(verify_job(place)).finish()
            check(not message["ok"] or message["result"]["damaged"], what + " was not noticed")
            if change == "gone" and name == "manifest.json":
                equal(message["code"], "not-found")
            check(reader(folder(place)).returncode != 0, what + " was not noticed by the reader")
            write_file(path, whole, 0o600)
    equal(work(verify_job(place))["damaged"], [])
    note(f"{len(objects(place))} objects damaged, each noticed by both")


@test
def a_damaged_salt_or_key_id_says_both_things_it_may_be():
    place = a_set()
    path = os.path.join(folder(place), "manifest.json")
    with open(path, "rb") as f:
        whole = f.read()
    for member in (b'"salt"', b'"key_id"'):
        at = whole.index(member) + len(member)
        at += whole[at:].index(b'"') + 5
        digit = b"0" if whole[at:at + 1] != b"0" else b"1"
        write_file(path, whole[:at] + digit + whole[at + 1:], 0o600)
        code, text = work_error(verify_job(place))
        equal(code, "key")
        contains(text, "another key (give that one, or name it in old_keys), or the salt or the key_id in its manifest.json is damaged")


@test
def a_wrong_key_and_an_old_key():
    place = a_set()
    code, text = work_error({**verify_job({**place, "key": OTHER_KEY})})
    equal(code, "key")
    contains(text, "and the one at hand is")
    old = {**place, "key": OTHER_KEY, "old_keys": [KEY]}
    equal(work(verify_job(old))["damaged"], [])
    result = work(scan_job({**place, "key": OTHER_KEY}))
    equal((result["sets"]["j"], result["damaged"][0]["code"]), ([], "key"))
    code, text = work_error(verify_job({**place, "key": None}))
    equal(code, "key")
    contains(reader(folder(place), OTHER_KEY, ok=False).stderr, "needs the key")


@test
def an_unauthenticated_set_is_refused_where_a_key_is_configured():
    place = a_set(None)
    equal(work(verify_job(place))["damaged"], [])
    code, text = work_error(verify_job({**place, "key": KEY}))
    equal(code, "key")
    contains(text, "without a key")
    equal(work(verify_job({**place, "key": KEY, "old_keys": [None]}))["damaged"], [])


@test
def a_manifest_of_another_destination_is_noticed():
    place, other = a_set(), a_set()
    shutil.rmtree(folder(other))
    shutil.copytree(folder(place), folder(other))
    shutil.copy(os.path.join(place["path"], "synbak-destination.json"), other["path"] + "/kept")
    (finding,) = work(verify_job(other))["damaged"]
    contains(finding["error"], "another destination")
    (finding,) = work(scan_job(other))["damaged"]
    contains(finding["error"], "another destination")


@test
def marks():
    place = a_set()

    def mark(kind, reason="because", until=None):
        work({"verb": "mark", "store": place, "job": "j", "id": ID, "kind": kind,
              "reason": reason, "until": until})
        (found,) = work(scan_job(place))["sets"]["j"]
        return found

    found = mark("pin", until="2030-01-02T03:04:05Z")
    equal((found["pinned"], found["pin_reason"], found["pin_until"]),
          (True, "because", "2030-01-02T03:04:05Z"))
    equal(mark("accept")["accepted"], True)
    equal(mark("unpin")["pinned"], False)
    found = mark("pin", "for ever")
    equal((found["pinned"], found["pin_until"], found["accepted"]), (True, None, True))
    equal(sorted(os.listdir(folder(place) + ".marks")),
          ["0001.json", "0002.json", "0003.json", "0004.json"])
    # a mark that was tampered with is no mark, and the set is kept rather than lost
    path = os.path.join(folder(place) + ".marks", "0003.json")
    with open(path, "rb") as f:
        text = f.read()
    write_file(path, text.replace(b"unpin", b"upnin"))
    (found,) = work(scan_job(place))["sets"]["j"]
    equal(found["pinned"], True)
    contains(found["pin_reason"], "0003.json")
    (finding,) = work(verify_job(place))["damaged"]
    contains(finding["error"], "0003.json")
    code, _ = work_error({"verb": "mark", "store": place, "job": "j", "id": LATER, "kind": "pin",
                          "reason": "", "until": None})
    equal(code, "not-found")


@test
def pruning_leaves_what_may_be_pinned():
    """A pin that cannot be believed may still be one."""
    for spoil in ("damage", "another key"):
        place = a_set()
        job = {"verb": "prune", "store": place, "job": "j", "ids": [ID]}
        work({"verb": "mark", "store": place, "job": "j", "id": ID, "kind": "pin", "reason": "", "until": None})
        if spoil == "damage":
            write_file(os.path.join(folder(place), "manifest.mac"), "0" * 64 + "\n")
        else:
            job["store"] = {**place, "key": OTHER_KEY}
        result = work(job)
        equal(result["removed"], [], spoil)
        contains(result["failed"][0]["error"], f"delete j/{ID}.marks/ by hand")
        shutil.rmtree(folder(place) + ".marks")
        equal(work(job), {"removed": [ID], "failed": []}, spoil)
        check(not os.path.exists(folder(place)))


@test
def pruning_deletes_only_what_it_is_told():
    place = a_set()
    a_set(id=LATER, place=place)
    job = {"verb": "prune", "store": place, "job": "j", "ids": [ID]}
    mark = {"verb": "mark", "store": place, "job": "j", "id": ID, "reason": "since then"}
    work({**mark, "kind": "pin", "until": None})
    result = work(job)  # pinned after it was chosen
    equal((result["removed"], result["failed"][0]["id"]), ([], ID))
    contains(result["failed"][0]["error"], "pinned")
    work({**mark, "kind": "pin", "until": "2020-01-01T00:00:00Z"})  # over
    equal(work(job), {"removed": [ID], "failed": []})
    equal(work(job), {"removed": [ID], "failed": []}, "twice gives the same")
    check(not os.path.exists(folder(place)))
    equal([s["id"] for s in work(scan_job(place))["sets"]["j"]], [LATER])
    equal(work(verify_job(place, LATER))["damaged"], [])
    equal(work({**job, "ids": ["../../etc"]})["failed"][0]["id"], "../../etc")
    code, _ = work_error({**job, "store": {**place, "owner": "ef" * 16}})
    equal(code, "foreign")


@test
def the_sweep_takes_remains_and_nothing_else():
    place = a_set()

    def remain(id, age_s, name="media/media.tar.gz.enc"):
        path = os.path.join(folder(place, id), name)
        os.makedirs(os.path.dirname(path))
        write_file(path, b"half")
        then = os.stat(path).st_mtime - age_s
        os.utime(path, (then, then))
        return os.path.dirname(os.path.dirname(path))

    day = 86400
    old, fresh = remain("20200101_000000", 2 * day), remain("20200102_000000", 60)
    busy = remain("20200103_000000", 2 * day)
    again = {"sweep_age_s": day, "in_progress": ["j/20200103_000000"]}
    equal(work(scan_job(place, **again))["swept"], 1)
    equal([os.path.exists(os.path.join(p, "media")) for p in (old, fresh, busy)],
          [False, True, True])
    equal(work(verify_job(place))["damaged"], [])
    code, _ = work_error(scan_job({**place, "owner": "ef" * 16}, sweep_age_s=1))
    equal(code, "foreign")
    check(os.path.exists(busy), "a foreign destination is not swept")


@test
def an_export_is_a_set_in_one_file():
    place, out = a_set(), temp_dir()
    path = os.path.join(out, "x.tar")
    job = {"verb": "export", "store": place, "job": "j", "id": ID, "place": path}
    result = work(job)
    equal(result["bytes"], os.path.getsize(path))
    equal(result["sha256"], run(["sha256sum", path], ok=True).stdout[:64])
    equal(os.stat(path).st_mode & 0o777, 0o600)
    names = run(["tar", "-tf", path], ok=True).stdout.split()
    equal(sorted(names), sorted(f"j/{ID}/{n}" for n in objects(place)))
    contains(reader(path, ok=True).stdout, "is whole")
    file_job = {"verb": "verify", "file": path, "key": KEY}
    equal(work(file_job)["damaged"], [])
    equal(work_error({**file_job, "key": OTHER_KEY})[0], "key")
    equal(work_error(job)[0], "exists")
    # unpacked by tar, its folder is a set again; so is a tar that GNU tar made of the folder
    run(["tar", "-xf", path, "-C", out], ok=True)
    equal(work({"verb": "verify", "file": f"{out}/j/{ID}", "key": KEY})["damaged"], [])
    equal(work({"verb": "verify", "file": place["path"] + "/j/latest", "key": KEY})["damaged"], [])
    run(["tar", "-cf", f"{out}/gnu.tar", "-C", f"{out}/j", f"./{ID}"], ok=True)
    equal(work({"verb": "verify", "file": f"{out}/gnu.tar", "key": KEY})["damaged"], [])
    again = work({"verb": "export", "file": path, "key": KEY, "place": out})
    equal(again["bytes"], result["bytes"])
    check(os.path.exists(os.path.join(out, f"j-{ID}.tar")))
    equal([n for n in os.listdir(out) if n.startswith(".")], [])


@test
def a_damaged_export_is_noticed():
    place, out = a_set(), temp_dir()
    path = os.path.join(out, "x.tar")
    work({"verb": "export", "store": place, "job": "j", "id": ID, "place": path})
    size = os.path.getsize(path)
    dice = random.Random(2)
    cut = os.path.join(out, "cut.tar")
    lengths = [0, 1, 511, 512, 513, size - 1, size - 511, size - 512, size - 1023, size - 1024]
    for length in lengths + [dice.randrange(size) for _ in range(6)]:
        shutil.copy(path, cut)
        os.truncate(cut, length)
        message = Worker({"verb": "verify", "file": cut, "key": KEY}).finish()
        check(not message["ok"] or message["result"]["damaged"], f"cut at {length}")
        contains("format damaged none", message.get("code", "none"))
        check(reader(cut).returncode != 0, f"the reader missed the cut at {length}")
    code, _ = work_error({"verb": "export", "store": place, "job": "j", "id": LATER,
                          "place": os.path.join(out, "y.tar")})
    equal(code, "not-found")
    target = os.path.join(folder(place), "said", "said.out.gz.enc")
    write_file(target, b"Salted__ but not what was written")
    code, text = work_error({"verb": "export", "store": place, "job": "j", "id": ID,
                             "place": os.path.join(out, "y.tar")})
    equal(code, "damaged")
    lacks(" ".join(os.listdir(out)), "y.tar")


@test
def verify_all_looks_at_everything():
    place = a_set()
    a_set(id=LATER, place=place)
    job = {"verb": "verify", "store": place, "all": True}
    equal(work(job)["sets"], 2)
    write_file(os.path.join(folder(place), "said", "said.out.gz.enc.segments"), b"x" * 32)
    (finding,) = work(job)["damaged"]
    equal((finding["job"], finding["id"], finding["code"]), ("j", ID, "damaged"))
    contains(finding["error"], "said.out.gz.enc.segments")
    write_file(os.path.join(place["path"], "synbak-destination.json"), b"{}")
    equal([(f["job"], f["id"]) for f in work(job)["damaged"]], [("", ""), ("j", ID)])


@test
def an_incomplete_source_makes_an_incomplete_set():
    place = store(temp_dir(), key=None)
    back_up(place, command("said", ["echo", "x"]))
    job = {"verb": "commit", "job": "j", "id": LATER, "sequence": 2, "tiers": [], "reason": "",
           "started": "2026-11-21T14:30:00Z", "fragment": False, "host": "here"}
    done = work({"verb": "command", "job": "j", "id": LATER, "threads": 1, "stores": [place],
                 "source": command("said", ["echo", "y"])})
    said = {"name": "said", "type": "command", "whole": True, "problems": [],
            "artifacts": {"local": done["destinations"][0]["artifacts"]}}
    lost = {"name": "media", "type": "files", "whole": False, "problems": ["it is\ngone"],
            "artifacts": {}}
    away = store("/nonexistent", name="away")
    away["destination"] = "away"
    result = work({**job, "stores": [place, away], "sources": [said, lost]})
    equal([(d["destination"], d["ok"]) for d in result["destinations"]],
          [("local", True), ("away", False)])
    equal(result["destinations"][1]["code"], "not-found")
    first, second = work(scan_job(place))["sets"]["j"]
    equal((first["incomplete"], second["incomplete"]), (False, True))
    equal(os.readlink(os.path.join(place["path"], "j", "latest")), ID, "only good sets are latest")
    with open(os.path.join(folder(place, LATER), "MANIFEST.txt"), encoding="utf-8") as f:
        text = f.read()
    contains(text, "INCOMPLETE")
    contains(text, "it is\\x0agone")
    # a whole source that this destination lacks is not whole here
    elsewhere = {**said, "name": "other", "artifacts": {"away": said["artifacts"]["local"]}}
    result = work({**job, "id": "20261122_143000", "stores": [place], "sources": [elsewhere]})
    equal(result["destinations"][0]["code"], "source", "nothing at all is no set")


@test
def a_committed_set_is_never_written_again():
    place = store(temp_dir(), key=None)
    said = command("said", ["echo", "x"])
    first = back_up(place, said)["said"]
    before = {n: os.stat(os.path.join(folder(place), n)).st_mtime_ns for n in objects(place)}
    code, text = work_error({"verb": "command", "job": "j", "id": ID, "threads": 1,
                             "stores": [place], "source": said})
    equal(code, "exists")
    contains(text, "committed already")
    commit = {"verb": "commit", "job": "j", "id": ID, "sequence": 1, "tiers": ["manual"],
              "reason": "a test", "started": "2026-11-20T14:30:00Z", "fragment": False,
              "host": "here", "stores": [place],
              "sources": [{"name": "said", "type": "command", "whole": True, "problems": [],
                           "artifacts": {"local": first["destinations"][0]["artifacts"]}}]}
    equal(work(commit)["destinations"][0]["ok"], True, "a repeated commit is the same commit")
    equal(work({**commit, "sequence": 2})["destinations"][0]["code"], "exists")
    after = {n: os.stat(os.path.join(folder(place), n)).st_mtime_ns for n in objects(place)}
    equal(after, before)
    equal(work(verify_job(place))["damaged"], [])


@test
def remains_of_a_killed_worker_do_not_enter_the_set():
    place = store(temp_dir(), key=None)
    back_up(place, command("said", ["echo", "x"]))
    stray = os.path.join(folder(place, LATER), "media", "media.tar.gz.005")
    os.makedirs(os.path.dirname(stray))
    write_file(stray, b"half a volume")
    back_up(place, command("said", ["echo", "x"]), id=LATER)
    check(not os.path.exists(stray), "what the manifest does not name is removed at commit")


@test
def adoption():
    place = a_set()
    code, _ = work_error(scan_job({**place, "owner": "ef" * 16}))
    equal(code, "foreign")
    taken = {**place, "owner": "ef" * 16}
    before = work(scan_job(place))["marker_id"]
    equal(work({"verb": "adopt", "store": taken})["marker_id"], before)
    equal(len(work(scan_job(taken))["sets"]["j"]), 1)
    code, _ = work_error(scan_job(place))
    equal(code, "foreign")


@test
def a_lost_marker_is_made_again_as_it_was():
    """Else all sets that lie there would seem to belong to another destination."""
    place = a_set()
    marker = os.path.join(place["path"], "synbak-destination.json")
    with open(marker, "rb") as f:
        before = json.load(f)
    os.unlink(marker)
    equal(work({"verb": "adopt", "store": place})["marker_id"], before["id"])
    with open(marker, "rb") as f:
        after = json.load(f)
    equal((after["id"], after["salt"], after["owner"]), (before["id"], before["salt"], before["owner"]))
    equal(work(verify_job(place))["damaged"], [])
    equal(len(work(scan_job(place))["sets"]["j"]), 1)
    os.unlink(marker)  # another's sets do not say anything
    check(work({"verb": "adopt", "store": {**place, "key": OTHER_KEY}})["marker_id"] != before["id"])


@test
def hostile_manifests():
    """Authentic by their MAC (key = none), and still not believed."""
    place = a_set(None)
    path = os.path.join(folder(place), "manifest.json")
    with open(path, "rb") as f:
        good = json.load(f)

    def edited(change):
        m = json.loads(json.dumps(good))
        change(m)
        return m

    def set_at(*keys):
        *way, last, value = keys

        def change(m):
            for k in way:
                m = m[k]
            m[last] = value
        return change

    cases = [set_at("artifacts", 0, "volumes", 0, "name", n) for n in
             ("../../x", "/etc/passwd", "media/../x", "media/", "media/.", "media/..", "x/y",
              "media/a/b", "media/a b", "media/a\nb", "", "media/" + "x" * 300)]
    cases += [set_at("version", 2), set_at("format", "other"), set_at("id", "../x"),
              set_at("job", "k"), set_at("sequence", -1), set_at("sequence", 1.5),
              set_at("artifacts", 0, "volumes", []), set_at("artifacts", 0, "volumes", 0, "size", -1),
              set_at("artifacts", 0, "volumes", 0, "size", 1 << 60),
              set_at("artifacts", 0, "stored_bytes", 1), set_at("artifacts", 0, "encrypted", True),
              set_at("artifacts", 0, "segments", "name", "media/other"),
              set_at("artifacts", 0, "segments", "size", 64),
              set_at("artifacts", 0, "source", "said"), set_at("artifacts", 0, "gzip", None),
              set_at("artifacts", 1, good["artifacts"][0]), set_at("files", []),
              set_at("files", 0, "name", "manifest.json"), set_at("sources", {}),
              set_at("salt", "zz" * 16), set_at("tiers", [1]), set_at("started", "yesterday")]
    for number, change in enumerate(cases):
        body = json.dumps(edited(change)).encode()
        write_file(path, body)
        mac = subprocess.run(["sha256sum"], input=body, capture_output=True, check=True).stdout[:64]
        write_file(os.path.join(folder(place), "manifest.mac"), mac + b"\n")
        message = Worker(verify_job(place)).finish()
        check(not message["ok"] or message["result"]["damaged"], f"case {number} was believed")
    note(f"{len(cases)} hostile manifests refused")


if __name__ == "__main__":
    run_all()
