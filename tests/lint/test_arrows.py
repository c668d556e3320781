#!/usr/bin/env python3
"""The include arrows of docs/architecture.md: who may see whom, and where each library is at home."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# folder -> the folders whose headers it may include, beside its own
ARROWS = {
    "lib/base": [],
    "lib/config": ["lib/base"],
    "lib/schedule": ["lib/base", "lib/config"],
    "lib/protocol": ["lib/base", "lib/config"],
    "lib/journal": ["lib/base"],
    "lib/store": ["lib/base"],
    "lib/tree": ["lib/base"],
    "lib/plain": ["lib/base", "lib/store", "lib/tree"],
    "lib/repository": ["lib/base", "lib/store", "lib/tree"],
    "lib/postgres": ["lib/base"],
    "daemon": ["lib/base", "lib/config", "lib/schedule", "lib/protocol", "lib/journal"],
    "daemon/worker": ["lib/base", "lib/protocol", "lib/store", "lib/plain", "lib/repository", "lib/tree", "lib/postgres"],
    "cli": ["lib/base", "lib/config", "lib/protocol", "lib/schedule"],
}
# header -> the only places that may include it
HOMES = {
    r"uv\.h": r"daemon/[a-z_]+\.[ch]",
    r"systemd/.*": r"daemon/(notify|log|log_journal|control|listen)[a-z_]*\.c",
    r"libpq-fe\.h|libpq/.*": r"lib/postgres/.*",
    r"curl/.*": r"daemon/worker/ping\.c|lib/store/http\.c",
    r"expat\.h": r"lib/store/s3_xml\.c",
    r"archive(_entry)?\.h": r"lib/tree/tree_.*|lib/plain/tar_.*|daemon/worker/(export|ls|cat).*",
    r"zlib\.h|isa-l.*|igzip.*": r"lib/plain/.*",
    r"zstd(_errors)?\.h": r"lib/repository/chunk.*",
    r"openssl/.*": r"lib/(plain|repository|store|journal|base)/.*|daemon/owner\.c",
}


def violations():
    for folder, allowed in ARROWS.items():
        for path in sorted((ROOT / folder).glob("*.[ch]")):
            name = str(path.relative_to(ROOT))
            for line, text in enumerate(path.read_text().splitlines(), 1):
                match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', text)
                if not match:
                    continue
                target = match[2]
                if match[1] == '"':
                    home = str(Path(target).parent)
                    if home != folder and home not in allowed:
                        yield f"{name}:{line}: {folder} must not see {target}"
                for header, homes in HOMES.items():
                    if re.fullmatch(header, target) and not re.fullmatch(homes, name):
                        yield f"{name}:{line}: {target} is not at home here"


def clock_and_calls():
    """Only clock.c reads a clock; some calls have no place anywhere."""
    banned = re.compile(r"\b(strcpy|strcat|strtok|atoi|atol|gets|system|popen|alloca|localtime|tmpnam)\s*\(")
    clocks = re.compile(r"\b(time|clock_gettime|gettimeofday)\s*\(\s*(NULL|CLOCK|&)")
    for path in sorted(ROOT.glob("lib/**/*.[ch]")) + sorted(ROOT.glob("daemon/**/*.[ch]")) + sorted(ROOT.glob("cli/*.[ch]")):
        name = str(path.relative_to(ROOT))
        text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), path.read_text(), flags=re.S)
        for line, code in enumerate(text.splitlines(), 1):
            if banned.search(code):
                yield f"{name}:{line}: {banned.search(code)[1]} is banned"
            if clocks.search(code) and name != "lib/base/clock.c":
                yield f"{name}:{line}: only lib/base/clock.c reads a clock"


def file_sizes():
    for path in sorted(ROOT.glob("lib/**/*.[ch]")) + sorted(ROOT.glob("daemon/**/*.[ch]")) + sorted(ROOT.glob("cli/*.[ch]")):
        lines = len(path.read_text().splitlines())
        if lines > 1000:
            yield f"{path.relative_to(ROOT)}: {lines} lines, 1000 at most"


def report(number, name, found):
    found = list(found)
    for problem in found:
        print(f"# {problem}")
    print(f"{'not ok' if found else 'ok'} {number} - {name}")
    return not found


checks = [("include arrows point one way", violations()),
          ("banned calls and stray clocks", clock_and_calls()),
          ("no file over 1000 lines", file_sizes())]
sys.exit(0 if all([report(n, name, found) for n, (name, found) in enumerate(checks, 1)]) else 1)
