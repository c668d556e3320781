"""The integration test harness: functions marked @test, TAP on stdout, everything cleaned up.

    from harness import test, run_all, temp_dir, equal
    @test
    def dump_is_whole(): equal(run(["true"]).returncode, 0)
    run_all()

Programs are found through SYNBAK_BUILD (the build folder). Arguments are names of tests to run;
none means all; --long runs the campaigns whole, --part=2/4 with it a quarter of each of those that ask part(), so that
they can be run apart. What a test starts with start(), and what it
makes with temp_dir(), is gone when it ends, by process id and by path, also when it fails."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("SYNBAK_BUILD", os.path.join(ROOT, "build")))
RELEASE = os.environ.get("SYNBAK_RELEASE", BUILD)  # what a user would install: no sanitizers
LIMIT_SECONDS, LONG_LIMIT_SECONDS = 120, 3600

_tests = []
_of_test, _of_file = [], []  # what is to be undone, newest last


class Failed(Exception):
    """An expectation that did not hold."""


class Skipped(Exception):
    """What the test needs is not on this machine."""


def test(function=None, *, limit=LIMIT_SECONDS):
    """Mark a function as a test. limit: seconds until it counts as hung."""
    def add(f):
        _tests.append((f.__name__, f, limit))
        return f
    return add(function) if function else add


def long():
    """True under --long: the campaigns run whole instead of in their short form."""
    return "--long" in sys.argv


def part(cases):
    """Those of a long campaign's cases that are this run's: all, or with --part=K/N every Nth from the Kth."""
    for argument in sys.argv:
        if argument.startswith("--part="):
            number, count = (int(n) for n in argument.removeprefix("--part=").split("/"))
            return list(cases)[number - 1::count]
    return list(cases)


def program(name):
    """The path of one of our programs, or of a test program, in the build folder."""
    for folder in ("bin", "tests", "."):
        path = os.path.join(BUILD, folder, name)
        if os.access(path, os.X_OK):
            return path
    raise Failed(f"{name} is not built in {BUILD}")


# --- expectations ---

def check(condition, text="condition does not hold"):
    if not condition:
        raise Failed(text)


def equal(got, expected, text=""):
    if got != expected:
        raise Failed(f"{text + ': ' if text else ''}got {got!r}, expected {expected!r}")


def contains(text, part):
    if part not in text:
        raise Failed(f"{text!r} does not contain {part!r}")


def lacks(text, part):
    if part in text:
        raise Failed(f"{text!r} contains {part!r}")


def skip(why):
    raise Skipped(why)


def note(text):
    """A comment line in the output: counts of enumerations and the like."""
    print("# " + text, flush=True)


# --- things that are undone at the end ---

def defer(function, *arguments):
    """Call it when the test ends, whatever happens; newest first."""
    _of_test.append((function, arguments))


def defer_file(function, *arguments):
    """Call it after the last test of this file."""
    _of_file.append((function, arguments))


def temp_dir(whole_file=False):
    """A fresh folder that other users may enter; removed at the end of the test (or file)."""
    path = tempfile.mkdtemp(prefix="sb-")
    os.chmod(path, 0o755)
    (defer_file if whole_file else defer)(shutil.rmtree, path, True)
    return path


def start(argv, **options):
    """subprocess.Popen; ended when the test ends (TERM, after 10 s KILL)."""
    process = subprocess.Popen(argv, **options)
    defer(end_process, process)
    return process


def end_process(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(argv, *, ok=None, timeout=100, **options):
    """Run to the end with output captured as text. ok=True: exit 0 expected, ok=False: not 0."""
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    options.setdefault("text", True)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    done = subprocess.run(argv, timeout=timeout, **options)
    if ok is not None and (done.returncode == 0) != ok:
        raise Failed(f"{argv}: exit status {done.returncode}: {done.stdout!r} {done.stderr!r}")
    return done


def wait_until(condition, what, timeout=60):
    """Poll until condition() is true; its value. The timeout is only for what hangs."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {timeout} s for {what}")
        time.sleep(0.02)


def write_file(path, data, mode=0o644):
    with open(path, "wb" if isinstance(data, bytes) else "w") as f:
        f.write(data)
    os.chmod(path, mode)
    return path


def write_program(path, text):
    return write_file(path, text, 0o755)


# --- running ---

def _undo(stack):
    problems = []
    while stack:
        function, arguments = stack.pop()
        try:
            function(*arguments)
        except Exception as problem:  # the rest must be undone all the same
            problems.append(f"cleanup: {problem!r}")
    return problems


def _on_alarm(_number, _frame):
    raise Failed("hung: out of time")


def _run_one(function, limit):
    """What went wrong, as text; None if nothing did. A skip raises Skipped."""
    wrong, skipped = None, None
    signal.alarm(LONG_LIMIT_SECONDS if long() else limit)
    try:
        function()
    except Skipped as why:
        skipped = why
    except Exception:
        wrong = traceback.format_exc()
    finally:
        signal.alarm(0)
    problems = _undo(_of_test)
    if skipped and not problems:
        raise skipped
    return wrong or ("\n".join(problems) if problems else None)


def run_all():
    """Run the marked tests and exit: 0 if none failed."""
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    chosen = [t for t in _tests if not wanted or t[0] in wanted]
    failed = 0
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"1..{len(chosen)}", flush=True)
    try:
        for number, (name, function, limit) in enumerate(chosen, 1):
            started = time.monotonic()
            try:
                wrong = _run_one(function, limit)
            except Skipped as why:
                print(f"ok {number} - {name} # SKIP {why}", flush=True)
                continue
            if wrong:
                failed += 1
                print("\n".join("# " + line for line in wrong.rstrip().splitlines()))
            print(f"{'not ok' if wrong else 'ok'} {number} - {name} "
                  f"# {(time.monotonic() - started) * 1000:.0f} ms", flush=True)
    finally:
        _undo(_of_test)
        for problem in _undo(_of_file):
            print("# " + problem, flush=True)
    sys.exit(1 if failed or (wanted and not chosen) else 0)
