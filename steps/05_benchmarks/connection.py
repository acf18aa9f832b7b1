"""Serve one connection: its requests one by one, in their order.

Knows: order of answers, keep-alive, flow control, its end.
Does not know: routes, handlers, what a message means.
"""

import asyncio
import contextlib
import logging

from messages import Headers
from parsing import RequestParser
from rendering import render_chunk, render_head

logger = logging.getLogger("pico")


class Connection(asyncio.Protocol):
    """One task serves one connection, so answers cannot change places."""

    max_drain = 2**20  # bytes of content that nobody wanted
    linger_time = 5  # seconds for the client to read our last words

    def __init__(self, app):
        self.app = app
        self.parser = RequestParser(app)
        self.request = None  # the one that is being answered
        self.stopping = self.paused = False  # paused: we do not read
        # Futures, while the task waits: for bytes; for the client to read.
        self.arrival = self.room = None

    # What the transport calls.

    def connection_made(self, transport):
        self.transport = transport
        self.app.connections.add(self)
        self.loop = asyncio.get_running_loop()
        self.task = self.loop.create_task(self.serve())

    def data_received(self, data):
        self.parser.feed(data)
        if not self.paused and self.parser.full:
            self.paused = True
            self.transport.pause_reading()
        self.wake()

    def eof_received(self):
        self.parser.feed_eof()
        self.wake()
        return True  # it may still read (RFC 9112, 9.6)

    def pause_writing(self):
        self.room = self.loop.create_future()

    def resume_writing(self):
        room, self.room = self.room, None
        if not room.done():
            room.set_result(None)

    def connection_lost(self, error):
        self.app.connections.discard(self)
        self.task.cancel()

    # What the server calls.

    def stop(self):
        """Answer what was asked already, then close."""
        self.stopping = True
        if self.request is None and not self.parser.requests:
            self.parser.finish()
            self.wake()

    # What the task does.

    async def serve(self):
        """Answer request after request until the connection ends."""
        try:
            alive, parser = True, self.parser
            while alive and (parser.requests or not parser.finished):
                if parser.requests:
                    alive = await self.answer(parser.requests.popleft())
                else:
                    await self.received()
            if alive and parser.error:
                await self.refuse(parser.error)
            await self.linger()
            self.transport.close()
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        except Exception:
            # An answer that breaks off must not look like a whole one.
            logger.exception("An answer was broken off")
            self.transport.abort()

    async def answer(self, request):
        """Answer a request; return whether another one may follow."""
        self.request = request
        request.source = self
        await self.send(request, await self.app.answer(request))
        if request.keep_alive and not request.complete:
            await self.drain(request)
        self.request = None
        if self.parser.unparsed:
            self.parser.feed(b"")  # now there is room
        return request.keep_alive

    async def more(self, request):
        """Bring more of a request's content, or say why there is none."""
        if request.awaits_continue:
            request.awaits_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.parser.error:
            await self.received()
        if self.parser.error and not request.complete:
            raise self.parser.error

    async def send(self, request, response):
        """Write a response, its head and its body at once if they are."""
        last = self.stopping and not self.parser.requests
        if last or not (request.complete or self.can_drain(request)):
            request.keep_alive = False
        try:
            head = render_head(request, response)
        except (TypeError, ValueError) as error:
            response = self.app.refuse(error)
            head = render_head(request, response)
        if request.method == "HEAD":
            self.transport.write(head)
        elif isinstance(response.body, bytes):
            self.transport.write(head + response.body)
        else:
            await self.stream(request, response, head)
        if self.room:
            await self.room

    def can_drain(self, request):
        """Return whether content that nobody wanted can be read and left."""
        # A client that waits for 100 Continue may never send its content.
        too_long = request.length > self.max_drain
        return not (too_long or request.awaits_continue or self.parser.error)

    async def stream(self, request, response, head):
        """Write a body as it is made, as fast as the client reads it."""
        chunked = b"\r\ntransfer-encoding: chunked\r\n" in head
        render = render_chunk if chunked else bytes
        try:
            async for piece in response.body:
                if piece:  # an empty chunk would be the last one
                    self.transport.write(head + render(piece))
                    head = b""
                if self.room:
                    await self.room
        except Exception as error:
            if not head:
                raise
            return await self.send(request, self.app.refuse(error))
        self.transport.write(head + render(b""))

    async def drain(self, request):
        """Read content that nobody wanted, up to a bound, or else close."""
        left = self.max_drain
        while left > 0 and not request.complete and not self.parser.error:
            left -= len(request.arrived)
            request.arrived.clear()
            await self.received()
        request.keep_alive = request.complete

    async def refuse(self, error):
        """Answer what could not be parsed, and therefore is no request."""
        request = self.app.Request(self.app, "GET", "*", "1.1", Headers())
        await self.send(request, self.app.refuse(error))

    async def linger(self):
        """Stop writing, but read on: to close with bytes unread is a reset,
        and may take our last answer away from the client (RFC 9112, 9.6)."""
        self.parser.finish()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.linger_time):
                    while not self.parser.eof:
                        await self.received()

    def received(self):
        """Return a future of more to parse, or of the news that all came."""
        if self.paused:
            self.paused = False
            self.transport.resume_reading()
        self.arrival = self.loop.create_future()
        return self.arrival

    def wake(self):
        if self.arrival and not self.arrival.done():
            self.arrival.set_result(None)
