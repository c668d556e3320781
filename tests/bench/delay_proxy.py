#!/usr/bin/env python3
"""delay_proxy.py LISTEN_PORT TARGET_PORT ROUND_TRIP_MS: loopback with the distance of a real network.

Every byte arrives half a round trip later than it was sent, in both directions, and a new connection
waits one round trip more, as its handshake would. Bandwidth is not limited. It says "ready" once it
listens and ends with its standard input."""
import asyncio
import collections
import sys

IN_FLIGHT = 64 << 20  # bytes of one direction of one connection


class Direction(asyncio.Protocol):
    """Bytes that come in here leave through `out` when their time has come."""

    def __init__(self, delay, first_delay):
        self.delay, self.extra = delay, first_delay
        self.waiting, self.bytes, self.timer = collections.deque(), 0, None
        self.transport = self.out = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.enqueue(data)

    def enqueue(self, data):
        loop = asyncio.get_running_loop()
        due = loop.time() + self.delay + self.extra
        if self.waiting:
            due = max(due, self.waiting[-1][0])
        self.extra = 0
        self.waiting.append((due, data))
        self.bytes += len(data) if data else 0
        if self.bytes > IN_FLIGHT and self.transport:
            self.transport.pause_reading()
        if self.timer is None:
            self.timer = loop.call_at(self.waiting[0][0], self.deliver)

    def deliver(self):
        loop = asyncio.get_running_loop()
        self.timer = None
        if self.out is None:  # the target has not answered yet
            self.timer = loop.call_later(0.001, self.deliver)
            return
        now = loop.time()
        while self.waiting and self.waiting[0][0] <= now:
            data = self.waiting.popleft()[1]
            if data is None:
                self.out.transport.close()
                return
            self.bytes -= len(data)
            if not self.out.transport.is_closing():
                self.out.transport.write(data)
        if self.bytes <= IN_FLIGHT and self.transport and not self.transport.is_closing():
            self.transport.resume_reading()
        if self.waiting:
            self.timer = loop.call_at(self.waiting[0][0], self.deliver)

    def connection_lost(self, exc):
        self.enqueue(None)


async def serve(listen, target, round_trip):
    loop = asyncio.get_running_loop()

    def accept():
        inward = Direction(round_trip / 2, round_trip)

        async def connect():
            try:
                _, outward = await loop.create_connection(lambda: Direction(round_trip / 2, 0), "127.0.0.1", target)
            except OSError:
                inward.transport.abort()
                return
            inward.out, outward.out = outward, inward
        loop.create_task(connect())
        return inward

    server = await loop.create_server(accept, "127.0.0.1", listen)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
