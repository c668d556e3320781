#!/usr/bin/env python3
"""A scripted synbak-worker (lib/protocol/worker_msg.h), started by synbakctl through SYNBAK_WORKER.

FAKE_WORKER names a folder. Each verb plays the list in VERB.json there: objects are sent, {"type":
"ask"} waits for the answer (and behind a no "linger" seconds more), {"sleep": S} waits, {"output":
TEXT} goes to standard output, {"exit": N} ends. It notes what it got, a line each, in got.jsonl."""
import json
import os
import socket
import struct
import sys
import time

folder = os.environ["FAKE_WORKER"]
link = socket.socket(fileno=3)


def exactly(count):
    data = b""
    while len(data) < count:
        chunk = link.recv(count - len(data))
        if not chunk:
            return None
        data += chunk
    return data


def receive():
    head = exactly(4)
    body = exactly(struct.unpack(">I", head)[0]) if head else None
    message = json.loads(body) if body else {"type": "end"}
    with open(f"{folder}/got.jsonl", "a", encoding="utf-8") as f:
        f.write(json.dumps(message) + "\n")
    return message


def send(message):
    body = json.dumps(message).encode()
    link.sendall(struct.pack(">I", len(body)) + body)


def wait_for_more(seconds):
    link.settimeout(seconds)
    try:
        return receive()["type"]
    except TimeoutError:
        return "nothing"
    finally:
        link.settimeout(None)


job = receive()
with open(f"{folder}/{job['verb']}.json", encoding="utf-8") as script:
    steps = json.load(script)
with open(f"{folder}/process", "w", encoding="utf-8") as f:
    f.write(f"{os.getpid()} {os.getsid(0)} {os.geteuid()}")
for step in steps:
    if "sleep" in step:
        if wait_for_more(step["sleep"]) in ("cancel", "end"):
            send({"type": "result", "ok": False, "code": "cancelled", "error": "stopped"})
            sys.exit(130)
    elif "output" in step:
        sys.stdout.write(step["output"])
        sys.stdout.flush()
    elif "exit" in step:
        os._exit(step["exit"])
    elif step.get("type") == "ask":
        send(step)
        if not receive().get("yes"):
            if step.get("linger"):
                wait_for_more(step["linger"])
            send({"type": "result", "ok": False, "code": "refused", "error": "not confirmed"})
            sys.exit(5)
    else:
        send(step)
        if step.get("type") == "result" and not step["ok"]:
            sys.exit(1)
