#!/usr/bin/env python3
"""A reader of synbak's plain format, written from docs/plain-format.md alone.

  plain_reader.py [--key FILE] SET              verify every byte of a set
  plain_reader.py [--key FILE] SET --to DIR     and write its content to DIR/SOURCE/NAME

SET is the folder of a set or an exported tar file. Needs the openssl program for AES, nothing else.
"""
import argparse
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import zlib

SEGMENT = 16 << 20
ROUNDS = 600000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")
FILE = re.compile(r"[A-Za-z0-9._~%-]{1,255}\Z")


class Bad(Exception):
    """The set is not what was written, or not for us."""


def need(condition, text):
    if not condition:
        raise Bad(text)


# --- where the objects are -----------------------------------------------------------------------


class Folder:
    def __init__(self, path):
        self.path = path

    def open(self, name):
        try:
            return open(os.path.join(self.path, name), "rb")
        except (FileNotFoundError, NotADirectoryError):
            raise Bad(f"{name} is missing") from None


class Export:
    def __init__(self, path):
        try:
            self.tar = tarfile.open(path, "r:")
            members = [m for m in self.tar.getmembers() if m.isreg()]
        except tarfile.TarError as e:
            raise Bad(f"{path}: {e}") from None
        self.members = {m.name: m for m in members}
        need(len(self.members) == len(members), "a name occurs twice")
        roots = [n[: -len("manifest.json")] for n in self.members
                 if n == "manifest.json" or n.endswith("/manifest.json")]
        need(len(roots) == 1, f"it holds {len(roots)} sets")
        self.root = roots[0]
        self.check_end(path)

    def check_end(self, path):
        """Two blocks of zeros behind the last member."""
        end = max(m.offset_data + (m.size + 511) // 512 * 512 for m in self.members.values())
        with open(path, "rb") as f:
            f.seek(end)
            need(f.read() == bytes(1024), "the tar file has no proper end")

    def open(self, name):
        member = self.members.get(self.root + name)
        need(member is not None, f"{name} is missing")
        return self.tar.extractfile(member)


def read_all(place, name, limit=16 << 20):
    with place.open(name) as f:
        data = f.read(limit + 1)
    need(len(data) <= limit, f"{name} is too long")
    return data


# --- the manifest --------------------------------------------------------------------------------


def no_duplicates(pairs):
    need(len(dict(pairs)) == len(pairs), "a JSON object has a key twice")
    return dict(pairs)


def stretch(secret, salt, length):
    return hashlib.pbkdf2_hmac("sha256", secret, salt, ROUNDS, length)


def hkdf(key, info):
    """RFC 5869 with SHA-256, an empty salt and one block of output."""
    extracted = hmac.new(bytes(32), key, "sha256").digest()
    return hmac.new(extracted, info + b"\x01", "sha256").digest()


def mac_of(secret, manifest, data):
    if not manifest["key_id"]:
        need(secret is None, "the set is not authenticated, but a key was given")
        return hashlib.sha256(data).hexdigest()
    need(secret is not None, f"the set needs the key {manifest['key_id']}")
    key = hkdf(stretch(secret, bytes.fromhex(manifest["salt"]), 32), b"synbak manifest mac")
    found = hashlib.sha256(key).hexdigest()[:16]
    need(found == manifest["key_id"],
         f"the set needs the key {manifest['key_id']}, this one is {found}")
    return hmac.new(key, data, "sha256").hexdigest()


def read_manifest(place, secret):
    data = read_all(place, "manifest.json")
    mac = read_all(place, "manifest.mac")
    try:
        manifest = json.loads(data, object_pairs_hook=no_duplicates)
        need(re.fullmatch(r"(?:[0-9a-f]{16})?", manifest["key_id"]) is not None, "key_id")
        need(re.fullmatch(r"[0-9a-f]{32}", manifest["salt"]) is not None, "salt")
    except (ValueError, KeyError, TypeError) as e:
        raise Bad(f"manifest.json: {e!r}") from None
    expected = (mac_of(secret, manifest, data) + "\n").encode()
    need(hmac.compare_digest(mac, expected), "manifest.mac does not fit manifest.json")
    need(manifest["format"] == "synbak-plain", "not of the plain format")
    need(manifest["version"] == 1, f"version {manifest['version']} is not known here")
    check_names(manifest)
    return manifest


def check_names(manifest):
    seen = set()
    need(NAME.match(manifest["job"]), "the job's name")
    for artifact in manifest["artifacts"]:
        source, volumes = artifact["source"], artifact["volumes"]
        need(NAME.match(source) and volumes, "an artifact without source or volumes")
        first = volumes[0]["name"]
        for i, volume in enumerate(volumes):
            need(volume["name"] == (first if i == 0 else f"{first}.{i:03}"), "numbers of volumes")
        need(artifact["segments"]["name"] == first + ".segments", "the name of the segments")
        for item in volumes + [artifact["segments"]]:
            folder, _, name = item["name"].partition("/")
            need(folder == source and FILE.match(name) and name not in (".", ".."),
                 f"the name {item['name']!r}")
            need(item["name"] not in seen, "a name occurs twice")
            seen.add(item["name"])
        need(sum(v["size"] for v in volumes) == artifact["stored_bytes"], "the sum of sizes")
        need(artifact["encrypted"] == bool(manifest["key_id"]), "encrypted, or not")
        need(first.endswith(suffix_of(artifact)), "the suffixes of a name")


def suffix_of(artifact):
    return (".gz" if artifact["gzip"] else "") + (".enc" if artifact["encrypted"] else "")


# --- artifacts -----------------------------------------------------------------------------------


def check_file(place, item):
    data = read_all(place, item["name"])
    need(len(data) == item["size"] and hashlib.sha256(data).hexdigest() == item["sha256"],
         f"{item['name']} is not what was written")
    return data


def segments_of(place, artifact):
    """The stored stream in pieces, each compared with its digest before it is handed out."""
    digests = check_file(place, artifact["segments"])
    at = 0
    for volume in artifact["volumes"]:
        whole, left = hashlib.sha256(), volume["size"]
        with place.open(volume["name"]) as f:
            while left:
                data = f.read(min(left, SEGMENT))
                left -= len(data)
                need(data and hashlib.sha256(data).digest() == digests[at:at + 32],
                     f"{volume['name']} is damaged at {volume['size'] - left - len(data)}")
                at += 32
                whole.update(data)
                yield data
            need(not f.read(1), f"{volume['name']} is too long")
        need(whole.hexdigest() == volume["sha256"], f"{volume['name']} is damaged")
    need(at == len(digests), "more digests than segments")


def decrypted(pieces, key_file):
    """Through openssl, fed by a thread so that neither side waits for the other for ever."""
    child = subprocess.Popen(
        ["openssl", "enc", "-d", "-aes-256-cbc", "-pbkdf2", "-iter", str(ROUNDS), "-md", "sha256",
         "-pass", f"file:{key_file}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    failed = []

    def feed():
        try:
            for piece in pieces:
                child.stdin.write(piece)
        except (Bad, BrokenPipeError) as e:
            failed.append(e)
            child.kill()
        finally:
            try:
                child.stdin.close()
            except BrokenPipeError:
                pass

    feeder = threading.Thread(target=feed)
    feeder.start()
    while data := child.stdout.read(1 << 20):
        yield data
    feeder.join()
    child.stdout.close()
    status = child.wait()
    if failed:
        raise failed[0] if isinstance(failed[0], Bad) else Bad("openssl ended early")
    need(status == 0, "openssl cannot decrypt it")


def unzipped(pieces):
    """Gzip members in a row; nothing else may stand between or behind them."""
    member, any_member = None, False
    for data in pieces:
        while data:
            member = member or zlib.decompressobj(31)
            any_member = True
            try:
                out = member.decompress(data)
            except zlib.error as e:
                raise Bad(f"gzip: {e}") from None
            if out:
                yield out
            data = member.unused_data
            if member.eof:
                member = None
    need(any_member and member is None, "the gzip stream ends too early")


def content_of(place, artifact, key_file):
    pieces = segments_of(place, artifact)
    if artifact["encrypted"]:
        pieces = decrypted(pieces, key_file)
    return unzipped(pieces) if artifact["gzip"] else pieces


def take_artifact(place, artifact, key_file, target):
    name = artifact["volumes"][0]["name"]
    name = name[: len(name) - len(suffix_of(artifact))]
    total, out = 0, None
    if target:
        os.makedirs(os.path.join(target, artifact["source"]), exist_ok=True)
        out = open(os.path.join(target, name), "xb")
    for data in content_of(place, artifact, key_file):
        total += len(data)
        if out:
            out.write(data)
    if out:
        out.close()
    need(total == artifact["raw_bytes"], f"{name} has {total} bytes")
    print(f"{name}: {total} bytes, as written")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set")
    parser.add_argument("--key", metavar="FILE", help="the file with the secret")
    parser.add_argument("--to", metavar="DIR", help="write the content here")
    args = parser.parse_args()
    secret = None
    if args.key:
        with open(args.key, "rb") as f:
            secret = f.readline().rstrip(b"\r\n")
    try:
        place = Folder(args.set) if os.path.isdir(args.set) else Export(args.set)
        manifest = read_manifest(place, secret)
        if os.path.isdir(args.set):
            need(os.path.basename(os.path.realpath(args.set)) == manifest["id"],
                 "the manifest belongs to another set")
        for item in manifest["files"]:
            need(item["name"] in ("MANIFEST.txt", "SHA256SUMS"), "an unknown file")
            check_file(place, item)
        for artifact in manifest["artifacts"]:
            take_artifact(place, artifact, args.key, args.to)
    except Bad as e:
        sys.exit(f"{args.set}: {e}")
    print(f"{manifest['job']}/{manifest['id']} is whole")


if __name__ == "__main__":
    main()
