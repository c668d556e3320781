"""A scripted synbakd: speaks lib/protocol/control_msg.h over a Unix socket, says what a test wants.

    with FakeDaemon(path, {"status": {...}, "trigger": lambda params, notify: {"run": 3}}) as d: ...

An answer is an object (the result), an Error, or a function of params and notify that gives one;
notify(object) sends a progress notification. d.calls holds (method, params) as they came."""
import json
import os
import socket
import struct
import threading


class Error:
    def __init__(self, code, message):
        self.code, self.message = code, message


def frame(message):
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


class FakeDaemon:
    def __init__(self, path, answers, greeting=None):
        self.path, self.answers, self.calls = path, answers, []
        self.greeting = greeting if greeting is not None else frame({"synbak": "0.1.0", "protocol": 1})
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept; a number closed under it may be reused
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)

    def methods(self):
        return [method for method, _ in self.calls]

    def params(self, method):
        """Of the last call of it."""
        return [p for m, p in self.calls if m == method][-1]

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                connection.sendall(self.greeting)
                while True:
                    request = self._receive(connection)
                    if request is None:
                        return
                    self._answer(connection, request)
            except OSError:
                return

    @staticmethod
    def _receive(connection):
        def exactly(count):
            data = b""
            while len(data) < count:
                chunk = connection.recv(count - len(data))
                if not chunk:
                    return None
                data += chunk
            return data
        head = exactly(4)
        body = exactly(struct.unpack(">I", head)[0]) if head else None
        return json.loads(body) if body else None

    def _answer(self, connection, request):
        method, params = request["method"], request["params"]
        self.calls.append((method, params))
        answer = self.answers.get(method, Error("usage", f"no such method: {method}"))
        if callable(answer):
            answer = answer(params, lambda p: connection.sendall(
                frame({"jsonrpc": "2.0", "method": "progress", "params": p})))
        if answer is None:
            connection.shutdown(socket.SHUT_RDWR)
            return
        if isinstance(answer, bytes):
            connection.sendall(answer)
            return
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        if isinstance(answer, Error):
            reply["error"] = {"code": -32000, "message": answer.message,
                              "data": {"code": answer.code}}
        else:
            reply["result"] = answer
        connection.sendall(frame(reply))
