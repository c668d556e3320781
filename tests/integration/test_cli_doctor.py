#!/usr/bin/env python3
"""synbakctl config, key and doctor: each thing that would bite later is made once, and found."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_world import KEY, World, job, status  # noqa: E402
from harness import check, contains, equal, lacks, run_all, test, write_file, write_program  # noqa: E402

NOTHING = {"type": "result", "ok": True, "result": {"findings": []}}
EMPTY = {"type": "result", "ok": True, "result": {
    "marker_id": "ab" * 16, "damaged": [], "sets": {}, "swept": 0, "total_bytes": 9, "free_bytes": 5}}
UNIT = ("LoadState=loaded\nActiveState=active\nProtectHome=read-only\nPrivateTmp=no\nProtectSystem=strict\n"
        "LoadCredential={credential}\nReadWritePaths=-/var/backups/synbak {writable}\nBindPaths=\n"
        "BindReadOnlyPaths=\nReadOnlyPaths=\nInaccessiblePaths={hidden}\nTemporaryFileSystem=\n")


class Clinic(World):
    def __init__(self, daemon=False, **options):
        super().__init__(daemon=daemon, worker={"check": [NOTHING], "scan": [EMPTY]})
        os.mkdir(f"{self.dir}/backups2")
        self.systemctl(None)
        self.configure(**options)

    def configure(self, extra="", destination="", source="", mode=0o600):
        extra = extra or "ping = https://hc.example.org/x\n"
        second = f"[destination second]\npath = {self.dir}/backups2\nkey = file:{self.dir}/key\n"
        super().configure(extra + second, destination, source, mode)

    def systemctl(self, unit, enabled=True):
        """What systemctl says; None: it knows no such unit."""
        os.makedirs(f"{self.dir}/bin", exist_ok=True)
        write_file(f"{self.dir}/unit", unit or "LoadState=not-found\n")
        write_program(f"{self.dir}/bin/systemctl", f"#!/bin/sh\n[ $1 = show ] && exec cat {self.dir}/unit\n"
                      f"exit {0 if enabled else 1}\n")

    def environment(self, **more):
        e = super().environment(**more)
        return {**e, "PATH": f"{self.dir}/bin:{e['PATH']}"}

    def doctor(self, *words, level="error", status=None):
        """Each of the words stands in one finding of this level."""
        done = self.ctl("doctor", "--json")
        findings = [f["what"] for f in json.loads(done.stdout)["findings"] if f["level"] == level]
        for word in words:
            check(any(word in f for f in findings), f"{word!r} is not in {done.stdout}")
        equal(done.returncode, status if status is not None else 1 if level == "error" else 0, done.stdout)
        return findings


@test
def nothing_wrong():
    c = Clinic()
    equal(c.doctor(status=0), [])
    done = c.ctl("doctor", ok=True)
    contains(done.stdout, "nothing found that would bite")
    verbs = [m["verb"] for m in c.got()]
    equal(set(verbs), {"check"})
    equal([s["name"] for m in c.got() for s in m["sources"]][:2], ["database", "media"])


@test
def keys_that_are_short_open_or_missing():
    c = Clinic()
    os.chmod(f"{c.dir}/key", 0o644)
    c.doctor("is open to others (mode 0644)")
    write_file(f"{c.dir}/key", "short\n", 0o600)
    c.doctor("at least 20")
    os.unlink(f"{c.dir}/key")
    c.doctor("No such file")


@test
def keys_in_the_wrong_place():
    c = Clinic()
    for folder, words in ((f"{c.dir}/media", 'inside source "media"'), (f"{c.dir}/backups", 'inside destination "local"')):
        text = open(c.config, encoding="utf-8").read()
        write_file(c.config, text.replace(f"file:{c.dir}/key", f"file:{folder}/key"), 0o600)
        write_file(f"{folder}/key", KEY + "\n", 0o600)
        c.doctor(words)
        c.configure()
    write_file(f"{c.dir}/.pgpass", "x", 0o600)
    c.doctor("lies beside database passwords", level="warning")


@test
def configurations_that_others_may_change_or_read():
    c = Clinic()
    os.chmod(c.config, 0o666)
    equal(c.ctl("doctor").returncode, 1)
    c.configure(source="\n", mode=0o644)
    text = open(c.config, encoding="utf-8").read()
    write_file(c.config, text.replace("postgresql:///synapse", "postgresql://bob:secret@/synapse"), 0o644)
    findings = c.doctor("can be read by everybody")
    lacks(str(findings), "secret")
    write_file(c.config, "[nonsense]\n", 0o600)
    c.doctor(f"{c.config}:1")


@test
def destinations_that_are_not_there_or_inside_a_source():
    c = Clinic()
    os.rmdir(f"{c.dir}/backups2")
    found = c.doctor('destination "second"', "No such file")
    equal(len([f for f in found if "/backups2" in f]), 1, found)
    check("/backups2" not in json.dumps(c.got()), "the worker was asked about the missing folder too")
    text = open(c.config, encoding="utf-8").read()
    os.mkdir(f"{c.dir}/media/inner")
    write_file(c.config, text.replace("/backups2", "/media/inner"), 0o600)
    c.doctor('lies inside source "media"')
    c.configure()
    os.rmdir(f"{c.dir}/media/inner")
    os.rmdir(f"{c.dir}/media")
    found = c.doctor('source "media"')
    equal(len([f for f in found if 'source "media"' in f]), 1, found)
    check(not any(s["name"] == "media" for s in c.got()[-1].get("sources", [])), "the worker was asked about the missing source too")


@test
def commands_can_be_pasted():
    c = Clinic()
    text = open(c.config, encoding="utf-8").read()
    write_file(c.config, text.replace("/backups2", "/the backups' disk"), 0o600)
    c.doctor('destination "second"')
    contains(c.ctl("doctor").stdout, f"install -d -m 0700 -o synbak '{c.dir}/the backups'\\'' disk'")
    os.chmod(os.mkdir(f"{c.dir}/the backups' disk") or f"{c.dir}/the backups' disk", 0o777)
    contains(c.ctl("doctor").stdout, f"chmod o-w '{c.dir}/the backups'\\'' disk'")


@test
def programs_that_are_missing():
    c = Clinic(extra="before = no-such-hook --x\nping = https://x.example.org\n")
    c.doctor("no program no-such-hook")


@test
def no_key_one_destination_no_ping():
    c = Clinic()
    text = open(c.config, encoding="utf-8").read().replace("ping = https://hc.example.org/x\n", "")
    text = text[:text.index("[destination second]")].replace(f"key = file:{c.dir}/key", "key = none")
    write_file(c.config, text, 0o600)
    c.doctor("not encrypted", "one destination only", "tells nobody", level="warning")


@test
def paths_that_the_sandbox_hides():
    c = Clinic()
    c.systemctl(UNIT.format(credential="", writable=f"{c.dir}/backups", hidden=""))
    findings = c.doctor("backups2 is read-only for synbakd.service")
    equal(len(findings), 1)
    c.systemctl(UNIT.format(credential="", writable=c.dir, hidden=f"{c.dir}/media"))
    c.doctor(f"does not see {c.dir}/media (InaccessiblePaths)")
    c.systemctl(UNIT.format(credential="", writable=c.dir, hidden="").replace("PrivateTmp=no", "PrivateTmp=yes"))
    if c.dir.startswith("/tmp/"):
        c.doctor("(PrivateTmp)")
        os.rmdir(f"{c.dir}/backups2")
        found = c.doctor('destination "second"', "No such file")
        equal(len([f for f in found if "/backups2" in f]), 1, found)


@test
def what_the_worker_finds():
    c = Clinic()
    c.script("check", {"type": "result", "ok": True, "result": {"findings": [
        {"level": "error", "what": 'role "synbak" lacks pg_read_all_data', "do": "GRANT pg_read_all_data TO synbak"}]}})
    c.doctor("lacks pg_read_all_data")
    contains(c.ctl("doctor").stdout, "do: GRANT pg_read_all_data TO synbak")
    c.script("check", {"exit": 3})
    c.doctor("check of sources and destinations failed")


@test
def ready_to_go_live():
    c = Clinic(daemon=True)
    c.daemon.answers["status"] = status(jobs=[job(grade="verified")])
    c.daemon.answers["log"] = {"records": [{"seq": 1, "type": "restore-ended", "ok": True}], "last": 1}
    done = c.ctl("doctor", "--ready", ok=True)
    equal(done.stdout.count("[x]"), done.stdout.count("["))
    contains(done.stdout, "ready")
    c.daemon.answers["status"] = status(jobs=[job(latest=None, next=None)])
    c.daemon.answers["log"] = {"records": [], "last": 1}
    c.systemctl(None, enabled=False)
    done = c.ctl("doctor", "--ready")
    equal(done.returncode, 1)
    for words in ('[ ] job "synapse" has a good set', "[ ] a restore was tried", "[ ] synbakd starts at boot",
                  '[ ] job "synapse" is scheduled', "[x] the backups lie in two places"):
        contains(done.stdout, words)
    for lacks_sets in (0, 2):
        places = [{"destination": "local", "newest": "20261121_020000", "lacks": 0},
                  {"destination": "second", "newest": "20261121_020000", "lacks": lacks_sets}]
        c.daemon.answers["status"] = status(jobs=[job(grade="verified", destinations=places)])
        contains(c.ctl("doctor", "--ready").stdout,
                 f"[{' ' if lacks_sets else 'x'}] each of the 2 destinations of job \"synapse\" has its sets")


@test
def keys_are_checked_and_never_shown():
    c = Clinic()
    one = json.loads(json.dumps(EMPTY))
    one["result"]["sets"] = {"synapse": [{"id": "20261119_020000", "sequence": 1, "key_id": "0123456789abcdef"}]}
    c.script("scan", one)
    contains(c.ctl("key", "check", ok=True).stdout, "opens 1 sets (key id 0123456789abcdef)")
    card = c.ctl("key", "card", ok=True)
    for words in (f"{c.dir}/backups", "ab" * 16, "0123456789abcdef", f"file:{c.dir}/key",
                  "synbakctl restore synapse --destination PLACE --key file:KEY --target DIR"):
        contains(card.stdout, words)
    lacks(card.stdout, KEY)
    lacks(c.ctl("key", "card", "--json", ok=True).stdout, KEY)
    equal(c.ctl("key", "card", "--show-key").returncode, 5)
    code, text = c.terminal("key", "card", "--show-key", "--json")
    equal(code, 5)
    lacks(text, KEY)
    code, text = c.terminal("key", "card", "--show-key", typed={"Type yes": "yes\n"})
    contains(text, KEY)
    code, text = c.terminal("key", "card", "--show-key", typed={"Type yes": "no\n"})
    equal(code, 5)
    lacks(text, KEY)
    c.script("scan", {"type": "result", "ok": False, "code": "key", "error": "made with another key"})
    done = c.ctl("key", "check")
    equal(done.returncode, 1)
    contains(done.stdout, "made with another key")


@test
def a_credential_of_the_unit_is_found():
    c = Clinic()
    text = open(c.config, encoding="utf-8").read().replace(f"file:{c.dir}/key", "credential:synbak.key")
    write_file(c.config, text, 0o600)
    contains(c.ctl("key", "check").stdout, "inside synbakd.service only")
    c.systemctl(UNIT.format(credential=f"synbak.key:{c.dir}/key", writable=c.dir, hidden=""))
    c.ctl("key", "check", ok=True)
    equal(c.got()[-1]["store"]["key"], KEY)
    lacks(c.ctl("config", "sandbox", ok=True).stdout, "LoadCredential")


@test
def configuration_commands():
    c = Clinic()
    contains(c.ctl("config", "check", ok=True).stdout, "ok: 1 job, 2 sources, 2 destinations in 1 file")
    shown = c.ctl("config", "show", ok=True).stdout
    lacks(shown, KEY)
    again = write_file(f"{c.dir}/again.conf", shown, 0o600)
    equal(c.ctl("config", "show", again, ok=True).stdout, shown)
    text = c.ctl("config", "sandbox", ok=True).stdout
    for line in ("[Service]", f'ReadWritePaths="-{c.dir}/backups"', f'BindReadOnlyPaths="-{c.dir}/media"'):
        check(line in text.splitlines(), text)
    write_file(again, "[job x]\nnonsense = 1\nmore = 2\n", 0o600)
    done = c.ctl("config", "check", again)
    equal(done.returncode, 2)
    contains(done.stderr, f"{again}:2")
    contains(done.stderr, f"{again}:3")
    done = c.ctl("config", "check", again, "--json")
    equal((done.returncode, json.loads(done.stdout)["ok"]), (2, False))
    c.configure(extra="monthly = at 45 04:00, keep 3\n")
    done = c.ctl("config", "check")
    equal(done.returncode, 2)
    contains(done.stderr, "synbak.conf:")


@test
def sandbox_quotes_what_systemd_would_read():
    c = Clinic()
    text = open(c.config, encoding="utf-8").read()
    write_file(c.config, text.replace(f"path = {c.dir}/media", f"path = \"{c.dir}/a b%h:c\""), 0o600)
    contains(c.ctl("config", "sandbox", ok=True).stdout, f'BindReadOnlyPaths="-{c.dir}/a b%%h:c"')


if __name__ == "__main__":
    run_all()
