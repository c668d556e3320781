#!/usr/bin/env python3
"""Run the test programs, collect their TAP lines, and sum up. Called by tests/run.

A program is anything that prints "ok N - name" and "not ok N - name". Unit test programs lie in
build/dev/tests, scripts in tests/{lint,integration,fault}/test_*.py, measurements in
tests/bench/bench_*.py. Each runs in a session of its own, and whatever it leaves running is
ended and counts as a failure.
"""
import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
TAP = re.compile(r"^(ok|not ok)\s+\d*\s*-?\s*(.*?)(?:\s+#\s*(\d+) ms)?$")
SHORT_LIMIT_S = 900
LONG_LIMIT_S = 4 * 3600


def discover(bench):
    if bench:
        return sorted(ROOT.glob("tests/bench/bench_*.py"))
    programs = [p for p in sorted((BUILD / "dev/tests").glob("*"))
                if os.access(p, os.X_OK) and p.is_file() and p.name.startswith(("test_", "fuzz_"))]
    scripts = []
    for folder in ("lint", "integration", "fault", "trace"):
        scripts += sorted((ROOT / "tests" / folder).glob("test_*.py"))
    return scripts + programs


def command_for(program, args):
    command = [sys.executable, str(program)] if program.suffix == ".py" else [str(program)]
    return command + (["--long"] if args.long else []) + ([f"--part={args.part}"] if args.part else [])


def environment(program, args, mark):
    # The short forms run under the sanitizers; the long ones start a worker for every call of every work, six times as
    # fast without them.
    optimised = args.bench or (args.long and program.suffix == ".py" and program.parent.name == "fault")
    build = BUILD if optimised else BUILD / "dev"
    env = dict(os.environ, SYNBAK_BUILD=str(build), SYNBAK_RELEASE=str(BUILD), SYNBAK_TEST_MARK=mark, LC_ALL="C.UTF-8",
               PYTHONDONTWRITEBYTECODE="1",
               ASAN_OPTIONS=f"detect_leaks={int(os.geteuid() == 0)}:abort_on_error=0:handle_abort=1",
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    if args.long:
        env["SYNBAK_TEST_LONG"] = "1"
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "TZ", "NOTIFY_SOCKET"):
        env.pop(name, None)
    return env


def survivors(mark):
    """Processes that still carry the mark of a program that has ended."""
    needle = f"SYNBAK_TEST_MARK={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if needle in (entry / "environ").read_bytes().split(b"\0"):
                found.append((int(entry.name), (entry / "comm").read_text().strip()))
        except OSError:
            continue
    return found


def end(pids):
    for pid, _ in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def run_program(program, args):
    mark = uuid.uuid4().hex
    limit = LONG_LIMIT_S if args.long or args.bench else SHORT_LIMIT_S
    started = time.monotonic()
    child = subprocess.Popen(command_for(program, args), cwd=ROOT, start_new_session=True,
                             env=environment(program, args, mark), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    problem = None
    try:
        output, _ = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        problem = f"not done after {limit} s"
    deadline = time.monotonic() + 3
    left = survivors(mark)
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = survivors(mark)
    if left:
        end(left)
        problem = problem or "left running: " + ", ".join(f"{name} ({pid})" for pid, name in left)
    return summarise(program, output.decode(errors="replace"), child.returncode, problem,
                     time.monotonic() - started)


def summarise(program, output, status, problem, seconds):
    results = []
    for line in output.splitlines():
        match = TAP.match(line)
        if match:
            results.append((match[1] == "ok", match[2], int(match[3] or 0)))
    if status != 0 and all(ok for ok, _, _ in results):
        problem = problem or f"exit status {status} without a failed test"
    if not results and not problem:
        problem = "no test ran"
    if problem:
        results.append((False, problem, 0))
    return {"program": program, "name": program.stem, "results": results, "output": output, "seconds": seconds}


def show(report, verbose):
    passed = sum(ok for ok, _, _ in report["results"])
    failed = len(report["results"]) - passed
    print(f"{report['name']:40} {passed:5} passed {failed:4} failed {report['seconds']:7.1f} s", flush=True)
    for line in report["output"].splitlines():
        if verbose or failed or line.startswith("# "):
            print("    " + line)
    for ok, name, _ in report["results"]:
        if not ok:
            print(f"    FAILED {report['name']}: {name}")


def again_alone(report, args):
    """A program that failed beside others runs once more by itself, and that result counts: what waits for real
    time may fail on a machine that is busy with the rest. Both results are shown."""
    if args.bench or all(ok for ok, _, _ in report["results"]):
        return report
    print(f"\n{report['name']} failed; once more, alone:")
    second = run_program(report["program"], args)
    show(second, args.verbose)
    return second


def main():
    parser = argparse.ArgumentParser(prog="tests/run")
    parser.add_argument("--long", action="store_true", help="add the long campaigns")
    parser.add_argument("--part", metavar="K/N", help="of campaigns that can be run apart only the Kth of N parts")
    parser.add_argument("--bench", action="store_true", help="run the measurements instead")
    parser.add_argument("--list", action="store_true", help="name the test programs and stop")
    parser.add_argument("--verbose", action="store_true", help="show all output")
    parser.add_argument("names", nargs="*", help="run only programs whose names contain one of these")
    args = parser.parse_args()

    programs = [p for p in discover(args.bench)
                if not args.names or any(name in p.stem for name in args.names)]
    if args.list:
        print("\n".join(p.stem for p in programs))
        return 0
    started = time.monotonic()
    workers = 1 if args.bench else max(1, (os.cpu_count() or 2))
    reports = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_program, p, args) for p in programs]):
            report = done.result()
            show(report, args.verbose or args.bench)
            reports.append(report)

    reports = [again_alone(r, args) for r in reports]
    tests = [(ms, f"{r['name']}: {name}") for r in reports for _, name, ms in r["results"]]
    print("\nthe ten slowest:")
    for ms, name in sorted(tests, reverse=True)[:10]:
        print(f"  {ms / 1000:8.1f} s  {name}")
    print(f"total {time.monotonic() - started:.0f} s")
    failed = sum(not ok for r in reports for ok, _, _ in r["results"])
    passed = sum(ok for r in reports for ok, _, _ in r["results"])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
