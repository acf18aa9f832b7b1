"""Let frames in as they are wanted, and out as they are read.

Knows: frames and messages, flow control, the clock of one WebSocket.
Does not know: handlers, handshakes, what a message means.
"""

import asyncio
from collections import deque

try:
    from websockets.frames import CTRL_OPCODES, Opcode
    from websockets.protocol import OPEN
except ImportError as error:
    raise ImportError(
        "websocket needs websockets: pip install websockets"
    ) from error

SLICE = 4096  # bytes that are taken apart at once


class FrameFlow(asyncio.Protocol):
    """One WebSocket, as its transport and the server see it.

    Time limits are in seconds; `expire` keeps them.
    """

    max_queue = 16  # messages that nobody has received yet
    ping_interval = 20  # of silence, and once more for the pong
    close_timeout = 5  # until the client, too, has said goodbye
    write_timeout = 30  # without a byte that the client reads
    patience = 2  # with a handler that goes on behind the end

    def __init__(self, core, transport):
        self.core, self.transport = core, transport
        self.unparsed, self.message = bytearray(), bytearray()
        self.is_text = False  # of the message that has begun
        self.messages = deque()
        self.news, self.writable = asyncio.Event(), asyncio.Event()
        self.lost = asyncio.Event()
        self.writable.set()
        self.leaving = self.paused = self.pinged = False
        self.heard, self.sight, self.since = 0, None, 0.0

    # Bytes that come.

    def data_received(self, data):
        self.heard, self.pinged = self.heard + 1, False
        self.unparsed += data
        self.parse()

    def eof_received(self):
        self.core.receive_eof()
        self.flush()

    def connection_lost(self, error):
        self.core.receive_eof()
        for event in (self.lost, self.news, self.writable):
            event.set()

    @property
    def open(self):
        return self.core.state is OPEN

    @property
    def full(self):
        """Whether to read no more for now; pongs need room, too."""
        crowded = len(self.messages) >= self.max_queue
        return self.open and (crowded or not self.writable.is_set())

    def parse(self):
        """Take apart what came, as long as there is room."""
        self.flush()
        while self.unparsed and not (self.full or self.lost.is_set()):
            self.core.receive_data(bytes(self.unparsed[:SLICE]))
            del self.unparsed[:SLICE]
            for frame in self.core.events_received():
                if frame.opcode not in CTRL_OPCODES and not self.leaving:
                    self.collect(frame)
            self.flush()
        self.news.set()
        if self.paused != self.full and not self.transport.is_closing():
            self.paused = self.full
            if self.paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def collect(self, frame):
        """Add a frame to the message that it is a part of."""
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self.is_text = frame.opcode is Opcode.TEXT
        self.message += frame.data
        if frame.fin:
            message, self.message = bytes(self.message), bytearray()
            try:
                text = message.decode() if self.is_text else message
            except UnicodeDecodeError:
                return self.core.fail(1007, "The text is not UTF-8.")
            self.messages.append(text)

    # Bytes that go.

    def flush(self):
        for data in self.core.data_to_send():
            if self.transport.is_closing():
                return
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                # With bytes unread, to close would be a reset, which may
                # take our last words away (RFC 6455, 7.1.1).
                self.transport.write_eof()
            else:
                self.transport.close()

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()
        self.parse()

    def leave(self, code, reason=""):
        """Say goodbye, unless it was said; ignore messages from now on."""
        if self.open:
            self.core.send_close(code, reason)
            self.leaving = True
            self.parse()

    # Time that passes: the server calls these, as it does of a connection.

    def stop(self):
        self.leave(1001)

    def expire(self, now):
        """End what takes too long; ask who is silent."""
        limit, sight = self.look()
        if sight != self.sight:
            self.sight, self.since = sight, now
        elif limit is not None and now - self.since >= limit:
            self.give_up()

    def look(self):
        """Return a limit, and something that changes as things go on."""
        if self.lost.is_set():
            return self.patience, "lost"
        left = self.transport.get_write_buffer_size()
        if left:
            return self.write_timeout, left
        if not self.open:
            return self.close_timeout, "leaving"
        if self.paused:  # The handler takes its time.
            return self.ping_interval, "paused"
        return self.ping_interval, (self.heard, self.pinged)

    def give_up(self):
        """Ask for a pong if that was not done; or else end it."""
        if self.lost.is_set():
            self.patience = None  # One cancellation is enough.
            self.task.cancel()
        elif self.sight in ("paused", (self.heard, False)):
            # A pong would not be read, but to write fails if it has left.
            self.pinged, self.sight = not self.paused, None
            self.core.send_ping(b"")
            self.flush()
        else:
            self.transport.abort()
