#!/usr/bin/env python3
"""The documents agree with the tree: every source file has its line in docs/architecture.md, links
lead somewhere, man pages are clean, and no text names what it must not."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [p for p in ROOT.glob("**/*.md") if "build" not in p.parts]


def files_without_a_line():
    text = (ROOT / "docs/architecture.md").read_text()
    for folder in ("lib", "daemon", "cli"):
        for path in sorted((ROOT / folder).glob("**/*.[ch]")) + sorted((ROOT / folder).glob("**/*.def")):
            stem = path.stem
            if not re.search(rf"\b{re.escape(stem)}\b", text):
                yield f"docs/architecture.md says nothing of {path.relative_to(ROOT)}"


def lines_without_a_file():
    text = (ROOT / "docs/architecture.md").read_text()
    for name in re.findall(r"`((?:lib|daemon|cli|tests|etc|systemd|docs|cmake)/[\w./-]+)`", text):
        if not (ROOT / name).exists() and not list(ROOT.glob(name + ".*")):
            yield f"docs/architecture.md names {name}, which is not there"


def dead_links():
    for path in TEXTS:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if not target.startswith("http") and not (path.parent / target).exists():
                yield f"{path.relative_to(ROOT)}: no such place: {target}"


def unclean_man_pages():
    for page in sorted((ROOT / "docs/man").glob("*.[0-9]")):
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(page)], capture_output=True, text=True, check=False)
        yield from done.stdout.splitlines()


def message_ids_without_a_word():
    page = (ROOT / "docs/man/synbakd.8").read_text()
    for name, message_id in re.findall(r'\[(LOG_\w+)\] = "([0-9a-f]{32})"', (ROOT / "daemon/log.c").read_text()):
        if message_id not in page:
            yield f"synbakd(8) says nothing of {name}, {message_id}"


def unfinished_marks():
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    for path in ROOT.glob("**/*"):
        if path.suffix in (".c", ".h", ".py", ".sh", ".md", ".cmake", ".def") and "build" not in path.parts:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if mark.search(line):
                    yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def main():
    checks = [("every file has its line in architecture.md", files_without_a_line),
              ("architecture.md names what is there", lines_without_a_file),
              ("links lead somewhere", dead_links), ("man pages are clean", unclean_man_pages),
              ("message ids stand in synbakd(8)", message_ids_without_a_word),
              ("nothing is marked unfinished", unfinished_marks)]
    good = True
    for number, (name, check) in enumerate(checks, 1):
        problems = list(check())
        for problem in problems:
            print(f"# {problem}")
        print(f"{'not ok' if problems else 'ok'} {number} - {name}")
        good = good and not problems
    sys.exit(0 if good else 1)


main()
