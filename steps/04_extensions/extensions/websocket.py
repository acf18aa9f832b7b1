"""Keep a connection open, and talk both ways (RFC 6455).

Knows: app, request; handlers that receive and send messages.
Does not know: how frames arrive; what a message means.
"""

import asyncio
from functools import wraps

from extensions.websocket_flow import FrameFlow
from extensions.websocket_handshake import accept

CONTINUATION, TEXT = 0, 1  # kinds of frames (RFC 6455, 5.2)


def websocket(
    app, origins=None, subprotocols=(), max_size=2**20, compress=True
):
    """Let `@app.route(path, protocol="websocket")` register such handlers:
    `async def chat(request, ws, **parameters)`.

    Browsers may come from pages of the same origin, or from `origins` instead;
    "*" is any. Messages have up to `max_size` bytes, also after they are
    decompressed. A route may override these by options of the same names.
    """
    options = {
        "origins": origins,
        "subprotocols": subprotocols,
        "max_size": max_size,
        "compress": compress,
    }
    app.WebSocket = WebSocket

    def adapt(view):
        @wraps(view)
        async def handler(request, response, **parameters):
            own = request.route.payload
            chosen = {name: own.get(name, options[name]) for name in options}
            ws = await accept(request, **chosen)
            response.status = 101
            await converse(request, ws, view, parameters)

        return handler

    app.protocols["websocket"] = adapt


async def converse(request, ws, view, parameters):
    """Let a handler talk, and close when it ends."""
    try:
        await talk(request, ws, view, parameters)
        await ws.close()
    except Exception:
        await ws.close(1011)
        raise
    finally:
        ws.transport.abort()  # unless it is closed: nobody waits any more
        request.source.app.connections.discard(ws)
        await request.app.hook("websocket_disconnect", request, ws)


async def talk(request, ws, view, parameters):
    """Call the handler; it is not an error if its client has left."""
    try:
        if not await request.app.hook("websocket_connect", request, ws):
            await view(request, ws, **parameters)
    except* ConnectionClosed:
        if ws.open:  # It was that of another one.
            raise


def check_message(message):
    """Raise TypeError if a message is neither text nor bytes."""
    if not isinstance(message, (str, bytes, bytearray, memoryview)):
        raise TypeError(
            f"A message is text or bytes, and no {type(message).__name__}:"
            " what json.dumps returns is text."
        )


class ConnectionClosed(Exception):
    """Nothing more will come, and nothing can be sent."""

    def __init__(self, code, reason):
        super().__init__(f"{code} {reason}".strip())
        self.code, self.reason = code, reason


class WebSocket(FrameFlow):
    """What a handler receives from, and sends to."""

    def __init__(self, core, transport):
        super().__init__(core, transport)
        self.subprotocol = core.subprotocol
        self.task = asyncio.current_task()
        self.message, self.is_text = bytearray(), False  # one that has begun

    def collect(self, frame):
        """Add a frame to the message that it is a part of."""
        if frame.opcode != CONTINUATION:
            self.is_text = frame.opcode == TEXT
        self.message += frame.data
        if frame.fin:
            message, self.message = bytes(self.message), bytearray()
            try:
                text = message.decode() if self.is_text else message
            except UnicodeDecodeError:
                self.leaving = True  # What follows is not read (7.1.7).
                return self.core.fail(1007, "The text is not UTF-8.")
            self.messages.append(text)

    async def recv(self):
        """Return the next message: text, or bytes."""
        while not self.messages:
            if not self.open:
                raise self.ending()
            self.news.clear()
            await self.news.wait()
        message = self.messages.popleft()
        self.parse()
        return message

    async def __aiter__(self):
        """Yield messages until the connection ends, however it does."""
        while True:
            try:
                message = await self.recv()
            except ConnectionClosed:
                return
            yield message

    async def send(self, message):
        """Send text or bytes, once the client has read what came before."""
        check_message(message)
        while not self.writable.is_set():  # Another task may be quicker.
            await self.writable.wait()
        if not self.open or self.lost.is_set():
            raise self.ending()
        if isinstance(message, str):
            self.core.send_text(message.encode())
        else:
            self.core.send_binary(message)
        self.flush()
        # Let others run, and hear whether the client has left.
        await asyncio.sleep(0)

    def leave(self, code, reason=""):
        """Say goodbye, unless that was done; ignore messages from now on."""
        if self.open:
            self.core.send_close(code, reason)
            self.leaving = True
            self.parse()

    def stop(self):
        """Say that we stop: the server calls this."""
        self.leave(1001)

    async def close(self, code=1000, reason=""):
        """Say goodbye, and wait until the client has said it, too."""
        self.leave(code, reason)
        await self.lost.wait()

    def ending(self):
        """Return the exception for how it ended: 1006 if it broke off."""
        end = self.core.close_rcvd or self.core.close_sent
        if end is None:
            return ConnectionClosed(1006, "")
        return ConnectionClosed(int(end.code), end.reason)
