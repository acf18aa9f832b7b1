"""Serve one connection: its requests one by one, in their order.

Knows: order of answers, keep-alive, framing, its end.
Does not know: routes, handlers, what a message means.
"""

import asyncio
import logging
from contextvars import copy_context
from math import inf

from flow import CONTINUE, PIECE, Flow
from rendering import render_chunk, render_head

logger = logging.getLogger("pico")


class Connection(Flow):
    """One task serves one connection, so answers cannot change places."""

    max_drain = 2**20  # bytes of content that nobody wanted
    stopping = False
    gone = False  # whether there is nobody left whom we may answer

    def connection_made(self, transport):
        super().connection_made(transport)
        self.app.connections.add(self)
        self.task = self.loop.create_task(self.serve())
        self.task.add_done_callback(self.ended)

    def connection_lost(self, error):
        self.app.connections.discard(self)
        self.gone = True
        self.task.cancel()

    def stop(self):
        """Answer what has begun already, then close.

        A client that has just connected may be about to ask: it has until
        the next call.
        """
        new = self.parser.target is None and not self.stopping
        self.stopping = True
        if self.request is None and self.idle and not new:
            self.parser.finish()
            self.wake()

    def hand_over(self, protocol):
        """Let another protocol have the transport from now on.

        The handler that calls this goes on; nothing is written for it. Like
        a connection, the protocol has `task`, `stop` and `expire`.
        """
        self.app.connections.discard(self)
        self.app.connections.add(protocol)
        self.transport.set_protocol(protocol)
        self.transport, self.gone, self.peer = None, True, self.peer

    async def serve(self, apart=False):
        """Answer request after request until the connection ends.

        What a handler sets in a context variable must not reach the next
        request: from then on each has its own task, in a clean context.
        """
        alive, parser, context = True, self.parser, None
        while alive and context is None:
            if parser.finished and not parser.requests:
                break
            if parser.unparsed or not parser.requests:
                await self.received()
            if not parser.requests:
                continue
            request = self.request = parser.requests.pop(0)
            request.source, self.silent, clean = self, True, copy_context()
            response = await self.app.answer(request)
            if more := self.send(request, response):
                await more
            if not request.complete:
                await self.drain(request)
            alive = request.keep_alive and not (self.stopping and self.idle)
            context = None if copy_context() == clean else clean
            # It may be idle for long, and must not keep them.
            self.request = request = response = more = clean = None
        return (alive, context) if apart else await self.go_on(alive, context)

    async def go_on(self, alive, context):
        """Serve on, each request in a clean context, then leave."""
        while alive and context is not None:
            task = self.loop.create_task(self.serve(True), context=context)
            alive, context = await task
        await self.leave(alive)

    async def more(self, request):
        """Bring more of a request's content, or say why there is none."""
        if self.arrival and not self.arrival.done():
            raise RuntimeError("Another task waits for the content already.")
        if request.awaits_continue:
            request.awaits_continue = False
            self.write(CONTINUE)
        if not self.parser.error:
            await self.received()
        if self.parser.error and not request.complete:
            raise self.parser.error

    def send(self, request, response):
        """Write a response; return what to wait for, if there is more.

        Its head and its body are written at once if they are there.
        """
        self.silent = False
        if self.gone:
            request.keep_alive = False
            return None
        last = self.stopping and not self.parser.requests
        if last or not (request.complete or self.can_drain(request)):
            request.keep_alive = False
        try:
            head = render_head(request, response)
        except Exception as error:
            response = self.app.refuse(error)
            head = render_head(request, response)
        if not isinstance(response.body, bytes):
            return self.stream(request, response, head)
        data = head if request.method == "HEAD" else head + response.body
        if len(data) > PIECE:
            return self.pour(data)
        self.write(data)
        return self.room

    def can_drain(self, request):
        """Return whether content that nobody wanted can be discarded."""
        # A client that waits for 100 Continue may never send its content.
        too_long = request.length > self.max_drain
        return not (too_long or request.awaits_continue or self.parser.error)

    async def stream(self, request, response, head):
        """Write a body as it is made, and let its generator end."""
        try:
            if request.method == "HEAD":
                self.write(head)
            else:
                await self.write_pieces(request, response, head)
        finally:
            if hasattr(response.body, "aclose"):
                await response.body.aclose()
        await (self.room or asyncio.sleep(0))

    async def write_pieces(self, request, response, head):
        """Write a body piece by piece, as fast as the client reads it."""
        render = render_chunk if b"\r\ntransfer-encoding" in head else bytes
        left = float(response.headers.get("content-length", inf))
        try:
            async for piece in response.body:
                left -= len(piece)
                if left < 0:
                    break
                if piece:  # an empty chunk would be the last one
                    self.write(head + render(piece))
                    head, request.awaits_continue = b"", False
                # Let others run, and hear whether the client has left.
                await (self.room or asyncio.sleep(0))
        except (Exception, asyncio.CancelledError) as error:
            if not head:
                raise
            more = self.send(request, self.app.refuse(error))
            return await (more or asyncio.sleep(0))
        if left not in (0, inf):
            raise ValueError(f"Of the declared length {left:.0f} are left.")
        self.write(head + render(b""))

    async def drain(self, request):
        """Read content that nobody wanted, up to a bound, or else close."""
        left = self.max_drain if request.keep_alive else 0
        while left > 0 and not request.complete and not self.parser.error:
            left -= len(request.arrived)
            request.arrived.clear()
            await self.received()
        request.keep_alive = request.complete

    async def leave(self, alive):
        """Say what is wrong with the connection, and close it."""
        if alive and self.parser.error:
            await self.refuse(self.parser.error)
        if not self.gone:
            await self.linger()

    async def refuse(self, error):
        """Answer what could not be parsed; a HEAD gets no content."""
        known = self.parser.head and self.parser.target  # and so its method
        method = self.parser.http.get_method().decode() if known else "GET"
        request = self.app.Request(self.app, method, "*", "1.1", {})
        await (self.send(request, self.app.refuse(error)) or asyncio.sleep(0))

    def ended(self, task):
        """An answer that breaks off must not look like a whole one."""
        error = None if task.cancelled() else task.exception()
        ours = error and error is not self.parser.error  # the client's is not
        if ours or (task.cancelled() and not task.cancelling()):
            logger.error("An answer was broken off", exc_info=error)
        if self.transport and (error or task.cancelled()):
            self.transport.abort()
