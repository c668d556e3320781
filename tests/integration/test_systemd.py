#!/usr/bin/env python3
"""The unit under a real systemd: installation, socket activation, credential, notification, reload,
journal fields, sandbox, watchdog, clean stop. tests/integration/systemd_suite.sh runs inside."""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
from harness import RELEASE, ROOT, check, equal, note, run, run_all, temp_dir, test  # noqa: E402
from systemd_boot import boot  # noqa: E402


@test
def unit_under_systemd():
    if os.geteuid() != 0:
        harness.skip("booting systemd needs root")
    folder = temp_dir()
    run(["cmake", "--install", RELEASE], ok=True, env={**os.environ, "DESTDIR": f"{folder}/root"})
    shutil.copy(f"{ROOT}/tests/integration/systemd_suite.sh", f"{folder}/suite.sh")
    output = boot(folder)
    results = re.findall(r"^(ok|not ok) (.*)$", output, re.M)
    for word, name in results:
        if word == "ok":
            note(f"inside: {name}")
    check(results and all(word == "ok" for word, _ in results) and "suite done" in output, output)


@test
def exposure_is_at_most_two():
    folder = temp_dir()
    run(["cmake", "--install", RELEASE], ok=True, env={**os.environ, "DESTDIR": folder})
    unit = [os.path.join(d, f) for d, _, fs in os.walk(folder) for f in fs if f == "synbakd.service"]
    equal(len(unit), 1)
    done = run(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit[0]])
    score = re.search(r"exposure level for synbakd.service: (\S+)", done.stdout)
    note(f"exposure {score[1]}, 2.0 wanted at most")
    equal(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    run_all()
