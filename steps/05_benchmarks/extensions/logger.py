"""Write a line for each answer: the access log.

Knows: app, request, response; formats of a log.
Does not know: the connection, but for its address.
"""

import asyncio
import json
import logging
import sys
import time
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote

DELAY, MANY = 0.1, 500  # seconds, or lines, until all are written
encode = json.JSONEncoder(separators=(",", ":")).encode


def logger(app, format="common", stream=None):  # noqa: A002 (its name)
    """Log each answer to a stream, as `common` lines or as `json`.

    Lines wait for a moment, so that many of them are written at once.
    """
    if format not in FORMATS:
        raise ValueError(f"The format is one of {[*FORMATS]}.")
    lines, line_of = [], FORMATS[format]
    stream = stream or sys.stderr

    def start(request, response):
        request.started = time.perf_counter()

    if format == "json":
        # First of all: a listener that answers ends the chain.
        app.listeners.setdefault("headers", []).insert(0, start)

    @app.listen("response")
    def log(request, response):
        lines.append(line_of(request, response))
        if len(lines) == 1:
            asyncio.get_running_loop().call_later(DELAY, write, stream, lines)
        elif len(lines) >= MANY:
            write(stream, lines)

    app.listen("shutdown")(lambda: write(stream, lines))


def common(request, response):
    """Return a line of the Common Log Format of NCSA's httpd."""
    asked = quote(f"{request.method} {request.url} HTTP/{request.version}")
    when = stamp(int(time.time()))
    return (
        f"{address(request)} - - [{when}] {asked} {response.status}"
        f" {size(request, response) or '-'}\n"
    )


def as_json(request, response):
    """Return a line of JSON, which also shows how long it took."""
    now = time.perf_counter()
    seconds = now - getattr(request, "started", now)
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time())),
        "client": address(request),
        "method": request.method,
        "target": request.url,
        "version": request.version,
        "status": response.status,
        "size": size(request, response),
        "milliseconds": round(seconds * 1000, 3),
    }
    if "id" in request.data:  # that of request_id
        line["id"] = request.data["id"]
    return encode(line) + "\n"


FORMATS = {"common": common, "json": as_json}


def address(request):
    """Return where a request came from; a Unix socket has no address."""
    peer = request.source and request.source.peer
    return peer[0] if peer else "-"


def size(request, response):
    """Return how many bytes the content has; None if that is not known yet."""
    body = response.body
    if request.method == "HEAD":
        return 0
    if isinstance(body, str):
        return len(body if body.isascii() else body.encode())
    return len(body) if isinstance(body, bytes) else None


@lru_cache(maxsize=1)
def stamp(second):
    """Return a date; all lines of a second share it.

    >>> stamp(0)
    '01/Jan/1970:00:00:00 +0000'
    """
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))


def write(stream, lines):
    """Write the lines that wait; if that fails, requests go on."""
    text = "".join(lines)
    lines.clear()
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError) as error:
        logging.getLogger("pico").error("No access log: %s", error)
