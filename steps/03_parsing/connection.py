"""Serve one connection: its requests one by one, in their order.

Knows: order of answers, keep-alive, flow control, its end.
Does not know: routes, handlers, what a message means.
"""

import asyncio
import contextlib
import logging

from messages import Headers, HttpError
from parsing import RequestParser, frame, render_chunk, render_head

logger = logging.getLogger("pico")


class Connection(asyncio.Protocol):
    """One task serves one connection, so answers cannot change places."""

    max_drain = 2**20  # bytes of content that nobody wanted
    linger_time = 5  # seconds for the client to read our last words

    def __init__(self, app):
        self.app = app
        self.parser = RequestParser(app)
        self.request = None  # the one that is being answered
        self.stopping = False
        self.paused = False  # reading
        # Futures, while the task waits: for bytes; for the client to read.
        self.arrival = None
        self.room = None

    # What the transport calls.

    def connection_made(self, transport):
        self.transport = transport
        self.app.connections.add(self)
        self.loop = asyncio.get_running_loop()
        self.task = self.loop.create_task(self.serve())

    def data_received(self, data):
        self.parser.feed(data)
        if self.parser.full and not self.paused:
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
        self.room.set_result(None)
        self.room = None

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
            alive = True
            while alive and await self.next_request():
                alive = await self.answer(self.request)
            if alive and self.parser.error:
                await self.refuse(self.parser.error)
            await self.linger()
            self.transport.close()
        except Exception:
            # An answer that breaks off must not look like a whole one.
            logger.exception("An answer was broken off")
            self.transport.abort()

    async def next_request(self):
        """Wait for the next request; return False if there is none."""
        self.request = None
        while not self.parser.requests and not self.parser.finished:
            await self.received()
        if not self.parser.requests:
            return False
        self.request = self.parser.requests.popleft()
        return True

    async def answer(self, request):
        """Answer a request; return whether another one may follow."""
        request.source = self
        response = await self.app.answer(request)
        body = response.body
        try:
            alive = await self.send(request, response)
        finally:
            if hasattr(body, "aclose"):
                await body.aclose()
        return alive and await self.drain(request)

    async def more(self, request):
        """Bring more of a request's content, or say why there is none."""
        if request.awaits_continue:
            request.awaits_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.parser.error:
            await self.received()
        if self.parser.error and not request.complete:
            error = self.parser.error
            raise HttpError(error.status, error.message)

    async def send(self, request, response):
        """Write a response; return whether the connection stays open."""
        try:
            framed = frame(request, response)
            alive = framed and self.may_stay(request)
            head = render_head(request, response, alive)
        except ValueError:
            logger.exception("The response to %r is no HTTP", request.path)
            return await self.send_error(request)
        if request.method == "HEAD":
            self.transport.write(head)
        elif isinstance(response.body, bytes):
            self.transport.write(head + response.body)
        else:
            alive = await self.stream(request, response, head) and alive
        if self.room:
            await self.room
        return alive

    async def send_error(self, request, status=500, message=""):
        response = self.app.refuse(HttpError(status, message))
        return await self.send(request, response)

    def may_stay(self, request):
        """Return whether the connection can be used for another request."""
        if self.stopping or not request.keep_alive:
            return False
        # A client that waits for 100 Continue may never send its content.
        length = int(request.headers.get("content-length", 0))
        wanted = not request.awaits_continue and length <= self.max_drain
        return request.complete or wanted

    async def stream(self, request, response, head):
        """Write a body as it is made, as fast as the client reads it."""
        chunked = "transfer-encoding" in response.headers
        try:
            async for piece in response.body:
                if piece:  # an empty chunk would be the last one
                    piece = render_chunk(piece) if chunked else piece
                    self.transport.write(head + piece)
                    head = b""
                if self.room:
                    await self.room
        except Exception:
            if not head:
                raise
            logger.exception("The body of %r could not begin", request.path)
            return await self.send_error(request)
        self.transport.write(head + (render_chunk(b"") if chunked else b""))
        return True

    async def drain(self, request):
        """Read content that nobody wanted; return whether that was all."""
        left = self.max_drain
        while left > 0 and not request.complete and not self.parser.error:
            left -= len(request.arrived)
            request.arrived.clear()
            await self.received()
        return request.complete

    async def refuse(self, error):
        """Answer what could not be parsed, and therefore has no request."""
        request = self.app.Request(self.app, "GET", "*", "1.1", Headers())
        request.keep_alive = False
        await self.send_error(request, error.status, error.message)

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

    async def received(self):
        """Wait until there is more to parse, or nothing will come."""
        if self.parser.unparsed:
            self.parser.feed(b"")
            return
        if self.paused:
            self.paused = False
            self.transport.resume_reading()
        self.arrival = self.loop.create_future()
        await self.arrival

    def wake(self):
        if self.arrival and not self.arrival.done():
            self.arrival.set_result(None)
