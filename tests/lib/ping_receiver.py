"""A service that pings go to, for tests."""
import http.server
import threading

from harness import defer


class Receiver:
    """A ping service on the loopback: (path, query, body) of what came; answer(): the status to give."""

    def __init__(self, answer=lambda: 200):
        got = self.got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                path, _, query = self.path.partition("?")
                got.append((path, query, body))
                self.send_response(answer())
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        defer(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ping"
