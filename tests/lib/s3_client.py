"""Running tests/tools/s3_tool and s3_suite, and what they may answer."""
from harness import check, equal, program, run


def tool(env, *argv, name="s3_tool", timeout=100):
    """(True, lines before "ok") or (False, "CODE: sentence")."""
    done = run([program(name), *map(str, argv)], env=env, timeout=timeout)
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
    """The conformance suite of all stores; the number of its cases."""
    done = run([program("s3_suite")], env=env)
    results = [line for line in done.stdout.splitlines() if line.startswith(("ok", "not ok"))]
    equal([line for line in results if not line.startswith("ok")], [], done.stdout + done.stderr)
    equal(done.returncode, 0, done.stderr)
    return len(results)
