"""The SFTP store against OpenSSH's own server: the conformance suite, ways to log in, and faults at
every step."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, contains, equal, lacks, long, note, program, run, run_all, temp_dir, test
from sshd import Sshd


def tool(server, *arguments, ok=True, **changes):
    done = run([program("sftp_tool"), *map(str, arguments)], env=server.environment(**changes), ok=ok)
    return done.stdout


@test
def the_suite_of_all_stores():
    server = Sshd()
    done = run([program("sftp_suite")], env=server.environment())
    equal(done.returncode, 0, done.stdout + done.stderr)


run_all()
