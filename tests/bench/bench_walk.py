#!/usr/bin/env python3
"""The walk alone of a media store of which everything is known, against find, which looks at as much."""
import os
import subprocess

from measure import Side, compare, report, shell
from harness import ROOT, _undo, _of_file, program, temp_dir

FILES = os.environ.get("SYNBAK_BENCH_FILES", "20000")


def main():
    media = f"{temp_dir(whole_file=True)}/media"
    subprocess.run(["python3", f"{ROOT}/etc/demo/media_store.py", media, "--files", FILES, "--bytes", "40M"], check=True)
    find = f"find {media} -printf '%p %s %T@ %C@ %i\\n' > /dev/null"
    sides = [Side("find -printf", lambda: shell(find))]
    for helpers in (0, 1, 2):
        sides.append(Side(f"walk, {helpers} helpers", lambda n=helpers: subprocess.run(
            [program("walk_tree"), str(n), media], check=True, stdout=subprocess.DEVNULL)))
    compare("walk of an unchanged tree", sides, [("walk, 1 helpers", "find -printf", 1, "at most")])
    report(1, "walk")


try:
    main()
finally:
    _undo(_of_file)
