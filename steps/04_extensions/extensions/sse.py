"""Send events as they happen, on a connection that stays open.

Knows: app, request, response; server-sent events (html.spec.whatwg.org).
Does not know: how a body is sent; what an event means.
"""

import asyncio
import inspect
import re
from contextlib import aclosing
from dataclasses import dataclass
from functools import wraps

HEARTBEAT = b":\n\n"  # a comment, which nobody hears
LINE_END = re.compile("\r\n|\r|\n")
UNFIT = re.compile("[\r\n\0]")
FIELDS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # else nginx holds back what is not whole
}


@dataclass
class Event:
    """One event; the browser repeats the last `id` when it reconnects.

    >>> Event("one\\ntwo", event="news", id=7).encode()
    b'event: news\\nid: 7\\ndata: one\\ndata: two\\n\\n'
    """

    data: str | None = None
    event: str | None = None
    id: str | int | None = None
    retry: int | None = None  # milliseconds until it reconnects

    def __post_init__(self):
        if not isinstance(self.data, str | None):
            kind = type(self.data).__name__
            raise TypeError(
                f"The data of an event is text, and no {kind}: what"
                " json.dumps returns is text."
            )

    def encode(self):
        """Return its lines; ValueError if a field would end too early."""
        fields = {"event": self.event, "id": self.id, "retry": self.retry}
        lines = [f"{n}: {v}" for n, v in fields.items() if v is not None]
        if any(UNFIT.search(line) for line in lines):
            raise ValueError(f"A field of an event is one line: {fields}.")
        if self.data is not None:
            lines += [f"data: {each}" for each in LINE_END.split(self.data)]
        return "\n".join([*lines, "\n"]).encode()


def sse(app, heartbeat=15):
    """Let `@app.route(path, protocol="sse")` register async generators:
    `async def news(request, response)`, which yields text, an `Event`, or
    anything else, sent as JSON.

    After `heartbeat` seconds of silence a comment is sent, so that proxies
    do not give up, and a client that has left is noticed.
    """
    streams = {}  # by connection

    class Protocol(app.Protocol):
        def stop(self):
            super().stop()
            if self in streams:
                streams[self].end()

    app.Protocol = Protocol

    def adapt(view):
        if not inspect.isasyncgenfunction(view):
            raise TypeError(f"{view.__name__} must be async, and yield.")

        @wraps(view)
        async def handler(request, response, **parameters):
            response.headers.update(FIELDS)
            events = view(request, response, **parameters)
            stream = Stream(events, request.app.encode_json, heartbeat)
            response.body = registered(stream, streams, request.source)

        return handler

    app.protocols["sse"] = adapt


async def registered(stream, streams, connection):
    """Yield a stream that ends when its connection has to stop."""
    if getattr(connection, "stopping", False):
        return  # Nobody would end it any more.
    streams[connection] = stream
    try:
        async with aclosing(stream.pieces()) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        del streams[connection]


class Stream:
    """Runs a generator in one task, from beginning to end.

    So `asyncio.timeout` and the like work in it across a `yield`, and a
    heartbeat does not disturb it. It is one event ahead of the client.
    """

    def __init__(self, events, encode_json, heartbeat):
        self.events, self.encode_json = events, encode_json
        self.heartbeat, self.piece = heartbeat, None
        self.news, self.room = asyncio.Event(), asyncio.Event()

    async def produce(self):
        async with aclosing(self.events) as events:
            async for event in events:
                self.piece = self.encode(event)
                self.room.clear()
                self.news.set()
                await self.room.wait()

    def encode(self, event):
        if isinstance(event, Event):
            return event.encode()
        if not isinstance(event, str):
            text = self.encode_json(event)
            event = text.decode() if isinstance(text, bytes) else text
        return Event(event).encode()

    async def pieces(self):
        """Yield what to send until the generator ends or the client leaves."""
        self.task = asyncio.create_task(self.produce())
        self.task.add_done_callback(lambda task: self.news.set())
        try:
            while self.piece is not None or not self.task.done():
                yield await self.next()
        finally:
            self.end()
            await asyncio.wait({self.task})
        if not self.task.cancelled():
            self.task.result()

    async def next(self):
        """Return an event, or a heartbeat if none comes."""
        try:
            async with asyncio.timeout(self.heartbeat):
                await self.news.wait()
        except TimeoutError:
            return HEARTBEAT
        self.news.clear()
        piece, self.piece = self.piece, None
        self.room.set()
        return piece or b""

    def end(self):
        self.task.cancel()
