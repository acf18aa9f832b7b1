"""Turn responses into bytes.

Knows: heads, framing, dates.
Does not know: sockets, tasks, who asked.
"""

import re
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

FINAL = [status for status in HTTPStatus if status >= 200]
STATUS = {s: f"HTTP/1.1 {s} {s.phrase}\r\n".encode() for s in FINAL}
TEXT = "text/plain; charset=utf-8"
# A token and a field value (RFC 9110, 5.6.2 and 5.5); NUL, which neither may
# have, stands for the colon until they are checked.
FIELD_LINE = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+\0[\t -~\x80-\xff]*")
# What a handler sets in these fields is not written as it stands.
OURS = {"content-length", "transfer-encoding", "connection", "date", "upgrade"}


def render_head(request, response):
    """Return the head of a response; ValueError if a field is invalid."""
    if isinstance(response.body, str):
        response.headers.setdefault("content-type", TEXT)
        response.body = response.body.encode()
    status, fields = response.status, response.headers
    lines = [STATUS.get(status) or status_line(status)]
    for name, value in fields.items():
        lines.append(field_line(name, str(value)))
    for cookie in response.cookies.values():
        lines.append(checked(f"set-cookie\0{cookie.OutputString()}"))
    lines.append(frame(request, response))
    lines.append(date_line(time.time() // 1))
    return b"".join(lines)


def status_line(status):
    """Return the line of a status without a name (RFC 9110, 15)."""
    if not isinstance(status, int) or not 200 <= status <= 999:
        raise ValueError(f"{status!r} is no final status.")
    return f"HTTP/1.1 {status} \r\n".encode()


@lru_cache(maxsize=256)
def field_line(name, value):
    """Return a line of a head: most were rendered before."""
    if name.lower() not in OURS:
        return checked(f"{name}\0{value}")
    if name.lower() == "upgrade":  # RFC 9110, 7.8
        return checked(f"upgrade\0{value}") + b"connection: upgrade\r\n"
    return b""


def checked(line):
    """Return a line of a head; ValueError if it is not a field."""
    if not FIELD_LINE.fullmatch(line):  # it could split the head
        raise ValueError(f"{line!r} is no field.")
    return (line.replace("\0", ": ") + "\r\n").encode("latin-1")


def frame(request, response):
    """Return the fields that tell where the content ends (RFC 9112, 6).

    Where only the end of the connection can, it is not kept alive.
    """
    fields, status = b"", response.status
    if status in (204, 205, 304):
        response.body = b""
    if status not in (204, 304):
        body = response.body
        length = len(body) if isinstance(body, bytes) else declared(response)
        if length is not None:
            fields = b"content-length: %d\r\n" % length
        elif request.version == "1.1":
            fields = b"transfer-encoding: chunked\r\n"
        else:
            request.keep_alive = False
    if request.version == "1.0" or not request.keep_alive:
        stay = b"keep-alive" if request.keep_alive else b"close"
        fields += b"connection: %b\r\n" % stay
    return fields


def declared(response):
    """Return the length that a handler declares for its stream, if any."""
    if not hasattr(response.body, "__aiter__"):
        kind = type(response.body).__name__
        raise TypeError(
            f"A body is no {kind}, but bytes, text or an async iterator;"
            " a value goes to response.json."
        )
    if "content-length" not in response.headers:
        return None
    length = int(response.headers["content-length"])
    if length < 0:
        raise ValueError(f"{length} is no length.")
    return length


def render_chunk(data):
    """Return one chunk (RFC 9112, 7.1); without data, the last one.

    >>> render_chunk(b"hello")
    b'5\\r\\nhello\\r\\n'
    """
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=1)
def date_line(second):
    """Return the end of a head; all responses of a second share it.

    >>> date_line(0)
    b'date: Thu, 01 Jan 1970 00:00:00 GMT\\r\\n\\r\\n'
    """
    return f"date: {formatdate(second, usegmt=True)}\r\n\r\n".encode()
