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
    frame them. ValueError for a prefix with a placeholder.
    """
    prefix = prefix.rstrip("/")
    if not (prefix + "/").startswith("/") or "{" in prefix:
        raise ValueError(f"{prefix!r} is no prefix: it looks like /api.")
    app.listen("startup")(other.startup)
    app.listen("shutdown")(other.shutdown)
    kinds = {}  # of requests inside, by what they are outside

    async def enter(request, response, path=""):
        kind = type(request)
        if kind not in kinds:
            kinds[kind] = both(other.Request, kind)
        with inside(request, other, path, kinds[kind]):
            inner = await other.answer(request)
        response.status, response.body = inner.status, inner.body
        response.headers.update(inner.headers)
        response.cookies.update(inner.cookies)

    for path in (prefix, prefix + "/", prefix + "/{path:path}"):
        if path:  # The inner app says what it reads of the content.
            app.route(path, METHODS, lazy_body=True)(enter)


@contextmanager
def inside(request, app, path, kind):
    """Let a request look as if it had been sent to the inner app."""
    outside = request.app, request.url, request.path, request.route
    outer_kind, request.__class__ = type(request), kind
    _, question, query = request.url.partition("?")
    request.app, request.path = app, "/" + path
    request.url = quote(request.path, SAFE) + question + query
    try:
        yield
    finally:
        request.__class__ = outer_kind
        request.app, request.url, request.path, request.route = outside


def both(inner, outer):
    """Return a class of requests with what extensions added to each app."""
    if issubclass(outer, inner):
        return outer
    return type("Request", (inner, outer), {})
