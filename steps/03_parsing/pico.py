"""Answer requests with handlers, found by their route.

Knows: routes, errors, how to run.
Does not know: what a handler does; bytes on the wire.
"""

import asyncio
import contextlib
import json
import logging
import os
from types import SimpleNamespace

from connection import Connection
from messages import HttpError, Request, Response
from routing import Route, Router

try:
    from uvloop import new_event_loop
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    from asyncio import new_event_loop


logger = logging.getLogger("pico")


async def options(request, response, allowed):
    """Say what a path can be asked for (RFC 9110, 9.3.7)."""
    response.status = 204
    response.headers["allow"] = allowed


OPTIONS = Route("/", ["OPTIONS"], options)


class Pico(dict):
    """An application; as a dict it holds what its handlers share."""

    Protocol = Connection
    Request = Request

    def __init__(self):
        self.router = Router()
        self.connections = set()

    def encode_json(self, value):
        """Return compact JSON; replace it to use another encoder."""
        return json.dumps(value, separators=(",", ":"))

    def route(self, path, methods=("GET",), **payload):
        """Register the decorated handler for a path and its methods."""

        def register(handler):
            self.router.add(path, methods, handler, **payload)
            return handler

        return register

    async def answer(self, request):
        """Return the response to a request, whatever happens."""
        response = Response(self)
        try:
            request.route, parameters = self.lookup(request)
            if not request.route.payload.get("lazy_body"):
                await request.load_body()
            await request.route.handler(request, response, **parameters)
        except HttpError as error:
            response = self.refuse(error)
        except Exception:
            logger.exception("%s %r failed", request.method, request.path)
            response = self.refuse(HttpError(500))
        return response

    def lookup(self, request):
        """Return the route of a request and its parameters."""
        method = request.method
        found = self.router.match(method, request.path)
        if method == "HEAD" and "GET" in found.allowed:
            found = self.router.match("GET", request.path)
        if found.route:
            return found.route, found.parameters
        allowed = self.allowed(request.path, found.allowed)
        if not allowed:
            raise HttpError(404)
        if method == "OPTIONS":
            return OPTIONS, {"allowed": allowed}
        raise HttpError(405, headers={"allow": allowed})

    def allowed(self, path, methods):
        """Return the field value of Allow; `OPTIONS *` asks for all."""
        if path == "*":
            methods = set().union(*(r.methods for r in self.router.routes))
        if "GET" in methods:
            methods = methods | {"HEAD"}
        return ", ".join(sorted(methods | {"OPTIONS"})) if methods else ""

    def refuse(self, error):
        """Return the response that tells of an error."""
        response = Response(self)
        response.status = error.status
        response.headers["content-type"] = "text/plain; charset=utf-8"
        response.headers.update(error.headers)
        response.body = error.message
        return response

    def run(self, host=None, port=None):
        """Serve until Ctrl-C, at `HOST` and `PORT` if nothing is given."""
        runner = asyncio.Runner(loop_factory=new_event_loop)
        with runner, contextlib.suppress(KeyboardInterrupt):
            runner.run(self.serve_forever(host, port))

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
            connections = set(self.connections)
            for connection in connections:
                connection.stop()
            tasks = [connection.task for connection in connections]
            await asyncio.gather(*tasks, return_exceptions=True)
