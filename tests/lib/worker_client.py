"""The parent's side of synbak-worker: spawn it with a socket at fd 3, send a job, collect what
comes (lib/protocol/worker_msg.h)."""
import json
import socket
import struct
import subprocess

from harness import Failed, defer, end_process, program

STRETCHED = {}  # {what a STORE is opened with: what its key was stretched to}: a campaign of many workers waits once


def is_spared(store):
    """A STORE that is a repository, and says nothing itself of a stretched key."""
    return isinstance(store, dict) and store.get("format") == "repository" and "stretched" not in store


def opened_with(store):
    return json.dumps([store.get(name) for name in ("type", "path", "bucket", "prefix", "port", "key")])


def with_stretched_keys(job):
    """As synbakd does between the workers of a run."""
    def spared(value):
        if isinstance(value, list):
            return [spared(one) for one in value]
        return {**value, "stretched": STRETCHED.get(opened_with(value))} if is_spared(value) else value
    return {name: spared(value) for name, value in job.items()}


class Worker:
    """One worker process with its job sent. messages: all that came so far."""

    def __init__(self, job, binary="synbak-worker", env=None, wrap=(), stdout=None):
        self.ours, theirs = socket.socketpair()
        self.messages, self.buffer = [], b""
        fd = theirs.fileno()
        # bash moves the descriptor: inside Popen the number 3 may belong to its own pipe
        move = "" if fd == 3 else f"3<&{fd} {fd}<&-"
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$0" "$@" {move}', *wrap, program(binary)],
            env=env, stdout=stdout, pass_fds=(fd,), stderr=subprocess.PIPE)
        theirs.close()
        defer(self.close)
        self.job = job
        self.send({"type": "job", **with_stretched_keys(job)})

    def send(self, message):
        body = json.dumps(message).encode()
        try:
            self.ours.sendall(struct.pack(">I", len(body)) + body)
        except BrokenPipeError:
            pass  # it ended already; its last words are still to be read

    def cancel(self):
        self.send({"type": "cancel"})

    def answer(self, yes):
        self.send({"type": "answer", "yes": yes})

    def receive(self, timeout=90):
        """The next message, or None at the end of the connection."""
        self.ours.settimeout(timeout)
        while True:
            if len(self.buffer) >= 4:
                length = struct.unpack(">I", self.buffer[:4])[0]
                if len(self.buffer) >= 4 + length:
                    message = json.loads(self.buffer[4:4 + length])
                    self.buffer = self.buffer[4 + length:]
                    self.messages.append(message)
                    self.remember(message)
                    return message
            try:
                chunk = self.ours.recv(1 << 16)
            except ConnectionResetError:
                chunk = b""
            except socket.timeout:
                raise Failed(f"nothing from the worker for {timeout} s") from None
            if not chunk:
                return None
            self.buffer += chunk

    def remember(self, message):
        if message["type"] == "stretched":
            for value in self.job.values():
                STRETCHED.update({opened_with(s): message["text"] for s in (value if isinstance(value, list) else [value])
                                  if is_spared(s) and s["destination"] == message["destination"]})

    def wait_step(self, part, timeout=90):
        """Until a progress message whose step contains part."""
        while True:
            message = self.receive(timeout)
            if message is None or message["type"] == "result":
                raise Failed(f"no step {part!r}: {self.messages}")
            if message["type"] == "progress" and part in message["step"]:
                return message

    def finish(self, yes=None, timeout=90):
        """The result message; asks are answered with `yes`. Checks exit status against it."""
        result = None
        while (message := self.receive(timeout)) is not None:
            if message["type"] == "ask":
                self.answer(bool(yes))
            if message["type"] == "result":
                result = message
        status = self.process.wait(timeout)
        errors = self.process.stderr.read().decode(errors="replace")
        if result is None:
            raise Failed(f"no result, exit status {status}: {errors}")
        if result["ok"] != (status == 0):
            raise Failed(f"exit status {status} with {result}: {errors}")
        return result

    def close(self):
        self.ours.close()
        end_process(self.process)
        self.process.stderr.close()


def work(job, yes=None, **options):
    """Do one job to the end: the result object. Fails with the worker's error."""
    message = Worker(job, **options).finish(yes)
    if not message["ok"]:
        raise Failed(f"{job['verb']}: {message['code']}: {message['error']}")
    return message["result"]


def work_error(job, yes=None, **options):
    """Do one job that must fail: (code, error)."""
    message = Worker(job, **options).finish(yes)
    if message["ok"]:
        raise Failed(f"{job['verb']} succeeded: {message['result']}")
    return message["code"], message["error"]
