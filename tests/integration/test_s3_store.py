#!/usr/bin/env python3
"""The S3 store against a real radosgw: the conformance suite of all stores, and what only S3 has."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import rgw
from harness import check, contains, equal, note, program, run, run_all, test

MIB = 1 << 20


def tool(env, *argv):
    """s3_tool's answer: (True, lines before "ok") or (False, "CODE: sentence")."""
    done = run([program("s3_tool"), *map(str, argv)], env=env)
    lines = done.stdout.splitlines()
    check(done.returncode in (0, 1) and lines, f"{argv}: {done.returncode} {done.stdout} {done.stderr}")
    return (True, lines[:-1]) if done.returncode == 0 else (False, lines[-1])


def good(env, *argv):
    ok, said = tool(env, *argv)
    check(ok, f"{argv}: {said}")
    return said


def bad(env, code, *argv):
    ok, said = tool(env, *argv)
    check(not ok, f"{argv} succeeded")
    equal(said.split(":")[0], code, said)
    return said


def suite(env):
    done = run([program("s3_suite")], env=env)
    results = [line for line in done.stdout.splitlines() if line.startswith(("ok", "not ok"))]
    equal([line for line in results if not line.startswith("ok")], [], done.stdout + done.stderr)
    equal(done.returncode, 0, done.stderr)
    return len(results)


@test
def every_store_does_the_same():
    s3 = rgw.shared()
    note(f"{suite(s3.environment(s3.bucket()))} cases of the conformance suite")


run_all()
