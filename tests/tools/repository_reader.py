#!/usr/bin/python3
"""A reader of synbak's repositories, written from docs/repository-format.md alone.

  repository_reader.py [--key FILE] [--no-index] REPOSITORY                     list the sets
  repository_reader.py [--key FILE] [--no-index] REPOSITORY JOB/ID --to DIR     bring one back: DIR/SOURCE/...

The key file holds any secret that opens a slot: the key, a recovery code, a passphrase; without it the secret is asked for.
Needs Debian's python3-cryptography and python3-zstandard.
"""
import argparse, getpass, hashlib, hmac, json, os, re, stat, struct, sys, urllib.parse  # noqa: E401
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
import zstandard

DATA, LIST, SET = 1, 2, 3
SLOT_SIGNED = ("version", "slot", "kind", "label", "created", "scrypt", "check", "public", "sealed")
GENERATION_SIGNED = ("version", "number", "created", "public", "sealed")

class Bad(Exception):
    """Not what was written, or not for us."""

def need(condition, text):
    if not condition:
        raise Bad(text)
def hkdf(ikm, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info.encode()).derive(ikm)
def unseal(key, box, aad=None, at=None, kind=0):
    """A box at an offset of an object, or one with the zero nonce."""
    return AESGCM(key).decrypt(bytes(12) if at is None else struct.pack("<QI", at, kind), box, aad)
def public_of(private):
    return private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
def agree(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))
def verify(public, signature, data):
    Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
def unique(pairs):
    need(len(dict(pairs)) == len(pairs), "a name occurs twice")
    return dict(pairs)
def parse(data):
    return json.loads(data, object_pairs_hook=unique)
def text_of(o, names):
    return json.dumps({n: o[n] for n in names}, separators=(",", ":"), ensure_ascii=False).encode()

class Repository:
    def __init__(self, root, secret, use_index):
        self.root, self.headers, self.chunks = root, {}, {}
        about = parse(self.read("repository.json"))
        need(about["format"] == "synbak repository" and about["version"] == 1, "not a repository of version 1")
        self.id = bytes.fromhex(about["id"])
        self.open_slot(secret)
        self.open_generations()
        self.chunk_key, self.log_key = (hkdf(self.adding, self.id, "synbak " + n) for n in ("chunk id", "log"))
        self.sets = self.read_sets()
        (self.load_index if use_index else self.load_packs)()

    def read(self, name):
        with open(os.path.join(self.root, name), "rb") as f:
            return f.read()
    def names(self, folder):
        path = os.path.join(self.root, folder)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def open_slot(self, secret):
        for name in self.names("keys")[:32]:
            o = parse(self.read("keys/" + name))
            s, self.slot, self.slot_public = o["scrypt"], bytes.fromhex(o["slot"]), bytes.fromhex(o["public"])
            need(s["n"] in [2**i for i in range(15, 21)] and s["r"] == 8 and 1 <= s["p"] <= 4, "absurd scrypt")
            k = hashlib.scrypt(secret, salt=bytes.fromhex(s["salt"]), n=s["n"], r=8, p=s["p"], dklen=96, maxmem=2**31 - 1)
            if hmac.compare_digest(k[32:64], bytes.fromhex(o["check"])):
                break
        else:
            raise Bad("no slot is opened by this secret")
        aad = b"synbak slot" + self.id + self.slot + o["kind"].encode() + self.slot_public
        bundle = parse(unseal(k[:32], bytes.fromhex(o["sealed"]), aad))
        need("pruner" in bundle, "this key may only write: it reads nothing")
        self.pruner, self.writer = (public_of(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(bundle[n])))
                                    for n in ("pruner", "writer"))
        verify(self.pruner, bytes.fromhex(o["signature"]), b"synbak slot" + self.id + text_of(o, SLOT_SIGNED))
        self.adding, self.slot_secret = bytes.fromhex(bundle["adding"]), k[64:]
        self.reading = {g["number"]: bytes.fromhex(g["reading"]) for g in bundle["generations"]}

    def open_generations(self):
        for name in self.names("generations"):
            o = parse(self.read("generations/" + name))
            sealed = bytes.fromhex(o["sealed"].get(self.slot.hex(), ""))
            if o["number"] not in self.reading and sealed:
                verify(self.pruner, bytes.fromhex(o["signature"]), b"synbak generation" + self.id + text_of(o, GENERATION_SIGNED))
                key = hkdf(agree(self.slot_secret, sealed[:32]), sealed[:32] + self.slot_public, "synbak generation")
                self.reading[o["number"]] = unseal(key, sealed[32:], self.id + self.slot + struct.pack("<H", o["number"]))

    def read_log(self, role, number, public):
        """The bodies of all records, their chain and signatures checked."""
        last = max([int(n) for n in self.names("log/" + role) if re.fullmatch("[0-9]{12}", n)], default=0)
        bodies, before = [], bytes(32)
        for end in [*range(64, last, 64)] + ([last] if last else []):
            data = self.read(f"log/{role}/{end:012}")
            while data:
                length = struct.unpack_from("<I", data)[0]
                record, data, n = data[4:4 + length], data[4 + length:], len(bodies) + 1
                salt, box = record[:32], record[32:-64]
                verify(public, record[-64:], b"synbak log" + self.id + struct.pack("<BQ", number, n) + salt + box)
                bodies.append(parse(unseal(hkdf(self.log_key, salt, "synbak log record"), box)))
                need(bodies[-1]["number"] == n and bodies[-1]["previous"] == before.hex(), f"record {n} of the {role} log does not follow")
                before = hashlib.sha256(record).digest()
        need(len(bodies) == last, f"the {role} log is cut")
        return bodies

    def read_sets(self):
        writer, pruner = self.read_log("writer", 1, self.writer), self.read_log("pruner", 2, self.pruner)
        gone = {s["number"] for r in pruner if r["kind"] == "removed" for s in r["sets"]}
        need(all(n <= len(writer) for n in gone), "the writer's log was rolled back")
        return {f"{r['job']}/{r['id']}": r for r in writer if r["kind"] == "set" and r["number"] not in gone}

    def object_key(self, magic, header):
        need(len(header) == 96 and header[:8] == magic and header[8] in (1, 2), "not such an object")
        number, salt = struct.unpack_from("<H", header, 10)[0], header[16:48]
        need(number in self.reading, f"generation {number} is not at hand")
        if header[8] == 1:
            key = hkdf(hkdf(self.reading[number], self.id, "synbak wrap"), salt, "synbak object")
        else:
            secret = hkdf(self.reading[number], self.id, "synbak x25519")
            public = public_of(X25519PrivateKey.from_private_bytes(secret))
            key = hkdf(agree(secret, salt), salt + public, "synbak object")
        return unseal(key, header[48:], self.id + header[:48])

    def open_object(self, magic, folder, name):
        """Its bytes and key, the directory or table, and the number in the trailer."""
        data = self.read(f"{folder}/{name}")
        need(hashlib.sha256(data).hexdigest() == name, f"{folder}/{name} is not what its name says")
        key = self.object_key(magic, data[:96])
        length, number = struct.unpack("<II", unseal(key, data[-24:], None, len(data) - 24, 2))
        return data, key, unseal(key, data[-24 - length:-24], None, len(data) - 24 - length, 1), number

    def keep(self, data, at, place, shift):
        """The entry at `at` of a directory or page; where the next one begins. A whole chunk is preferred."""
        id_, (stored, length, codec, kind) = data[at:at + 32], struct.unpack_from("<IIBB", data, at + 32 + shift)
        at += 42 + shift
        if id_ not in self.chunks or self.chunks[id_][4] == 2:
            self.chunks[id_] = (*place, stored, length, codec, kind, data[at:at + 32])
        return at + (32 if codec == 2 else 0), stored

    def load_index(self):
        segments, replaced = {}, set()
        for name in self.names("index"):
            data, key, table, pages = self.open_object(b"SYNBAKI1", "index", name)
            at = 4 + 40 * struct.unpack_from("<I", table)[0]
            replaced.update(table[at + 4 + 32 * i:at + 36 + 32 * i].hex() for i in range(struct.unpack_from("<I", table, at)[0]))
            segments[name] = data, key, [table[i:i + 32].hex() for i in range(4, at, 40)], pages
        for data, key, packs, pages in (s for name, s in segments.items() if name not in replaced):
            for at in range(96, 96 + pages * 16400, 16400):
                page, within = unseal(key, data[at:at + 16400], None, at), 2
                for _ in range(struct.unpack_from("<H", page)[0]):
                    pack, offset = struct.unpack_from("<II", page, within + 32)
                    within, _ = self.keep(page, within, (packs[pack], offset), 8)

    def load_packs(self):
        for folder in self.names("packs"):
            for name in self.names("packs/" + folder):
                _, _, directory, count = self.open_object(b"SYNBAKP1", "packs/" + folder, name)
                at, offset = 0, 96
                for _ in range(count):
                    at, stored = self.keep(directory, at, (name, offset), 0)
                    offset += stored + 16

    def chunk(self, id_, length, kind, whole=False):
        need(id_ in self.chunks, f"chunk {id_.hex()} is nowhere")
        pack, offset, stored, size, codec, its_kind, base = self.chunks[id_]
        need(size == length and its_kind == kind and not (whole and codec == 2), f"chunk {id_.hex()} is another")
        with open(f"{self.root}/packs/{pack[:2]}/{pack}", "rb") as f:
            if pack not in self.headers:
                self.headers[pack] = self.object_key(b"SYNBAKP1", f.read(96))
            f.seek(offset)
            data = unseal(self.headers[pack], f.read(stored + 16), None, offset)
        if codec:
            base = self.chunk(base, self.chunks[base][3], kind, True) if codec == 2 else None
            history = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if base else None
            data = zstandard.ZstdDecompressor(dict_data=history, max_window_size=2**24).decompress(data, max_output_size=length)
        need(hmac.digest(self.chunk_key, bytes([kind]) + data, "sha256") == id_ and len(data) == length, f"chunk {id_.hex()} is damaged")
        return data

class Fields:
    def __init__(self, data):
        self.data, self.at = data, 0
    def take(self, n):
        need(n <= len(self.data) - self.at, "a list is cut")
        self.at += n
        return self.data[self.at - n:self.at]
    def number(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Bad("a number is too long")
    def time(self):
        seconds = self.number()
        return (seconds >> 1 ^ -(seconds & 1)) * 10**9 + self.number()
    def string(self):
        return self.take(self.number())
    def ref(self):
        return self.take(32), self.number()

def records(stream):
    """(entry or None, references) of each record; an end that counts right is checked."""
    f, entries, content, ended = Fields(stream), 0, 0, False
    while f.at < len(stream):
        need(not ended, "something lies behind the end of a list")
        kind, r, x, refs = f.take(1)[0], Fields(f.string()), None, []
        if kind == 1:
            x = {"path": r.string(), "type": chr(r.take(1)[0]), "mode": r.number(), "uid": r.number(), "gid": r.number(),
                 "user": r.string(), "group": r.string(), "size": r.number(), "mtime": r.time(), "ctime": r.time(), "device": r.number(),
                 "inode": r.number(), "rdev": r.number(), "link": r.string(), "extents": [(r.number(), r.number()) for _ in range(r.number())],
                 "attributes": [(r.string(), r.string()) for _ in range(r.number())]}
            need(not x["path"] or not {b"", b".", b".."} & set(x["path"].split(b"/")), "a path that leads elsewhere")
            refs, entries = [r.ref() for _ in range(r.number())], entries + 1
        while kind == 2 and r.at < len(r.data):
            refs.append(r.ref())
        content += sum(n for _, n in refs)
        ended = kind == 3 and (r.number(), r.number()) == (entries, content)
        need(r.at == len(r.data) and (ended or kind in (1, 2)), "a record that cannot be read, or an end that counts otherwise")
        yield x, refs
    need(ended, "a list has no end")

def make_entry(root, path, x):
    """All but the content of files and what comes last; a file, open."""
    if x["type"] == "f":
        return open(path, "xb")
    if x["type"] == "d":
        os.makedirs(path, mode=0o700, exist_ok=x["path"] == b"")
    elif x["type"] == "l":
        os.symlink(x["link"], path)
    elif x["type"] == "h":
        os.link(os.path.join(root, x["link"]), path, follow_symlinks=False)
    else:
        kind = {"p": stat.S_IFIFO, "c": stat.S_IFCHR, "b": stat.S_IFBLK}[x["type"]]
        os.mknod(path, kind | 0o600, os.makedev(x["rdev"] >> 32, x["rdev"] & 0xFFFFFFFF))
    return open(os.devnull, "wb")

def finish_entry(path, x):
    need(x["type"] != "f" or os.path.getsize(path) == x["size"], "a file of another size")
    if os.geteuid() == 0:
        os.chown(path, x["uid"], x["gid"], follow_symlinks=False)
    if x["type"] != "l":
        os.chmod(path, x["mode"])
    for name, value in x["attributes"]:
        os.setxattr(path, name, value, follow_symlinks=False)
    os.utime(path, ns=(x["mtime"], x["mtime"]), follow_symlinks=False)

def restore_artifact(repo, a, folder):
    """A stream to a file in the folder; a tree into the folder itself."""
    database = a.get("database")
    name = "globals" if a["kind"] == "globals" else a["source"] if database is None else urllib.parse.quote(database, safe="")
    path = os.path.join(folder, f"{name}.{'sql' if a['kind'] == 'globals' else a['kind']}")
    stream = b"".join(repo.chunk(bytes.fromhex(i), int(n), LIST) for i, n in (r.split(":") for r in a["list"]))
    os.makedirs(folder, exist_ok=True)
    root, done, out = os.fsencode(folder), [], open(os.devnull if a["kind"] == "tree" else path, "wb")
    for x, refs in records(stream):
        need((x is None) or a["kind"] == "tree", "an entry in a stream")
        if x:
            out.close()
            done.append((os.path.join(root, x["path"]) if x["path"] else root, x))
            out = make_entry(root, *done[-1])
        for id_, length in refs:
            out.write(repo.chunk(id_, length, DATA))
    out.close()
    for path, x in reversed(done):  # folders after what is in them
        if x["type"] != "h":
            finish_entry(path, x)

def restore(repo, name, to):
    need(name in repo.sets and to, f"there is no set {name}, or --to is missing")
    id_, length = repo.sets[name]["manifest"].split(":")
    manifest = parse(repo.chunk(bytes.fromhex(id_), int(length), SET))
    need(manifest["format"] == "synbak-repository" and f"{manifest['job']}/{manifest['id']}" == name, "the manifest of another set")
    for a in manifest["artifacts"]:
        need(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", a["source"]), "a source's name")
        restore_artifact(repo, a, os.path.join(to, a["source"]))

def main():
    p = argparse.ArgumentParser(usage=__doc__)
    for name, options in (("repository", {}), ("set", {"nargs": "?"}), ("--to", {}), ("--key", {}), ("--no-index", {"action": "store_true"})):
        p.add_argument(name, **options)
    args = p.parse_args()
    try:
        secret = open(args.key, "rb").read().split(b"\n")[0] if args.key else getpass.getpass("Key: ").encode()
        repo = Repository(args.repository, secret, not args.no_index)
        if args.set:
            restore(repo, args.set, args.to)
        else:
            print("\n".join(repo.sets))
    except (Bad, InvalidTag, InvalidSignature, OSError, KeyError, ValueError, struct.error, zstandard.ZstdError) as e:
        sys.exit(f"repository_reader.py: {e if isinstance(e, (Bad, OSError)) else 'changed, cut or of another repository: ' + repr(e)}")

if __name__ == "__main__":
    main()
