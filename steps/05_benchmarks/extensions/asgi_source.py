"""Read requests from an ASGI server, and hear when a client has left.

Knows: scope and receive; requests; tasks of asyncio and of trio.
Does not know: responses; the server.
"""

import asyncio
from urllib.parse import quote

from messages import HttpError

try:
    import trio
except ImportError:  # Then no server runs on it.
    trio = None


def read_request(app, scope, source):
    """Return a request as one of our own connections would read it."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    root = quote(scope.get("root_path", "")).encode()
    url = path.removeprefix(root) or b"/"
    if scope["query_string"]:
        url += b"?" + scope["query_string"]
    version = scope["http_version"]
    method, url = scope["method"], url.decode("latin-1")
    request = app.Request(app, method, url, version, {})
    request.headers = joined(app.Headers(), scope["headers"])
    request.source, request.keep_alive = source, True
    fields = request.headers
    framed = "content-length" in fields or "transfer-encoding" in fields
    talks = scope["type"] == "websocket"
    if not talks and (framed or not version.startswith("1")):
        request.length = int(fields.get("content-length", 0))
        request.content, request.arrived = None, bytearray()
    request.complete = request.content is not None
    return request


def joined(headers, fields):
    """Add fields; join what is repeated (RFC 9110, 5.3; 6265, 5.4).

    >>> joined({}, [(b"accept", b"a"), (b"accept", b"b")])
    {'accept': 'a, b'}
    """
    for name, value in fields:
        name, value = name.decode("latin-1"), value.decode("latin-1")
        if name in headers:
            glue = "; " if name.lower() == "cookie" else ", "
            value = headers[name] + glue + value
        headers[name] = value
    return headers


def running_on_trio():
    try:
        return not asyncio.get_running_loop()
    except RuntimeError:
        return True


async def turn():
    """Let others run, and hear whether the client has left."""
    if not running_on_trio():  # on trio, to send is to wait
        await asyncio.sleep(0)


class Source:
    """Where content comes from, and the news that the client has left."""

    def __init__(self, scope, receive):
        self.scope, self.receive = scope, receive
        self.transport = self  # as far as extensions need one
        self.peer = scope.get("client")
        self.left = self.answered = False
        self.ws = None  # or the WebSocket opened instead of an answer

    def get_extra_info(self, name, default=None):
        """Return what the server knows, under the names of asyncio."""
        secure = self.scope["scheme"] in ("https", "wss") or None
        known = {
            "peername": self.peer,
            "sockname": self.scope.get("server"),
            "sslcontext": secure,
        }
        return known.get(name) or default

    async def more(self, request):
        """Bring more of the content, as a connection does."""
        event = await self.receive()
        if event["type"] == "http.disconnect":
            raise HttpError(400, "The content broke off.")
        request.arrived += event.get("body", b"")
        request.complete = not event.get("more_body", False)
        if request.complete:
            self.watch()

    async def watched(self, work):
        """Await the answer, but no longer than the client does."""
        if running_on_trio():
            return await self.watched_by_trio(work)
        task, watchers = asyncio.current_task(), []
        self.watch = lambda: watchers.append(
            asyncio.ensure_future(self.see(task.cancel))
        )
        try:
            await work
        except asyncio.CancelledError:
            if not self.left:
                raise
            task.uncancel()
        finally:
            for watcher in watchers:
                watcher.cancel()

    async def watched_by_trio(self, work):
        async with trio.open_nursery() as nursery:
            cancel = nursery.cancel_scope.cancel
            self.watch = lambda: nursery.start_soon(self.see, cancel)
            await work
            cancel()

    async def see(self, cancel):
        """Cancel the answer if the client leaves before it is whole."""
        while not (await self.receive())["type"].endswith("disconnect"):
            pass
        if not self.answered:
            self.left = True
            cancel()
