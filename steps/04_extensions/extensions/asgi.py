"""Let any ASGI server serve an app (asgi.readthedocs.io).

Knows: app, request, response; what an ASGI server says and wants to hear.
Does not know: the server; sockets.
"""

from asyncio import CancelledError
from math import inf

from extensions.asgi_source import Source, read_request, turn
from messages import HttpError
from rendering import render_head

try:
    from extensions.asgi_websocket import Handshake
except ImportError:  # Then no route can serve WebSockets.
    Handshake = None

# Fields that are the server's own.
HOP = {b"connection", b"date", b"transfer-encoding"}


def asgi(app):
    """Return the application that an ASGI server expects."""

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            await live(app, receive, send)
        elif scope["type"] == "http":
            source = Source(scope, receive)
            await source.watched(exchange(app, scope, source, send))
        elif Handshake:
            await receive()  # the news that a handshake has come
            source = Handshake(app, scope, receive, send)
            work = exchange(app, source.scope, source, source.deny)
            await source.watched(work)
        else:  # closed before it is accepted, which is a 403
            await send({"type": "websocket.close"})

    return application


async def live(app, receive, send):
    """Call startup and shutdown when the server says so."""
    for hook in (app.startup, app.shutdown):
        kind = (await receive())["type"]
        try:
            await hook()
        except Exception as error:
            failed = {"type": f"{kind}.failed", "message": repr(error)}
            await send(failed)
            raise
        await send({"type": f"{kind}.complete"})


async def exchange(app, scope, source, send):
    """Answer one request."""
    try:
        request = read_request(app, scope, source)
    except HttpError as error:
        request = app.Request(app, "GET", "*", "1.1", {})
        await write(request, app.refuse(error), source, send)
        return
    if request.complete:
        source.watch()
    response = await app.answer(request)
    try:
        if source.ws is None:
            await write(request, response, source, send)
    finally:
        if hasattr(response.body, "aclose"):
            await response.body.aclose()


async def write(request, response, source, send):
    """Send a response; one that cannot be sent becomes a 500."""
    try:
        head = render_head(request, response)
        pieces, first = response.body, b""
        if request.method == "HEAD":
            pieces = b""
        elif not isinstance(pieces, bytes):
            pieces = aiter(pieces)
            first = await anext(pieces, b"")
    except (Exception, CancelledError) as error:
        response = request.app.refuse(error)
        return await write(request, response, source, send)
    start = {"type": "http.response.start", "status": int(response.status)}
    await send({**start, "headers": fields_of(head)})
    if not isinstance(pieces, bytes):
        await stream(first, pieces, response.headers, send)
        pieces = b""
    source.answered = True
    await send({"type": "http.response.body", "body": pieces})


def fields_of(head):
    """Take a rendered head apart: only one place knows its rules."""
    lines = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2]]
    return [tuple(line) for line in lines if line[0] not in HOP]


async def stream(piece, pieces, headers, send):
    """Send a body as it is made; ValueError unless as long as declared."""
    left = float(headers.get("content-length", inf))
    event = {"type": "http.response.body", "more_body": True}
    while piece is not None and left >= len(piece):
        left -= len(piece)
        if piece:
            await send({**event, "body": piece})
            await turn()  # Few servers wait in `send`.
        piece = await anext(pieces, None)
    if piece is not None or left not in (0, inf):
        raise ValueError("The body is not as long as it was declared.")
