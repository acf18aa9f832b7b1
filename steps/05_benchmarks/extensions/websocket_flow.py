"""Let frames in as they are wanted, and out as they are read.

Knows: frames, flow control, the clock of one WebSocket.
Does not know: handlers, handshakes, what frames are parts of.
"""

import asyncio
from collections import deque
from contextlib import suppress

try:
    from websockets.frames import CTRL_OPCODES
    from websockets.protocol import OPEN
except ImportError as error:
    raise ImportError(
        "websocket needs websockets: pip install websockets"
    ) from error

SLICE = 4096  # bytes that are taken apart at once
PIECE = 2**16  # bytes of a long message that are written at once


def pieces(parts):
    """Yield parts piece by piece; an empty one, which is the end, as it is."""
    for part in parts:
        starts = range(0, len(part), PIECE) or [0]
        yield from [part[start : start + PIECE] for start in starts]


class FrameFlow(asyncio.Protocol):
    """One WebSocket, as its transport and the server see it.

    Time limits are in seconds; `expire` keeps them.
    """

    max_queue = 16  # messages that nobody has received yet
    ping_interval = 20  # of silence, and as long again for the pong
    close_timeout = 5  # until the client, too, has said goodbye
    write_timeout = 30  # without a byte that the client reads
    patience = 2  # with a handler that goes on after the end

    def __init__(self, core, transport):
        self.core, self.transport = core, transport
        self.unparsed, self.messages = bytearray(), deque()
        self.outgoing = deque()
        self.news, self.writable = asyncio.Event(), asyncio.Event()
        self.lost = asyncio.Event()
        self.writable.set()
        self.leaving = self.paused = self.pinged = self.later = False
        # eof: whether nothing comes after what is unparsed
        self.eof, self.heard, self.sight, self.since = False, 0, None, 0.0

    # Bytes that come.

    def data_received(self, data):
        self.heard, self.pinged = self.heard + 1, False
        self.unparsed += data
        self.parse()

    def eof_received(self):
        self.eof = True
        self.parse()

    def connection_lost(self, error):
        self.lost.set()
        self.writable.set()
        self.eof_received()

    @property
    def open(self):
        return self.core.state is OPEN

    @property
    def full(self):
        """Whether to read no more for now; pongs need room, too."""
        crowded = len(self.messages) >= self.max_queue
        return self.open and (crowded or not self.writable.is_set())

    def parse(self):
        """Take a slice apart if there is room; then others may run."""
        self.flush()
        if self.unparsed and not (self.full or self.later):
            self.take()
            if self.unparsed:
                self.later = True
                asyncio.get_running_loop().call_soon(self.go_on)
        if self.eof and not self.unparsed:
            self.core.receive_eof()
            self.flush()
        self.news.set()
        crowded = self.full or len(self.unparsed) > SLICE
        if self.paused != crowded and not self.transport.is_closing():
            self.paused = crowded
            if self.paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def go_on(self):
        self.later = False
        self.parse()

    def take(self):
        """Take a slice apart: the frames in it, or a part of one."""
        self.core.receive_data(bytes(self.unparsed[:SLICE]))
        del self.unparsed[:SLICE]
        for frame in self.core.events_received():
            if frame.opcode not in CTRL_OPCODES and not self.leaving:
                self.collect(frame)
        self.flush()

    # Bytes that go.

    def flush(self):
        """Write what there is, as fast as the client reads it."""
        self.outgoing.extend(pieces(self.core.data_to_send()))
        while self.outgoing and self.writable.is_set():
            if self.transport.is_closing():
                return
            if data := self.outgoing.popleft():
                self.transport.write(data)
            elif self.transport.can_write_eof():
                # With bytes unread, closing would be a reset, which may
                # cost the client our last words (RFC 6455, 7.1.1).
                with suppress(OSError):  # It has left meanwhile.
                    self.transport.write_eof()
            else:
                self.transport.close()

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()
        self.parse()

    # Time that passes: the server calls this, as it does for a connection.

    def expire(self, now):
        """End what takes too long; ping a client that is silent."""
        limit, sight = self.look()
        if sight != self.sight:
            self.sight, self.since = sight, now
        elif limit is not None and now - self.since >= limit:
            self.give_up()

    def look(self):
        """Return a limit, and something that changes as things go on."""
        if self.lost.is_set():
            return self.patience, "lost"
        if left := self.transport.get_write_buffer_size():
            return self.write_timeout, (left, len(self.outgoing))
        if not self.open:
            return self.close_timeout, "leaving"
        if self.paused:  # The handler takes its time.
            return self.ping_interval, "paused"
        return self.ping_interval, (self.heard, self.pinged)

    def give_up(self):
        """Ask for a pong, unless that was done; otherwise end it."""
        if self.lost.is_set():
            self.patience = None  # One cancellation is enough.
            self.task.cancel()
        elif self.sight in ("paused", (self.heard, False)):
            # A pong would not be read, but writing fails if it has left.
            self.pinged, self.sight = not self.paused, None
            self.core.send_ping(b"")
            self.flush()
        else:
            self.transport.abort()
