"""A proxy on loopback in front of an S3 service, for faults that a real one shows rarely.

    proxy = FaultyProxy(s3.port)           gone when the test ends
    proxy.fail(3, "lost")                  what happens to the third request from now on
    proxy.endpoint                         instead of the service's own
    proxy.log                              "METHOD PATH?QUERY" of each request, in order
    proxy.before("PUT", 2, action)         called once, before the second such request is passed on; or a fault's
                                           name: what happens to that one
    proxy.old_lists = True                 every list is stale, until told otherwise
    proxy.dead = True                      no request gets an answer, until told otherwise

    500        a refusal without doing it           truncated   done, and half of the answer arrives
    slowdown   503 with <Code>SlowDown</Code>       etag        done, and every ETag in the answer is another
    hang       no answer, ever                      stale       a list shows the state before all changes
    reset      the connection breaks at once        lost        done, and the connection breaks without an answer
    cut        the service gets half of the request swallow     a PUT is confirmed with its MD5 and never done
    barred     a refusal that nobody knows, for good"""
import hashlib
import re
import socket
import struct
import threading

from harness import defer

KINDS = ("500", "slowdown", "hang", "reset", "cut", "truncated", "etag", "stale", "lost", "swallow")
HARMLESS = (None, "stale", "cut", "swallow")  # for the answer
LIMIT_S = 120
ERROR = (b'HTTP/1.1 %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s')
EMPTY_LIST = (b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
              b'<IsTruncated>false</IsTruncated></ListBucketResult>')


class Stream:
    """A socket, read by heads and lengths."""

    def __init__(self, sock):
        sock.settimeout(LIMIT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.rest = sock, b""

    def head(self):
        """Up to the empty line; None at the end."""
        while b"\r\n\r\n" not in self.rest:
            more = self.sock.recv(65536)
            if not more:
                return None
            self.rest += more
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        return head + b"\r\n\r\n"

    def body(self, length):
        """Pieces of the next so many bytes."""
        while length > 0:
            piece = self.rest[:length] or self.sock.recv(min(length, 1 << 20))
            self.rest = self.rest[len(piece):] if self.rest else b""
            if not piece:
                raise ConnectionError("cut off")
            length -= len(piece)
            yield piece

    def chunks(self):
        """The whole of a body that comes in chunks."""
        body = b""
        while True:
            line = self.line()
            size = int(line.split(b";")[0], 16)
            body += b"".join(self.body(size))
            self.line()
            if size == 0:
                return body

    def line(self):
        while b"\r\n" not in self.rest:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("cut off")
            self.rest += more
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def close(self, reset=False):
        try:
            if reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


def length_of(head):
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(found[1]) if found else 0


class FaultyProxy:
    def __init__(self, port):
        self.backend, self.faults, self.log = ("127.0.0.1", port), {}, []
        self.received, self.failed = 0, 0  # bytes of bodies passed on; faults that happened
        self.old_lists, self.dead, self.awaited = False, False, []  # awaited: [part of a line, how many more, action]
        self.lock, self.streams = threading.Lock(), set()
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.server.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()
        defer(self.stop)

    def fail(self, number, kind):
        """What happens to request `number`, counted from 1, from now on; None: nothing to any."""
        with self.lock:
            self.log.clear()
            self.faults = {number: kind} if kind else {}
            self.failed = 0

    def before(self, part, count, action):
        """Once, at the count-th request from now on whose line contains part."""
        with self.lock:
            self.awaited.append([part, count, action])

    def _act(self, line):
        """What was awaited happens; the fault of this request, or None. Lock held: no other one overtakes it."""
        kind = None
        for entry in [a for a in self.awaited if a[0] in line]:
            entry[1] -= 1
            if entry[1] > 0:
                continue
            self.awaited.remove(entry)
            if callable(entry[2]):
                entry[2]()
            else:
                kind = entry[2]
        return kind

    def stop(self):
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()
        with self.lock:
            streams = list(self.streams)
        for stream in streams:
            stream.close()
        self.acceptor.join()

    def _accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Stream(sock),), daemon=True).start()

    def _serve(self, client):
        backend = None
        with self.lock:
            self.streams.add(client)
        try:
            backend = Stream(socket.create_connection(self.backend, LIMIT_S))
            while self._exchange(client, backend):
                pass
        except (OSError, ValueError):
            pass
        finally:
            client.close()
            if backend:
                backend.close()
            with self.lock:
                self.streams.discard(client)

    def _exchange(self, client, backend):
        """One request and its answer; False: the connection is over."""
        head = client.head()
        if head is None:
            return False
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        with self.lock:
            self.log.append(f"{method} {target}")
            kind = self._act(self.log[-1]) or self.faults.pop(len(self.log), None)
            self.failed += kind is not None
            if self.dead:
                kind = "hang"
            if self.old_lists and "list-type=2" in target:
                kind = "stale"
        length = length_of(head)
        if kind == "reset":
            client.close(reset=True)
            return False
        if kind in ("500", "slowdown", "hang", "barred") or (kind == "stale" and "list-type=2" in target):
            for _ in client.body(length):
                pass
            return self._refuse(client, kind)
        if kind == "swallow" and method == "PUT":
            digest = hashlib.md5(b"".join(client.body(length))).hexdigest()
            client.sock.sendall(b'HTTP/1.1 200 OK\r\nETag: "%s"\r\nContent-Length: 0\r\n\r\n' % digest.encode())
            return True
        backend.sock.sendall(head)
        sent = 0
        for piece in client.body(length):
            if kind == "cut" and sent + len(piece) > length // 2:
                backend.close(reset=True)
                client.close(reset=True)
                return False
            backend.sock.sendall(piece)
            sent += len(piece)
            with self.lock:
                self.received += len(piece)
        return self._answer(client, backend, kind, method)

    def _refuse(self, client, kind):
        if kind == "hang":
            client.sock.recv(1)  # until the client gives up
            return False
        status, body = {"500": (b"500 Internal Server Error", b"<Error><Code>InternalError</Code></Error>"),
                        "slowdown": (b"503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"),
                        "barred": (b"423 Locked", b"<Error><Code>UnderInvestigation</Code></Error>"),
                        "stale": (b"200 OK", EMPTY_LIST)}[kind]
        client.sock.sendall(ERROR % (status, len(body), body))
        return True

    def _answer(self, client, backend, kind, method):
        head = backend.head()
        if head is None:
            return False
        length = 0 if method == "HEAD" else length_of(head)
        chunked = method != "HEAD" and b"transfer-encoding: chunked" in head.lower()
        if kind in HARMLESS and not chunked:
            client.sock.sendall(head)
            for piece in backend.body(length):
                client.sock.sendall(piece)
            return True
        body = backend.chunks() if chunked else b"".join(backend.body(length))
        if chunked:  # passed on with its length
            length = len(body)
            head = re.sub(rb"(?i)transfer-encoding: chunked", b"Content-Length: %d" % length, head)
        if kind in HARMLESS:
            client.sock.sendall(head + body)
            return True
        if kind == "lost":
            client.close(reset=True)
            return False
        if kind == "truncated":
            client.sock.sendall(head + body[:length // 2] if length else head[:len(head) // 2])
            return False
        other = lambda m: m[1] + (b"0" if m[2] != b"0" else b"1") * 32  # noqa: E731
        client.sock.sendall(re.sub(rb'(?i)(etag: *"?)([0-9a-f])[0-9a-f]{31}', other, head) +
                            re.sub(rb'(<ETag>(?:&quot;|")?)([0-9a-f])[0-9a-f]{31}', other, body))
        return True
