"""An SFTP subsystem that puts itself between sshd and OpenSSH's sftp-server, for faults.

    Subsystem sftp /usr/bin/python3 .../sftp_proxy.py FOLDER

FOLDER/plan.json says what to do, read anew by each connection:

    hide        extensions to leave out of the VERSION packet
    at, mode    at the client's packet `at` (INIT is 0), once, or at each connection if `always`:
                  before  it is lost, and the connection too
                  after   it is carried out, its answer is lost, and the connection too
                  hold    FOLDER/reached appears; goes on when FOLDER/go does or the client has gone
                  fail    it is answered with FAILURE instead
                  garbage it is answered with what is no SFTP
    types       count packets of these types only

FOLDER/alive-PID stands while a connection's server works: sshd forgets it when the client goes.
FOLDER/count tells how many packets were counted in the longest connection so far."""
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time

SERVER = "/usr/lib/openssh/sftp-server"
VERSION, STATUS = 2, 101


def packets(pending):
    """Whole packets off the front of a bytearray."""
    while len(pending) >= 4:
        length = struct.unpack(">I", pending[:4])[0]
        if len(pending) < 4 + length:
            return
        packet = bytes(pending[:4 + length])
        del pending[:4 + length]
        yield packet


def hide(packet, names):
    out, at = packet[4:9], 9
    while at < len(packet):
        fields, start = [], at
        for _ in range(2):
            length = struct.unpack(">I", packet[at:at + 4])[0]
            fields.append(packet[at + 4:at + 4 + length].decode())
            at += 4 + length
        if fields[0] not in names:
            out += packet[start:at]
    return struct.pack(">I", len(out)) + out


class Proxy:
    def __init__(self, folder):
        self.folder = folder
        with open(self.path("plan.json")) as f:
            self.plan = json.load(f)
        self.server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.count = 0
        self.alive = self.path(f"alive-{os.getpid()}")
        open(self.alive, "w").close()
        self.kept = None  # the request whose answer is lost

    def path(self, name):
        return os.path.join(self.folder, name)

    def forward(self, packet):
        self.server.stdin.write(packet)
        self.server.stdin.flush()

    def answers(self):
        """What the server answers to the client, in a thread of its own: neither side may wait for
        the other's pipe."""
        pending = bytearray()
        while True:
            data = os.read(self.server.stdout.fileno(), 65536)
            if not data:
                break
            pending += data
            for packet in packets(pending):
                if packet[4] == VERSION:
                    packet = hide(packet, self.plan.get("hide", []))
                elif packet[5:9] == self.kept:
                    self.cut()
                try:
                    write_all(packet)
                except OSError:
                    pass  # the client has gone; what it asked for is done all the same

    def cut(self):
        os.kill(self.server.pid, signal.SIGKILL)
        os.unlink(self.alive)
        parent = os.getppid()
        with open(f"/proc/{parent}/comm") as f:
            if f.read().strip().startswith("sshd"):
                os.kill(parent, signal.SIGKILL)
        os._exit(1)

    def hold(self):
        open(self.path("reached"), "w").close()
        while not os.path.exists(self.path("go")):
            if not os.path.isdir(self.folder):  # the test has ended
                self.server.kill()
                os._exit(1)
            time.sleep(0.005)

    def due(self, packet):
        types = self.plan.get("types")
        if types and packet[4] not in types:
            return False
        number, self.count = self.count, self.count + 1
        if number != self.plan.get("at"):
            return False
        fired = self.path("fired")
        if os.path.exists(fired) and not self.plan.get("always"):
            return False
        open(fired, "w").close()
        return True

    def request(self, packet):
        mode = self.plan.get("mode") if self.due(packet) else None
        if mode == "before":
            self.cut()
        if mode == "after":
            self.kept = packet[5:9]
        if mode == "hold":
            self.hold()
        if mode in ("fail", "garbage"):
            body = struct.pack(">BIIII", STATUS, struct.unpack(">I", packet[5:9])[0], 4, 0, 0)
            write_all(struct.pack(">I", len(body)) + body if mode == "fail" else b"Welcome to bash\n")
            return
        self.forward(packet)

    def note(self):
        try:
            with open(self.path("count")) as f:
                most = int(f.read() or 0)
        except FileNotFoundError:
            most = 0
        if self.count > most:
            with open(self.path("count"), "w") as f:
                f.write(str(self.count))

    def run(self):
        answering = threading.Thread(target=self.answers)
        answering.start()
        incoming = bytearray()
        while data := os.read(0, 65536):
            incoming += data
            for packet in packets(incoming):
                self.request(packet)
        self.note()
        self.server.stdin.close()
        self.server.wait()
        os.unlink(self.alive)
        answering.join()


def write_all(data):
    while data:
        data = data[os.write(1, data):]


if __name__ == "__main__":
    try:
        Proxy(sys.argv[1]).run()
    except (BrokenPipeError, ConnectionResetError):
        pass
