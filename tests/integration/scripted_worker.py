#!/usr/bin/env python3
"""A synbak-worker that does as it is told: behind synbakd in test_daemon.py.

SYNBAK_TEST_SCRIPT names a folder. VERB.json there holds {"steps": [...], "times": N or null}:
{"send": MESSAGE}, {"raw": HEX}, {"stderr": TEXT, "count": N}, {"sleep": S}, {"wait_for": FILE},
{"deaf": true} (ignores TERM), {"await": TYPE} (a message of the parent), {"kill": SIGNAL}, {"exit": N},
{"default": true}, {"full": [DESTINATION..]} (commit at the others alone),
{"unless_to": D}, {"unless_store": D} (as usual if the job's "to" or "store" is D; else go on). Without a script a verb succeeds; sets.json keeps what was committed, so
that scan, prune and verify agree with it. Every job is noted in got.jsonl."""
import ctypes
import json
import os
import signal
import socket
import struct
import sys
import time

ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: even asleep it goes with its daemon
folder = os.environ["SYNBAK_TEST_SCRIPT"]
link = socket.socket(fileno=3)


def exactly(count):
    data = b""
    while len(data) < count:
        chunk = link.recv(count - len(data))
        if not chunk:
            os._exit(130)  # the parent is gone
        data += chunk
    return data


def receive():
    return json.loads(exactly(struct.unpack(">I", exactly(4))[0]))


def send(message):
    body = json.dumps(message).encode()
    link.sendall(struct.pack(">I", len(body)) + body)


def sets():
    try:
        with open(f"{folder}/sets.json", encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def keep(found):
    with open(f"{folder}/sets.new", "w", encoding="utf-8") as f:
        json.dump(found, f)
    os.rename(f"{folder}/sets.new", f"{folder}/sets.json")


def parent_is_there():
    try:
        if not link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
            os._exit(130)
    except BlockingIOError:
        pass


MARKER = "0123456789abcdef" * 2


def read_source(job):
    return {"whole": True, "problems": [], "raw_bytes": 1000, "files": 1, "destinations": [
        {"destination": s["destination"], "ok": True, "artifacts": [{"stored_bytes": 500}]} for s in job["stores"]]}


def commit(job):
    done, found = [], sets()
    for store in job["stores"]:
        name = store["destination"]
        sources = [{"name": s["name"], "type": s["type"], "whole": s["whole"], "raw_bytes": 1000,
                    "stored_bytes": sum(a["stored_bytes"] for a in s["artifacts"].get(name, []))}
                   for s in job["sources"]]
        found.setdefault(name, {}).setdefault(job["job"], []).append({
            "id": job["id"], "sequence": job["sequence"], "tiers": job["tiers"], "reason": job["reason"],
            "started": job["started"], "finished": job["started"], "fragment": job["fragment"],
            "incomplete": not all(s["whole"] for s in sources), "sources": sources, "pinned": False,
            "accepted": False, "stays": job["stays"]})
        done.append({"destination": name, "ok": True, "error": "", "code": "none", "marker_id": MARKER,
                     "stored_bytes": sum(s["stored_bytes"] for s in sources)})
    keep(found)
    return {"destinations": done}


def scan(job):
    return {"marker_id": MARKER, "sets": sets().get(job["store"]["destination"], {}), "damaged": [], "swept": 0,
            "total_bytes": 1000000, "free_bytes": 500000}


def copy(job):
    found, to = sets(), job["to"]["destination"]
    one = next(s for s in found[job["from"]["destination"]][job["job"]] if s["id"] == job["id"])
    there = found.setdefault(to, {}).setdefault(job["job"], [])
    new = all(s["id"] != job["id"] for s in there)
    if new:
        there.append(one)
        keep(found)
    stored = sum(s["stored_bytes"] for s in one["sources"])
    return {"marker_id": MARKER, "set": one, "stored_bytes": stored, "sent_bytes": stored if new else 0,
            "reencrypted": False}


def prune(job):
    found = sets()
    of_job = found[job["store"]["destination"]][job["job"]]
    of_job[:] = [s for s in of_job if s["id"] not in job["ids"]]
    keep(found)
    return {"removed": job["ids"], "failed": []}


RESULTS = {"dump": read_source, "archive": read_source, "command": read_source, "commit": commit, "scan": scan,
           "prune": prune, "copy": copy, "verify": lambda job: {"sets": 1, "bytes": 500, "damaged": []},
           "mark": lambda job: {}, "adopt": lambda job: {"marker_id": "f" * 32},
           "hook": lambda job: {"output": ""}, "ping": lambda job: {"http": 200}}


def do(step, job):
    if "send" in step:
        send(step["send"])
    elif "raw" in step:
        link.sendall(bytes.fromhex(step["raw"]))
    elif "stderr" in step:
        for _ in range(step.get("count", 1)):
            os.write(2, step["stderr"].encode())
    elif "sleep" in step:
        time.sleep(step["sleep"])
    elif "wait_for" in step:
        while not os.path.exists(step["wait_for"]):
            parent_is_there()
            time.sleep(0.02)
    elif "deaf" in step:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif "await" in step:
        while receive()["type"] != step["await"]:
            pass
    elif "kill" in step:
        os.kill(os.getpid(), step["kill"])
    elif "exit" in step:
        os._exit(step["exit"])
    elif "full" in step:
        result = commit({**job, "stores": [s for s in job["stores"] if s["destination"] not in step["full"]]})
        result["destinations"] += [{"destination": name, "ok": False, "error": "the disk is full", "code": "no-space"}
                                   for name in step["full"]]
        send({"type": "result", "ok": True, "result": result})
    elif "default" in step:
        send({"type": "result", "ok": True, "result": RESULTS[job["verb"]](job)})


def script(verb):
    """The steps for this worker; counts down how often they are still to be played."""
    path = f"{folder}/{verb}.json"
    try:
        with open(path, encoding="utf-8") as f:
            found = json.load(f)
    except FileNotFoundError:
        return [{"default": True}]
    if found["times"] is not None:
        found["times"] -= 1
        if found["times"] == 0:
            os.unlink(path)
        else:
            with open(path, "w", encoding="utf-8") as f:
                json.dump(found, f)
    return found["steps"]


def main():
    job = receive()
    job["_pid"], job["_nice"] = os.getpid(), os.nice(0)
    job["_environment"] = dict(os.environ)
    with open("/proc/self/status", encoding="ascii") as f:
        job["_capabilities"] = {line.split(":")[0]: int(line.split()[1], 16) for line in f if line.startswith("Cap")}
    job["_descriptors"] = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
    with open(f"{folder}/got.jsonl", "a", encoding="utf-8") as f:
        f.write(json.dumps(job) + "\n")
    for step in script(job["verb"]):
        for key in ("to", "store"):
            if job.get(key, {}).get("destination") == step.get("unless_" + key, ""):
                do({"default": True}, job)
                return 0
        do(step, job)
    return 0


sys.exit(main())
