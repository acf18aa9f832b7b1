"""Wait for a client, but not for ever.

Knows: what came and is not parsed, what is written and not read, the clock.
Does not know: routes, handlers, what a message means, who answers.
"""

import asyncio
import contextlib
from functools import cached_property

from parsing import SLICE, BadMessage
from recall import RecallingParser

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PIECE = 2**16  # bytes of a long answer that are written at once


class Flow(asyncio.Protocol):
    """Lets bytes in as they are parsed, and out as they are read.

    Time limits are in seconds; `expire` keeps them.
    """

    head_timeout = 10  # from the first byte of a head; 60 in Node and nginx
    content_timeout = 30  # between two pieces; 60 in nginx
    write_timeout = 30  # without a byte that the client reads
    keep_alive_timeout = 5  # without a request, as Node and uvicorn
    kept = b""  # answers, while the next one is made

    def __init__(self, app):
        self.app = app
        self.parser = RecallingParser(app)
        self.request = None  # the one that is being answered
        self.silent = False  # whether not a byte of its answer is written
        self.paused = False  # whether we do not read
        # Futures, while the task waits: for bytes; for the client to read.
        self.arrival = self.room = None
        self.sight, self.since = None, 0.0

    def connection_made(self, transport):
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        if transport.get_extra_info("sslcontext"):
            # It hides how much it has passed on: keep that small.
            transport.set_write_buffer_limits(1)

    @cached_property
    def peer(self):
        """The address of the client; at a Unix socket it has none."""
        return self.transport.get_extra_info("peername")

    @property
    def idle(self):
        """Whether all that came is answered."""
        return not (self.parser.requests or self.parser.head)

    # Bytes that come.

    def data_received(self, data):
        parser, arrival = self.parser, self.arrival
        parser.feed(data)
        if parser.unparsed or parser.request is not None:
            if not self.paused and parser.full:
                self.paused = True
                self.transport.pause_reading()
        if arrival and not arrival.done():
            news = parser.requests or parser.head or parser.finished
            if news or self.request is not None:  # else blank lines
                arrival.set_result(None)

    def eof_received(self):
        self.parser.feed_eof()
        self.wake()
        # It may still read (RFC 9112, 9.6), unless it speaks TLS.
        return self.transport.can_write_eof()

    def received(self):
        """Return what to wait for until more came, or the news of the end."""
        if self.parser.unparsed:
            self.parser.feed(b"")  # now there is room
            return asyncio.sleep(0)  # and others may run
        if self.paused:
            self.paused = False
            self.transport.resume_reading()
        self.arrival = self.loop.create_future()
        return self.arrival

    def wake(self):
        if self.arrival and not self.arrival.done():
            self.arrival.set_result(None)

    # Bytes that go.

    def write(self, data):
        """Write data, or keep it while the next request is answered.

        A client that pipelines gets many answers by one system call.
        """
        if self.parser.requests and len(data) <= SLICE:
            if not self.kept:
                self.loop.call_soon(self.flush)
            self.kept += data
            return
        if self.kept:
            data, self.kept = self.kept + data, b""
        self.transport.write(data)

    def flush(self):
        """Write what is kept: the next answer takes its time."""
        if self.kept and not self.transport.is_closing():
            self.transport.write(self.kept)
            self.kept = b""

    async def pour(self, data):
        """Write piece by piece what is long, as fast as the client reads."""
        for start in range(0, len(data), PIECE):
            self.write(data[start : start + PIECE])
            await (self.room or asyncio.sleep(0))

    def pause_writing(self):
        self.room = self.loop.create_future()

    def resume_writing(self):
        room, self.room = self.room, None
        if not room.done():
            room.set_result(None)

    async def linger(self):
        """Stop writing, but read on: closing with bytes unread is a reset,
        which may cost the client our last answer (RFC 9112, 9.6)."""
        self.flush()
        self.parser.finish()
        self.parser.requests.clear()
        if self.transport.can_write_eof():
            with contextlib.suppress(OSError):  # it has left meanwhile
                self.transport.write_eof()
            while not self.parser.eof:
                await self.received()
        self.transport.close()
        if not self.transport.can_write_eof():  # TLS says goodbye at last.
            await self.received()

    # Time that passes.

    def expire(self, now):
        """End what takes too long; the server asks about once a second.

        What looks the same as the last time has lasted since then, so no
        request needs a timer of its own.
        """
        limit, sight = self.look()
        if sight != self.sight:
            self.sight, self.since = sight, now
        elif limit is not None and now - self.since >= limit:
            self.give_up()
        mute = self.parser.eof or self.paused  # We cannot hear it leave.
        if self.silent and mute and self.request.version != "1.0":
            # Has it left, or does it merely send no more? A client that has
            # left answers this with a reset, and its handler is cancelled.
            self.write(CONTINUE)

    def look(self):
        """Return a limit, and something that changes as things go on."""
        left = self.transport.get_write_buffer_size()
        if left:
            return self.write_timeout, (self.room, left)
        if self.request is None and self.parser.finished:  # It lingers.
            if not self.transport.can_write_eof():  # and may still read
                return self.write_timeout, self.parser
            return self.keep_alive_timeout, self.parser
        if self.request is None and self.parser.head:
            return self.head_timeout, self.parser.head
        if self.arrival is None or self.arrival.done():
            return None, None  # A handler may take its time.
        if self.request is not None:
            return self.content_timeout, self.arrival
        return self.keep_alive_timeout, self.arrival

    def give_up(self):
        """Answer 408 if there is something to answer, or else just end."""
        if self.transport.get_write_buffer_size() or self.parser.finished:
            self.transport.abort()
        elif self.request is None and not self.parser.head:
            self.parser.finish()
        else:
            self.parser.finish(BadMessage(408))
        self.wake()
