#!/usr/bin/env python3
"""README's first section, every command as it is printed, under a real systemd with a real PostgreSQL.
tests/integration/readme_suite.sh runs inside."""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import RELEASE, ROOT, check, equal, note, run, run_all, temp_dir, test, write_file  # noqa: E402
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


if __name__ == "__main__":
    run_all()
