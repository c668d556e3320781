#!/usr/bin/env python3
"""A machine that has nothing but synbakctl: the address of a bucket or of a folder on an SSH server, the
credentials and the key. Against a real radosgw and a real sshd."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw  # noqa: E402
from faulty_proxy import FaultyProxy  # noqa: E402
from harness import check, contains, equal, lacks, program, run, run_all, temp_dir, test, write_file  # noqa: E402
from small_work import Work  # noqa: E402
from sshd import Sshd  # noqa: E402
from worker_client import work  # noqa: E402

KEY = "the-key-of-this-test-0123456789abcdef"
REMOTE = {"owner": "ab" * 16, "known_id": None, "key": KEY, "key_hint": "file:/etc/synbak/key", "old_keys": [],
          "gzip": True, "level": 1, "volume_bytes": 1 << 20, "parallel": 4, "upload_rate": []}
FIRST, SECOND = "20260101_020000", "20260102_020000"


class Elsewhere(Work):
    """Sets at a remote place, made by the worker as the daemon would; a file with the key beside."""

    def __init__(self, place):
        super().__init__()
        self.remote = {**REMOTE, "destination": "offsite", **place}
        self.home = f"{self.dir}/home"
        os.mkdir(self.home)
        self.file("key", KEY)

    def store(self):
        return self.remote

    def file(self, name, text):
        write_file(f"{self.home}/{name}", text + "\n", 0o600)
        return f"file:{self.home}/{name}"

    def ctl(self, *arguments, ok=None, **more):
        env = {"PATH": os.environ["PATH"], "HOME": self.home, "SYNBAK_SOCKET": f"{self.home}/none",
               "SYNBAK_CONFIG": f"{self.home}/none.conf", "SYNBAK_WORKER": program("synbak-worker"), **more}
        return run([program("synbakctl"), *arguments], ok=ok, env=env, cwd=self.home)

    def there(self, command, *arguments, ok=True):
        return self.ctl(command, *arguments, *self.options, "--key", f"file:{self.home}/key", ok=ok)


class Bucket(Elsewhere):
    def __init__(self, prefix="host1/db", lock=False):
        self.server = rgw.shared()
        self.bucket = self.server.bucket(lock=lock)
        super().__init__({"type": "s3", "endpoint": self.server.endpoint, "region": "us-east-1", "bucket": self.bucket,
                          "prefix": prefix, "style": "path", "access_key": rgw.ACCESS_KEY,
                          "secret_key": rgw.SECRET_KEY, "session_token": None, "ca_file": None, "insecure": True,
                          "storage_class": None, "encryption": None, "encryption_key_id": None, "lock_s": 0,
                          "lock_mode": "compliance", "full_readback": False})
        self.place = f"s3://{self.bucket}/{prefix}"
        self.credentials = self.file("credentials", f"{rgw.ACCESS_KEY}\n{rgw.SECRET_KEY}")
        self.options = ("--destination", self.place, "--endpoint", self.server.endpoint, "--insecure", "--credentials",
                        self.credentials)


class Server(Elsewhere):
    def __init__(self):
        self.sshd = Sshd()
        with open(self.sshd.key, encoding="utf-8") as f:
            self.pem = f.read()
        self.folder = f"{self.sshd.root}/backups"
        super().__init__({"type": "sftp", "host": "127.0.0.1", "port": self.sshd.port, "user": self.sshd.user,
                          "path": self.folder, "private_key": self.pem, "passphrase": None,
                          "known_hosts": self.sshd.path("known_hosts")})
        self.place = f"sftp://{self.sshd.user}@127.0.0.1:{self.sshd.port}{self.folder}"
        os.mkdir(f"{self.home}/.ssh")
        shutil.copy(self.sshd.path("known_hosts"), f"{self.home}/.ssh/known_hosts")
        self.options = ("--destination", self.place, "--private-key", f"file:{self.sshd.key}")


def restored(w, target):
    """The tree as it came back is the tree as it was."""
    found = run(["diff", "-r", w.tree, target], ok=True)
    equal(found.stdout, "")


def looks_around(w):
    w.make(FIRST, 1)
    w.make(SECOND, 2)
    listed = json.loads(w.there("list", "--json").stdout)["sets"]
    equal([(s["job"], s["id"], s["state"], s["destination"]) for s in listed],
          [("j", SECOND, "good", w.place), ("j", FIRST, "good", w.place)])
    shown = w.there("show").stdout
    contains(shown, f"j/{SECOND} at {w.place}: good")
    contains(w.there("show", f"j/{FIRST}").stdout, f"j/{FIRST} at")
    contains(w.there("ls").stdout, "folder/file")
    equal(w.there("dump", "j", "tree", "text").stdout, "a line\n" * 1000)
    contains(w.there("verify", "j").stdout, "verified: 1 set")
    contains(w.there("verify", "--all").stdout, "verified: 2 sets")
    w.there("export", f"j/{FIRST}", f"{w.home}/one.tar")
    contains(w.ctl("verify", f"{w.home}/one.tar", "--key", f"file:{w.home}/key", ok=True).stdout, "verified")
    w.there("restore", "--target", f"{w.home}/back", "--yes")
    restored(w, f"{w.home}/back")


@test(limit=240)
def everything_comes_back_from_a_bucket():
    looks_around(Bucket())


@test(limit=120)
def a_set_that_is_named_costs_no_look_at_the_others():
    w = Bucket()
    w.make(FIRST, 1)
    w.make(SECOND, 2)
    proxy = FaultyProxy(w.server.port)
    w.options = tuple(proxy.endpoint if o == w.server.endpoint else o for o in w.options)
    contains(w.there("verify", f"j/{FIRST}").stdout, "verified: 1 set")
    check(any(f"{FIRST}/manifest.json" in line for line in proxy.log))
    lacks(" ".join(line for line in proxy.log if line.startswith("GET")), f"{SECOND}/manifest.json")
    contains(w.there("verify", "j/20260102_020001", ok=False).stderr, f"the nearest is {SECOND}")


@test(limit=240)
def everything_comes_back_from_a_server():
    looks_around(Server())


@test
def a_bucket_needs_no_prefix_and_a_server_no_absolute_path():
    b = Bucket(prefix="")
    b.make(FIRST, 1)
    equal(b.place[-1], "/")
    contains(b.there("list").stdout, FIRST)
    s = Server()
    home = os.path.expanduser("~")
    s.make(FIRST, 1)
    s.options = ("--destination", f"sftp://{s.sshd.user}@127.0.0.1:{s.sshd.port}/~/{os.path.relpath(s.folder, home)}",
                 *s.options[2:])
    refused = s.there("list", ok=None)  # a path with .. is not taken; else it is found
    check(refused.returncode == 2 if ".." in s.options[1] else refused.returncode == 0, refused.stderr)


@test
def what_is_missing_is_said():
    w = Bucket()
    key = ("--key", f"file:{w.home}/key")

    def refused(*arguments):
        done = w.ctl("list", *arguments)
        equal(done.returncode, 2, done.stdout + done.stderr)
        return done.stderr

    endpoint = ("--endpoint", w.server.endpoint)
    contains(refused("--destination", w.place), "needs --key")
    contains(refused("--destination", w.place, *key), "needs --endpoint")
    contains(refused("--destination", w.place, *key, *endpoint), "needs --credentials")
    contains(refused("--destination", w.place, *key, *endpoint, "--credentials", w.credentials), "--insecure")
    contains(refused("--destination", "s3://", *key), "no bucket")
    contains(refused("--destination", "s3://b/../x", *key), "..")
    contains(refused("--destination", w.place, *key, "--endpoint", "ftp://x"), "--endpoint")
    contains(refused("--destination", w.place, *key, "--credentials", "none"), "is no secret")
    contains(refused("--destination", w.place, *key, "--credentials", rgw.SECRET_KEY), "--credentials")
    contains(refused("--destination", "sftp://host/path", *key), "sftp://USER@HOST[:PORT]/PATH")
    contains(refused("--destination", "sftp://u@/path", *key), "no host")
    contains(refused("--destination", "https://x.example.org/b", *key), "no place that synbak knows")
    contains(refused("--destination", "sftp://u@h:x/path", *key), "--destination")


@test
def a_wrong_prefix_and_a_wrong_key_are_said():
    w = Bucket()
    w.make(FIRST, 1)
    w.options = [word + "-other" if word == w.place else word for word in w.options]
    contains(w.there("list").stdout, "No sets lie there: is it the whole place, with its prefix")
    contains(w.there("restore", "j", "--target", f"{w.home}/x", "--yes", ok=None).stderr,
             f"no set of job \"j\" at {w.place}-other (is that the whole place, with its prefix")
    w.options = [word.removesuffix("-other") for word in w.options]
    contains(w.there("show", "j").stdout, "--target DIR, and the options that you gave here")
    w.file("key", "quite another key, and long enough")
    said = w.there("restore", "j", "--target", f"{w.home}/x", "--yes", ok=None).stderr
    equal(said.count(FIRST), 1, said)
    contains(said, "made with another key (give that one")


@test
def wrong_credentials_and_wrong_hosts_are_said():
    w = Bucket()
    w.make(FIRST, 1)
    w.file("credentials", f"{rgw.ACCESS_KEY}\nwrong-{rgw.SECRET_KEY}")
    done = w.there("list", ok=None)
    check(done.returncode != 0, done.stdout)
    lacks(done.stderr, rgw.SECRET_KEY)
    w.file("credentials", rgw.ACCESS_KEY)
    contains(w.there("list", ok=None).stderr, "not two lines")
    s = Server()
    s.make(FIRST, 1)
    os.unlink(f"{s.home}/.ssh/known_hosts")
    done = s.there("list", "--known-hosts", f"{s.home}/empty", ok=None)
    check(done.returncode != 0, done.stdout)


@test
def secrets_reach_no_argument_and_no_environment():
    w = Bucket()
    w.make(FIRST, 1)
    spy = f"{w.home}/spy"
    write_file(spy, f"#!/bin/sh\ntr '\\0' '\\n' </proc/self/environ >{w.home}/seen\n"
                    f"tr '\\0' '\\n' </proc/$$/cmdline >>{w.home}/seen\nexec {program('synbak-worker')} \"$@\"\n", 0o755)
    done = w.ctl("list", "--destination", w.place, "--endpoint", w.server.endpoint, "--insecure", "--credentials",
                 "env:OFFSITE", "--key", "env:KEY", ok=True, SYNBAK_WORKER=spy, KEY=KEY,
                 OFFSITE=f"{rgw.ACCESS_KEY}\n{rgw.SECRET_KEY}")
    contains(done.stdout, FIRST)
    with open(f"{w.home}/seen", encoding="utf-8") as f:
        seen = f.read()
    contains(seen, "PATH=")
    lacks(seen, rgw.SECRET_KEY)
    lacks(seen, KEY)


@test
def without_synbakd_a_configuration_names_it():
    w = Bucket()
    w.make(FIRST, 1)
    gone = f"{temp_dir()}/gone"
    write_file(f"{w.home}/none.conf", f"""[destination local]
warn_free = 0
path = {gone}
key = file:{w.home}/key
[destination offsite]
type = s3
endpoint = {w.server.endpoint}
insecure = yes
bucket = {w.bucket}
prefix = host1/db
credentials = {w.credentials}
key = file:{w.home}/key
[source tree]
type = files
path = {w.tree}
[job j]
sources = tree
destinations = local offsite
""", 0o600)
    done = w.ctl("restore", "j", "--target", f"{w.home}/back", "--yes", ok=True)
    contains(done.stderr, 'destination "local"')
    contains(done.stderr, 'looking at "offsite"')
    restored(w, f"{w.home}/back")
    contains(w.ctl("list", "--destination", "offsite", ok=True).stdout, FIRST)


run_all()
