"""A day's work in some seconds: afterwards all is as it was before.

100,000 requests of all kinds (to step 04 fewer), by clients that reset, leave,
send noise or do not read. Tasks, connections, descriptors and memory are
asked of the server itself, before and afterwards.
"""

import collections
import contextlib
import json
import random
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from workshop.serving import launched

pytestmark = pytest.mark.steps("04", "05")

REQUESTS = {"04": 20_000, "05": 100_000}
WARM = 10_000  # requests before we look, so that caches are filled
CLIENTS = 4  # at once
TASKS = 3  # of the program, of the sweeper, and of the connection that asks
PATIENCE = 20  # seconds until we believe no more that something will come
GROWTH = 2**20  # bytes: of an allocator's fragments, not of requests

PROGRAM = """
import asyncio, gc, logging
import psutil
from pico import Pico
from extensions.cors import cors
from extensions.request_id import request_id
from extensions.sessions import sessions

app = Pico()
app.Server.interval = 0.05
app.Protocol.head_timeout = 4
cors(app, origin="https://example.org")
request_id(app)
sessions(app, keys=["not a secret: it signs cookies of a test"])
logging.getLogger("pico").addHandler(logging.NullHandler())
PIECE = bytes(65536)
process = psutil.Process()

@app.route("/hello/{name}")
async def hello(request, response, name):
    response.json = {"message": f"Hello {name}"}

@app.route("/count")
async def count(request, response):
    request["session"]["count"] = request["session"].get("count", 0) + 1
    response.json = dict(request["session"])

@app.route("/echo", methods=["POST"])
async def echo(request, response):
    response.json = request.json

@app.route("/form", methods=["POST"])
async def form(request, response):
    response.body = request.form.get("a")

@app.route("/stream")
async def stream(request, response):
    async def content():
        for number in range(3):
            yield str(number).encode()
            await asyncio.sleep(0)
    response.body = content()

@app.route("/endless")
async def endless(request, response):
    async def content():
        while True:
            yield PIECE
    response.body = content()

@app.route("/fail")
async def fail(request, response):
    raise RuntimeError("fail")

@app.route("/hang")
async def hang(request, response):
    await asyncio.Event().wait()

@app.route("/state")
async def state(request, response):
    await asyncio.sleep(0)  # Who has let this client in is done now.
    gc.collect()
    response.json = {
        "tasks": len(asyncio.all_tasks()),
        "connections": len(app.connections),
        "descriptors": process.num_fds(),
        "memory": process.memory_info().rss,
    }

app.run()
"""

HOST = b"host: pico\r\n"


def asked(line, *fields, content=b""):
    """Return the bytes of a request."""
    if content and not any(b"chunked" in field for field in fields):
        fields = [*fields, b"content-length: %d" % len(content)]
    lines = [line + b" HTTP/1.1", b"host: pico", *fields, b"", content]
    return b"\r\n".join(lines)


# A request, and its status.
KINDS = [
    (asked(b"GET /hello/bench"), 200),
    (asked(b"HEAD /hello/bench"), 200),
    (asked(b"GET /hello/caf%C3%A9", b"cookie: a=b; c=d"), 200),
    (asked(b"GET /hello/x", b"origin: https://example.org"), 200),
    (asked(b"GET /count", b"cookie: session=forged.cookie"), 200),
    (asked(b"POST /echo", content=b'{"a":[1,2,3]}'), 200),
    (asked(b"POST /echo", content=b'{"a":'), 400),
    (
        asked(
            b"POST /echo",
            b"transfer-encoding: chunked",
            content=b"2\r\n[]\r\n0\r\nx-sum: 1\r\n\r\n",
        ),
        200,
    ),
    (
        asked(
            b"POST /form",
            b"content-type: application/x-www-form-urlencoded",
            content=b"a=b&c=d",
        ),
        200,
    ),
    (asked(b"GET /stream"), 200),
    (asked(b"GET /nowhere"), 404),
    (asked(b"DELETE /echo"), 405),
    (asked(b"OPTIONS *"), 204),
    (asked(b"GET /hello/x", b"connection: upgrade", b"upgrade: h2c"), 200),
]
RARE = asked(b"GET /fail"), 500  # It is logged, which is dear.
FAULTS = [
    asked(b"GET /hello/bench")[:-9],
    asked(b"POST /echo", content=b"1" * 99)[:-9],
    asked(b"GET /stream"),
    asked(b"GET /endless"),
    asked(b"GET /hang"),
    asked(b"GET /hello/bench") * 300,
    b"\x16\x03\x01 noise \r\n\r\n",
    asked(b"GET /hello/x", b"host: another"),
    asked(b"GET /hello/x", b"x: " + b"y" * 20_000),
    asked(b"POST /echo", content=b"1" * 2_000_000)[:300_000],
]


class Soak:
    """Clients of one server, and how often they were answered what."""

    def __init__(self, running):
        self.address = running.host, running.port
        self.answers = collections.Counter()
        self.expected = collections.Counter()

    def connected(self):
        return socket.create_connection(self.address, PATIENCE)

    def work(self, seed, requests):
        """Ask, and misbehave now and then; the same for the same seed."""
        chance, left = random.Random(seed), requests
        expected = collections.Counter()
        answers = collections.Counter()
        while left:
            number = min(left, chance.randint(1, 200))
            left -= number
            chosen = chance.choices(KINDS, k=number)
            if chance.random() < 0.1:
                chosen[-1] = RARE
            expected.update(status for _, status in chosen)
            answers.update(self.ask([request for request, _ in chosen]))
            if chance.random() < 0.3:
                self.fault(chance)
        return expected, answers

    def ask(self, requests):
        """Pipeline requests on one connection; return the statuses."""
        last = asked(b"GET /hello/last", b"connection: close")
        with self.connected() as client:
            client.sendall(b"".join(requests) + last)
            said = client.makefile("rb").read()
        lines = said.split(b"HTTP/1.1 ")[1:-1]  # the last one is ours
        return [int(line[:3]) for line in lines]

    def fault(self, chance):
        """Be a bad client for once."""
        client = self.connected()
        with contextlib.suppress(OSError):
            client.sendall(chance.choice(FAULTS))
            if chance.random() < 0.5:
                client.settimeout(0.01)
                client.recv(chance.choice([1, 100, 65536]))
        if chance.random() < 0.5:
            now = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        client.close()

    def run(self, requests, first_seed):
        """Let some clients work at once."""
        share = requests // CLIENTS
        with ThreadPoolExecutor(CLIENTS) as pool:
            seeds = range(first_seed, first_seed + CLIENTS)
            for expected, answers in pool.map(
                self.work, seeds, [share] * CLIENTS
            ):
                self.expected += expected
                self.answers += answers

    def state(self):
        """Return what the server says of itself."""
        with self.connected() as client:
            client.sendall(asked(b"GET /state", b"connection: close"))
            said = client.makefile("rb").read()
        return json.loads(said.partition(b"\r\n\r\n")[2])

    def settled(self):
        """Return the state when nobody else is there any more.

        That a client has left is seen by the second look of the sweeper.
        """
        until = time.monotonic() + PATIENCE
        while True:
            state = self.state()
            alone = (state["connections"], state["tasks"]) == (1, TASKS)
            if alone or time.monotonic() > until:
                return state


def test_nothing_leaks_in_a_hundred_thousand_requests(target, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    requests = REQUESTS[target.name[:2]]
    with launched(target.folder, program) as running:
        soak = Soak(running)
        soak.run(WARM, 0)
        before = soak.settled()
        soak.run(requests, CLIENTS)
        after = soak.settled()
        log = running.log()

    grown = after.pop("memory") - before.pop("memory")
    assert soak.answers == soak.expected
    assert soak.answers.total() >= requests
    assert (after, log) == (before, "")
    assert grown < GROWTH
