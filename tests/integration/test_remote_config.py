#!/usr/bin/env python3
"""A bucket and an SSH server in the configuration: what doctor finds about them, what the unit needs, who may
delete, and which destination a restore reads. Against a real radosgw."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw  # noqa: E402
import sshd  # noqa: E402
from daemon_client import Daemon  # noqa: E402
from harness import check, contains, equal, lacks, program, run, run_all, temp_dir, test, wait_until, write_file  # noqa: E402

READ_AND_PUT = ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload",
                "s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads", "s3:GetBucketVersioning",
                "s3:GetBucketObjectLockConfiguration", "s3:GetLifecycleConfiguration"]
JOB = "[job j]\nsources = out\ndestinations = local offsite\nmanual = keep 1\n"
ALL_EXPIRES = ("<LifecycleConfiguration><Rule><ID>tidy</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
               "<Expiration><Days>7</Days></Expiration></Rule></LifecycleConfiguration>")
OLD_EXPIRES = ("<LifecycleConfiguration><Rule><ID>old</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
               "<NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration>"
               "</Rule></LifecycleConfiguration>")
VERSIONS = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


class Place:
    """A bucket as a destination of the configuration, with the credentials in a file."""

    def __init__(self, lock=False, user=None):
        self.server, self.dir = rgw.shared(), temp_dir()
        self.bucket = self.server.bucket(lock=lock)
        self.credentials = f"{self.dir}/credentials"
        self.use(rgw.ACCESS_KEY, rgw.SECRET_KEY)

    def use(self, key, secret):
        self.key = {"key": key, "secret": secret}
        write_file(self.credentials, f"{key}\n{secret}\n", 0o600)

    def limited(self, name):
        """The credentials of somebody who may read and put and nothing else."""
        self.use(*self.server.user(name))
        self.server.policy(self.bucket, name, READ_AND_PUT)

    def section(self, extra="", name="offsite", prefix="host1"):
        return (f"[destination {name}]\ntype = s3\nendpoint = {self.server.endpoint}\ninsecure = yes\n"
                f"bucket = {self.bucket}\nprefix = {prefix}\ncredentials = file:{self.credentials}\nkey = none\n{extra}\n")

    def get(self, name):
        status, _, body = self.server.request("GET", f"/{self.bucket}/{name}", **self.key)
        equal(status, 200, body)
        return body

    def keys(self):
        _, _, body = self.server.request("GET", f"/{self.bucket}", {"list-type": "2", "max-keys": "1000"})
        return [part.split("</Key>")[0] for part in body.decode().split("<Key>")[1:]]


def doctor(place, extra=""):
    """The findings about the bucket, as {level: text}."""
    d = f"{temp_dir()}/conf"
    write_file(d, place.section(extra), 0o600)
    done = run([program("synbakctl"), "doctor", "--json", "--config", d],
               env={**os.environ, "SYNBAK_WORKER": program("synbak-worker"), "SYNBAK_SOCKET": f"{place.dir}/none"})
    found = {"error": "", "warning": "", "note": ""}
    for finding in json.loads(done.stdout)["findings"]:
        found[finding["level"]] += finding["what"] + " | " + finding["do"] + "\n"
    return found


@test(limit=240)
def doctor_says_what_a_bucket_means():
    p = Place()
    found = doctor(p)
    lacks(found["error"], "offsite")
    contains(found["warning"], "insecure = yes")
    contains(found["note"], "neither versions nor object lock")
    contains(doctor(p, "delete = no")["warning"], "the credentials may delete: whoever takes this machine over can, too")
    contains(doctor(p, "lock = 30d")["error"], "has no object lock, so that every put is refused")
    p.server.setting(p.bucket, "versioning", VERSIONS)
    contains(doctor(p)["warning"], "nothing removes old ones")
    p.server.setting(p.bucket, "lifecycle", OLD_EXPIRES)
    lacks(doctor(p)["warning"], "nothing removes old ones")
    p.server.setting(p.bucket, "lifecycle", ALL_EXPIRES)
    contains(doctor(p)["error"], "it deletes sets that retention keeps")


@test(limit=120)
def doctor_says_what_the_credentials_may():
    p = Place()
    p.limited("reader")
    found = doctor(p)
    contains(found["warning"], "may not delete, so that retention fails")
    contains(found["warning"], "without versioning that destroys as well")
    found = doctor(p, "delete = no")
    lacks(found["warning"], "may not delete")
    contains(found["note"], "cannot delete, as is wanted")
    p.use(*p.server.user("stranger"))
    found = doctor(p)
    contains(found["error"], "destination \"offsite\"")
    lacks(found["error"], "install -d")


@test(limit=240)  # what does not answer is asked for a while
def doctor_says_why_a_place_cannot_be_opened():
    p = Place()
    write_file(p.credentials, f"{rgw.ACCESS_KEY}\n", 0o600)  # the second line is missing
    contains(doctor(p)["error"], "credentials: not two lines")
    p.use(rgw.ACCESS_KEY, "wrong")
    found = doctor(p)["error"]
    contains(found, "the signature does not match (check the second line of credentials")
    equal(found.count("offsite"), 1, found)
    p.use(rgw.ACCESS_KEY, rgw.SECRET_KEY)
    p.server = type("Elsewhere", (), {"endpoint": "http://127.0.0.1:1"})
    contains(doctor(p)["error"], "(is the service up, and the port open?)")


@test
def doctor_looks_at_a_server():
    server, place = sshd.Sshd(), Place()
    place.section = lambda extra="": (
        f"[destination nas]\ntype = sftp\nhost = 127.0.0.1\nport = {server.port}\nuser = {server.user}\n"
        f"path = {server.root}/of this host\nprivate_key = file:{server.key}\nkey = none\n{extra}\n")
    known = f"known_hosts = {server.path('known_hosts')}"
    found = doctor(place, known)
    lacks(found["error"], "nas")
    contains(found["warning"], f"there is no folder '{server.root}/of this host' on the server yet")
    os.mkdir(f"{server.root}/of this host", 0o700)
    lacks(doctor(place, known)["warning"], "there is no folder")
    found = doctor(place, f"known_hosts = {server.folder}/not there")["error"]
    contains(found, f"ssh-keyscan -p {server.port} 127.0.0.1 >>'{server.folder}/not there'")
    equal(found.count("ssh-keyscan"), 1, found)
    lacks(found, "correct the options")


@test
def doctor_knows_a_bucket_with_object_lock():
    p = Place(lock=True)
    contains(doctor(p)["note"], "nothing is locked")
    lacks(doctor(p, "lock = 1d")["error"], "object lock")


def sets_at(d, destination):
    return sorted(s["id"] for s in d.call("list", job="j")["sets"] if s["destination"] == destination)


def ctl(conf, *arguments, ok=None):
    return run([program("synbakctl"), *arguments, "--config", conf], ok=ok, stdin=None,
               env={**os.environ, "SYNBAK_WORKER": program("synbak-worker"), "SYNBAK_SOCKET": "/nonexistent"})


@test(limit=240)
def deletion_belongs_to_another_identity():
    p = Place()
    p.limited("keeper")
    d = Daemon(jobs=p.section("delete = no\nfeed = live") + JOB, worker=program("synbak-worker"))
    made = [d.trigger()["id"] for _ in range(3)]
    wait_until(lambda: sets_at(d, "local") == made[-1:], "retention at the local destination")
    wait_until(lambda: len(sets_at(d, "offsite")) == 3, "all sets off-site")
    plans = {j["destination"]: j for j in d.call("prune", dry_run=True)["jobs"]}
    equal((plans["offsite"]["deletes"], len(plans["offsite"]["remove"]), plans["local"]["deletes"]), (False, 2, True))
    env = {**os.environ, "SYNBAK_SOCKET": d.socket}
    contains(run([program("synbakctl"), "prune", "--dry-run"], ok=True, env=env).stdout, "left to another identity")
    lines = {line["destination"]: line["why"] for line in d.call("explain", job="j", id=made[0])["lines"]}
    contains(lines["offsite"], "delete = no leaves that to another identity")
    d.call("prune")
    equal(len(sets_at(d, "offsite")), 3)

    # elsewhere: the same rules, and credentials that may delete (the objects belong to who put them)
    p.server.policy(p.bucket, "keeper", [*READ_AND_PUT, "s3:DeleteObject"])
    other = f"{p.dir}/other.conf"
    rest = f"[source out]\ntype = command\ncommand = echo hello\n{JOB.replace('local ', '')}"
    write_file(other, p.section() + rest, 0o600)
    marker = p.get("host1/synbak-destination.json")
    refused = ctl(other, "prune", "--destination", "offsite")
    equal(refused.returncode, 5, refused.stderr)
    contains(refused.stderr, "--yes")
    contains(ctl(other, "prune", "--destination", "offsite", "--dry-run", ok=True).stdout, f"j/{made[0]} at offsite: goes")
    equal(sum(k.endswith("/manifest.json") for k in p.keys()), 3)
    contains(ctl(other, "prune", "j", "--destination", "offsite", "--yes", ok=True).stdout, "2 sets deleted at offsite")
    equal([k.split("/")[2] for k in p.keys() if k.endswith("/manifest.json")], made[-1:])
    equal(p.get("host1/synbak-destination.json"), marker)
    contains(ctl(other, "prune", "--destination", "offsite", "--yes", ok=True).stdout, "nothing to delete")
    d.call("rescan")
    equal(sets_at(d, "offsite"), made[-1:])
    equal(d.stop(), 0)


@test
def prune_elsewhere_refuses_what_is_not_its_own():
    p = Place()
    conf = f"{p.dir}/conf"
    rest = f"[source out]\ntype = command\ncommand = echo hello\n{JOB.replace('local ', '')}"
    write_file(conf, p.section("delete = no") + rest, 0o600)
    done = ctl(conf, "prune", "--destination", "offsite", "--yes")
    equal(done.returncode, 5, done.stderr)
    contains(done.stderr, "delete = no")
    contains(ctl(conf, "prune", "--destination", "nowhere").stderr, 'no destination "nowhere"')
    contains(ctl(conf, "prune", "x", "--destination", f"s3://{p.bucket}/host1", "--key", "none", "--endpoint",
                 p.server.endpoint, "--insecure", "--credentials", f"file:{p.credentials}").stderr, 'no job "x"')
    contains(ctl(f"{p.dir}/none", "prune", "--destination", "offsite").stderr, "--config FILE")


@test(limit=120)
def a_restore_reads_what_is_near_and_there():
    p = Place()
    d = Daemon(jobs=p.section("feed = live") + JOB, worker=program("synbak-worker"))
    made = d.trigger()["id"]
    begun = d.call("restore-begin", job="j")
    equal((begun["destination"], begun["elsewhere"], begun["store"]["type"]), ("local", ["offsite"], "directory"))
    equal(d.call("restore-begin", job="j", destination="offsite")["elsewhere"], [])
    env = {**os.environ, "SYNBAK_SOCKET": d.socket, "SYNBAK_WORKER": program("synbak-worker")}
    near = run([program("synbakctl"), "dump", "j", "out"], ok=True, env=env)
    equal((near.stdout, near.stderr), ("hello\n", ""))
    os.rename(d.backups, d.backups + ".away")
    far = run([program("synbakctl"), "dump", f"j/{made}", "out"], ok=True, env=env)
    equal(far.stdout, "hello\n")
    contains(far.stderr, 'looking at "offsite"')
    os.rename(d.backups + ".away", d.backups)
    shown = run([program("synbakctl"), "show", "j", "--destination", "offsite"], ok=True, env=env).stdout
    contains(shown, f"s3://{p.bucket}/host1/j/{made}")
    lacks(shown, d.backups)
    equal([x["place"] for x in d.call("status")["destinations"]], [d.backups, f"s3://{p.bucket}/host1"])
    equal(d.stop(), 0)


@test
def without_synbakd_the_rest_is_shown_when_one_place_is_away():
    p = Place()
    d = Daemon(jobs=p.section() + JOB, worker=program("synbak-worker"))
    made = d.trigger()["id"]
    wait_until(lambda: sets_at(d, "offsite") == [made], "the copy")
    equal(d.stop(), 0)
    with open(d.conf, encoding="utf-8") as f:
        text = f.read()
    write_file(d.conf, text.replace(p.bucket, "no-such-bucket"), 0o600)
    done = ctl(d.conf, "list", ok=True)
    contains(done.stdout, f"j/{made}")
    contains(done.stderr, "not looked at: ")
    contains(done.stderr, "there is no bucket")
    contains(ctl(d.conf, "show", "j", ok=True).stdout, f"j/{made} at local: good")
    check(ctl(d.conf, "list", "--destination", "offsite").returncode != 0, "an empty list was shown for one that is away")
    contains(ctl(d.conf, "list", "--destination", "elsewhere").stderr, "no destination \"elsewhere\"")
    contains(ctl(d.conf, "show", "j/20200101_000000").stderr, "(synbakctl list shows all)")
    plan = ctl(d.conf, "restore", "j", "--target", f"{p.dir}/back", "--yes", "--json", ok=True).stderr
    lacks(plan, "\\x0a")


@test
def the_unit_needs_no_path_for_what_is_elsewhere():
    conf = f"{temp_dir()}/conf"
    write_file(conf, """[destination offsite]
type = s3
endpoint = https://s3.example.org
bucket = b
credentials = credential:offsite
ca_file = /home/alice/ca.pem
key = none
[destination nas]
type = sftp
host = nas
user = synbak
path = backups
key = none
[destination other]
type = sftp
host = other
user = synbak
path = backups
private_key = env:SSHKEY
passphrase = credential:phrase
key = none
""", 0o600)
    text = ctl(conf, "config", "sandbox", ok=True).stdout
    lacks(text, "ReadWritePaths")
    contains(text, "LoadCredential=offsite:/etc/synbak/offsite")
    contains(text, "LoadCredential=phrase:/etc/synbak/phrase")
    contains(text, "put SSHKEY=")
    contains(text, 'destination "nas" has no private_key')
    lacks(text, 'destination "other" has no private_key')
    card = ctl(conf, "key", "card").stdout
    contains(card, "s3://b")
    contains(card, "--endpoint https://s3.example.org --region us-east-1 --ca-file CERTIFICATES --credentials file:CREDENTIALS")
    contains(card, "sftp://synbak@nas/~/backups")


@test
def credentials_that_are_gone_cost_only_their_destination():
    p = Place()
    d = Daemon(jobs=p.section("feed = live") + JOB, worker=program("synbak-worker"))
    os.unlink(p.credentials)
    result = d.trigger()
    told = {x["destination"]: x for x in result["destinations"]}
    equal(sets_at(d, "local"), [result["id"]])
    equal(sets_at(d, "offsite"), [])
    contains(json.dumps(told.get("offsite", {})) + d.log(), "credentials")
    equal(d.stop(), 0)


@test
def a_key_that_is_gone_never_means_that_there_is_none():
    folder = temp_dir()
    os.mkdir(f"{folder}/vault", 0o700)
    write_file(f"{folder}/key", "a-key-of-this-test-0123456789\n", 0o600)
    d = Daemon(jobs=f"[destination offsite]\npath = {folder}/vault\nkey = file:{folder}/key\n" + JOB,
               worker=program("synbak-worker"))
    os.unlink(f"{folder}/key")
    result = d.trigger()
    equal(sets_at(d, "local"), [result["id"]])
    equal(os.listdir(f"{folder}/vault"), [])
    contains(d.log(), f"{folder}/key")
    equal(d.stop(), 0)


@test
def config_check_says_what_goes_where():
    p = Place()
    conf = f"{p.dir}/conf"
    rest = f"[source out]\ntype = command\ncommand = echo hello\n{JOB.replace('local ', '')}"
    write_file(conf, p.section("delete = no") + rest, 0o600)
    said = ctl(conf, "config", "check", ok=True).stdout
    contains(said, f"offsite: s3://{p.bucket}/host1, fed by copy, nothing is deleted there")


@test
def a_worker_is_told_all_that_opens_a_place():
    p = Place()
    d = Daemon(jobs=p.section("upload_limit = 1M 08:00-18:00, 20M\nparallel = 2\nfeed = live\nlock = 30d") + JOB)
    d.trigger()
    store = next(s for s in d.jobs_seen("command")[0]["stores"] if s["type"] == "s3")
    equal((store["bucket"], store["prefix"], store["access_key"], store["secret_key"], store["session_token"]),
          (p.bucket, "host1", rgw.ACCESS_KEY, rgw.SECRET_KEY, None))
    equal((store["parallel"], store["lock_s"], store["lock_mode"]), (2, 30 * 86400, "compliance"))
    rates = store["upload_rate"]
    check(len(rates) > 30, rates)
    check(all(a["from"] < b["from"] for a, b in zip(rates, rates[1:])), rates)
    equal({r["bytes_per_second"] for r in rates}, {1 << 20, 20 << 20})
    equal({r["from"] % 86400 // 3600 for r in rates[1:]}, {8, 18})
    lacks(d.log(), rgw.SECRET_KEY)
    equal(d.stop(), 0)


run_all()
