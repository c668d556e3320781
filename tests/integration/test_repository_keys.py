#!/usr/bin/env python3
"""Who may open a repository: recovery codes, passphrases, keys that may only write, and their removal."""
import json
import os
import pty
import pwd
import shutil
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import check, contains, equal, lacks, program, run_all, skip, test, wait_until, write_file  # noqa: E402

MEDIA_ONLY = "[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n"


def deployment(jobs=MEDIA_ONLY, **more):
    return Deployment(destination="format = repository", jobs=jobs, **more)


def backup(d):
    d.ctl("trigger", "synapse", "--wait", ok=True)
    return json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"][0]["id"]


def slots(d, *more):
    listed = json.loads(d.ctl("key", "list", "--json", *more, ok=True).stdout)
    return listed["repositories"][0]["slots"]


def stored(d):
    """Bytes of packs."""
    return sum(os.path.getsize(f"{folder}/{name}") for folder, _, files in os.walk(f"{d.backups}/packs")
               for name in files)


def restored(d, name, *place):
    target = f"{d.dir}/{name}"
    d.ctl("restore", "synapse", *place, "--target", target, "--yes", ok=True)
    equal(d.media_sums(target), d.media_sums(), name)


@test
def a_recovery_code_when_the_machine_is_lost():
    d = deployment()
    backup(d)
    contains(d.ctl("status").stdout, "key add --recovery")
    card = d.ctl("key", "add", "--recovery", "--label", "in the safe", ok=True).stdout
    for text in ("Recovery card", d.backups, "--key ask", "synbakctl restore synapse"):
        contains(card, text)
    code = next(line.split()[1] for line in card.splitlines() if line.split()[:1] == ["code"])
    equal([s["kind"] for s in slots(d)], ["operation", "recovery"])
    equal([s["opened"] for s in slots(d)], [True, False])
    contains(d.ctl("key", "list", ok=True).stdout, "in the safe")
    wait_until(lambda: "key add --recovery" not in d.ctl("status").stdout, "the recovery slot to be noticed")
    contains(d.ctl("log", ok=True).stdout, "a key for the repository at local is added: recovery, slot ")
    backup(d)
    d.stop()
    shutil.rmtree(d.state)
    os.unlink(d.conf)
    os.unlink(d.key_file)
    write_file(f"{d.dir}/code", code + "\n", 0o600)
    place = ("--destination", d.backups, "--key", f"file:{d.dir}/code")
    contains(d.ctl("list", *place, ok=True).stdout, "synapse")
    restored(d, "by-file", *place)
    typed = ("--destination", d.backups, "--key", "ask")
    contains(d.ctl("ls", "synapse", *typed, input=code.lower().replace("-", " ") + "\n", ok=True).stdout, "photo")
    wrong = d.ctl("list", *typed, input="AAAA-" + code[5:] + "\n")
    equal(wrong.returncode, 1)
    contains(wrong.stderr, "slot")


@test
def a_passphrase_from_a_pipe():
    d = deployment()
    backup(d)
    phrase = "five words that nobody will guess"
    short = d.ctl("key", "add", "--passphrase", input="short\n")
    equal(short.returncode, 1)
    contains(short.stderr, "20")
    done = d.ctl("key", "add", "--passphrase", "--json", input=phrase + "\nanother line\n", ok=True)
    lacks(done.stdout, phrase)
    equal([s["kind"] for s in slots(d)], ["operation", "passphrase"])
    d.stop()
    place = ("--destination", d.backups, "--key", "ask")
    d.ctl("restore", "synapse", *place, "--target", f"{d.dir}/out", "--yes", input=phrase + "\n", ok=True)
    equal(d.media_sums(f"{d.dir}/out"), d.media_sums())


def on_terminal(d, arguments, *lines):
    """What a person at a terminal sees; each line is typed once its question shows."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(program("synbakctl"), ["synbakctl", *arguments], d.environment())
    seen = b""
    for line in lines:
        asked = len(seen)
        while b": " not in seen[asked:]:
            seen += os.read(fd, 4096)
        os.write(fd, line.encode() + b"\n")
    try:
        while piece := os.read(fd, 4096):
            seen += piece
    except OSError:
        pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


@test
def a_passphrase_at_a_terminal_is_typed_twice_and_never_shown():
    d = deployment()
    backup(d)
    phrase = "correct horse battery staple"
    status, seen = on_terminal(d, ["key", "add", "--passphrase"], phrase, phrase + "?")
    equal(status, 5, seen)
    contains(seen, "not the same")
    equal(len(slots(d)), 1)
    status, seen = on_terminal(d, ["key", "add", "--passphrase"], phrase, phrase)
    equal(status, 0, seen)
    lacks(seen, phrase)
    equal(len(slots(d)), 2)
    status, seen = on_terminal(d, ["list", "--destination", d.backups], phrase)
    equal(status, 0, seen)
    lacks(seen, phrase)
    contains(seen, "synapse")


@test
def removal():
    d = deployment()
    backup(d)
    own = slots(d)[0]["slot"]
    last = d.ctl("key", "remove", own, "--yes")
    equal(last.returncode, 5)
    contains(last.stderr, "last that may read")
    added = json.loads(d.ctl("key", "add", "--recovery", "--json", ok=True).stdout)
    mine = d.ctl("key", "remove", own, "--yes")
    equal(mine.returncode, 5)
    contains(mine.stderr, "this key")
    equal(d.ctl("key", "remove", added["slot"]).returncode, 5, "not confirmed")
    equal(d.ctl("key", "remove", "ffffff", "--yes").returncode, 1)
    write_file(f"{d.dir}/code", added["secret"] + "\n", 0o600)
    place = ("--destination", d.backups, "--key", f"file:{d.dir}/code")
    d.ctl("list", *place, ok=True)
    d.ctl("key", "remove", added["slot"][:8], "--yes", ok=True)
    contains(d.ctl("log", ok=True).stdout, f"is removed: slot {added['slot'][:8]}")
    equal(d.ctl("list", *place).returncode, 1)
    equal([s["kind"] for s in slots(d)], ["operation"])
    backup(d)


@test
def a_damaged_slot_is_listed_and_can_go():
    d = deployment()
    backup(d)
    added = json.loads(d.ctl("key", "add", "--recovery", "--json", ok=True).stdout)
    write_file(f"{d.backups}/keys/{added['slot']}.json", "{}")
    equal([s["slot"] for s in slots(d) if s["damaged"]], [added["slot"]])
    contains(d.ctl("key", "list", ok=True).stdout, "damaged")
    d.ctl("key", "remove", added["slot"], "--yes", ok=True)
    equal(len(slots(d)), 1)


@test
def a_new_reading_key():
    d = deployment()
    first = backup(d)
    code = json.loads(d.ctl("key", "add", "--recovery", "--json", ok=True).stdout)["secret"]
    equal(json.loads(d.ctl("key", "rotate", "--json", ok=True).stdout)["generation"], 2)
    write_file(f"{d.media}/local_content/aa/bb/new", os.urandom(100000))
    backup(d)
    write_file(f"{d.dir}/code", code + "\n", 0o600)
    place = ("--destination", d.backups, "--key", f"file:{d.dir}/code")
    restored(d, "new", *place)
    d.ctl("restore", f"synapse/{first}", *place, "--target", f"{d.dir}/old", "--yes", ok=True)


@test
def at_every_replica():
    d = deployment(jobs=MEDIA_ONLY.replace("local\n", "local second\n"), start=False)
    second = f"{d.dir}/second"
    os.mkdir(second, 0o700)
    d.change("[source database]", f"[destination second]\npath = {second}\nkey = file:{d.key_file}\n"
                                  "format = repository\nrepository = local\n\n[source database]")
    d.start()
    d.ctl("trigger", "synapse", "--wait", "--destination", "local", ok=True)
    shutil.copytree(d.backups, second, dirs_exist_ok=True, ignore=shutil.ignore_patterns("synbak-*"))
    backup(d)
    added = json.loads(d.ctl("key", "add", "--recovery", "--json", ok=True).stdout)
    equal(added["problems"], [])
    d.ctl("key", "rotate", ok=True)
    backup(d)
    write_file(f"{d.dir}/code", added["secret"] + "\n", 0o600)
    for place in (d.backups, second):
        restored(d, "from-" + os.path.basename(place), "--destination", place, "--key", f"file:{d.dir}/code")
    d.ctl("key", "remove", added["slot"], "--yes", "--destination", "second", ok=True)
    for place in (d.backups, second):
        equal(d.ctl("list", "--destination", place, "--key", f"file:{d.dir}/code").returncode, 1, place)
        equal(len(os.listdir(f"{place}/keys")), 1)
    os.rename(second, f"{second}-away")
    late = d.ctl("key", "add", "--recovery")
    equal(late.returncode, 4)
    contains(late.stderr, 'replica "second"')


@test
def the_key_of_operation_is_changed():
    d = deployment()
    backup(d)
    old, path = slots(d)[0]["slot"], f"{d.dir}/key.new"
    d.ctl("key", "add", "--operation", "--output", path, ok=True)
    d.change(f"key = file:{d.key_file}", f"key = file:{path}")
    d.ctl("reload", ok=True)
    d.ctl("key", "remove", old, "--yes", ok=True)
    d.ctl("key", "rotate", ok=True)
    os.unlink(d.key_file)
    backup(d)
    restored(d, "out")


@test
def the_new_key_goes_to_a_file_of_the_callers_alone():
    d = deployment()
    backup(d)
    path = f"{d.dir}/write-only"
    done = d.ctl("key", "add", "--write-only", "--output", path, ok=True)
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    with open(path, encoding="ascii") as f:
        lacks(done.stdout, f.read().strip())
    again = d.ctl("key", "add", "--write-only", "--output", path)
    equal(again.returncode, 1)
    contains(again.stderr, path)
    equal(len(slots(d)), 2)


@test
def root_leaves_nothing_that_the_daemon_cannot_read():
    if os.geteuid() != 0:
        skip("only root can give files away")
    d = deployment()
    backup(d)
    d.stop()
    os.chmod(d.dir, 0o755)
    nobody = pwd.getpwnam("nobody").pw_uid
    for folder, folders, files in os.walk(d.backups):
        for name in (".", *folders, *files):
            os.chown(f"{folder}/{name}", nobody, -1)
    d.ctl("key", "add", "--recovery", ok=True)
    d.ctl("key", "rotate", ok=True)
    equal([f"{folder}/{name}" for folder, _, files in os.walk(d.backups) for name in files
           if os.stat(f"{folder}/{name}").st_uid != nobody], [])


@test
def what_cannot_be():
    d = deployment()
    backup(d)
    for arguments, word in ((("--recovery", "--write-only"), "together"), ((), "needs"),
                            (("--recovery", "--destination", "nowhere"), "nowhere")):
        done = d.ctl("key", "add", *arguments)
        equal(done.returncode, 2)
        contains(done.stderr, word)
    check(len(slots(d)) == 1, "nothing was added")

@test
def a_host_that_may_only_write():
    d = deployment(jobs=MEDIA_ONLY + "manual = keep 1\n")
    first = backup(d)
    path = f"{d.dir}/write-only"
    d.ctl("key", "add", "--write-only", "--output", path, "--label", "this host", ok=True)
    d.change(f"key = file:{d.key_file}", f"key = file:{path}")
    d.ctl("reload", ok=True)
    write_file(f"{d.media}/local_content/aa/bb/video", os.urandom(3 << 20))
    second = backup(d)
    grown = stored(d)
    third = backup(d)
    check(stored(d) - grown < 1 << 20, f"{grown}, then {stored(d)}: what it wrote itself is known")
    equal([s["id"] for s in json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"]], [third, second, first])
    status = d.ctl("status")
    equal(status.returncode, 1)
    contains(status.stdout, "set delete = no")
    contains(d.ctl("prune", ok=True).stdout, "left to another identity")
    contains(d.ctl("key", "check", ok=True).stdout, "may not read")
    card = d.ctl("key", "card", ok=True).stdout
    contains(card, "may only write")
    lacks(card, "synbakctl restore")
    for arguments in (("ls", "synapse"), ("restore", "synapse", "--target", f"{d.dir}/no", "--yes"),
                      ("verify", "synapse"), ("verify", "synapse", "--data"), ("dump", "synapse", "media"),
                      ("export", "synapse", f"{d.dir}/set.tar"), ("key", "rotate"), ("key", "add", "--recovery"),
                      ("key", "remove", slots(d)[0]["slot"], "--yes")):
        done = d.ctl(*arguments)
        check(done.returncode != 0, f"{arguments}")
        contains(done.stderr + done.stdout, "may only write")
    d.ctl("verify", "--all", "--data", ok=True)
    d.stop()
    shutil.rmtree(f"{d.state}/repositories")
    d.start()
    fourth = backup(d)
    check(stored(d) - grown > 3 << 20, "without its cache everything is sent once more")
    grown = stored(d)
    backup(d)
    check(stored(d) - grown < 1 << 20, f"{grown}, then {stored(d)}: and only once")
    told = d.ctl("verify", "--all", "--destination", d.backups, "--key", f"file:{path}", ok=True).stdout
    contains(told, "only a key that may read")
    place = ("--destination", d.backups, "--key", f"file:{d.key_file}")
    for identity in (second, third, fourth):
        d.ctl("restore", f"synapse/{identity}", *place, "--target", f"{d.dir}/{identity}", "--yes", ok=True)
        equal(d.media_sums(f"{d.dir}/{identity}"), d.media_sums(), identity)
    d.ctl("verify", "--all", *place, ok=True)


if __name__ == "__main__":
    run_all()
