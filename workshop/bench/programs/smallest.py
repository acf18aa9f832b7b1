"""Two protocols that differ in one thing: whether ASGI is in between.

Knows: httptools, one handler, one ASGI application.
Does not know: limits, errors, pipelining. It is no server to use.
"""

import asyncio
from urllib.parse import unquote

import httptools
from asgi_hello import CONTENT, FIELDS, application

ASGI = {"version": "3.0", "spec_version": "2.4"}


async def handler(method, path, query, fields):
    """Return status, fields and content: the boundary of a function."""
    return 200, FIELDS, CONTENT


class Native(asyncio.Protocol):
    """Parses a request, and lets a task call the handler."""

    def __init__(self):
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport):
        self.transport = transport
        self.loop = asyncio.get_running_loop()

    def data_received(self, data):
        self.parser.feed_data(data)

    def on_message_begin(self):
        self.fields = []

    def on_url(self, target):
        self.path, _, self.query = target.partition(b"?")

    def on_header(self, name, value):
        self.fields.append((name.lower(), value))

    def on_message_complete(self):
        self.method = self.parser.get_method().decode()
        self.loop.create_task(self.answer(unquote(self.path.decode())))

    async def answer(self, path):
        self.write(*await handler(self.method, path, self.query, self.fields))

    def write(self, status, fields, content):
        lines = b"".join([b"%b: %b\r\n" % field for field in fields])
        head = b"HTTP/1.1 %d \r\n%b\r\n" % (status, lines)
        self.transport.write(head + content)


class ThroughASGI(Native):
    """The same, but the task calls an ASGI application."""

    async def answer(self, path):
        scope = {
            "type": "http",
            "asgi": ASGI,
            "http_version": self.parser.get_http_version(),
            "method": self.method,
            "scheme": "http",
            "path": path,
            "raw_path": self.path,
            "query_string": self.query,
            "root_path": "",
            "headers": self.fields,
            "client": self.transport.get_extra_info("peername"),
            "server": self.transport.get_extra_info("sockname"),
            "state": {},
        }
        await application(scope, self.receive, self.send)

    async def receive(self):
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, event):
        if event["type"] == "http.response.start":
            self.start = event
        else:
            fields = self.start["headers"]
            self.write(self.start["status"], fields, event["body"])
