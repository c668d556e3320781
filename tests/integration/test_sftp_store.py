"""The SFTP store against OpenSSH's own server: the conformance suite, the ways to log in, servers that
lack extensions, and faults at every step. After each fault: whole or not at all, and the sweep
removes the rest."""
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import (check, contains, equal, lacks, long, note, program, run, run_all, temp_dir, test,
                     wait_until)
from worker_client import Worker
from sshd import Sshd

PROXY = os.path.join(harness.ROOT, "tests", "lib", "sftp_proxy.py")
INCOMING = ".synbak-incoming"
FSYNC, POSIX_RENAME, STATVFS = "fsync@openssh.com", "posix-rename@openssh.com", "statvfs@openssh.com"
NO_LEAKS = "detect_leaks=0"  # where the library itself loses a few bytes
SIZE, OTHER_SIZE = 100_000, 70_001


def tool(server, *arguments, ok=True, **changes):
    """What it prints, without the last line if that is ok."""
    done = run([program("sftp_tool"), *map(str, arguments)], env=server.environment(**changes), ok=ok)
    equal(done.stderr, "")
    return done.stdout.removesuffix("ok\n")


class Faulty(Sshd):
    """A server with sftp_proxy.py in between."""
    def __init__(self, **plan):
        self.plans = temp_dir()
        self.plan(**plan)
        super().__init__(subsystem=f"/usr/bin/python3 {PROXY} {self.plans}")

    def plan(self, **plan):
        for name in ("fired", "reached", "go", "count"):
            if os.path.exists(os.path.join(self.plans, name)):
                os.unlink(os.path.join(self.plans, name))
        with open(os.path.join(self.plans, "plan.json"), "w") as f:
            json.dump(plan, f)

    def works(self):
        return any(name.startswith("alive-") for name in os.listdir(self.plans))

    def has(self, name):
        return os.path.exists(os.path.join(self.plans, name))

    def packets(self):
        def counted():
            with open(os.path.join(self.plans, "count")) as f:
                return int(f.read() or 0)
        wait_until(lambda: self.has("count") and counted(), "the count of packets")
        return counted()


def objects(server):
    """Names and digests of what stands outside the folder of what is being put."""
    found = {}
    for folder, folders, files in os.walk(server.root):
        if folder == server.root and INCOMING in folders:
            folders.remove(INCOMING)
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, server.root)] = hashlib.sha256(f.read()).hexdigest()
    return found


def incoming(server):
    folder = os.path.join(server.root, INCOMING)
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def empty(server):
    for name in os.listdir(server.root):
        run(["rm", "-rf", os.path.join(server.root, name)], ok=True)


# --- the suite ---

@test
def the_suite_of_all_stores():
    done = run([program("sftp_suite")], env=Sshd().environment())
    equal(done.returncode, 0, done.stdout + done.stderr)


@test
def the_suite_on_a_server_without_extensions():
    server = Faulty(hide=[FSYNC, POSIX_RENAME, STATVFS])
    done = run([program("sftp_suite")], env=server.environment())
    equal(done.returncode, 0, done.stdout + done.stderr)


@test
def keys_are_exchanged_anew_meanwhile():
    server = Sshd(options="RekeyLimit 1M")
    size = 16 * 1024 * 1024
    tool(server, "put", "big", size, ASAN_OPTIONS=NO_LEAKS)
    tool(server, "check", "big", size, "threads=4", ASAN_OPTIONS=NO_LEAKS)


@test
def many_threads_read_at_once():
    server = Sshd()
    size = 12_000_001
    tool(server, "put", "a/big", size, "seal=1000003")
    for threads in (3, 16):
        tool(server, "check", "a/big", size, f"threads={threads}")


@test
def files_and_folders_are_ours_alone():
    server = Sshd()
    tool(server, "put", "a/b/c", 5)
    for name, mode in (("a", 0o700), ("a/b", 0o700), ("a/b/c", 0o600), (INCOMING, 0o700)):
        equal(os.stat(os.path.join(server.root, name)).st_mode & 0o777, mode, name)
    tool(server, "delete", "a/b/c")
    equal(os.listdir(server.root), [INCOMING])


@test
def the_root_may_be_made_and_may_be_relative():
    server = Sshd()
    contains(tool(server, "list", "", ok=False, SFTP_PATH=server.root + "/x/y"), "not-found: ")
    tool(server, "put", "a", 5, SFTP_PATH=server.root + "/x/y/", SFTP_CREATE="1")
    equal(sorted(os.listdir(server.root + "/x/y")), [INCOMING, "a"])
    relative = os.path.relpath(server.root, os.path.expanduser("~" + server.user))
    equal(tool(server, "list", "", SFTP_PATH=relative), "x/y/a 5\n")
    contains(tool(server, "list", "", ok=False, SFTP_PATH=server.root + "/x/y/a"), "config: ")


@test
def links_are_no_objects():
    server = Sshd()
    secret = os.path.join(server.folder, "secret")
    with open(secret, "w") as f:
        f.write("not yours")
    os.symlink(secret, os.path.join(server.root, "link"))
    os.mkfifo(os.path.join(server.root, "fifo"))
    os.symlink(server.folder, os.path.join(server.root, "elsewhere"))
    for prefix in ("", "elsewhere/", "elsewhere", "elsewhere/ro"):
        equal(tool(server, "list", prefix), "")
    for name in ("link", "fifo"):
        contains(tool(server, "stat", name, ok=False), "not-found: ")
        contains(tool(server, "delete", name, ok=False), "not-found: ")
    contains(tool(server, "get", "link", 0, 10, ok=False), "not-found: ")


# --- who we are, who they are ---

@test
def an_encrypted_key_needs_its_passphrase():
    server = Sshd()
    server.key = server.make_key("locked", passphrase="open sesame")
    server.authorize(server.key)
    tool(server, "put", "a", 5, SFTP_PASSPHRASE="open sesame")
    for wrong in ("open barley", None):
        contains(tool(server, "list", "", ok=False, SFTP_PASSPHRASE=wrong), "key: ")
    contains(tool(server, "list", "", ok=False, SFTP_KEY="no key at all\n"), "key: ")


@test
def keys_of_other_kinds_and_forms():
    server = Sshd()
    for kind, form in (("ecdsa", ()), ("ecdsa", ("-m", "PEM")), ("ed25519", ())):
        server.key = server.make_key(f"{kind}{len(form)}", kind, form=form)
        server.authorize(server.key)
        tool(server, "list", "", ASAN_OPTIONS=NO_LEAKS)


@test
def an_agent_may_hold_the_key():
    server = Sshd()
    socket = server.path("agent")
    agent = harness.start(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    wait_until(lambda: os.path.exists(socket), "the agent")
    text = tool(server, "list", "", ok=False, SFTP_KEY=None, SSH_AUTH_SOCK=socket)
    contains(text, "denied: ")
    contains(text, "0 keys")
    other = server.make_key("other")
    for key in (other, server.key):
        run(["ssh-add", "-q", key], env=dict(os.environ, SSH_AUTH_SOCK=socket), ok=True)
    tool(server, "put", "a", 5, SFTP_KEY=None, SSH_AUTH_SOCK=socket)
    run(["ssh-add", "-q", "-d", server.key], env=dict(os.environ, SSH_AUTH_SOCK=socket), ok=True)
    contains(tool(server, "list", "", ok=False, SFTP_KEY=None, SSH_AUTH_SOCK=socket), "1 keys")
    agent.kill()
    for gone in (socket, None):
        contains(tool(server, "list", "", ok=False, SFTP_KEY=None, SSH_AUTH_SOCK=gone), "no agent answers")


@test
def who_may_not_log_in_is_told_so():
    server = Sshd()
    stranger = server.make_key("stranger")
    with open(stranger) as f:
        text = tool(server, "list", "", ok=False, SFTP_KEY=f.read())
    contains(text, "denied: ")
    contains(text, "authorized_keys")
    contains(tool(server, "list", "", ok=False, SFTP_USER="nobody-here"), "denied: ")


@test
def an_unknown_host_is_refused():
    server = Sshd()
    server.know(host="[127.0.0.1]:1")
    text = tool(server, "list", "", ok=False)
    contains(text, "config: ")
    contains(text, f"ssh-keyscan -p {server.port} 127.0.0.1 >>{server.path('known_hosts')}")
    print_ = run(["ssh-keygen", "-l", "-f", server.host_key + ".pub"], ok=True).stdout.split()[1]
    contains(text, print_)
    os.unlink(server.path("known_hosts"))
    contains(tool(server, "list", "", ok=False), "there is no " + server.path("known_hosts"))
    # what the sentence says to do helps
    command = re.search(r"`(ssh-keyscan [^`]*)`", tool(server, "list", "", ok=False)).group(1)
    run(["sh", "-c", command], ok=True)
    tool(server, "list", "")


@test
def a_changed_host_key_is_refused():
    server = Sshd()
    server.know(key=server.make_key("another"))
    text = tool(server, "list", "", ok=False)
    contains(text, "refused: ")
    contains(text, "CHANGED")
    contains(text, f"ssh-keygen -R '[127.0.0.1]:{server.port}' -f {server.path('known_hosts')}")


@test
def a_revoked_host_key_is_refused():
    server = Sshd()
    with open(server.host_key + ".pub") as f:
        key = " ".join(f.read().split()[:2])
    with open(server.path("known_hosts"), "a") as f:
        f.write(f"@revoked * {key}\n")
    contains(tool(server, "list", "", ok=False), "@revoked")


@test
def hashed_and_several_known_hosts():
    server = Sshd()
    for kind in ("ecdsa", "rsa"):
        path = server.make_key("host-" + kind, kind)
        server.options += f"HostKey {path}\n"
    server.stop()
    server.start()
    run(["ssh-keygen", "-q", "-H", "-f", server.path("known_hosts")], ok=True)
    with open(server.path("known_hosts")) as f:
        check(f.read().startswith("|1|"))
    tool(server, "list", "")
    # the one kind that the file has is asked for
    server.know(key=server.path("host-ecdsa"))
    tool(server, "list", "")
    with open(server.path("known_hosts")) as f:
        good = f.read()
    with open(server.path("known_hosts"), "w") as f:
        f.write("# comment\n\n@cert-authority * ssh-ed25519 AAAA\nbroken line\n|1|x|y ssh-rsa AAAA\n" + good)
    tool(server, "list", "")


@test
def a_server_that_is_not_there():
    server = Sshd()
    server.stop()
    contains(tool(server, "list", "", ok=False), "unavailable: ")
    contains(tool(server, "list", "", ok=False, SFTP_HOST="no.such.host.invalid"), "unavailable: ")


@test
def a_server_without_sftp():
    server = Sshd(subsystem="/bin/false")
    contains(tool(server, "list", "", ok=False), "unavailable: ")
    server = Sshd(subsystem="/bin/echo Welcome to this fine server")
    contains(tool(server, "list", "", ok=False), "is not SFTP")


# --- what a server may lack ---

@test
def fsync_is_used_where_it_is_offered():
    server = Faulty(types=[200])
    equal(tool(server, "readback"), "read\n")
    server.plan(types=[200], hide=[POSIX_RENAME, STATVFS])
    tool(server, "put", "a", SIZE)
    equal(server.packets(), 2, "fsync of the bytes, and of the name")
    server.plan(types=[200], hide=[FSYNC, POSIX_RENAME, STATVFS])
    equal(tool(server, "readback"), "store-checked\n")
    tool(server, "put", "b", SIZE)
    tool(server, "check", "b", SIZE)


@test
def space_is_told_where_the_server_tells_it():
    server = Faulty()
    known, total, free = map(int, tool(server, "space").split())
    st = os.statvfs(server.root)
    equal(known, 1)
    usable = (st.f_blocks - st.f_bfree + st.f_bavail) * st.f_frsize
    check(abs(total - usable) < usable // 50, f"{total} of {usable}: others write meanwhile, root's share is left out")
    check(0 < free <= total)
    server.plan(hide=[STATVFS])
    equal(tool(server, "space"), "0 0 0\n")


# --- faults ---

class Case:
    """One call of the store, tried with a fault at each of its packets."""
    def __init__(self, name, *arguments, before=(), hidden=()):
        self.name, self.arguments, self.before, self.hidden = name, arguments, before, list(hidden)
        self.template = None

    def prepare(self, server):
        """The server as it was before the call, without a question to it."""
        shutil.rmtree(server.root)
        shutil.copytree(self.template, server.root, symlinks=True)

    def scene(self, server):
        """The states before and after the call, and how many packets it takes."""
        empty(server)
        server.plan(hide=self.hidden)
        for arguments in self.before:
            tool(server, *arguments)
        if self.name == "sweep":
            leave_remains(server)
        self.template = os.path.join(temp_dir(), "template")
        shutil.copytree(server.root, self.template, symlinks=True)
        server.plan(hide=self.hidden)
        before = objects(server)
        self.said = tool(server, *self.arguments)
        return [before, objects(server)], server.packets()

    def run(self, server):
        done = run([program("sftp_tool"), *map(str, self.arguments)], env=server.environment())
        equal(done.stderr, "")
        return done


CASES = [
    Case("put", "put", "a/b/c", SIZE),
    Case("put beside", "put", "a/b/c", SIZE, before=[("put", "a/b/d", 7)]),
    Case("replace", "put", "a/b/c", SIZE, "replace", before=[("put", "a/b/c", OTHER_SIZE)]),
    Case("put without extensions", "put", "a/b/c", SIZE, "replace", hidden=[FSYNC, POSIX_RENAME, STATVFS]),
    Case("replace without extensions", "put", "a/b/c", SIZE, "replace",
         before=[("put", "a/b/c", OTHER_SIZE)], hidden=[FSYNC, POSIX_RENAME, STATVFS]),
    Case("delete", "delete", "a/b/c", before=[("put", "a/b/c", SIZE), ("put", "a/d", 7)]),
    Case("delete without extensions", "delete", "a/b/c",
         before=[("put", "a/b/c", OTHER_SIZE), ("put", "a/b/c", SIZE, "replace")],
         hidden=[FSYNC, POSIX_RENAME, STATVFS]),
    Case("abort", "abort", "a/b/c", SIZE),
    Case("sweep", "sweep", -1),
]
READS = [
    Case("check", "check", "a/b/c", SIZE, before=[("put", "a/b/c", SIZE)]),
    Case("list", "list", "", "fold", before=[("put", "a/b/c", 5), ("put", "d", 6)]),
    Case("stat", "stat", "a/b/c", before=[("put", "a/b/c", SIZE)]),
]


def settled(server, case, states, text):
    """After a fault: one of the whole states, the sweep leaves nothing over, and the store works."""
    server.plan(hide=case.hidden)
    if case.hidden and objects(server) not in states:  # what is aside comes back when it is asked for
        run([program("sftp_tool"), "stat", "a/b/c"], env=server.environment())
    found = objects(server)
    check(found in states, f"{text}: {found} is none of {states}")
    listed = tool(server, "list", "", ",", "sweep", -1).splitlines()[:-1]
    equal(sorted(line.split()[0] for line in listed), sorted(found), text)
    left = [name for name in incoming(server) if not name.startswith("was-")]
    equal((left, objects(server)), ([], found), text)
    if long():
        again = tool(server, "put", "a/b/c", SIZE, "replace", ",", "check", "a/b/c", SIZE, ",", "delete",
                     "a/b/c", ",", "stat", "a/b/c", ok=False)
        contains(again, "not-found: ")


def leave_remains(server):
    folder = os.path.join(server.root, INCOMING)
    os.makedirs(folder, exist_ok=True)
    for i in range(3):
        with open(os.path.join(folder, f"{i:032x}"), "w") as f:
            f.write("half")


def steps(total):
    """Every packet under --long, else a few."""
    return range(total) if long() else sorted({total // 3, 2 * total // 3, total - 2, total - 1})


@test(limit=harness.LONG_LIMIT_SECONDS)
def the_server_dies_at_every_step_of_a_change():
    server = Faulty()
    tried = 0
    for case in CASES if long() else CASES[2:6]:
        states, total = case.scene(server)
        for at in steps(total):
            for mode in ("before", "after"):
                case.prepare(server)
                server.plan(hide=case.hidden, at=at, mode=mode)
                done = case.run(server)
                text = f"{case.name}, {mode} packet {at} of {total}: {done.stdout}"
                if done.returncode != 0:
                    check(re.match("(unavailable|not-found): ", done.stdout), text)
                elif case.arguments[0] in ("put", "delete"):
                    equal(objects(server), states[1], text)
                settled(server, case, states, text)
                tried += 1
    note(f"{tried} deaths of the server")


@test(limit=harness.LONG_LIMIT_SECONDS)
def the_client_is_killed_at_every_step_of_a_change():
    server = Faulty()
    tried = 0
    for case in CASES if long() else CASES[4:5]:
        states, total = case.scene(server)
        for at in steps(total):
            case.prepare(server)
            wait_until(lambda: not server.works(), "the last session's end")
            server.plan(hide=case.hidden, at=at, mode="hold")
            client = subprocess.Popen([program("sftp_tool"), *map(str, case.arguments)],
                                      env=server.environment(), stdout=subprocess.DEVNULL)
            wait_until(lambda: server.has("reached") or client.poll() is not None, "the step")
            client.send_signal(signal.SIGKILL)
            client.wait()
            open(os.path.join(server.plans, "go"), "w").close()
            wait_until(lambda: not server.works(), "the end of what it had asked for")
            settled(server, case, states, f"{case.name}, killed at packet {at} of {total}")
            tried += 1
    note(f"{tried} deaths of the client")


@test(limit=harness.LONG_LIMIT_SECONDS)
def a_read_survives_one_lost_connection():
    server = Faulty()
    tried = 0
    for case in READS:
        total = case.scene(server)[1]
        for at in steps(total):
            for mode in ("before", "after"):
                server.plan(at=at, mode=mode)
                done = case.run(server)
                text = f"{case.name}, {mode} packet {at} of {total}: {done.stdout} {done.stderr}"
                if at > 2:  # behind INIT, VERSION and the look at the root
                    equal(done.returncode, 0, text)
                if done.returncode == 0:
                    equal(done.stdout, case.said + "ok\n", text)
                else:
                    check(done.stdout.startswith("unavailable: "), text)
                tried += 1
    server.plan(at=2, mode="before", always=True)
    contains(tool(server, *READS[0].arguments, ok=False), "unavailable: ")
    note(f"{tried} lost connections")


@test(limit=harness.LONG_LIMIT_SECONDS)
def every_request_refused_in_turn():
    server = Faulty()
    tried = 0
    for case in (CASES + READS) if long() else CASES[:1] + CASES[5:6]:
        states, total = case.scene(server)
        for at in steps(total):
            case.prepare(server)
            server.plan(hide=case.hidden, at=at, mode="fail")
            done = case.run(server)
            settled(server, case, states, f"{case.name}, refused packet {at} of {total}: {done.stdout}")
            tried += 1
    note(f"{tried} refusals")


@test
def a_server_that_restarts_is_waited_for():
    server = Faulty()
    tool(server, "put", "a/b/c", SIZE)
    server.plan(at=4, mode="hold")
    reader = harness.start([program("sftp_tool"), "check", "a/b/c", str(SIZE)], env=server.environment(),
                           stdout=subprocess.PIPE, text=True)
    wait_until(lambda: server.has("reached"), "the read")
    server.stop()
    server.start()
    equal(reader.communicate(timeout=100)[0], "ok\n")


def scan_of(server, port):
    with open(server.key, encoding="utf-8") as f:
        pem = f.read()
    store = {"destination": "far", "type": "sftp", "host": "127.0.0.1", "port": port, "user": server.user,
             "path": server.root, "private_key": pem, "passphrase": None, "known_hosts": server.path("known_hosts"),
             "parallel": 4, "upload_rate": [], "owner": None, "known_id": None, "key": None, "key_hint": "",
             "old_keys": [], "gzip": True, "level": 1, "volume_bytes": 1 << 20}
    return {"verb": "scan", "store": store, "jobs": ["j"], "in_progress": [], "sweep_age_s": 0}


@test
def nobody_waits_for_a_host_that_does_not_answer_once_cancelled():
    """One drops what asks for a connection, one takes it and says nothing, one speaks no SSH to the end."""
    server = Sshd()
    deaf = socket.create_server(("127.0.0.1", 0), backlog=0)
    full = [socket.socket() for _ in range(3)]
    for s in full:  # beyond the backlog the kernel drops them
        s.setblocking(False)
        s.connect_ex(deaf.getsockname())
    mute, half = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    for listener, begins in ((deaf, None), (mute, b""), (half, b"SSH-2.0-OpenSSH_9.9\r\n")):
        worker = Worker(scan_of(server, listener.getsockname()[1]))
        if begins is None:
            wait_until(lambda: is_connecting(deaf.getsockname()[1], 1 + len(full)), "the attempt")
        else:
            taken, _ = listener.accept()
            taken.sendall(begins)
            taken.recv(1)
        worker.cancel()
        equal(worker.finish()["code"], "cancelled", str(begins))
    for s in (deaf, mute, half, *full):
        s.close()


def is_connecting(port, count):
    """Are there so many ends of connections to the port, whether they stand or are asked for?"""
    with open("/proc/net/tcp", encoding="ascii") as f:
        ends = [line.split() for line in f]
    return sum(e[2].endswith(f":{port:04X}") for e in ends) >= count


@test
def nobody_waits_for_a_dead_server_once_cancelled():
    server = Faulty()
    tool(server, "put", "j/20260101_020000/manifest.json", 100)
    server.plan(at=4, mode="hold", always=True)
    worker = Worker(scan_of(server, server.port))
    wait_until(lambda: server.has("reached"), "the read")
    worker.cancel()
    equal(worker.finish()["code"], "cancelled")


@test
def the_sweep_goes_by_the_server_and_takes_what_is_old():
    server = Sshd()
    leave_remains(server)
    folder = os.path.join(server.root, INCOMING)
    os.utime(os.path.join(folder, f"{1:032x}"), (1, 1))
    with open(os.path.join(folder, "was-" + "0" * 32), "w") as f:
        f.write("aside")
    os.utime(f.name, (1, 1))
    equal(tool(server, "sweep", 86400), "1\n")
    equal(incoming(server), [f"{0:032x}", f"{2:032x}", "was-" + "0" * 32])
    equal(tool(server, "sweep", -1), "2\n")
    equal(incoming(server), ["was-" + "0" * 32])


@test
def what_is_no_sftp_ends_the_connection():
    server = Faulty()
    tool(server, "put", "a/b/c", SIZE)
    for at in (0, 1, 4):
        server.plan(at=at, mode="garbage", always=True)
        contains(tool(server, "check", "a/b/c", SIZE, ok=False), "unavailable: ")


@test
def a_full_disk_is_called_full():
    if os.getuid() != 0:
        harness.skip("mounts need root")
    server = Sshd()
    run(["mount", "-t", "tmpfs", "-o", "size=2m", "synbak-test", server.root], ok=True)
    harness.defer(lambda: run(["umount", server.root]))
    tool(server, "put", "small", SIZE)
    for _ in range(2):
        contains(tool(server, "put", "big", 4_000_000, ok=False), "no-space: ")
        equal(tool(server, "list", ""), f"small {SIZE}\n")
        equal(incoming(server), [])
    tool(server, "check", "small", SIZE)
    run(["mount", "-o", "remount,ro", server.root], ok=True)
    text = tool(server, "put", "more", 5, ok=False)
    contains(text, "io: ")
    contains(text, "read-only")
    contains(tool(server, "delete", "small", ok=False), "io: ")
    tool(server, "check", "small", SIZE)


@test
def a_folder_of_somebody_else():
    if os.getuid() != 0:
        harness.skip("another user needs root")
    server = Sshd(options="ForceCommand internal-sftp -R\n")
    contains(tool(server, "put", "a", 5, ok=False), "denies it")
    equal(tool(server, "list", ""), "")


run_all()
