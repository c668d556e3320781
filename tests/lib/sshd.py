"""OpenSSH's own server on loopback, with a host key and authorized keys of its own. It runs as the
user who tests, serves SFTP by internal-sftp unless told another subsystem, and is gone, its sessions
included, when the test ends."""
import os
import pwd
import shutil
import signal
import socket
import subprocess

import harness


class Sshd:
    def __init__(self, *, subsystem="internal-sftp", options="", keys=True):
        if not shutil.which("sshd", path="/usr/sbin:/usr/bin"):
            harness.skip("openssh-server is not installed")
        self.folder = harness.temp_dir()
        self.root = os.path.join(self.folder, "root")
        os.mkdir(self.root)
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port = free_port()
        self.subsystem, self.options = subsystem, options
        self.process = None
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.host_key = self.make_key("host")
        self.key = self.make_key("login")
        self.authorize(self.key)
        self.know()
        self.start()
        harness.defer(self.stop)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_key(self, name, kind="ed25519", passphrase="", form=()):
        path = self.path(name)
        harness.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path, *form], ok=True)
        return path

    def authorize(self, key):
        with open(key + ".pub") as public, open(self.path("authorized"), "a") as out:
            out.write(public.read())

    def know(self, key=None, host=None):
        """known_hosts names this key alone."""
        with open((key or self.host_key) + ".pub") as public:
            kind, text = public.read().split()[:2]
        with open(self.path("known_hosts"), "w") as out:
            out.write(f"{host or '[127.0.0.1]:%d' % self.port} {kind} {text}\n")

    def start(self):
        with open(self.path("config"), "w") as out:
            out.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\n"
                      f"PidFile none\nAuthorizedKeysFile {self.path('authorized')}\n"
                      "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n"
                      "StrictModes no\nPermitRootLogin prohibit-password\nMaxStartups 100\n"
                      f"Subsystem sftp {self.subsystem}\n{self.options}\n")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-f", self.path("config"),
                                         "-E", self.path("log"), "-D"], start_new_session=True)
        harness.wait_until(self.listens, "sshd")

    def listens(self):
        harness.check(self.process.poll() is None, "sshd ended: " + self.log())
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        try:
            with open(self.path("log")) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def sessions(self):
        """The processes of its sessions, children before their parents."""
        found, above = [], [self.process.pid]
        while above:
            children = children_of(above.pop())
            found[:0] = children
            above += children
        return found

    def kill_sessions(self):
        for pid in self.sessions():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def stop(self):
        if self.process is None:
            return
        sessions = self.sessions()
        self.process.kill()
        self.process.wait()
        for pid in sessions:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process = None

    def environment(self, **changes):
        """For sftp_tool and sftp_suite (tests/tools/sftp_env.h)."""
        with open(self.key) as f:
            key = f.read()
        env = dict(os.environ, SFTP_HOST="127.0.0.1", SFTP_PORT=str(self.port), SFTP_USER=self.user,
                   SFTP_PATH=self.root, SFTP_KEY=key, SFTP_KNOWN_HOSTS=self.path("known_hosts"))
        env.update(changes)
        return {k: v for k, v in env.items() if v is not None}


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(word) for word in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
