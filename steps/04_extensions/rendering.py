"""Turn responses into bytes.

Knows: heads, framing, dates.
Does not know: sockets, tasks, who asked.
"""

import re
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

STATUS = {status.value: f"{status} {status.phrase}" for status in HTTPStatus}
TEXT = "text/plain; charset=utf-8"
# A token and a field value (RFC 9110, 5.6.2 and 5.5).
FIELD_LINE = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+: [\t -~\x80-\xff]*")
# Only we write these fields, whatever a handler says.
OWN_FIELDS = {"content-length", "transfer-encoding", "connection", "date"}


def render_head(request, response):
    """Return the head of a response; ValueError if a field is none."""
    if isinstance(response.body, str):
        response.headers.setdefault("content-type", TEXT)
        response.body = response.body.encode()
    lines = []
    for name, value in response.headers.items():
        if name not in OWN_FIELDS:
            lines.append(f"{name}: {value}")
    for cookie in response.cookies.values():
        lines.append(f"set-cookie: {cookie.OutputString()}")
    if not all(map(FIELD_LINE.fullmatch, lines)):  # it could be split
        raise ValueError(f"Of these fields one is none: {lines}.")
    status = STATUS.get(response.status) or f"{response.status:d} "
    date = f"date: {http_date(int(time.time()))}\r\n\r\n"
    lines = [f"HTTP/1.1 {status}", *lines, *frame(request, response), date]
    return "\r\n".join(lines).encode("latin-1")


def frame(request, response):
    """Return the fields that tell where the content ends (RFC 9112, 6).

    Where only the end of the connection can, it will not be kept alive.
    """
    fields, status = [], response.status
    if not 200 <= status <= 999:
        raise ValueError(f"{status:d} is no final status.")
    if status in (204, 205, 304):
        response.body = b""
    if isinstance(response.body, bytes):
        if status not in (204, 304):
            fields.append(f"content-length: {len(response.body)}")
    elif "content-length" in response.headers:
        length = int(response.headers["content-length"])
        fields.append(f"content-length: {length}")
    elif request.version == "1.1":
        fields.append("transfer-encoding: chunked")
    else:
        request.keep_alive = False
    if request.version == "1.0" or not request.keep_alive:
        stay = "keep-alive" if request.keep_alive else "close"
        fields.append(f"connection: {stay}")
    return fields


def render_chunk(data):
    """Return one chunk (RFC 9112, 7.1); of no data, the last one.

    >>> render_chunk(b"hello")
    b'5\\r\\nhello\\r\\n'
    """
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=1)
def http_date(second):
    """Return the date as HTTP writes it; a second's requests share it.

    >>> http_date(0)
    'Thu, 01 Jan 1970 00:00:00 GMT'
    """
    return formatdate(second, usegmt=True)
