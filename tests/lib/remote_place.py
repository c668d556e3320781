"""Where a destination of a whole installation lies far away: a bucket of a real radosgw, or a folder of a real sshd.
Both say what to write into a configuration, what to type without one, and let a test reach behind synbak's back.

    place = Bucket() or Server()
    place.section("far", d.key_file)       a destination of the configuration
    place.bare(d.key_file)                 options of synbakctl that do without
    place.names(), read(), write(), remove()"""
import os
import re
import urllib.parse

import harness
import rgw
from sshd import Sshd


class Bucket:
    """key, secret: the credentials that the destination gets."""

    def __init__(self, bucket=None, key=rgw.ACCESS_KEY, secret=rgw.SECRET_KEY, endpoint=None):
        self.server = rgw.shared()
        self.bucket = bucket or self.server.bucket()
        self.endpoint = endpoint or self.server.endpoint
        self.credentials = f"{harness.temp_dir()}/credentials"
        harness.write_file(self.credentials, f"{key}\n{secret}\n", 0o600)

    def section(self, name, key_file, more=""):
        return (f"[destination {name}]\ntype = s3\nendpoint = {self.endpoint}\ninsecure = yes\nbucket = {self.bucket}\n"
                f"prefix = host1\ncredentials = file:{self.credentials}\nkey = file:{key_file}\n{more}\n")

    def bare(self, key_file):
        return ("--destination", f"s3://{self.bucket}/host1", "--endpoint", self.endpoint, "--insecure",
                "--credentials", f"file:{self.credentials}", "--key", f"file:{key_file}")

    def names(self, prefix=""):
        """Of all objects, as the repository names them."""
        found, query = [], {"list-type": "2", "prefix": f"host1/{prefix}"}
        while True:
            status, _, body = self.server.request("GET", f"/{self.bucket}", query)
            harness.equal(status, 200, body)
            found += re.findall(r"<Key>host1/(.*?)</Key>", body.decode())
            more = re.search(r"<NextContinuationToken>(.*?)</NextContinuationToken>", body.decode())
            if not more:
                return sorted(found)
            query["continuation-token"] = urllib.parse.unquote(more.group(1))

    def _ask(self, method, name, body=b"", gone=None):
        status, _, answer = self.server.request(method, f"/{self.bucket}/host1/{name}", body=body)
        if status == 404 and gone is not None:
            return gone
        harness.check(status in (200, 204), f"{method} {name}: {status} {answer}")
        return answer

    def read(self, name, gone=None):
        """gone: what it is when it is not there."""
        return self._ask("GET", name, gone=gone)

    def write(self, name, data):
        self._ask("PUT", name, data)

    def remove(self, name):
        self._ask("DELETE", name)


class Server:
    def __init__(self):
        self.server = Sshd()
        self.root = f"{self.server.root}/backups"

    def section(self, name, key_file, more=""):
        s = self.server
        return (f"[destination {name}]\ntype = sftp\nwarn_free = 0\nhost = 127.0.0.1\nport = {s.port}\nuser = {s.user}\npath = {self.root}\n"
                f"private_key = file:{s.key}\nknown_hosts = {s.path('known_hosts')}\nkey = file:{key_file}\n{more}\n")

    def bare(self, key_file):
        s = self.server
        return ("--destination", f"sftp://{s.user}@127.0.0.1:{s.port}{self.root}", "--private-key", f"file:{s.key}",
                "--known-hosts", s.path("known_hosts"), "--key", f"file:{key_file}")

    def names(self, prefix=""):
        found = [os.path.relpath(f"{folder}/{name}", self.root) for folder, _, names in os.walk(self.root) for name in names]
        return sorted(name for name in found if name.startswith(prefix))

    def read(self, name, gone=None):
        if gone is not None and not os.path.exists(f"{self.root}/{name}"):
            return gone
        with open(f"{self.root}/{name}", "rb") as f:
            return f.read()

    def write(self, name, data):
        harness.write_file(f"{self.root}/{name}", data)

    def remove(self, name):
        os.unlink(f"{self.root}/{name}")
