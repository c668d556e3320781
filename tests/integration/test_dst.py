#!/usr/bin/env python3
"""Every clock change of every time zone of the system from 2000 to 2100, against an oracle of its own.

The oracle is Python's zoneinfo, which reads the same files with other code, and a walker that goes
minute by minute: a schedule with a varying hour fires at each minute that clocks show and it names,
one with a fixed hour when clocks first reach or pass a minute that it names. Zones in which the oracle
sees the same changes share its work, but every zone is asked."""
import collections
import datetime
import functools
import hashlib
import os
import random
import shutil
import subprocess
import sys
import zoneinfo

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, equal, long, note, program, run_all, skip, test  # noqa: E402

FOLDER = "/usr/share/zoneinfo"
UTC = datetime.timezone.utc
START = int(datetime.datetime(2000, 1, 1, tzinfo=UTC).timestamp())
END = int(datetime.datetime(2101, 1, 1, tzinfo=UTC).timestamp())
EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def ask(questions):
    """The numbers that the product answers, one list for each question."""
    text = "".join("\t".join(map(str, q)) + "\n" for q in questions)
    out = subprocess.run([program("calendar_probe")], input=text, capture_output=True, text=True,
                         check=True).stdout.split("\n")
    equal(len(out), len(questions) + 1, "answers")
    for question, line in zip(questions, out):
        check(not line.startswith("error"), f"{question}: {line}")
    return [list(map(int, line.split())) for line in out[:-1]]


def offset(zone, t):
    return int(datetime.datetime.fromtimestamp(t, zone).utcoffset().total_seconds())


def find_changes(zone):
    """(time, before, after) for each change, found by stepping and halving. Zones did change back
    within seven days."""
    step = 86400 if long() else 3 * 86400
    found, t, now = [], START, offset(zone, START)
    while t < END:
        ahead = min(t + step, END)
        if offset(zone, ahead) == now:
            t = ahead
            continue
        low, high = t, ahead
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(zone, middle) == now else (low, middle)
        found.append((high, now, offset(zone, high)))
        t, now = high, offset(zone, high)
    return tuple(found)


@functools.cache
def zones():
    """All names of the system's list, as {(first offset, changes): names}."""
    by_file, by_changes = collections.defaultdict(list), collections.defaultdict(list)
    for name in sorted(zoneinfo.available_timezones()):
        path = os.path.join(FOLDER, name)
        if os.path.exists(path):  # not those that only a Python package knows
            with open(path, "rb") as f:
                by_file[hashlib.sha256(f.read()).digest()].append(name)
    for names in by_file.values():
        zone = zoneinfo.ZoneInfo(names[0])
        by_changes[offset(zone, START), find_changes(zone)] += names
    return by_changes


class Schedule:
    """What the walker needs to know of an expression."""

    def __init__(self, tier, text, minutes, hours, varies, day=None):
        self.tier, self.text, self.minutes, self.hours = tier, text, minutes, hours
        self.varies, self.day = varies, day or (lambda date: True)

    def names(self, minute):
        """minute: minutes since 1970 as local clocks count them."""
        day, rest = divmod(minute, 1440)
        return (rest % 60 in self.minutes and rest // 60 in self.hours and
                self.day(datetime.date.fromordinal(day + EPOCH_DAY)))


def walk(schedule, local):
    """Firings in the window. local: [(time, local minute)] for each minute, the first not counted."""
    fired, reached = [], local[0][1]
    for t, minute in local[1:]:
        if schedule.varies:
            if schedule.names(minute):
                fired.append(t)
        elif minute > reached:
            if any(schedule.names(m) for m in range(reached + 1, minute + 1)):
                fired.append(t)
            reached = minute
    return fired


def schedules_around(change):
    t, before, after = change
    low, high = sorted((t + before, t + after))
    low, high = low // 60, -(-high // 60)
    middle = (low + high) // 2
    every = range(24)

    def daily(minute):
        h, m = divmod(minute % 1440, 60)
        return Schedule("daily", f"at {h:02}:{m:02}", {m}, {h}, False)

    h, m = divmod(middle % 1440, 60)
    date = datetime.date.fromordinal(middle // 1440 + EPOCH_DAY)
    weekday = date.weekday()
    yield daily(middle)
    yield daily(low)
    yield daily(high)
    yield Schedule("hourly", "at :15", {15}, every, True)
    yield Schedule("daily", "cron 0 */2 * * *", {0}, range(0, 24, 2), True)
    yield Schedule("weekly", f"cron */20 {h},{(h + 1) % 24} * * {WEEKDAYS[weekday]}", {0, 20, 40},
                   {h, (h + 1) % 24}, False, lambda d: d.weekday() == weekday)
    if not long():
        return
    yield daily(low - 1)
    yield daily(high - 1)
    yield daily(high + 1)
    yield Schedule("daily", "on *:0/10", range(0, 60, 10), every, True)
    yield Schedule("daily", f"on {WEEKDAYS[weekday]} *:{m:02}", {m}, every, True,
                   lambda d: d.weekday() == weekday)
    yield Schedule("yearly", f"at {date.month:02}-{date.day:02} {h:02}:{m:02}", {m}, {h}, False,
                   lambda d: (d.month, d.day) == (date.month, date.day))
    yield Schedule("monthly", f"cron {m} {h} {date.day} * *", {m}, {h}, False,
                   lambda d: d.day == date.day)
    yield Schedule("daily", "cron * * * * *", range(60), every, True)


def window(zone, change):
    """Each minute from an hour (two under --long) before to one behind, the size of the change added."""
    t, before, after = change
    reach = (7200 if long() else 3600) + abs(after - before)
    return [(u, (u + offset(zone, u)) // 60) for u in range(t - reach, t + reach + 1, 60)]


@test(limit=3600)
def every_change_is_found():
    count = 0
    for (_, expected), names in zones().items():
        for name, answer in zip(names, ask([("changes", n, START, END) for n in names])):
            got = list(zip(answer[::3], answer[1::3], answer[2::3]))
            equal(got, list(expected), name)
            count += len(got)
    note(f"{count} changes of {sum(map(len, zones().values()))} zones")


@test(limit=3600)
def every_change_fires_what_it_should():
    asked = firings = 0
    for (_, changes), names in zones().items():
        zone, questions, expected = zoneinfo.ZoneInfo(names[0]), [], []
        for change in changes:
            local = window(zone, change)
            for s in schedules_around(change):
                questions.append((s.tier, local[0][0], local[-1][0], s.text))
                expected.append(walk(s, local))
        got = ask([("fires", name) + q for name in names for q in questions])
        for i, one in enumerate(got):
            at = i % len(expected)
            equal(one, expected[at], f"{names[i // len(expected)]} {questions[at]}")
            firings += len(one)
        asked += len(got)
    note(f"{asked} schedules around changes, {firings} firings, 0 disagreements")


@test(limit=3600)
def each_date_fires_once():
    """Fixed times through all the years: as many firings as dates, each where zoneinfo has it."""
    times = ["00:30", "02:30", "23:45"] if long() else ["02:30"]
    groups = list(zones().items())
    count = 0
    for (_, changes), names in groups if long() else groups[::12]:
        zone = zoneinfo.ZoneInfo(names[0])
        for text in times:
            h, m = map(int, text.split(":"))
            got = ask([("fires", names[0], "daily", START, END, f"at {text}")])[0]
            expected = set()
            for day in range(START // 86400 - 1, END // 86400 + 1):
                date = datetime.date.fromordinal(day + EPOCH_DAY)
                at = datetime.datetime(date.year, date.month, date.day, h, m, tzinfo=zone)
                t = int(at.timestamp())
                if datetime.datetime.fromtimestamp(t, zone).replace(tzinfo=None) != \
                        at.replace(tzinfo=None):  # in a gap: right after it
                    t = min(c for c, _, _ in changes if c > t - 2 * 86400 and
                            c + offset(zone, c) > day * 86400 + h * 3600 + m * 60)
                if START < t <= END:
                    expected.add(t)
            equal(got, sorted(expected), f"{names[0]} at {text}")
            count += len(got)
    note(f"{count} firings")


def random_field(r, low, high, star):
    if r.random() < star:
        return "*", set(range(low, high + 1))
    values, parts = set(), []
    for _ in range(r.randint(1, 3)):
        a = r.randint(low, high)
        b = r.randint(a, high)
        step = r.randint(1, 7)
        kind = r.randrange(4)
        if kind == 0:
            parts.append(str(a))
            values.add(a)
        elif kind == 1:
            parts.append(f"{a}-{b}")
            values.update(range(a, b + 1))
        elif kind == 2:
            parts.append(f"{a}-{b}/{step}")
            values.update(range(a, b + 1, step))
        else:
            parts.append(f"*/{step}")
            values.update(range(low, high + 1, step))
    return ",".join(parts), values


@test(limit=3600)
def random_cron_expressions():
    r = random.Random(7)
    count = 2000 if long() else 100
    questions, expected = [], []
    for _ in range(count):
        fields = [random_field(r, *f) for f in ((0, 59, 0.1), (0, 23, 0.2), (1, 31, 0.5),
                                                (1, 12, 0.5), (0, 7, 0.5))]
        text = "cron " + " ".join(f[0] for f in fields)
        minutes, hours, days, months, weekdays = (f[1] for f in fields)
        either = fields[2][0][0] != "*" and fields[4][0][0] != "*"
        first = r.randrange(START // 86400, END // 86400 - 60)
        fired = []
        for day in range(first, first + 60):
            date = datetime.date.fromordinal(day + EPOCH_DAY)
            weekday = date.isoweekday() % 7
            a, b = date.day in days, weekday in weekdays or (weekday == 0 and 7 in weekdays)
            if date.month in months and (a or b if either else a and b):
                fired += [day * 86400 + h * 3600 + m * 60 for h in sorted(hours)
                          for m in sorted(minutes)]
        questions.append(("fires", "UTC", "daily", first * 86400 - 1, (first + 60) * 86400 - 1, text))
        expected.append(fired)
    possible = [i for i, q in enumerate(questions) if expected[i]]  # the rest may name no day at all
    for i, got in zip(possible, ask([questions[i] for i in possible])):
        equal(got, expected[i], questions[i][-1])
    note(f"{len(possible)} expressions, {sum(len(expected[i]) for i in possible)} firings")


@test(limit=600)
def calendar_expressions_mean_what_systemd_says():
    if shutil.which("systemd-analyze") is None:
        skip("systemd-analyze is not installed")
    texts = ["daily", "weekly", "monthly", "yearly", "quarterly", "semiannually", "hourly",
             "Mon..Fri 02,14:30", "Mon,Wed *-*-* 02:00", "*-*-01 04:00", "*:0/15", "Fri *-*-13 00:00",
             "*-02-29 04:00", "*-*-01/10 00:00", "12-24 18:00", "*-01..03-01 00:00", "8..10/2:00",
             "Sat,Sun 03:00", "*-*-28..31 23:59", "Mon *-05-03 01:00", "0/6:30"]
    base = "2026-11-20 12:00:00 UTC"
    start = int(datetime.datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
    for text in texts:
        out = subprocess.run(["systemd-analyze", "calendar", "--iterations=5", f"--base-time={base}",
                              text], env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
                             capture_output=True, text=True, check=True).stdout
        expected = []
        for line in out.splitlines():
            head, _, rest = line.strip().partition(": ")
            if (head == "Next elapse" or head.startswith("Iter")) and rest.strip().endswith("UTC"):
                stamp = rest.strip().split(" ", 1)[1][:-4]
                at = datetime.datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
                expected.append(int(at.timestamp()))
        check(len(expected) == 5, f"{text}: systemd says {out}")
        got = ask([("fires", "UTC", "daily", start, expected[-1], "on " + text)])[0]
        equal(got, expected, text)
    note(f"{len(texts)} expressions")


if __name__ == "__main__":
    run_all()
