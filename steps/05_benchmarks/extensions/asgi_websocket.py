"""Let WebSocket handlers talk under any ASGI server.

Knows: the events of one WebSocket; what `websocket` gives to handlers.
Does not know: frames; the server.
"""

import asyncio
from contextlib import suppress

from extensions.asgi_source import Source, running_on_trio
from extensions.websocket import ConnectionClosed, check_message
from extensions.websocket_handshake import agree, protocol
from messages import HttpError

# What daphne leaves out.
DEFAULTS = {"http_version": "1.1", "scheme": "ws", "method": "GET"}
DENIAL = "websocket.http.response"


class Handshake(Source):
    """Where a WebSocket is accepted or denied, and where it is heard."""

    kinds = {}  # of WebSockets whose frames are the server's

    def __init__(self, app, scope, receive, send):
        super().__init__({**DEFAULTS, **scope}, receive)
        self.app, self.send = app, send
        self.is_daphne = "http_version" not in scope
        self.ears = None  # the task that listens

    async def accept_websocket(self, request, **options):
        """Open a WebSocket, or answer with an error."""
        if running_on_trio():
            raise HttpError(501, "A WebSocket needs asyncio.")
        core = protocol(request, **options)
        agree(request, core)
        kind = request.app.WebSocket
        if kind not in self.kinds:
            self.kinds[kind] = type("WebSocket", (Served, kind), {})
        self.ws = self.kinds[kind](core, self)
        self.ws.max_size = options["max_size"]
        words = {"subprotocol": core.subprotocol}
        await self.send({"type": "websocket.accept", **words})
        return self.ws

    async def deny(self, event):
        """Send an event of an answer; some servers can send only a 403."""
        if DENIAL in self.scope.get("extensions", ()):
            await self.send({**event, "type": f"websocket.{event['type']}"})
        elif event["type"] == "http.response.start":
            await self.send({"type": "websocket.close"})

    async def see(self, cancel):
        """Hear the client, and cancel a handler that goes on after the end.

        granian says no goodbye while somebody listens.
        """
        if running_on_trio():
            return await super().see(cancel)
        self.ears = asyncio.ensure_future(self.listen())
        if self.ws and not self.ws.open:
            self.ears.cancel()
        try:
            await asyncio.wait({self.ears})
            if self.ws:
                await self.ws.say_goodbye()
                await asyncio.sleep(self.ws.patience)
        finally:
            self.ears.cancel()
        if not self.answered:
            self.left = True
            cancel()

    async def listen(self):
        """Hear messages, until the client leaves or the handler does."""
        while (event := await self.receive())["type"] == "websocket.receive":
            await self.ws.hear(event)
        if self.ws:
            self.ws.lose(event.get("code", 1005), event.get("reason"))

    def abort(self):
        """Do nothing: the server ends a connection when its handler ends."""


class Served:
    """What differs when events are sent instead of frames."""

    end = None  # its code and reason
    room = None  # an event, while there is no room for another message

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

    # Events that go.

    async def send(self, message):
        """Send text or bytes, once the server has room for it."""
        check_message(message)
        if not self.open:
            raise self.ending()
        text = isinstance(message, str)
        words = {"text": message} if text else {"bytes": bytes(message)}
        try:
            await self.transport.send({"type": "websocket.send", **words})
        except OSError as error:
            self.lose(1006, "")
            raise self.ending() from error
        await asyncio.sleep(0)  # Few servers wait in `send`: let others send.

    def leave(self, code, reason=""):
        """Say goodbye, unless that was done; hear nothing from now on."""
        if self.open:
            self.end = code, reason
            self.news.set()
            if self.transport.ears:
                self.transport.ears.cancel()

    async def say_goodbye(self):
        if not self.lost.is_set():
            code, reason = self.end
            if self.transport.is_daphne and 1000 < code < 3000:
                code += 3000  # It sends no codes but those of users.
            words = {"code": code, "reason": reason}
            with suppress(Exception):  # It has ended already.
                await self.transport.send({"type": "websocket.close", **words})
            self.lose(*self.end)

    def ending(self):
        """Return the exception that says how it ended."""
        return ConnectionClosed(*self.end)
