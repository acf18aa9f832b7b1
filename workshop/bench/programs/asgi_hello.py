"""Greet, as an ASGI application without a framework does.

Knows: ASGI (asgi.readthedocs.io).
Does not know: which server calls it.
"""

CONTENT = b"Hello, world!"
FIELDS = [
    (b"content-type", b"text/plain"),
    (b"content-length", str(len(CONTENT)).encode()),
]


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        return await live(receive, send)
    start = {"type": "http.response.start", "status": 200, "headers": FIELDS}
    await send(start)
    await send({"type": "http.response.body", "body": CONTENT})


async def live(receive, send):
    """Say yes to start and end."""
    for _ in range(2):
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
