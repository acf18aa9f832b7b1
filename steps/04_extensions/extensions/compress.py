"""Send less: gzip what is text, if the client takes it (RFC 9110, 8.4).

Knows: request, response; gzip, media types.
Does not know: the connection; which text holds a secret.
"""

import asyncio
import re
import zlib

LARGE = 16 * 1024  # bytes; from this size on a thread is worth its price
GZIP = 16 + zlib.MAX_WBITS  # what zlib calls gzip
# What shrinks: the rest is random already, as images and archives are.
TEXT = re.compile(
    r"text/.*|image/svg\+xml|application/(?:wasm|manifest\+json|.*\bjson"
    r"|.*\bxml|(?:x-)?javascript)",
    re.I,
)
WEIGHT = re.compile(r"q=([01](?:\.[0-9]*)?)")


def compress(app, minimum=500, level=6):
    """Compress answers of at least `minimum` bytes, and streams of text.

    `@app.route(path, compress=False)` leaves answers as they are: where one
    page holds secrets and what others write, its length may betray them
    (BREACH). Activate it after the extensions that change what is answered.
    """

    @app.listen("response")
    def shrink(request, response):
        body = response.body
        if response.status in (206, 304):
            return unchanged(request, response)
        if isinstance(body, (bytes, str)):
            size = len(body)
        else:
            size = int(response.headers.get("content-length", minimum))
        if size < minimum or not fit(request, response):
            return None
        tell_caches(response.headers)
        if not accepts(request.headers.get("accept-encoding", "")):
            return None
        return encode(request, response, level)


def unchanged(request, response):
    """Let a 206 or a 304 say what its 200 would (RFC 9110, 15.4.5).

    A client that names our tag as a weak one has the compressed version.
    """
    if not fit(request, response):
        return
    tell_caches(response.headers)
    tag = response.headers.get("etag", "")
    named = request.headers.get("if-none-match", "")
    if tag.startswith('"') and f"W/{tag}" in named:
        response.headers["etag"] = f"W/{tag}"


def tell_caches(headers):
    vary, add = headers.get("vary"), "Accept-Encoding"
    headers["vary"] = f"{vary}, {add}" if vary else add


def fit(request, response):
    """Return whether an answer is one that shrinks."""
    headers, route = response.headers, request.route
    if response.status in (204, 205) or "content-encoding" in headers:
        return False
    if response.status != 206 and "content-range" in headers:
        return False
    if "no-transform" in headers.get("cache-control", "").lower():
        return False
    if route is not None and not route.payload.get("compress", True):
        return False
    # A 304 need not name the type of the whole answer: it may be text.
    text = isinstance(response.body, str) or response.status == 304
    default = "text/plain" if text else ""
    kind = headers.get("content-type", default).partition(";")[0].strip()
    return TEXT.fullmatch(kind) is not None


def accepts(value):
    """Return whether gzip may be sent, and is liked no less than identity.

    >>> accepts("br, gzip;q=0.5"), accepts("gzip;q=0"), accepts("*")
    (True, False, True)
    >>> accepts("identity, gzip;q=0.1")  # RFC 9110, 12.5.3
    False
    """
    weights = {}
    for each in value.lower().split(","):
        coding, _, weight = each.partition(";")
        given = WEIGHT.match(weight.strip())
        weights[coding.strip()] = float(given[1]) if given else 1
    gzip = weights.get("gzip", weights.get("*", 0))
    return gzip > 0 and gzip >= weights.get("identity", 0)


async def encode(request, response, level):
    """Replace a body with a shorter one, and say so."""
    headers, body = response.headers, response.body
    headers["content-encoding"] = "gzip"
    for name in ("content-length", "accept-ranges"):
        headers.pop(name, None)
    tag = headers.get("etag", "")
    if tag.startswith('"'):  # other bytes, same meaning (8.8.1)
        headers["etag"] = f"W/{tag}"
    if isinstance(body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        body = body.encode()
    if isinstance(body, bytes):
        stream = zlib.compressobj(level, wbits=GZIP)
        response.body = await press(stream, body) + stream.flush()
    elif request.method != "HEAD":  # whose body is closed, never begun
        response.body = compressed(body, level)


async def compressed(pieces, level):
    """Yield a stream compressed, each piece at once: a client may await it."""
    stream = zlib.compressobj(level, wbits=GZIP)
    try:
        async for piece in pieces:
            data = await press(stream, piece)
            yield data + stream.flush(zlib.Z_SYNC_FLUSH)
        yield stream.flush()
    finally:
        if hasattr(pieces, "aclose"):
            await pieces.aclose()


async def press(stream, data):
    """Compress bytes, in a thread if there are many."""
    if len(data) < LARGE:
        return stream.compress(data)
    return await asyncio.to_thread(stream.compress, data)
