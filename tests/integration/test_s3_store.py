#!/usr/bin/env python3
"""The S3 store against a real radosgw: the conformance suite of all stores, and what only S3 has."""
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw
from faulty_proxy import FaultyProxy
from harness import (check, contains, defer, end_process, equal, lacks, note, program, run, run_all, start, temp_dir, test,
                     wait_until)
from s3_client import bad, good, suite

MIB = 1 << 20


@test
def every_store_does_the_same():
    s3 = rgw.shared()
    note(f"{suite(s3.environment(s3.bucket()))} cases of the conformance suite")


@test
def over_tls_with_a_certificate_of_ones_own():
    s3 = rgw.shared()
    env = s3.environment(s3.bucket(), S3_ENDPOINT=s3.tls_endpoint)
    contains(bad(env, "config", "put", "a", 10), "ca_file")
    env["S3_CA_FILE"] = s3.ca_file
    good(env, "put", "a", 30 * MIB)
    good(env, "check", "a", 30 * MIB)
    env["S3_CA_FILE"] = "/nonexistent"
    contains(bad(env, "config", "put", "b", 10), "ca_file /nonexistent cannot be used")
    env.update(S3_CA_FILE=s3.ca_file, S3_ENDPOINT=s3.tls_endpoint.replace("s3.localhost", "other.localhost"))
    contains(bad(env, "config", "list", ""), "made out for another host: correct the endpoint")


@test
def a_certificate_that_has_expired():
    folder, port = temp_dir(), rgw.free_ports(1)[0]
    key, request, certificate = (f"{folder}/{name}" for name in ("key", "request", "certificate"))
    run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key,
         "-out", request], ok=True)
    run(["openssl", "x509", "-req", "-in", request, "-days", "-1", "-signkey", key, "-out", certificate], ok=True)
    server = start(["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", "-key", key, "-cert", certificate],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listens():
        equal(server.poll(), None)
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    wait_until(listens, "openssl s_server")
    env = rgw.shared().environment("b", S3_ENDPOINT=f"https://localhost:{port}", S3_CA_FILE=certificate)
    said = bad(env, "config", "list", "")
    contains(said, "expired")
    contains(said, "look at this machine's clock")


@test
def as_a_virtual_host():
    """b-x.s3.localhost: names below localhost are this machine."""
    s3 = rgw.shared()
    bucket = s3.bucket()
    env = s3.environment(bucket, S3_ENDPOINT=f"http://s3.localhost:{s3.port}", S3_VIRTUAL="1")
    good(env, "put", "x/y z", 20 * MIB)
    good(env, "check", "x/y z", 20 * MIB)
    equal(good(env, "list", ""), [f"x/y z {20 * MIB}"])
    good(s3.environment(bucket), "check", "x/y z", 20 * MIB)  # path style sees the same


@test
def large_objects_go_in_parts():
    s3 = rgw.shared()
    bucket = s3.bucket()
    env = s3.environment(bucket, S3_PREFIX="h1")
    size = 7 * 16 * MIB + 12345
    good(env, "put", "big", size)
    status, headers, _ = s3.request("HEAD", f"/{bucket}/h1/big")
    equal(status, 200)
    equal(int(headers["Content-Length"]), size)
    contains(headers["ETag"], "-8")
    good(env, "check", "big", size)
    bad(env, "exists", "put", "big", size)
    equal(s3.uploads(bucket), [])
    good(env, "put", "big", 17 * MIB, "replace", f"seal={3 * MIB}")  # parts of several seals
    good(env, "check", "big", 17 * MIB)


@test
def one_connection_does_it_too():
    s3 = rgw.shared()
    env = s3.environment(s3.bucket(), S3_PARALLEL=1)
    good(env, "put", "big", 40 * MIB)
    good(env, "check", "big", 40 * MIB)


@test
def read_back_whole():
    s3 = rgw.shared()
    env = s3.environment(s3.bucket(), S3_FULL="1")
    good(env, "put", "small", 1000)
    good(env, "put", "big", 40 * MIB)


@test
def what_has_no_name_yet_is_bounded():
    s3 = rgw.shared()
    bucket = s3.bucket()
    env = s3.environment(bucket)
    good(env, "put", "a", 64 * MIB, "unnamed")
    good(env, "check", "a", 64 * MIB)
    contains(bad(env, "limit", "put", "b", 64 * MIB + 1, "unnamed"), "name is not known")
    equal(good(env, "list", ""), [f"a {64 * MIB}"])


def kill_mid_upload(s3, env, bucket, name, size, *words):
    """kill -9 once some parts have arrived."""
    child = subprocess.Popen([program("s3_tool"), "put", name, str(size), *words], env=env,
                             stdout=subprocess.DEVNULL)
    defer(end_process, child)
    wait_until(lambda: s3.parts(bucket) >= 3 or child.poll() is not None, "three parts")
    child.send_signal(signal.SIGKILL)
    child.wait()


@test
def an_upload_goes_on_after_kill_9():
    s3 = rgw.shared()
    bucket = s3.bucket()
    env = s3.environment(bucket, S3_PREFIX="h1")
    size = 12 * 16 * MIB
    kill_mid_upload(s3, env, bucket, "big", size, "resume")
    kept = s3.parts(bucket)
    equal(good(env, "list", ""), [])
    equal(len(s3.uploads(bucket)), 1)
    proxy = FaultyProxy(s3.port)
    good(dict(env, S3_ENDPOINT=proxy.endpoint), "put", "big", size, "resume")
    sent = proxy.received
    note(f"{kept} of 12 parts had arrived; the second attempt sent {sent // MIB} of {size // MIB} MiB")
    check(sent <= size - (kept - 1) * 16 * MIB + MIB, f"{sent} bytes sent, {kept} parts were there")
    good(env, "check", "big", size)
    equal(s3.uploads(bucket), [])


@test
def other_bytes_are_sent_anew():
    """What an earlier attempt left under the name is of no use for other bytes."""
    s3 = rgw.shared()
    bucket = s3.bucket()
    env = s3.environment(bucket)
    kill_mid_upload(s3, env, bucket, "big", 12 * 16 * MIB, "resume", f"seal={8 * MIB}")
    good(env, "put", "big", 5 * 16 * MIB + 1, "resume", f"seal={9 * MIB}")
    good(env, "check", "big", 5 * 16 * MIB + 1)


@test
def uploads_that_never_ended_are_swept():
    s3 = rgw.shared()
    bucket = s3.bucket()
    env = s3.environment(bucket, S3_PREFIX="h1")
    kill_mid_upload(s3, env, bucket, "big", 12 * 16 * MIB)
    equal(len(s3.uploads(bucket)), 1)
    equal(good(env, "sweep", 86400), ["0"])
    equal(good(s3.environment(bucket, S3_PREFIX="h2"), "sweep", 0), ["0"])  # somebody else's
    equal(good(env, "sweep", 0), ["1"])
    equal(s3.uploads(bucket), [])


@test
def locked_objects_stay():
    s3 = rgw.shared()
    bucket = s3.bucket(lock=True)
    env = s3.environment(bucket, S3_LOCK=86400)
    good(env, "put", "small", 100)
    good(env, "put", "big", 20 * MIB)
    for name in ("small", "big"):
        status, headers, _ = s3.request("HEAD", f"/{bucket}/{name}")
        equal(status, 200)
        lower = {k.lower(): v for k, v in headers.items()}
        equal(lower.get("x-amz-object-lock-mode"), "COMPLIANCE", str(headers))
        version = lower["x-amz-version-id"]
        status, _, body = s3.request("DELETE", f"/{bucket}/{name}", {"versionId": version})
        equal(status, 403, body.decode())
        good(env, "delete", name)  # hides it: the version stays
        status, _, _ = s3.request("GET", f"/{bucket}/{name}", {"versionId": version})
        equal(status, 200)
    s3.request("PUT", f"/{bucket}/governed", body=b"x")
    good(s3.environment(bucket, S3_LOCK=86400, S3_GOVERNANCE="1"), "put", "g", 1)
    _, headers, _ = s3.request("HEAD", f"/{bucket}/g")
    equal({k.lower(): v for k, v in headers.items()}["x-amz-object-lock-mode"], "GOVERNANCE")


@test
def a_lock_ends():
    s3 = rgw.shared()
    bucket = s3.bucket(lock=True)
    env = s3.environment(bucket, S3_LOCK=3)
    good(env, "put", "small", 100)
    _, headers, _ = s3.request("HEAD", f"/{bucket}/small")
    version = {k.lower(): v for k, v in headers.items()}["x-amz-version-id"]

    def tries():
        return s3.request("DELETE", f"/{bucket}/small", {"versionId": version})[0]
    equal(tries(), 403)
    wait_until(lambda: tries() == 204, "the end of the lock")
    good(env, "put", "small", 200)  # the name is free again


@test
def classes_of_storage():
    s3 = rgw.shared()
    bucket = s3.bucket()
    good(s3.environment(bucket, S3_CLASS="STANDARD_IA"), "put", "small", 100)
    good(s3.environment(bucket, S3_CLASS="STANDARD_IA"), "put", "big", 20 * MIB)
    _, _, body = s3.request("GET", f"/{bucket}", {"list-type": "2"})
    equal(body.count(b"STANDARD_IA"), 2, body.decode())
    bad(s3.environment(bucket, S3_CLASS="NO_SUCH"), "config", "put", "c", 1)


@test
def what_is_wrong_is_said():
    s3 = rgw.shared()
    bucket = s3.bucket()
    env = s3.environment(bucket)
    contains(bad(dict(env, S3_SECRET_KEY="wrong"), "denied", "put", "a", 1), "second line of credentials")
    contains(bad(dict(env, S3_ACCESS_KEY="WRONG"), "denied", "list", ""), "first line of credentials")
    contains(bad(dict(env, S3_BUCKET="no-such-bucket"), "config", "put", "a", 1), "there is no bucket")
    for verb in (["stat", "a"], ["get", "a", 0, 10], ["delete", "a"], ["list", ""]):
        # a bucket that is gone is not an object that is gone
        contains(bad(dict(env, S3_BUCKET="no-such-bucket"), "config", *verb), "there is no bucket")
    contains(bad(dict(env, S3_ENDPOINT="ftp://x"), "config", "list", ""), "https://")
    contains(bad(dict(env, S3_BUCKET="a/b"), "config", "list", ""), "bucket")
    contains(bad(dict(env, S3_CLASS="a\r\nx: y"), "config", "list", ""), "storage_class")


@test
def quota_and_suspension():
    s3 = rgw.shared()
    key, secret = s3.user("full")
    bucket = s3.bucket(key=key, secret=secret)
    env = dict(s3.environment(bucket), S3_ACCESS_KEY=key, S3_SECRET_KEY=secret)
    good(env, "put", "a", 1000)
    s3.admin("quota", "set", "--quota-scope=bucket", "--uid=full", "--max-size=100000")
    s3.admin("quota", "enable", "--quota-scope=bucket", "--uid=full")
    contains(bad(env, "no-space", "put", "b", 1000000), "quota")
    good(env, "check", "a", 1000)
    s3.admin("user", "suspend", "--uid=full")
    contains(bad(env, "denied", "list", ""), "suspended")


@test
def credentials_that_may_not_delete():
    s3 = rgw.shared()
    bucket = s3.bucket()
    key, secret = s3.user("writer")
    s3.policy(bucket, "writer", ["s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads",
                                 "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"])
    env = dict(s3.environment(bucket, S3_PREFIX="h1"), S3_ACCESS_KEY=key, S3_SECRET_KEY=secret)
    good(env, "put", "a", 20 * MIB)
    good(env, "check", "a", 20 * MIB)
    contains(bad(env, "denied", "delete", "a"), "access denied")
    said = good(env, "examine")
    for line in ("put yes", "get yes", "list yes", "delete no"):
        check(line in said, f"{line}: {said}")
    good(env, "check", "a", 20 * MIB)


@test
def doctors_view():
    s3 = rgw.shared()
    plain, locked = s3.bucket(), s3.bucket(lock=True)
    said = good(s3.environment(plain), "examine")
    for line in ("put yes", "get yes", "list yes", "delete yes", "overwrite yes", "conditional yes",
                 "versioning no", "lock no"):
        check(line in said, f"{line}: {said}")
    equal(good(s3.environment(plain), "list", ""), [])
    s3.setting(plain, "lifecycle", "<LifecycleConfiguration><Rule><ID>old</ID><Prefix>h1/</Prefix>"
               "<Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>")
    check('rule "old" deletes objects 30 days after they were put' in good(
        s3.environment(plain, S3_PREFIX="h1"), "examine"))
    lacks(str(good(s3.environment(plain, S3_PREFIX="h2"), "examine")), "deletes objects")
    s3.setting(locked, "object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
               "<DefaultRetention><Mode>GOVERNANCE</Mode><Days>7</Days></DefaultRetention></Rule>"
               "</ObjectLockConfiguration>")
    said = good(s3.environment(locked), "examine")
    for line in ("versioning yes", "lock yes", "default 7 GOVERNANCE"):
        check(line in said, f"{line}: {said}")


run_all()
