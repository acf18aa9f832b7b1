"""Answer requests with handlers, found by their route.

Knows: routes, errors, how to run.
Does not know: what a handler does; bytes on the wire.
"""

import asyncio
import contextlib
import json
import logging
import os
from asyncio import CancelledError, current_task
from collections import UserDict
from types import SimpleNamespace

from connection import Connection
from messages import Cookies, Headers, HttpError, Query, Request, Response
from routing import Route, Router

try:
    from uvloop import new_event_loop
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    from asyncio import new_event_loop


logger = logging.getLogger("pico")
GRACE = 5  # seconds for answers that are begun


async def options(request, response, allow):
    """Say what a path can be asked for (RFC 9110, 9.3.7)."""
    response.status = 204
    response.headers["allow"] = allow


OPTIONS = Route("/", ["OPTIONS"], options)


def allow_field(methods):
    """Return the value of Allow: HEAD follows GET, and OPTIONS answers.

    >>> allow_field({"GET", "POST"})
    'GET, HEAD, OPTIONS, POST'
    """
    head = {"HEAD"} if "GET" in methods else set()
    return ", ".join(sorted({"OPTIONS", *methods, *head}))


class Pico(UserDict):
    """An application; as a dict it holds what its handlers share."""

    encode_json = staticmethod(
        json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
    )
    Protocol = Connection
    Request = Request
    Headers, Cookies = Headers, Cookies
    Query = Form = Query

    def __init__(self):
        super().__init__()
        self.router = Router()
        self.connections = set()

    def route(self, path, methods=None, **payload):
        """Register the decorated handler for a path and its methods."""

        def register(handler):
            self.router.add(path, methods or ["GET"], handler, **payload)
            return handler

        return register

    async def answer(self, request):
        """Return the response to a request, whatever happens."""
        response = Response(self)
        try:
            route, parameters, allowed = self.lookup(request)
            if route is None:
                route, parameters = self.unrouted(request, allowed)
            request.route = route
            if request.content is None and not route.payload.get("lazy_body"):
                await request.load_body()
            await route.handler(request, response, **parameters)
        except (Exception, CancelledError) as error:
            response = self.refuse(error)
        return response

    def lookup(self, request):
        """Return route, parameters and allowed methods; HEAD is a GET."""
        found = self.router.match(request.method, request.path)
        if found[0] is None and request.method == "HEAD":
            found = self.router.match("GET", request.path)
        return found

    def unrouted(self, request, allowed):
        """Answer for a path without a route, or without this method."""
        if request.path == "*":
            allowed = {m for r in self.router.routes for m in r.methods}
        if not allowed:
            raise HttpError(404)
        allow = allow_field(allowed)
        if request.method == "OPTIONS":
            return OPTIONS, {"allow": allow}
        raise HttpError(405, headers={"allow": allow})

    def refuse(self, error):
        """Return the response to an error; the client learns nothing of one
        that is not an HttpError."""
        if isinstance(error, CancelledError) and current_task().cancelling():
            raise error  # We are cancelled, not something we wait for.
        if not isinstance(error, HttpError):
            logger.error("A request failed", exc_info=error)
            error = HttpError(500)
        response = Response(self)
        response.status, response.body = error.status, error.message
        response.headers.update(error.headers)
        return response

    def run(self, host=None, port=None):
        """Serve until Ctrl-C, at `HOST` and `PORT` if nothing is given."""
        runner = asyncio.Runner(loop_factory=new_event_loop)
        try:
            with runner, contextlib.suppress(KeyboardInterrupt):
                runner.run(self.serve_forever(host, port))
        except OSError as error:
            raise SystemExit(f"{error}. Try PORT=0 for a free one.") from None

    async def serve_forever(self, host, port):
        async with self.serve(host, port) as server:
            print(f"Listening on {server.url}", flush=True)
            await asyncio.Event().wait()

    @contextlib.asynccontextmanager
    async def serve(self, host=None, port=None):
        """Accept connections as long as the block lasts; port 0 is any."""
        host = host or os.environ.get("HOST", "127.0.0.1")
        if port is None:
            port = int(os.environ.get("PORT", "8000"))
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: self.Protocol(self), host, port
        )
        host, port = server.sockets[0].getsockname()[:2]
        try:
            yield SimpleNamespace(url=f"http://{host}:{port}")
        finally:
            server.close()
            await self.stop_connections()

    async def stop_connections(self):
        """Answer what was begun, and wait for clients, but not for ever."""
        connections = set(self.connections)
        # The second call is for those who have just connected.
        for connection in [*connections, *connections]:
            connection.stop()
        tasks = {connection.task for connection in connections}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
