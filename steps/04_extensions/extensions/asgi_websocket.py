"""Let WebSocket handlers talk under any ASGI server.

Knows: the events of one WebSocket; what `websocket` gives to handlers.
Does not know: frames; the server.
"""

import asyncio
from functools import cache

from extensions.asgi_source import Source, running_on_trio
from extensions.websocket import ConnectionClosed
from extensions.websocket_handshake import agree, protocol
from messages import HttpError

# daphne does not say so.
DEFAULTS = {"http_version": "1.1", "scheme": "ws", "method": "GET"}
DENIAL = "websocket.http.response"


class Handshake(Source):
    """Where a WebSocket is accepted or denied, and what is heard of it."""

    def __init__(self, app, scope, receive, send):
        super().__init__({**DEFAULTS, **scope}, receive)
        self.app, self.send = app, send

    async def accept_websocket(self, request, **options):
        """Open a WebSocket, or answer with an error."""
        if running_on_trio():
            raise HttpError(501, "A WebSocket needs asyncio.")
        core = protocol(request, **options)
        agree(request, core)
        words = {"subprotocol": core.subprotocol}
        await self.send({"type": "websocket.accept", **words})
        self.ws = served(request.app.WebSocket)(core, self)
        self.ws.max_size = options["max_size"]
        return self.ws

    async def deny(self, event):
        """Send an event of an answer; some servers know but a 403."""
        if DENIAL in self.scope.get("extensions", ()):
            await self.send({**event, "type": f"websocket.{event['type']}"})
        elif event["type"] == "http.response.start":
            await self.send({"type": "websocket.close"})

    async def see(self, cancel):
        """Hear messages, and cancel a handler that goes on behind the end."""
        while (event := await self.receive())["type"] == "websocket.receive":
            await self.ws.hear(event)
        if self.ws:
            self.ws.lose(event.get("code", 1005), event.get("reason"))
            await asyncio.sleep(self.ws.patience)
        if not self.answered:
            self.left = True
            cancel()

    def abort(self):
        """Do nothing: a server ends a connection when its handler does."""


@cache
def served(kind):
    """Return a class of WebSockets whose frames are the server's."""
    return type(kind.__name__, (Served, kind), {})


class Served:
    """What differs if not frames are sent, but events."""

    end = None  # its code and reason
    room = None  # an event, while there is none for another message

    @property
    def open(self):
        return self.end is None

    # Events that come.

    async def hear(self, event):
        """Keep a message, and wait until there is room for another one."""
        text = event.get("text")
        message = event["bytes"] if text is None else text
        size = len(message if text is None else text.encode())
        if self.max_size is not None and size > self.max_size:
            self.leave(1009)
        elif self.open:
            self.messages.append(message)
            self.news.set()
        while self.open and len(self.messages) >= self.max_queue:
            self.room = asyncio.Event()
            await self.room.wait()

    def parse(self):
        """Let another message in: the handler has received one."""
        if self.room:
            self.room.set()

    def lose(self, code, reason):
        self.end = self.end or (code, reason or "")
        self.lost.set()
        self.news.set()
        self.parse()

    # Events that go.

    async def send(self, message):
        """Send text or bytes, once the server has room for it."""
        if not self.open:
            raise self.ending()
        text = isinstance(message, str)
        words = {"text": message} if text else {"bytes": bytes(message)}
        try:
            await self.transport.send({"type": "websocket.send", **words})
        except OSError as error:
            self.lose(1006, "")
            raise self.ending() from error

    def leave(self, code, reason=""):
        """Say goodbye, unless it was said; ignore messages from now on."""
        if self.open:
            self.end = code, reason
            self.news.set()
            self.parse()
            self.goodbye = asyncio.create_task(self.say_goodbye())

    async def say_goodbye(self):
        words = dict(zip(("code", "reason"), self.end, strict=True))
        try:
            await self.transport.send({"type": "websocket.close", **words})
        except OSError:
            pass  # It has left already.
        finally:
            self.lose(*self.end)

    def ending(self):
        """Return the exception that says how it ended."""
        return ConnectionClosed(*self.end)
