"""A real S3 service for tests: Ceph's radosgw with one monitor and one object daemon in memory, on loopback.

    s3 = rgw.shared()                      started once for the file, gone with it
    bucket = s3.bucket()                   a fresh one; lock=True: with object lock
    s3.pass_time(seconds)                  its clock, which requests must agree with, goes ahead
    s3.environment(bucket)                 what tests/tools/s3_tool and s3_suite read

It verifies signatures, digests and conditions as the real services do. Starting takes about two seconds."""
import base64
import datetime
import glob
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import urllib.parse
import uuid

import harness

ACCESS_KEY, SECRET_KEY = "SYNBAKTESTKEY", "synbak-test-secret-key"
CONFIGURATION = """[global]
fsid={fsid}
mon_initial_members=a
mon_host=[v2:127.0.0.1:{mon}]
public_addr=127.0.0.1
cluster_addr=127.0.0.1
auth_cluster_required=none
auth_service_required=none
auth_client_required=none
ms_mon_client_mode=crc
ms_bind_ipv6=false
run_dir={home}
admin_socket=
pid_file=
keyring={home}/keyring
log_file={home}/$name.log
paxos_propose_interval=0.05
osd_pool_default_size=1
osd_pool_default_min_size=1
osd_pool_default_pg_num=1
osd_pool_default_pg_autoscale_mode=off
osd_crush_chooseleaf_type=0
mon_allow_pool_size_one=true
mon_data_avail_warn=1
mon_data_avail_crit=1
rgw_rados_pool_pg_num_min=1
[mon.a]
mon_data={home}/mon
[osd.0]
osd_data={home}/osd
osd_objectstore=memstore
memstore_device_bytes=3221225472
[client.admin]
rgw_data={home}/rgw
rgw_dns_name=s3.localhost
rgw_thread_pool_size=64
rgw_gc_obj_min_wait=1
rgw_gc_processor_period=2
rgw_gc_processor_max_time=2
rgw_frontends=beast endpoint=127.0.0.1:{http} ssl_endpoint=127.0.0.1:{https} ssl_certificate={home}/tls.crt ssl_private_key={home}/tls.key
"""

_shared = []


def shared():
    """The one server of this test file; skips the test where radosgw is not installed."""
    if not _shared:
        if not shutil.which("radosgw"):
            harness.skip("radosgw is not installed")
        _shared.append(Server(harness.temp_dir(whole_file=True)))
        harness.defer_file(_shared[0].stop)
    return _shared[0]


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class Server:
    def __init__(self, home):
        self.home, self.daemons, self.passed = home, [], 0
        mon, self.port, self.tls_port = free_ports(3)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.tls_endpoint = f"https://s3.localhost:{self.tls_port}"
        self.ca_file = os.path.join(home, "tls.crt")
        self.fsid = str(uuid.uuid4())
        for name in ("mon", "osd", "rgw"):
            os.mkdir(os.path.join(home, name))
        with open(os.path.join(home, "ceph.conf"), "w") as f:
            f.write(CONFIGURATION.format(fsid=self.fsid, mon=mon, home=home, http=self.port, https=self.tls_port))
        self.environ = dict(os.environ, CEPH_CONF=os.path.join(home, "ceph.conf"))
        try:
            self._start(mon)
        except BaseException:
            self.stop()
            raise

    def _run(self, *argv):
        return harness.run(list(argv), ok=True, env=self.environ, cwd=self.home).stdout

    def _spawn(self, *argv, **env):
        log = open(os.path.join(self.home, argv[0] + ".out"), "wb")
        self.daemons.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             env={**self.environ, **env}, cwd=self.home, start_new_session=True))
        log.close()

    def _start(self, mon):
        home = self.home
        self._run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                  "-addext", "subjectAltName=DNS:localhost,DNS:s3.localhost,DNS:*.s3.localhost,IP:127.0.0.1",
                  "-keyout", f"{home}/tls.key", "-out", self.ca_file)
        self._run("monmaptool", "--create", "--clobber", "--fsid", self.fsid, "--addv", "a", f"[v2:127.0.0.1:{mon}]",
                  f"{home}/monmap")
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", f"{home}/monmap")
        self._spawn("ceph-mon", "-i", "a", "-f")
        self._run("ceph", "osd", "create")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--no-mon-config", "--osd-uuid", str(uuid.uuid4()))
        self._spawn("ceph-osd", "-i", "0", "-f", "--no-mon-config")
        self.admin("user", "create", "--uid=synbak", "--display-name=synbak", f"--access-key={ACCESS_KEY}",
                   f"--secret-key={SECRET_KEY}")
        self.admin("zonegroup", "placement", "add", "--rgw-zonegroup", "default", "--placement-id",
                   "default-placement", "--storage-class", "STANDARD_IA")
        self.admin("zone", "placement", "add", "--rgw-zone", "default", "--placement-id", "default-placement",
                   "--storage-class", "STANDARD_IA", "--data-pool", "default.rgw.ia")
        self._serve()

    def _serve(self, **env):
        self._spawn("radosgw", "-n", "client.admin", "--no-mon-config", "-f", **env)
        harness.wait_until(self._answers, "radosgw")

    def pass_time(self, seconds):
        """For the whole test file: later tests go on from there."""
        library = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not library:
            harness.skip("libfaketime is not installed")
        gateway = self.daemons.pop()
        gateway.kill()
        gateway.wait()
        self.passed += seconds
        self._serve(LD_PRELOAD=library[0], FAKETIME=f"+{self.passed}s", FAKETIME_DONT_FAKE_MONOTONIC="1")

    def _answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def admin(self, *argv):
        """radosgw-admin, for what the protocol cannot do: users, quotas."""
        return self._run("radosgw-admin", *argv)

    def stop(self):
        """All at once: taken down one by one they would wait for each other."""
        for daemon in self.daemons:
            try:
                os.kill(daemon.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for daemon in self.daemons:
            daemon.wait()

    # --- what a client can do ---

    def request(self, method, path, query=(), body=b"", headers=(), key=ACCESS_KEY, secret=SECRET_KEY):
        """One signed request: (status, headers, body). A signer of our own here would share its
        mistakes with lib/store/s3_sign.c, so this one is written apart from it."""
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.passed)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        sent = {k.lower(): v for k, v in dict(headers).items()}
        sent.update({"host": f"127.0.0.1:{self.port}", "x-amz-date": stamp,
                     "x-amz-content-sha256": hashlib.sha256(body).hexdigest()})
        if body:
            sent["content-md5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        line = urllib.parse.urlencode(sorted(dict(query).items()), quote_via=urllib.parse.quote, safe="-_.~")
        path = urllib.parse.quote(path, safe="/-_.~")
        names = ";".join(sorted(sent))
        canonical = "\n".join([method, path, line, *(f"{n}:{sent[n]}" for n in sorted(sent)), "", names,
                               sent["x-amz-content-sha256"]])
        scope = f"{day}/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        step = ("AWS4" + secret).encode()
        for part in (day, "us-east-1", "s3", "aws4_request"):
            step = hmac.new(step, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(step, text.encode(), hashlib.sha256).hexdigest()
        sent["authorization"] = (f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, "
                                 f"Signature={signature}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path + ("?" + line if line else ""), body or None, sent)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def bucket(self, lock=False, key=ACCESS_KEY, secret=SECRET_KEY):
        name = "b-" + secrets.token_hex(6)
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if lock else {}
        status, _, body = self.request("PUT", "/" + name, headers=headers, key=key, secret=secret)
        harness.equal(status, 200, body.decode())
        return name

    def user(self, name):
        """One more, who owns nothing: (access key, secret key)."""
        key, secret = "KEY" + name.upper(), secrets.token_hex(20)
        self.admin("user", "create", f"--uid={name}", f"--display-name={name}", f"--access-key={key}",
                   f"--secret-key={secret}")
        return key, secret

    def setting(self, bucket, name, body):
        """One of the bucket's settings, as XML or JSON: lifecycle, object-lock, policy, versioning."""
        status, _, said = self.request("PUT", "/" + bucket, {name: ""}, body.encode())
        harness.check(status in (200, 204), f"{status} {said.decode()}")

    def policy(self, bucket, user, actions):
        """What another user may do in this bucket."""
        self.setting(bucket, "policy", json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]}, "Action": actions,
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}))

    def environment(self, bucket, **more):
        """For the programs of tests/tools; more: S3_PREFIX="x" and the like."""
        env = dict(os.environ, S3_ENDPOINT=self.endpoint, S3_BUCKET=bucket, S3_ACCESS_KEY=ACCESS_KEY,
                   S3_SECRET_KEY=SECRET_KEY)
        env.update({k: str(v) for k, v in more.items()})
        return env

    def uploads(self, bucket):
        """The multipart uploads that are unfinished there: (key, id)."""
        _, _, body = self.request("GET", "/" + bucket, {"uploads": ""})
        return re.findall(r"<Upload><Key>(.*?)</Key><UploadId>(.*?)</UploadId>", body.decode())

    def parts(self, bucket):
        """How many parts those uploads have."""
        return sum(self.request("GET", f"/{bucket}/{key}", {"uploadId": upload})[2].count(b"<PartNumber>")
                   for key, upload in self.uploads(bucket))
