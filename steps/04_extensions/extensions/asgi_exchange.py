"""Turn a request into events for an ASGI application, and back.

Knows: request, response; the events of one exchange.
Does not know: routes, lifespan; sockets.
"""

import asyncio
import logging

logger = logging.getLogger("pico")


class Cookie(str):
    """A cookie that is already rendered."""

    OutputString = str.__str__


class Exchange:
    """One request, and the application's events that answer it.

    The application waits until a piece is taken: it is never more than one
    ahead of a client that reads slowly.
    """

    def __init__(self, request):
        self.request = request
        self.events = asyncio.Queue(1)
        self.start = self.read = self.whole = self.mute = False
        self.over = asyncio.Event()  # The client has all, or has left.
        self.task = asyncio.current_task()
        self.task.add_done_callback(self.end)

    # In the application's task.

    async def run(self, application, scope):
        """Run the application, which may go on after its answer."""
        try:
            await application(scope, self.receive, self.send)
            if not self.whole:
                raise RuntimeError("The application gave no whole answer.")
        except asyncio.CancelledError:
            if not self.whole:
                await self.fail(RuntimeError("The application was cancelled."))
        except Exception as error:
            await self.fail(error)
        if self.mute:
            self.end()

    async def fail(self, error):
        """Break off an answer that is not whole; log what nobody sees."""
        if self.over.is_set() and not self.whole:
            return  # The client has left.
        if not (self.whole or self.mute):
            await self.events.put(error)  # mute may be set meanwhile
        if self.whole or self.mute:
            logger.error("Behind an answer it failed", exc_info=error)

    async def receive(self):
        """Return content, or the news that no more of it is wanted."""
        request = self.request
        waits = not (self.read or request.arrived or request.complete)
        if waits and not self.over.is_set():
            await self.bring()
        if self.read or not (request.arrived or request.complete):
            await self.over.wait()
            return {"type": "http.disconnect"}
        body, request.arrived = bytes(request.arrived), bytearray()
        self.read = request.complete
        more = not self.read
        return {"type": "http.request", "body": body, "more_body": more}

    async def bring(self):
        """Await more content, but only until the answer is over."""
        more = asyncio.ensure_future(self.request.source.more(self.request))
        over = asyncio.ensure_future(self.over.wait())
        try:
            await asyncio.wait({more, over}, return_when="FIRST_COMPLETED")
        finally:
            over.cancel()
            more.cancel()
        if more.done() and (error := more.exception()):
            self.read = True  # no more will come
            if not self.whole:
                self.end()
                self.events.put_nowait(error)

    async def send(self, event):
        """Take an event; OSError if nobody waits for it any more."""
        kind = event["type"]
        wanted = f"http.response.{'body' if self.start else 'start'}"
        if self.whole:
            return  # What comes later is ignored, as ASGI says.
        if kind != wanted:
            raise RuntimeError(f"{kind} was sent instead of {wanted}.")
        if not self.start:
            self.start = event
            return
        if not self.over.is_set():
            self.whole = not event.get("more_body", False)
            if self.mute:
                await asyncio.sleep(0)  # Let others run.
            else:
                await self.events.put(event)
        if self.over.is_set() and not self.whole:
            raise OSError("The client has left.")

    # In the connection's task.

    async def answer(self, response):
        """Answer with what the application sends first, then stream on."""
        try:
            await self.reply(await self.next(), response)
        except BaseException:
            self.end()
            raise

    async def reply(self, event, response):
        """Begin the response, with the first piece of its body."""
        response.status = self.start["status"]
        for name, value in self.start.get("headers", ()):
            add_field(response, name.decode().lower(), value.decode("latin-1"))
        response.body = self.pieces(event)
        empty = response.status in (204, 205, 304)
        self.mute = empty or self.request.method == "HEAD"
        if not event.get("more_body", False):
            self.end()
            content = bytes(event.get("body", b""))
            # HEAD has the fields of GET; without content, no length is known.
            if content or not self.mute:
                response.body = content

    async def next(self):
        if isinstance(event := await self.events.get(), Exception):
            raise event
        return event

    async def pieces(self, event):
        """Yield a body as the client reads it."""
        # After the head of an answer no 100 Continue may come.
        self.request.awaits_continue = False
        try:
            yield event.get("body", b"")
            while event.get("more_body", False):
                event = await self.next()
                yield event.get("body", b"")
        finally:
            self.end()

    def end(self, task=None):
        """Let an application that waits for the client go on."""
        self.over.set()
        self.task.remove_done_callback(self.end)
        if not self.events.empty():
            self.events.get_nowait()


def add_field(response, name, value):
    """Add a field; cookies are the only fields that cannot be joined."""
    if name == "set-cookie":
        response.cookies[value] = Cookie(value)
    elif name in response.headers:
        response.headers[name] += f", {value}"
    else:
        response.headers[name] = value
