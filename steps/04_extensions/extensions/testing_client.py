"""Ask an app from a test, without a socket.

Knows: app; h11, which reads what comes back.
Does not know: pytest; how an app answers.
"""

import asyncio
import json
from functools import partialmethod
from urllib.parse import quote, urlencode

try:
    import h11
except ImportError as error:
    raise ImportError("testing needs: pip install h11") from error

FORM = "application/x-www-form-urlencoded"
HOW = "Write `from extensions.testing import client, pytest_pyfunc_call`"


class Answer:
    """What came back: status, headers by name, cookies, body, json."""

    def __init__(self, head, body):
        self.status, self.body = head.status_code, bytes(body)
        fields = [(n.decode(), v.decode("latin-1")) for n, v in head.headers]
        self.headers = dict(fields)
        lines = [value for name, value in fields if name == "set-cookie"]
        pairs = [line.partition(";")[0].partition("=") for line in lines]
        self.cookies = {name: value for name, _, value in pairs}

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Asks an app without a socket: `async with Client(app) as client`."""

    def __init__(self, app):
        self.app = app

    async def __aenter__(self):
        self.loop = asyncio.get_running_loop()
        await self.app.startup()
        return self

    async def __aexit__(self, *error):
        await self.app.shutdown()

    async def request(
        self, path, method="GET", body=b"", headers=None, content_type=None
    ):
        """Return the answer to one request, on a connection of its own.

        A body that is neither text nor bytes is sent as JSON, or as a form
        if `content_type` or the headers say so.
        """
        if asyncio.get_running_loop() is not self.loop:
            raise RuntimeError(f"The test has another loop. {HOW}.")
        fields = {"host": "localhost", "connection": "close"}
        fields |= {n.lower(): v for n, v in (headers or {}).items()}
        kind = content_type or fields.get("content-type")
        content, kind = encode(body, kind)
        if kind:
            fields.setdefault("content-type", kind)
        if content or method in ("POST", "PUT", "PATCH"):
            fields.setdefault("content-length", str(len(content)))
        url = quote(path, safe="/?&=%:;,@!$'()*+~")
        head = h11.Request(method=method, target=url, headers=fields.items())
        return await self.exchange(*spoken(head, content))

    async def query(self, method, path, headers=None, body=b""):
        return await self.request(path, method, body, headers)

    get = partialmethod(request, method="GET")
    head = partialmethod(request, method="HEAD")
    options = partialmethod(request, method="OPTIONS")
    post = partialmethod(request, method="POST")
    put = partialmethod(request, method="PUT")
    patch = partialmethod(request, method="PATCH")
    delete = partialmethod(request, method="DELETE")

    async def exchange(self, reader, data):
        """Let the bytes go through the app's protocol."""
        protocol = self.app.Protocol(self.app)
        transport = Memory(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)
        try:
            return await read(reader, transport.stream)
        except BaseException:  # such as a timeout: the client hangs up
            transport.abort()
            raise
        finally:
            protocol.eof_received()
            await transport.closed


class Memory(asyncio.Transport):
    """A connection without a socket: what is written can be read here."""

    def __init__(self, protocol):
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.protocol, self.stream = protocol, asyncio.StreamReader()
        self.loop = asyncio.get_running_loop()
        self.closed = self.loop.create_future()

    def write(self, data):
        self.stream.feed_data(data)

    def write_eof(self):
        self.stream.feed_eof()

    def can_write_eof(self):
        return True

    def is_closing(self):
        return self.closed.done()

    def close(self):
        if not self.closed.done():
            self.closed.set_result(None)
            self.stream.feed_eof()
            self.loop.call_soon(self.protocol.connection_lost, None)

    abort = close

    def pause_reading(self):
        """Do nothing: everything came at once."""

    resume_reading = pause_reading


def spoken(head, content):
    """Return a reader of the answer, and the bytes of a request."""
    reader = h11.Connection(h11.CLIENT)
    data = reader.send(head)
    if content:
        data += reader.send(h11.Data(data=content))
    reader.send(h11.EndOfMessage())
    return reader, data


def encode(body, content_type):
    """Return a body as bytes, and its content type."""
    if isinstance(body, (bytes, str)):
        text = body.encode() if isinstance(body, str) else body
        return text, content_type
    if content_type and content_type.startswith(FORM):
        return urlencode(body, doseq=True).encode(), content_type
    return json.dumps(body).encode(), content_type or "application/json"


async def read(reader, stream):
    """Return the answer; ConnectionError if none comes, or not all of it."""
    head, body, event = None, bytearray(), None
    try:
        while not isinstance(event, h11.EndOfMessage):
            event = reader.next_event()
            if event is h11.NEED_DATA:
                reader.receive_data(await stream.read(2**16))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("The connection ended: no answer.")
    except h11.RemoteProtocolError as error:
        raise ConnectionError(f"No whole answer came: {error}") from error
    return Answer(head, body)
