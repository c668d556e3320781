#!/usr/bin/env python3
"""Fill a folder like a homeserver's media store: many small files, a few large ones, most of the
bytes incompressible as photos are. The same arguments give the same files. Or age such a folder by a day:
some files more, some fewer, some written anew.

  media_store.py FOLDER [--files N] [--bytes N[K|M|G]] [--seed N]
  media_store.py FOLDER --age [--add N] [--remove N] [--rewrite N] [--seed N]
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


def fill(root, rng, words, files, size):
    weights = [rng.lognormvariate(0, 1.6) for _ in range(files)]
    scale = size / sum(weights)
    for weight in weights:
        path = media_path(root, rng)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(rng, max(64, int(weight * scale)), words))


def age(root, rng, words, add, remove, rewrite):
    present = sorted(path for path in root.rglob("*") if path.is_file())
    mean = sum(path.stat().st_size for path in present) // max(1, len(present))
    chosen = rng.sample(present, remove + rewrite)
    for path in chosen[:remove]:
        path.unlink()
    for path in chosen[remove:]:
        path.write_bytes(content(rng, path.stat().st_size, words))
    fill(root, rng, words, add, mean * add)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--bytes", type=parse_size, default=parse_size("20M"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--age", action="store_true")
    parser.add_argument("--add", type=int, default=200)
    parser.add_argument("--remove", type=int, default=20)
    parser.add_argument("--rewrite", type=int, default=20)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(3000)]
    if args.age:
        age(args.folder, rng, words, args.add, args.remove, args.rewrite)
    else:
        fill(args.folder, rng, words, args.files, args.bytes)


if __name__ == "__main__":
    main()
