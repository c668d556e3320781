#!/usr/bin/env python3
"""What each program is linked with: the daemon moves no data, the face does nothing itself, the worker has no loop."""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SYNBAK_BUILD", ROOT / "build"))
DATA = ("libcurl", "libssh2", "libexpat", "libpq", "libz", "libisal", "libarchive")
FORBIDDEN = {"synbakd": DATA, "synbakctl": DATA + ("libuv", "libsystemd"), "synbak-worker": ("libuv", "libsystemd")}


def needed(program):
    done = subprocess.run(["readelf", "-d", str(BUILD / "bin" / program)], capture_output=True, text=True, check=True)
    return [line.split("[")[1].rstrip("]") for line in done.stdout.splitlines() if "(NEEDED)" in line]


failed = 0
for number, (program, names) in enumerate(FORBIDDEN.items(), 1):
    wrong = [library for library in needed(program) if library.startswith(tuple(n + "." for n in names))]
    failed += bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} {number} - {program} is linked with nothing that is not its own")
    for library in wrong:
        print(f"# {program} is linked with {library}")
sys.exit(failed > 0)
