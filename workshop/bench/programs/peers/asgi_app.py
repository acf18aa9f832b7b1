"""Greet, and keep the positions of drones, as a bare ASGI callable.

Knows: ASGI, what a drone's position is.
Does not know: its server; any framework.
"""

import json

from position import flaw

positions = {}


async def app(scope, receive, send):
    """Answer one request; a lifespan is of no concern to us."""
    if scope["type"] != "http":
        raise ValueError("Only HTTP is served here.")
    kind, _, name = scope["path"][1:].partition("/")
    if kind == "hello":
        await answer(send, 200, {"message": f"Hello {name}"})
    elif kind == "drones" and scope["method"] == "POST":
        await keep(receive, send, name)
    elif kind == "drones":
        await answer(send, 200, positions[name])
    else:
        await answer(send, 404, {"error": "Nothing is here."})


async def keep(receive, send, name):
    content, more = b"", True
    while more:
        event = await receive()
        content += event.get("body", b"")
        more = event.get("more_body", False)
    try:
        position = json.loads(content)
    except ValueError:
        position = None
    if wrong := flaw(position):
        return await answer(send, 422, {"error": wrong})
    positions[name] = position
    return await answer(send, 204)


async def answer(send, status, value=None):
    content = b"" if value is None else json.dumps(value).encode()
    headers = []
    if value is not None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
        ]
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": content})
