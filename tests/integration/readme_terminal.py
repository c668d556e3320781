#!/usr/bin/env python3
"""readme_terminal.py LINE: run it in bash on a terminal, typing yes where that is asked, and end with
its exit status. What it printed goes to standard output."""
import fcntl
import os
import pty
import struct
import sys
import termios

pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "-o", "pipefail", "-c", sys.argv[1]])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
output, answered = b"", 0
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # the other end is closed
        break
    if not piece:
        break
    output += piece
    if output[answered:].endswith(b"Type yes to go on: "):
        os.write(terminal, b"yes\n")
        answered = len(output)
sys.stdout.buffer.write(output.replace(b"\r\n", b"\n"))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
