"""Answer requests with handlers, found by their route.

Knows: routes, hooks, errors.
Does not know: what a handler does; bytes on the wire.
"""

import inspect
import json
import logging
from asyncio import CancelledError, current_task
from collections import UserDict

from connection import Connection
from messages import Cookies, Headers, HttpError, Query, Request, Response
from routing import Route, Router
from server import Server

logger = logging.getLogger("pico")


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


def json_encoder():
    """Return a function that encodes compact JSON, as bytes.

    JSONEncoder makes a new encoder in C at each call; here one is kept.
    """
    slow = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
    if json.encoder.c_make_encoder is None:  # as on PyPy
        return slow.encode
    # No indent; keys neither sorted nor skipped; no NaN.
    quote, rest = json.encoder.encode_basestring_ascii, (False, False, False)
    encode = json.encoder.c_make_encoder(
        None, slow.default, quote, None, ":", ",", *rest
    )
    return lambda value: "".join(encode(value, 0)).encode()


class Pico(UserDict):
    """An application; as a dict it holds what its handlers share."""

    encode_json = staticmethod(json_encoder())
    # A subclass may replace each part.
    Protocol = Connection
    Request = Request
    Headers, Cookies = Headers, Cookies
    Query = Form = Query
    Response = Response
    Router = Router
    Server = Server

    def __init__(self):
        super().__init__()
        self.router = self.Router()
        self.connections = set()
        self.listeners = {}
        self.protocols = {"http": checked}

    def route(self, path, methods=None, protocol="http", **payload):
        """Register the decorated handler, or a class with `on_get`..."""
        if protocol not in self.protocols:
            raise ValueError(f"Activate {protocol!r} before its routes.")
        adapt = self.protocols[protocol]

        def register(view):
            for handler, allowed in handlers_of(view, methods):
                self.router.add(path, allowed, adapt(handler), **payload)
            for listener in self.listeners.get("route:add", ()):
                listener(path, view, **payload)
            return view

        return register

    def listen(self, name):
        """Register the decorated listener for a hook."""

        def register(listener):
            self.listeners.setdefault(name, []).append(listener)
            return listener

        return register

    async def hook(self, name, *args, **kwargs):
        """Call the listeners of a hook; the first true result ends it."""
        for listener in self.listeners.get(name, ()):
            if result := listener(*args, **kwargs):
                if hasattr(result, "__await__"):
                    result = await result
                if result:
                    return result
        return None

    async def answer(self, request):
        """Return the response to a request, whatever happens."""
        response = self.Response(self)
        try:
            found = route, parameters, _ = self.lookup(request)
            request.route = route
            heard = "headers" in self.listeners or "request" in self.listeners
            if heard or route is None:
                await self.respond(request, response, *found)
            else:  # nobody listens
                if request.content is None:
                    if not route.payload.get("lazy_body"):
                        await request.load_body()
                result = route.handler(request, response, **parameters)
                if hasattr(result, "__await__"):
                    await result
        except (Exception, CancelledError) as error:
            response = await self.recover(request, error)
        if "response" in self.listeners:
            response = await self.conclude(request, response)
        return response

    async def conclude(self, request, response):
        """Return the response once its listeners have seen it."""
        try:
            await self.hook("response", request, response)
        except (Exception, CancelledError) as error:
            response = self.refuse(error)
        return response

    async def respond(self, request, response, route, parameters, allowed):
        """Call hooks and handler in their order; any of them may raise."""
        if await self.hook("headers", request, response):
            return
        if route is None:
            route, parameters = self.unrouted(request, allowed)
        if request.content is None and not route.payload.get("lazy_body"):
            await request.load_body()
        if await self.hook("request", request, response):
            return
        result = route.handler(request, response, **parameters)
        if hasattr(result, "__await__"):
            await result

    async def recover(self, request, error):
        """Return the response to an error, which listeners may change."""
        response = self.refuse(error)
        try:
            await self.hook("error", request, response, error)
        except (Exception, CancelledError) as another:
            response = self.refuse(another)
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
        response = self.Response(self)
        response.status, response.body = error.status, error.message
        response.headers.update(error.headers)
        return response

    async def startup(self):
        await self.hook("startup")

    async def shutdown(self):
        await self.hook("shutdown")

    def run(
        self,
        host=None,
        port=None,
        workers=1,
        ssl=None,
        unix=None,
        reload=False,
    ):
        """Serve until Ctrl-C, at `HOST` and `PORT` if nothing is given."""
        self.serve(host, port, ssl, unix).run(workers, reload)

    def serve(self, host=None, port=None, ssl=None, unix=None):
        """Accept connections: `async with app.serve(port=0) as server`."""
        return self.Server(self, host, port, ssl, unix)


def checked(view):
    """Return a handler; TypeError if it yields: only a body may do that."""
    if inspect.isasyncgenfunction(view) or inspect.isgeneratorfunction(view):
        raise TypeError(f"{view} yields: let it set response.body instead.")
    return view


def handlers_of(view, methods):
    """Return each handler of a view, with the methods that it answers."""
    if not inspect.isclass(view):
        return [(view, methods or ["GET"])]
    names = [name for name in dir(view) if name.startswith("on_")]
    if methods or not names:
        raise ValueError(f"{view.__name__} needs on_get..., and no methods.")
    instance = view()
    return [(getattr(instance, name), [name[3:].upper()]) for name in names]
