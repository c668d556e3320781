#!/usr/bin/env python3
"""A media store of 20,000 files and 2 GB: backup and restore against tar."""
import os
import shutil
import subprocess

from measure import Side, compare, report, shell
from harness import ROOT, _undo, _of_file, note, temp_dir, write_file
from jobs import Place
from worker_jobs import files_source

FILES = os.environ.get("SYNBAK_BENCH_FILES", "20000")
BYTES = os.environ.get("SYNBAK_BENCH_BYTES", "2G")


def main():
    work = temp_dir(whole_file=True)
    media = f"{work}/media"
    subprocess.run(["python3", f"{ROOT}/etc/demo/media_store.py", media, "--files", FILES, "--bytes", BYTES], check=True)
    key = subprocess.run(["openssl", "rand", "-base64", "32"], check=True, capture_output=True, text=True).stdout.strip()
    key_file = write_file(f"{work}/key", key + "\n", 0o600)
    source, ours, last = files_source(media), Place(f"{work}/backups", key), {}
    ours.empty()

    def forget(*names):
        for name in names:
            path = f"{work}/{name}"
            shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.unlink(path)

    sides = [
        Side("tar | cat > FILE; sync", lambda: shell(f"cd {media} && tar c . | cat > {work}/tar && sync {work}/tar"),
             lambda: forget("tar")),
        Side("synbak", lambda: last.update(id=ours.backup("archive", source)), ours.empty),
        Side("tar cz | openssl", lambda: shell(
            f"cd {media} && tar cz . | openssl enc -aes-256-cbc -pbkdf2 -pass file:{key_file} > {work}/pipe"),
            lambda: forget("pipe")),
    ]
    compare("media store", sides, [("synbak", "tar | cat > FILE; sync", 1.3, "at most"),
                                   ("synbak", "tar cz | openssl", 5, "at least")])
    note(f"stored {ours.stored(last['id'], '.tar.gz.enc') / 1e6:.0f} MB; peak memory of a worker {ours.peak:.0f} MiB, wanted at most 64")
    report(1, "backup")

    artifact = f"{ours.folder}/bench/{last['id']}/media/media.tar.gz.enc"
    sides = [
        Side("openssl | gunzip | tar x; sync", lambda: shell(
            f"mkdir {work}/stock && openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 -pass file:{key_file} "
            f"-in {artifact} | gunzip | tar x -C {work}/stock && sync -f {work}/stock"), lambda: forget("stock")),
        Side("synbak restore", lambda: ours.restore(last["id"], [source], mode="target", target=f"{work}/back"),
             lambda: forget("back")),
    ]
    compare("restore of the media store", sides, [("synbak restore", "openssl | gunzip | tar x; sync", 1.2, "at most")])
    report(2, "restore")


try:
    main()
finally:
    _undo(_of_file)
