#!/usr/bin/env python3
"""Fill a folder like a homeserver's media store: many small files, a few large ones, most of the
bytes incompressible as photos are. The same arguments give the same files.

  media_store.py FOLDER [--files N] [--bytes N[K|M|G]] [--seed N]
"""
import argparse
import random
import string
from pathlib import Path

PHOTO_SHARE = 0.85  # of files; the rest is text
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def content(rng, size, words):
    if rng.random() < PHOTO_SHARE:
        return rng.randbytes(size)
    lines = []
    length = 0
    while length < size:
        line = " ".join(rng.choices(words, k=12)) + "\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[:size]


def media_path(root, rng):
    name = "".join(rng.choices(string.ascii_letters, k=24))
    if rng.random() < 0.6:
        return root / "local_content" / name[:2] / name[2:4] / name[4:]
    return root / "local_thumbnails" / name[:2] / name[2:4] / name[4:] / "320-240-image-jpeg-scale"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--bytes", type=parse_size, default=parse_size("20M"))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(3000)]
    weights = [rng.lognormvariate(0, 1.6) for _ in range(args.files)]
    scale = args.bytes / sum(weights)
    for weight in weights:
        path = media_path(args.folder, rng)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(rng, max(64, int(weight * scale)), words))


if __name__ == "__main__":
    main()
