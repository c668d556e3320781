#!/usr/bin/env python3
"""README's first section, every command as it is printed, under a real systemd with a real PostgreSQL.
tests/integration/readme_suite.sh runs inside."""
import os
import re
import shlex
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import rgw  # noqa: E402
from deployment import Deployment  # noqa: E402
from harness import (RELEASE, ROOT, check, contains, equal, note, program, run, run_all,  # noqa: E402
                     temp_dir, test, write_file)
from systemd_boot import boot  # noqa: E402


def first_section():
    """Its configuration, and its blocks of commands."""
    with open(f"{ROOT}/README.md", encoding="utf-8") as f:
        section = f.read().split("\n## ")[1]
    configuration = re.findall(r"```ini\n(.*?)```", section, re.S)
    blocks = re.findall(r"```sh\n(.*?)```", section, re.S)
    equal((len(configuration), len(blocks)), (1, 3), "the first section's blocks")
    return configuration[0], blocks


@test
def first_screen_as_printed():
    if os.geteuid() != 0:
        harness.skip("booting systemd needs root")
    folder = temp_dir()
    run(["cmake", "--install", RELEASE], ok=True, env={**os.environ, "DESTDIR": f"{folder}/root"})
    for name in ("tests/integration/readme_suite.sh", "tests/integration/readme_terminal.py",
                 "etc/demo/homeserver.sql", "etc/demo/media_store.py"):
        shutil.copy(f"{ROOT}/{name}", folder)
    os.rename(f"{folder}/readme_suite.sh", f"{folder}/suite.sh")
    configuration, blocks = first_section()
    write_file(f"{folder}/synbak.conf", configuration)
    for i, block in enumerate(blocks, 1):
        write_file(f"{folder}/{i}.sh", block.rstrip("\n"))
    output = boot(folder)
    results = re.findall(r"^(ok|not ok) (.*)$", output, re.M)
    for word, name in results:
        if word == "ok":
            note(f"inside: {name}")
    check(results and all(word == "ok" for word, _ in results) and "suite done" in output, output)


@test
def second_copy_elsewhere_as_printed():
    """The bucket is made first, as its owner does; names of this machine stand in for the printed ones."""
    server, d = rgw.shared(), Deployment(start=False)
    equal(server.request("PUT", "/example-backup")[0], 200)
    with open(f"{ROOT}/README.md", encoding="utf-8") as f:
        section = f.read().split("\n## A second copy elsewhere\n")[1].split("\n## ")[0]
    [printed], [command] = (re.findall(f"```{kind}\n(.*?)```", section, re.S) for kind in ("ini", "sh"))
    destination, job = printed.split("[job synapse]\n")
    equal(job.split(" = ")[0], "destinations")
    text = first_section()[0].replace("destinations = local\n", job) + destination
    credentials = write_file(f"{d.dir}/offsite", f"{rgw.ACCESS_KEY}\n{rgw.SECRET_KEY}\n", 0o600)
    stands_for = {"https://s3.example.org": server.tls_endpoint, "/etc/synbak/offsite.credentials": credentials,
                  "/etc/synbak/key": d.key_file, "/var/backups/synbak": d.backups,
                  "/var/lib/matrix-synapse/media": d.media, "postgresql:///synapse": d.cluster.uri("synapse"),
                  "/root/credentials": credentials, "/root/key": d.key_file, "/srv/restored": f"{d.dir}/restored",
                  "prefix = ": f"ca_file = {server.ca_file}\nprefix = "}
    for old, new in stands_for.items():
        text, command = text.replace(old, new), command.replace(old, new)
    write_file(d.conf, f"[daemon]\nstate_dir = {d.state}\nsocket = {d.socket}\n{text}", 0o600)
    d.ctl("config", "check", ok=True)
    d.start()
    equal(d.ctl("trigger", "synapse", "--wait", ok=True).stdout.count("local, offsite"), 1)
    doctor = d.ctl("doctor").stdout
    contains(doctor, "delete = no, but the credentials may delete")
    contains(doctor, "the bucket has neither versions nor object lock")
    d.stop()
    shutil.rmtree(d.backups)
    words = [w for w in shlex.split(command.replace("\\\n", " ")) if w != "sudo"]
    equal(words.pop(0), "synbakctl")
    bare = {"PATH": os.environ["PATH"], "SYNBAK_WORKER": program("synbak-worker"), "SYNBAK_CONFIG": "/nonexistent"}
    d.ctl(*words, "--ca-file", server.ca_file, "--yes", "--socket", "/nonexistent", ok=True, env=bare)
    equal(d.media_sums(f"{d.dir}/restored/media"), d.media_sums())


if __name__ == "__main__":
    run_all()
