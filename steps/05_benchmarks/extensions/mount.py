"""Put an application below a path of another one.

Knows: two apps, request, response; paths.
Does not know: the connection; what the inner app does.
"""

from contextlib import contextmanager
from http import HTTPMethod
from urllib.parse import quote

METHODS = sorted(set(HTTPMethod) - {HTTPMethod.CONNECT, HTTPMethod.TRACE})
SAFE = "/:@!$&'()*+,;=~"  # what a path may hold as it is (RFC 3986, 3.3)


def mount(app, prefix, other):
    """Let another app answer what is below a prefix.

    Its routes, hooks and errors are its own; the hooks of the outer app
    run around them. ValueError for a prefix with a placeholder.
    """
    prefix = prefix.rstrip("/")
    if not (prefix + "/").startswith("/") or "{" in prefix:
        raise ValueError(f"{prefix!r} is no prefix: it looks like /api.")
    kinds = {}  # classes of requests inside, by those outside

    async def startup():
        app.Protocol = both(app.Protocol, other.Protocol)
        await other.startup()

    # An app may be mounted twice; it is started and stopped once.
    if other.shutdown not in app.listeners.get("shutdown", ()):
        app.listen("startup")(startup)
        app.listen("shutdown")(other.shutdown)

    async def enter(request, response, path=""):
        kind = type(request)
        if kind not in kinds:
            kinds[kind] = both(other.Request, kind)
        view = seen(request, other, path, kinds[kind])
        with inside(request, view):
            inner = await other.answer(request)
        # What the inner route says of itself, like compress=False, holds here.
        request.route = view["route"] or request.route
        response.status, response.body = inner.status, inner.body
        # The body of a HEAD is closed, never begun.
        if hasattr(inner.body, "__aiter__") and request.method != "HEAD":
            response.body = streamed(inner.body, request, view)
        response.headers.update(inner.headers)
        response.cookies.update(inner.cookies)

    for path in (prefix, prefix + "/", prefix + "/{path:path}"):
        if path:  # The inner app decides what it reads of the content.
            app.route(path, METHODS, lazy_body=True)(enter)


def seen(request, app, path, kind):
    """Return what differs in a request when an inner app looks at it."""
    path, question, query = "/" + path, *request.url.partition("?")[1:]
    return {
        "__class__": kind,
        "app": app,
        "path": path,
        "url": quote(path, SAFE) + question + query,
        "route": None,
    }


@contextmanager
def inside(request, view):
    """Let a request look as if it had been sent to the inner app."""
    outside = {name: getattr(request, name) for name in view}
    for name, value in view.items():
        setattr(request, name, value)
    try:
        yield
    finally:
        view["route"] = request.route
        for name, value in outside.items():
            setattr(request, name, value)


async def streamed(body, request, view):
    """Yield a body, made where its handler was called: inside."""
    with inside(request, view):
        try:
            async for piece in body:
                yield piece
        finally:
            if hasattr(body, "aclose"):
                await body.aclose()


def both(first, second):
    """Return a class with what extensions added to either app."""
    for each, other in ((first, second), (second, first)):
        if issubclass(each, other):
            return each
    return type(first.__name__, (first, second), {})
