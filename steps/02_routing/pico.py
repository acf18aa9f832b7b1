"""Answer requests with handlers, found by their route.

Knows: routes, errors, how to run.
Does not know: what a handler does; most of HTTP.
"""

import asyncio
import contextlib
import json
import os
from collections import UserDict
from http import HTTPStatus
from types import SimpleNamespace

from messages import HttpError, Request, Response
from routing import Router

try:
    from uvloop import new_event_loop
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    from asyncio import new_event_loop


class Protocol(asyncio.Protocol):
    """One connection: reads a request, writes its response."""

    def __init__(self, app):
        self.app = app

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        # A real server would wait for the whole request, and doubt it.
        method, target, _ = data.decode().split(" ", 2)
        path, _, query_string = target.partition("?")
        request = Request(method, path, query_string)
        self.task = asyncio.create_task(self.answer(request))

    async def answer(self, request):
        response = await self.app.answer(request)
        status = HTTPStatus(response.status)
        body = response.body.encode()
        response.headers["content-length"] = len(body)
        head = f"HTTP/1.1 {status:d} {status.phrase}\r\n"
        for name, value in response.headers.items():
            head += f"{name}: {value}\r\n"
        self.transport.write(head.encode() + b"\r\n" + body)


class Pico(UserDict):
    """An application; as a dict it holds what its handlers share."""

    encode_json = staticmethod(
        json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
    )
    Protocol = Protocol

    def __init__(self):
        super().__init__()
        self.router = Router()

    def route(self, path, methods=None, **payload):
        """Register the decorated handler for a path and its methods."""

        def register(handler):
            self.router.add(path, methods or ["GET"], handler, **payload)
            return handler

        return register

    async def answer(self, request):
        """Return the response to a request."""
        response = Response(self)
        try:
            route, parameters = self.lookup(request)
            await route.handler(request, response, **parameters)
        except HttpError as error:
            response = self.refuse(error)
        return response

    def lookup(self, request):
        """Return the route of a request and its parameters."""
        route, parameters, allowed = self.router.match(
            request.method, request.path
        )
        if route:
            return route, parameters
        if not allowed:
            raise HttpError(404)
        raise HttpError(405, headers={"allow": ", ".join(sorted(allowed))})

    def refuse(self, error):
        """Return the response that tells of an error."""
        response = Response(self)
        response.status, response.body = error.status, error.message
        response.headers["content-type"] = "text/plain; charset=utf-8"
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
