"""Turn a WebSocket into events for an ASGI application, and back.

Knows: handshakes and messages; the events of one WebSocket.
Does not know: routes, lifespan; frames, sockets.
"""

import asyncio

from extensions.asgi_exchange import Exchange
from extensions.websocket import ConnectionClosed, converse
from extensions.websocket_handshake import establish, negotiate, protocol
from messages import HttpError
from rendering import OURS, checked

DENIAL = "websocket.http.response"


def wanted(request):
    """Return whether a request is a handshake; any other may ask to
    upgrade, too, and is answered all the same (RFC 9110, 7.8)."""
    fields = request.headers
    return (
        (request.method, request.version) == ("GET", "1.1")
        and fields.get("upgrade", "").lower() == "websocket"
        and "upgrade" in fields.get("connection", "").lower()
    )


class Talk(Exchange):
    """One handshake and, if it is accepted, what is said after it."""

    def __init__(self, request, **options):
        # It is the application that chooses a subprotocol.
        self.core = protocol(request, subprotocols=(), **options)
        self.handshake = negotiate(request, self.core)
        super().__init__(request)
        self.ws, self.connected = None, False
        self.decided = asyncio.Event()

    # In the application's task.

    async def run(self, application, scope):
        """Run the application; when it ends, so does the WebSocket."""

        async def whole(scope, receive, send):
            await application(self.told(scope), receive, send)
            if self.ws:
                await send({"type": "websocket.close"})

        await super().run(whole, scope)
        if self.ws:  # Still open? Then it failed.
            self.ws.leave(1011)

    async def receive(self):
        """Return a message, or the news that no more will come."""
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        await self.decided.wait()
        try:
            if self.ws is None:
                raise ConnectionClosed(1006, "")
            message = await self.ws.recv()
        except ConnectionClosed as end:
            self.whole = True  # Nobody waits for more.
            words = {"code": end.code, "reason": end.reason}
            return {"type": "websocket.disconnect", **words}
        kind = "text" if isinstance(message, str) else "bytes"
        return {"type": "websocket.receive", kind: message}

    async def send(self, event):
        """Take an event; OSError if nobody waits for it any more."""
        kind = event["type"]
        if self.ws:
            await self.say(kind, event)
        elif kind.startswith(DENIAL):
            kind = kind.removeprefix("websocket.")
            await super().send({**event, "type": kind})
        elif kind in ("websocket.accept", "websocket.close"):
            await self.decide(kind, event)
        else:
            raise RuntimeError(f"{kind} was sent before websocket.accept.")

    async def decide(self, kind, event):
        self.whole = kind == "websocket.close"
        if not self.over.is_set():
            await self.events.put(event)
        await self.decided.wait()
        if not (self.ws or self.whole):
            raise OSError("The client has left.")

    async def say(self, kind, event):
        if kind == "websocket.close":
            code, reason = event.get("code"), event.get("reason")
            self.ws.leave(code or 1000, reason or "")
            self.whole = True
        elif kind == "websocket.send":
            text = event.get("text")
            try:
                await self.ws.send(event["bytes"] if text is None else text)
            except ConnectionClosed as end:
                raise OSError("The client has left.") from end
        else:
            raise RuntimeError(f"{kind} was sent behind websocket.accept.")

    # In the connection's task.

    async def reply(self, event, response):
        """Open the WebSocket, or deny it."""
        if event["type"] == "websocket.accept":
            self.ws, response.status = self.open(event), 101
            self.decided.set()
            await converse(self.request, self.ws, self.talk, {})
            self.end()
        elif event["type"] == "websocket.close":
            raise HttpError(403)
        else:
            await super().reply(event, response)

    def open(self, event):
        """Return the WebSocket, opened as the application wants it."""
        ours = self.handshake.headers
        own = OURS | {name.lower() for name in ours}
        lines = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in event.get("headers", ())
        ]
        if subprotocol := event.get("subprotocol"):
            self.core.subprotocol = subprotocol
            lines.append(("sec-websocket-protocol", subprotocol))
        for name, value in lines:
            checked(f"{name}\0{value}")
            if name.lower() not in own:
                ours[name] = value
        return establish(self.request, self.core, self.handshake)

    async def talk(self, request, ws):
        """Wait for the end; raise what the application failed with."""
        await ws.lost.wait()
        if not self.events.empty():
            await self.next()

    def end(self, task=None):
        super().end(task)
        self.decided.set()

    def told(self, scope):
        """Return what the application is told about the handshake."""
        scope = {**scope, "type": "websocket"}
        del scope["method"]
        fields = self.request.headers
        offered = fields.get("sec-websocket-protocol", "").split(",")
        return {
            **scope,
            "scheme": scope["scheme"].replace("http", "ws"),
            "subprotocols": [each.strip() for each in offered if each],
            "extensions": {DENIAL: {}},
        }
