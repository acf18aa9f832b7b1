"""Answer a hello, a position or texts with as little as Python can.

Knows: one route, one kind of answer, fields that came before.
Does not know: limits, errors, where content ends. No server to use.

`DUTY` says which is the last one that is done, of a hello one duty more each
time; "kept" is a position, in one segment; "together" are texts that were
pipelined, in one segment too. `JSON=orjson` says who encodes.
"""

import asyncio
import contextlib
import importlib
import os
import re
import runpy
import time
from pathlib import Path
from types import SimpleNamespace

import httptools

from messages import decoder
from pico import json_encoder
from rendering import date_line
from server import new_event_loop

PATH = b"/hello/"
ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"content-type: application/json\r\n"
    b"content-length: %d\r\n"
    b"%b%b"
)
NOTHING = b"HTTP/1.1 204 No Content\r\n%b"
TEXT = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b%b"
END = b"\r\n\r\n"
LINE = re.compile(r'(GET|POST) (/[!"$-~]*) HTTP/1\.1')
PLAINTEXT = Path(__file__).with_name("plaintext.py")
POSITIONS = Path(__file__).parents[1] / "positions.py"


def encoder():
    """Return what makes JSON of an object, as bytes."""
    package = os.environ.get("JSON")
    return (
        importlib.import_module(package).dumps if package else json_encoder()
    )


class Made(asyncio.Protocol):
    """The answer is made: JSON, its length and the date."""

    encode = staticmethod(encoder())

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        start = data.index(PATH) + len(PATH)
        name = data[start : data.index(b" ", start)].decode()
        self.write({"message": f"Hello {name}"})

    def write(self, value):
        content = self.encode(value)
        date = date_line(time.time() // 1)
        self.transport.write(ANSWER % (len(content), date, content))


class Request:
    """What was asked: method, path, and the fields as bytes."""

    def __init__(self, method, path, fields):
        self.method = method
        self.path = path
        self.fields = fields


class Understood(Made):
    """Each byte of the request is looked at, and a route is found."""

    known = {}  # bytes of fields: what httptools made of them
    routes = {("GET", "/hello/"): "name"}

    def data_received(self, data):
        self.answer(self.understand(data))

    def understand(self, data):
        line, _, block = data.partition(b"\r\n")
        if block not in self.known:
            self.fields = self.known[block] = []
            httptools.HttpRequestParser(self).feed_data(data)
        method, path = LINE.fullmatch(line.decode()).groups()
        return Request(method, path, self.known[block])

    def on_header(self, name, value):
        self.fields.append((name, value))

    def find(self, request):
        """Return what is asked for by the path, as parameters."""
        start = request.path.rfind("/") + 1
        name = self.routes[request.method, request.path[:start]]
        return {name: request.path[start:]}

    def answer(self, request):
        parameters = self.find(request)
        self.write({"message": f"Hello {parameters['name']}"})


class Response:
    """What the handler answers."""

    json = None


async def hello(request, response, name):
    """Greet: the handler of `app.py`."""
    response.json = {"message": f"Hello {name}"}


class Handled(Understood):
    """A handler answers: a coroutine that gets two objects."""

    handler = staticmethod(hello)

    def answer(self, request):
        response = Response()
        try:
            self.handler(request, response, **self.find(request)).send(None)
        except StopIteration:
            self.write(response.json)


class Served(Handled):
    """A task serves the connection, so that a handler may wait."""

    def connection_made(self, transport):
        super().connection_made(transport)
        self.loop, self.requests = asyncio.get_running_loop(), []
        self.arrival = self.loop.create_future()
        self.task = self.loop.create_task(self.serve())

    def connection_lost(self, error):
        self.task.cancel()

    def data_received(self, data):
        self.requests.append(self.understand(data))
        if not self.arrival.done():
            self.arrival.set_result(None)

    async def serve(self):
        while True:
            await self.arrival
            self.arrival = self.loop.create_future()
            for request in self.requests:
                response = Response()
                await self.handler(request, response, **self.find(request))
                self.write(response.json)
            self.requests.clear()


class Kept(Served):
    """A position is decoded; the handler that checks it is everybody's."""

    routes = {("POST", "/drones/"): "name"}
    handler = staticmethod(runpy.run_path(str(POSITIONS))["keep"])

    def understand(self, data):
        head, end, content = data.partition(END)
        request = super().understand(head + end)
        request.json, _ = decoder.raw_decode(content.decode())
        return request

    def write(self, value):
        self.transport.write(NOTHING % date_line(time.time() // 1))


class Text:
    """What the handler of texts answers."""

    def __init__(self):
        self.headers = {}


class Together(Served):
    """Texts that were pipelined are answered by one call of the system."""

    routes = {("GET", "/plaintext"): {}}
    handler = staticmethod(runpy.run_path(str(PLAINTEXT))["plaintext"])

    def data_received(self, data):
        *heads, _ = data.split(END)
        self.requests += [self.understand(head + END) for head in heads]
        if not self.arrival.done():
            self.arrival.set_result(None)

    def find(self, request):
        return self.routes[request.method, request.path]

    async def serve(self):
        while True:
            await self.arrival
            self.arrival, answers = self.loop.create_future(), []
            for request in self.requests:
                response = Text()
                await self.handler(request, response, **self.find(request))
                answers.append(self.render(response))
            self.requests.clear()
            self.transport.write(b"".join(answers))

    def render(self, response):
        kind = response.headers["content-type"].encode()
        content = response.body.encode()
        date = date_line(time.time() // 1)
        return TEXT % (kind, len(content), date, content)


DUTIES = {
    "made": Made,
    "understood": Understood,
    "handled": Handled,
    "served": Served,
    "kept": Kept,
    "together": Together,
}
least = DUTIES[os.environ.get("DUTY", "served")]
app = SimpleNamespace(Protocol=lambda app: least())  # to be counted


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(least, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"Listening on http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    runner = asyncio.Runner(loop_factory=new_event_loop)
    with runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(main())
