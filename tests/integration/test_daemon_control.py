#!/usr/bin/env python3
"""synbakd's control socket and surroundings: roles, hostile clients, the service manager, pings, keys and
the environment of children."""
import json
import os
import re
import resource
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from ping_receiver import Receiver  # noqa: E402
from daemon_client import Client, Daemon, Refused  # noqa: E402
from harness import (check, contains, defer, equal, lacks, program, run, run_all, skip, start, temp_dir,  # noqa: E402
                     test, wait_until, write_file, write_program)

UIDS = {"view": 61001, "operate": 61002, "restore": 61003, "admin": 61004}

# what a peer may ask, told as "method: ok" or "method: code" a line
ASK = """
import json, socket, struct, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])
f = s.makefile("rb")
def receive():
    return json.loads(f.read(struct.unpack(">I", f.read(4))[0]))
receive()
for n, (method, params) in enumerate(json.loads(sys.argv[2])):
    body = json.dumps({"id": n, "method": method, "params": params}).encode()
    s.sendall(struct.pack(">I", len(body)) + body)
    answer = receive()
    print(method + ":", answer["error"]["data"]["code"] if "error" in answer else "ok")
    if "result" in answer and method == "restore-begin": print("key:", answer["result"]["key"])
"""


def as_uid(d, uid, *calls, groups=()):
    if os.getuid() != 0:
        skip("needs root, to be somebody else")
    os.chmod(d.dir, 0o755)
    os.chmod(d.socket, 0o666)  # in the product the group opens the socket
    group = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    done = run(["setpriv", f"--reuid={uid}", f"--regid={uid}", group, "python3", "-c", ASK, d.socket,
                json.dumps([c if isinstance(c, tuple) else (c, {}) for c in calls])])
    return done.stdout.splitlines() or [done.stderr]


ACCESS = "[access]\n" + "".join(f"{role} = {uid} @{uid + 1000}\n" for role, uid in UIDS.items())


@test
def roles_are_needed():
    d = Daemon(extra=ACCESS)
    d.trigger()
    calls = ["status", "pause", "restore-begin", "unpin", "reload"]
    expected = {"view": 1, "operate": 2, "restore": 3, "admin": 5}
    for role, allowed in expected.items():
        said = as_uid(d, UIDS[role], *calls)
        equal([line.endswith("denied") for line in said if not line.startswith("key")],
              [i >= allowed for i in range(5)], f"{role}: {said}")
    equal(as_uid(d, 61009, *calls), [f"{c}: denied" for c in calls])
    equal(as_uid(d, 61009, "status", groups=(62001,)), ["status: ok"])
    equal(as_uid(d, 61009, "pause", groups=(62001, 62002)), ["pause: ok"])
    contains(d.log(), "uid 61009 has \"none\"")
    d.configure(extra="[access]\nview = 61009\n")
    d.call("reload")
    equal(as_uid(d, 61009, "status"), ["status: ok"])
    equal(as_uid(d, UIDS["admin"], "status"), ["status: denied"])


@test
def the_key_is_for_root_alone():
    if os.getuid() != 0:
        skip("needs root, to be somebody else")
    d = Daemon(start=False, extra=ACCESS)
    secret = "a-key-of-at-least-20-characters"
    write_file(f"{d.dir}/key", secret + "\n", 0o600)
    with open(d.conf, encoding="utf-8") as f:
        conf = f.read().replace("key = none", f"key = file:{d.dir}/key")
    write_file(d.conf, conf, 0o600)
    d.start()
    d.trigger()
    equal(d.client().call("restore-begin", job="j")["key"], secret)
    equal(as_uid(d, UIDS["restore"], "restore-begin"), ["restore-begin: ok", "key: None"])
    lacks(json.dumps(d.records()) + d.log(), secret)


# --- hostile clients ---

def raw(d, data):
    client = Client(d.socket)
    try:
        client.socket.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return client


@test
def malformed_frames():
    d = Daemon()
    frame = lambda body: struct.pack(">I", len(body)) + body  # noqa: E731
    for data in (b"\0\0\0\0", b"\xff\xff\xff\xff", frame(b"{"), frame(b"[]"), frame(b'"x"'), frame(b"{}"),
                 frame(b'{"id":1}'), frame(b'{"id":{},"method":"status"}'), frame(b'{"id":1,"method":5}'),
                 frame(b'{"id":1,"method":"status","params":[]}'), frame(b'{"id":1,"id":2,"method":"status"}'),
                 frame(b'{"id":1,"method":"sta\xff"}'), frame(b'{"a":' * 3000), b"GET / HTTP/1.1\r\n\r\n",
                 struct.pack(">I", (1 << 20) + 1)):
        check(raw(d, data).closed(), f"{data[:40]!r} was swallowed")
    for body, code in ((b'{"id":1,"method":"nonsense"}', "usage"), (b'{"id":"x","method":"cancel"}', "usage"),
                       (b'{"id":null,"method":"wait","params":{"run":"x"}}', "usage")):
        equal(raw(d, frame(body)).receive()["error"]["data"]["code"], code)
    equal(d.trigger()["outcome"], "good")


@test
def frames_byte_by_byte_and_many_at_once():
    d = Daemon()
    body = json.dumps({"id": 1, "method": "status"}).encode()
    frame = struct.pack(">I", len(body)) + body
    slow = Client(d.socket)
    for i in range(len(frame)):
        slow.socket.sendall(frame[i:i + 1])
    equal(slow.receive()["result"]["level"], 0)
    slow.socket.sendall(frame * 10)
    for _ in range(10):
        slow.receive()
    equal(slow.call("status")["level"], 0)


@test
def endless_and_unread():
    d = Daemon()
    endless = Client(d.socket)
    endless.socket.settimeout(None)
    half = struct.pack(">I", 1 << 20)
    endless.socket.sendall(half + b" " * 100000)
    deaf = Client(d.socket)
    deaf.socket.setblocking(False)
    body = json.dumps({"id": 1, "method": "log", "params": {"count": 2000}}).encode()
    for _ in range(2000):  # it never reads what it asked for
        try:
            deaf.socket.sendall(struct.pack(">I", len(body)) + body)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            break
    equal(d.trigger()["outcome"], "good")
    check(endless.closed(), "half a request for ever")


@test
def a_thousand_clients():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    d = Daemon()
    waiting = d.client()
    number = waiting.call("trigger")["run"]
    equal(waiting.call("wait", run=number)["outcome"], "good")
    crowd = []
    for _ in range(1000):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(d.socket)
        crowd.append(s)
    let_in = sum(bool(s.recv(1)) for s in crowd)
    check(0 < let_in < 100, f"{let_in} of one user were let in")
    equal(waiting.call("status")["level"], 0)
    for s in crowd:
        s.close()
    wait_until(lambda: free(d), "room for new clients")
    equal(d.trigger()["outcome"], "good")
    check(len(os.listdir(f"/proc/{d.process.pid}/fd")) < 60, "descriptors are left open")


def free(d):
    try:
        return d.call("status")
    except (EOFError, OSError):
        return None


# --- the service manager ---

class Manager:
    """A notify socket: what it was told, as a list of texts."""

    def __init__(self):
        self.path = temp_dir() + "/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(60)
        defer(self.socket.close)

    def wait_for(self, text):
        while True:
            said = self.socket.recv(4096).decode()
            if text in said:
                return said


@test
def the_manager_is_told():
    m = Manager()
    d = Daemon(NOTIFY_SOCKET=m.path, WATCHDOG_USEC="400000")
    contains(m.wait_for("READY=1"), "STATUS=")
    for _ in range(3):
        m.wait_for("WATCHDOG=1")
    d.process.send_signal(signal.SIGHUP)
    m.wait_for("RELOADING=1")
    m.wait_for("READY=1")
    equal(d.stop(), 0)
    m.wait_for("STOPPING=1")
    lacks(json.dumps(d.jobs_seen()), "NOTIFY_SOCKET")


@test
def a_stuck_loop_is_noticed():
    m = Manager()
    d = Daemon(NOTIFY_SOCKET=m.path, WATCHDOG_USEC="200000")
    m.wait_for("WATCHDOG=1")
    d.process.send_signal(signal.SIGSTOP)
    m.socket.settimeout(0.6)
    try:
        while True:
            m.socket.recv(4096)
    except TimeoutError:
        pass
    d.process.send_signal(signal.SIGCONT)
    m.socket.settimeout(60)
    m.wait_for("WATCHDOG=1")


@test
def the_socket_is_handed_over():
    d = Daemon(start=False)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(d.socket)
    listener.listen(16)
    d.process = start(["python3", "-c", """
import os, sys
fd = int(sys.argv[1])
os.dup2(fd, 3)
os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), "1"
os.execv(sys.argv[2], sys.argv[2:])""", str(listener.fileno()), program("synbakd"), "--config", d.conf],
                      env=d.environment(), pass_fds=(listener.fileno(),))
    equal(d.trigger()["outcome"], "good")
    equal(d.stop(), 0)
    check(os.path.exists(d.socket), "the manager's socket was removed")


@test
def arguments():
    d = Daemon(start=False)
    synbakd = program("synbakd")
    done = run([synbakd, "--check", "--config", d.conf])
    equal((done.returncode, done.stdout), (0, f"synbakd: {d.conf} is right: 1 job, 1 destination\n"))
    for bad in ("daily = at 25:00", "dayly = at 02:00"):
        d.configure(jobs=f"[job j]\nsources = out\ndestinations = local\n{bad}\n")
        done = run([synbakd, "--check", "--config", d.conf])
        equal(done.returncode, 2)
        with open(d.conf, encoding="utf-8") as f:
            line = f.read().splitlines().index(bad) + 1
        contains(done.stderr, f"{d.conf}:{line}:")
        equal(run([synbakd, "--config", d.conf]).returncode, 2)
    equal(run([synbakd, "--check", "--config", "/nonexistent"]).returncode, 2)
    equal(run([synbakd, "--nonsense"]).returncode, 2)
    equal(run([synbakd, "extra"]).returncode, 2)
    contains(run([synbakd, "--help"], ok=True).stdout, "--config FILE")
    contains(run([synbakd, "--version"], ok=True).stdout, "synbakd ")


@test
def log_lines_are_single_and_typed():
    d = Daemon(daemon="log_format = json", start=False)
    with open(d.conf, encoding="utf-8") as f:
        conf = f.read().replace("log_format = text\n", "")
    write_file(d.conf, conf, 0o600)
    d.start()
    d.play("command", {"send": {"type": "log", "level": "warning", "text": "evil\nline \x1b[2J\u202e"}}, {"exit": 1})
    d.trigger()
    lines = [json.loads(line) for line in d.log().splitlines()]
    equal({line["level"] for line in lines}, {"info", "warning", "error"})
    evil = next(line for line in lines if "evil" in line["message"])
    equal((evil["job"], evil["run"]), ("j", 1))
    check(not re.search(r"[\x00-\x1f\u202e]", evil["message"]), "control characters in the log")
    check(any(re.fullmatch("[0-9a-f]{32}", line.get("message_id", "")) for line in lines))


# --- keys and the environment ---

@test
def keys_stay_out_of_sight():
    secret = "the-secret-0123456789-abcdef"
    d = Daemon(start=False, BACKUP_KEY=secret, PGPASSWORD="hidden-pw")
    with open(d.conf, encoding="utf-8") as f:
        conf = f.read().replace("key = none", "key = env:BACKUP_KEY")
    write_file(d.conf, conf, 0o600)
    d.start()
    equal(d.trigger()["outcome"], "good")
    job = d.jobs_seen("command")[0]
    equal(job["stores"][0]["key"], secret, "the worker did not get the key over its socket")
    lacks(json.dumps(job["_environment"]), secret)
    lacks(json.dumps(job["_environment"]), "hidden-pw")
    with open(f"/proc/{d.process.pid}/environ", "rb") as f:
        seen = f.read()
    lacks(seen.decode(errors="replace"), secret)
    with open(f"/proc/{d.process.pid}/cmdline", "rb") as f:
        lacks(f.read().decode(), secret)
    lacks(json.dumps(d.records()) + d.log(), secret)
    hook_free = [j for j in d.jobs_seen() if j["verb"] not in ("scan", "command", "commit")]
    lacks(json.dumps(hook_free), secret)


@test
def only_who_reads_files_may_read_all():
    if os.getuid() != 0:
        skip("needs root, to hand out a capability")
    d = Daemon(start=False, extra="[source tree]\ntype = files\npath = /etc\n",
               jobs="[job j]\nsources = out tree\ndestinations = local\nafter = /bin/true\n")
    uid = UIDS["admin"]
    for path in (d.dir, d.conf, d.backups, d.script):
        os.chown(path, uid, uid)
    d.log_file = open(f"{d.dir}/log", "ab")
    defer(d.log_file.close)
    d.process = start(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all,+dac_read_search",
                       "--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search",
                       program("synbakd"), "--config", d.conf], env=d.environment(), stdout=d.log_file, stderr=d.log_file)
    wait_until(d.answers, "synbakd to answer")
    equal(d.trigger()["outcome"], "good", d.log())
    read_search = 1 << 2
    held = {j["verb"]: j["_capabilities"] for j in d.jobs_seen()}
    equal(held["archive"]["CapEff"], read_search)
    for verb in ("scan", "command", "commit", "hook"):
        equal((held[verb]["CapEff"], held[verb]["CapPrm"], held[verb]["CapAmb"]), (0, 0, 0), verb)
    with open(f"/proc/{d.process.pid}/status", encoding="ascii") as f:
        equal(re.search(r"CapEff:\s*(\w+)", f.read())[1].strip("0"), "")
    for job in d.jobs_seen():
        check(set(job["_descriptors"]) <= {0, 1, 2, 3, 4, 5}, f"{job['verb']} inherited {job['_descriptors']}")


@test
def a_key_that_cannot_be_read_fails_the_run():
    d = Daemon(start=False, jobs="[job j]\nsources = out\ndestinations = local\nretry = 0\n")
    with open(d.conf, encoding="utf-8") as f:
        conf = f.read().replace("key = none", f"key = file:{d.dir}/key")
    write_file(d.conf, conf, 0o600)
    for content, text in ((None, "No such file"), ("", "empty"), ("short", "at least 20"), ("\x01" * 30, "ASCII")):
        if content is not None:
            write_file(f"{d.dir}/key", content, 0o600)
        if d.process is None:
            d.start()
        result = d.trigger()
        equal((result["outcome"], result["code"]), ("failed", "key"), str(result))
        contains(result["error"], text)
    write_file(f"{d.dir}/key", "k" * 30 + "\n", 0o600)
    equal(d.trigger()["outcome"], "good")


# --- pings: a real worker, a real receiver ---

def pinged(url, more=""):
    hook = temp_dir() + "/command"
    write_program(hook, "#!/bin/sh\nexec cat ${0%/*}/data\n")
    d = Daemon(worker=program("synbak-worker"), extra=f"[source own]\ntype = command\ncommand = {hook}\n",
               jobs=f"[job j]\nsources = own\ndestinations = local\nretry = 0\nping = {url}\n{more}")
    return d, hook


@test
def pings_tell_how_it_went():
    r = Receiver()
    d, hook = pinged(r.url)
    equal(d.trigger()["outcome"], "failed")
    wait_until(lambda: len(r.got) == 2, "two pings")
    write_file(os.path.dirname(hook) + "/data", "x" * 1000)
    result = d.trigger()
    equal(result["outcome"], "good", str(result))
    wait_until(lambda: len(r.got) == 4, "four pings")
    equal([g[0] for g in r.got], ["/ping/start", "/ping/fail", "/ping/start", "/ping"])
    contains(r.got[1][2], "error: source \"own\"")
    contains(r.got[3][2], result["id"])
    contains(r.got[3][2], "duration:")
    equal(r.got[0][1], r.got[1][1], "start and end differ in the run's id")
    check(re.fullmatch("rid=[0-9a-f-]{36}", r.got[2][1]) and r.got[0][1] != r.got[2][1], str(r.got))
    d.call("pause", job="j")
    number = d.call("trigger")["run"]
    d.call("cancel", run=number)
    equal(d.records("run-finished")[-1]["outcome"], "cancelled")


@test
def a_late_destination_is_named_in_the_ping_of_success():
    r = Receiver()
    d, hook = pinged(r.url)
    d.configure(jobs=f"[destination other]\nwarn_free = 0\npath = {d.dir}/unmounted\nkey = none\n"
                     f"[job j]\nsources = out\ndestinations = local other\nping = {r.url}\n")
    d.call("reload")
    equal((d.trigger()["outcome"], d.job()["retry_at"]), ("good", None))
    wait_until(lambda: len(r.got) == 2, "two pings")
    equal(r.got[1][0], "/ping")
    contains(r.got[1][2], "destination other: destination \"other\"")


@test
def a_dead_ping_service_harms_nothing():
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
    defer(closed.close)
    d, hook = pinged(f"http://127.0.0.1:{closed.getsockname()[1]}/x")
    write_file(os.path.dirname(hook) + "/data", "x")
    equal(d.trigger()["outcome"], "good")
    equal(d.trigger()["outcome"], "good")
    wait_until(lambda: any("ping" in p for p in d.job()["problems"]), "the problem in status")
    equal(d.job()["level"], 1)
    lacks(json.dumps(d.records()) + d.log(), str(closed.getsockname()[1]))
    equal(d.stop(), 0)


@test
def what_waits_outlives_a_stop_and_a_crash():
    status = [500]
    r = Receiver(lambda: status[0])
    d, hook = pinged(r.url)
    kept = f"{d.state}/pings.json"
    write_file(os.path.dirname(hook) + "/data", "x" * 1000)
    for end in ("stop", "kill"):
        del r.got[:]
        status[0] = 500
        equal(d.trigger()["outcome"], "good")
        wait_until(lambda: r.got, "the ping at the start")
        if end == "stop":
            equal(d.stop(), 0)
        else:
            wait_until(lambda: os.path.exists(kept), "what waits to be written down")
            d.process.kill()
            d.process.wait()
        with open(kept, encoding="utf-8") as f:
            text = f.read()
        lacks(text, r.url)
        equal(os.stat(kept).st_mode & 0o777, 0o600)
        status[0] = 200
        del r.got[:]
        d.start()
        wait_until(lambda: "/ping" in [g[0] for g in r.got], "the ping of success")
        wait_until(lambda: not os.path.exists(kept), "nothing to be kept")
    # what is an hour old is no news
    status[0] = 500
    del r.got[:]
    equal(d.trigger()["outcome"], "good")
    wait_until(lambda: r.got, "the ping at the start")
    equal(d.stop(), 0)
    with open(kept, encoding="utf-8") as f:
        waits = json.load(f)
    for ping in waits["pings"]:
        ping["time"] = "2026-01-01T00:00:00Z"
    write_file(kept, json.dumps(waits), 0o600)
    status[0] = 200
    del r.got[:]
    d.start()
    equal(d.trigger()["outcome"], "good")
    wait_until(lambda: len(r.got) == 2, "the pings of the new run")
    contains(d.log(), "is too old now")
    equal(d.stop(), 0)
    equal(len(r.got), 2)
    # and one that cannot be read harms nothing
    write_file(kept, "{", 0o600)
    d.start()
    contains(d.log(), "pings that waited are lost")


@test
def a_crash_is_pinged():
    r = Receiver()
    fifo = temp_dir() + "/fifo"
    os.mkfifo(fifo)
    d = Daemon(worker=program("synbak-worker"), extra=f"[source own]\ntype = command\ncommand = cat {fifo}\n",
               jobs=f"[job j]\nsources = own\ndestinations = local\nping = {r.url}\n")
    d.call("trigger")
    wait_until(lambda: r.got, "the ping at the start")
    d.process.kill()
    d.process.wait()
    d.start()
    wait_until(lambda: "/ping/fail" in [g[0] for g in r.got], "the ping about the crash")
    contains(next(g[2] for g in r.got if g[0] == "/ping/fail"), "interrupted")


run_all()
