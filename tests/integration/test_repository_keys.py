#!/usr/bin/env python3
"""Who may open a repository: recovery codes, passphrases, and their removal."""
import json
import os
import pty
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, contains, equal, lacks, program, run_all, test, wait_until, write_file  # noqa: E402
from key_world import backup, deployment, restored, slots  # noqa: E402


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
def what_cannot_be():
    d = deployment()
    backup(d)
    for arguments, word in ((("--recovery", "--write-only"), "together"), ((), "needs"),
                            (("--recovery", "--destination", "nowhere"), "nowhere")):
        done = d.ctl("key", "add", *arguments)
        equal(done.returncode, 2)
        contains(done.stderr, word)
    check(len(slots(d)) == 1, "nothing was added")


if __name__ == "__main__":
    run_all()
