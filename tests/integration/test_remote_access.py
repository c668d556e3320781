#!/usr/bin/env python3
"""Every way in that a configuration can name, end to end: SSH agent and passphrase, a bucket's name in the host's,
a certificate of one's own, credentials from the environment, systemd and a command. Each makes a set there alone,
and a restore brings it back; where a bare machine has the same way in, it is tried, too."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import rgw  # noqa: E402
import sshd  # noqa: E402
from daemon_client import Daemon  # noqa: E402
from harness import contains, equal, lacks, program, run, run_all, temp_dir, test, write_file  # noqa: E402

JOB = "[job j]\nsources = out\ndestinations = far\n"
SECRET = f"{rgw.ACCESS_KEY}\n{rgw.SECRET_KEY}\n"


def ctl(d, *words, socket=None, ok=True, **env):
    env = {**d.environment(), "SYNBAK_SOCKET": socket or d.socket, "SYNBAK_CONFIG": d.conf, **env}
    return run([program("synbakctl"), *words], env=env, ok=ok)


def way_in(section, **env):
    """A set made at the destination alone, listed and brought back through the daemon and without it; the daemon."""
    d = Daemon(jobs=f"[destination far]\nkey = none\n{section}\n{JOB}", worker=program("synbak-worker"), **env)
    equal(d.trigger()["outcome"], "good")
    for number, socket in enumerate((d.socket, "/nonexistent")):
        target = f"{d.dir}/back{number}"
        ctl(d, "restore", "j", "--target", target, "--yes", socket=socket)
        equal(came_back(target), b"hello\n")
    return d


def came_back(target):
    [name] = os.listdir(target)
    with open(f"{target}/{name}", "rb") as f:
        return f.read()


def bare(d, *options, **env):
    """From the options alone."""
    target = f"{d.dir}/bare"
    env = {"SYNBAK_CONFIG": "/nonexistent", **env}
    ctl(d, "restore", "j", *options, "--key", "none", "--target", target, "--yes", socket="/nonexistent", **env)
    equal(came_back(target), b"hello\n")


# --- buckets ---

def bucket(credentials, **options):
    server = rgw.shared()
    options = {"endpoint": server.endpoint, "insecure": "yes", "bucket": server.bucket(), **options}
    lines = "".join(f"{k} = {v}\n" for k, v in options.items() if v)
    return f"type = s3\n{lines}credentials = {credentials}\n"


def file_of(text, mode=0o600):
    return write_file(f"{temp_dir()}/secret", text, mode)


@test
def credentials_from_a_file():
    way_in(bucket("file:" + file_of(SECRET)))


@test
def credentials_from_the_environment():
    d = way_in(bucket("env:OFFSITE"), OFFSITE=SECRET)
    with open(f"/proc/{d.process.pid}/environ", "rb") as f:
        lacks(f.read(), rgw.SECRET_KEY.encode())


@test
def credentials_from_systemd():
    folder = temp_dir()
    write_file(f"{folder}/offsite", SECRET, 0o400)
    way_in(bucket("credential:offsite"), CREDENTIALS_DIRECTORY=folder)


@test
def credentials_from_a_command():
    script = file_of(f"#!/bin/sh\nprintf '%s\\n' {rgw.ACCESS_KEY} {rgw.SECRET_KEY}\n", 0o700)
    d = way_in(bucket(f"command:{script}"))
    write_file(script, "#!/bin/sh\necho the vault is sealed >&2\nexit 1\n", 0o700)
    done = ctl(d, "restore", "j", "--target", f"{d.dir}/other", "--yes", socket="/nonexistent", ok=False)
    contains(done.stderr, "the vault is sealed")


@test
def the_name_of_the_bucket_in_the_host_and_a_certificate_of_ones_own():
    server, credentials = rgw.shared(), file_of(SECRET)
    name = server.bucket()
    d = way_in(bucket(f"file:{credentials}", bucket=name, prefix="host1", endpoint=server.tls_endpoint, insecure=None,
                      style="virtual", ca_file=server.ca_file))
    bare(d, "--destination", f"s3://{name}/host1", "--endpoint", server.tls_endpoint, "--virtual-host",
         "--ca-file", server.ca_file, "--credentials", f"file:{credentials}")
    done = ctl(d, "list", "--destination", f"s3://{name}/host1", "--endpoint", server.tls_endpoint, "--credentials",
               f"file:{credentials}", "--key", "none", socket="/nonexistent", ok=False)
    contains(done.stderr, "certificate is not trusted")
    contains(done.stderr, "set ca_file")


# --- SSH servers ---

def server_section(server, *lines):
    return "\n".join(("type = sftp", "host = 127.0.0.1", f"port = {server.port}", f"user = {server.user}",
                      f"path = {server.root}/backups", f"known_hosts = {server.path('known_hosts')}", *lines)) + "\n"


def place_of(server):
    return f"sftp://{server.user}@127.0.0.1:{server.port}{server.root}/backups"


@test
def a_private_key_with_a_passphrase():
    server = sshd.Sshd()
    key, phrase = server.make_key("locked", passphrase="open sesame"), file_of("open sesame\n")
    server.authorize(key)
    d = way_in(server_section(server, f"private_key = file:{key}", f"passphrase = file:{phrase}"))
    bare(d, "--destination", place_of(server), "--private-key", f"file:{key}", "--passphrase", f"file:{phrase}",
         "--known-hosts", server.path("known_hosts"))
    write_file(phrase, "open barley\n", 0o600)
    done = ctl(d, "restore", "j", "--target", f"{d.dir}/other", "--yes", socket="/nonexistent", ok=False)
    contains(done.stderr, "passphrase")
    lacks(done.stderr, "barley")


@test
def a_key_that_an_agent_holds():
    server = sshd.Sshd()
    socket = f"{server.folder}/agent"
    harness.start(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    harness.wait_until(lambda: os.path.exists(socket), "ssh-agent")
    run(["ssh-add", "-q", server.key], env={**os.environ, "SSH_AUTH_SOCK": socket}, ok=True)
    d = way_in(server_section(server), SSH_AUTH_SOCK=socket)
    bare(d, "--destination", place_of(server), "--known-hosts", server.path("known_hosts"), SSH_AUTH_SOCK=socket)
    done = ctl(d, "restore", "j", "--target", f"{d.dir}/other", "--yes", socket="/nonexistent", ok=False,
               SSH_AUTH_SOCK=f"{socket}-gone")
    contains(done.stderr, "no agent answers")


run_all()
