"""Turn bytes into requests, and responses into bytes.

Knows: httptools, framing, limits on size.
Does not know: sockets, tasks, who answers.
"""

import re
import time
from collections import deque
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import unquote

import httptools

from messages import Headers

STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}"
    for status in HTTPStatus
}

# RFC 9110, 5.6.2 and 5.5: token, field value; RFC 3986, 3.2.2: host, port.
FIELD_LINE = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+: [\t -~\x80-\xff]*")
HOST = re.compile(
    r"(?:(?:[0-9A-Za-z._~!$&'()*+,;=%-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]*)?)?"
)
METHOD = re.compile(rb"[\r\n]*[0-9A-Za-z!#$%&'*+.^_`|~-]+(?: |$)")
ABSOLUTE = re.compile(r"https?://([^/?]+)(.*)", re.IGNORECASE)

TEXT = "text/plain; charset=utf-8"

# Fields that only pico writes, whatever a handler says.
OWN_FIELDS = {"content-length", "transfer-encoding", "connection", "date"}

SLICE = 4096  # what is fed to httptools at once


class BadMessage(Exception):
    """What came cannot be a request; the connection ends with a status."""

    def __init__(self, status, message=""):
        super().__init__(status, message)
        self.status = status
        self.message = message


class RequestParser:
    """Collects the requests of one connection, in the order they came.

    A request joins `requests` once its head is complete; its content grows
    until it is `complete`. After `error` or `finished` all else is ignored.
    """

    max_target = 8 * 1024  # as nginx; else 414
    max_head = 16 * 1024  # as Node and h11; else 431
    max_fields = 100
    max_waiting = 32  # requests, as aiohttp
    max_arrived = 64 * 1024  # bytes of content that nobody read yet

    def __init__(self, app):
        self.app = app
        self.http = httptools.HttpRequestParser(self)
        self.requests = deque()
        self.request = None  # the one whose content is arriving
        self.unparsed = b""
        # Bytes that are neither content nor a field that ended: they may
        # not grow for ever (unfinished lines, chunk extensions, CRLFs).
        self.overhead = 0
        self.error = None
        self.eof = False
        self.finished = False

    def feed(self, data):
        """Parse what came, as long as there is room for more requests."""
        data = self.unparsed + data
        start = 0
        while start < len(data) and not self.finished:
            if len(self.requests) >= self.max_waiting:
                break
            self.parse(data[start : start + SLICE])
            start += SLICE
        self.unparsed = b"" if self.finished else data[start:]
        if self.eof and not self.unparsed:
            self.finish()

    def feed_eof(self):
        """Take note that nothing more will come."""
        self.eof = True
        self.feed(b"")

    def finish(self):
        """Ignore all that may come; a request cut short is an error."""
        self.finished = True
        if self.request is not None and self.error is None:
            self.error = BadMessage(400, "The content ended early.")

    @property
    def full(self):
        """Whether to read no more for now."""
        waiting = 0 if self.request is None else len(self.request.arrived)
        return bool(self.unparsed) or waiting > self.max_arrived

    def parse(self, data):
        before, rest = len(self.requests), None
        try:
            self.http.feed_data(data)
            self.overhead += len(data)
            if self.overhead > self.max_head:
                self.fail(BadMessage(431 if self.request is None else 400))
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserInvalidMethodError:
            # A token is a method that we do not know, the rest is garbage.
            alone = len(self.requests) == before and METHOD.match(data)
            self.fail(BadMessage(501 if alone else 400))
        except httptools.HttpParserCallbackError as error:
            self.fail(error.__context__)
        except httptools.HttpParserError as error:
            self.fail(BadMessage(400, str(error)))
        if rest is not None:
            self.ignore_upgrade()
            self.parse(rest)

    def fail(self, error):
        """Remember why no more can be parsed, unless no more is wanted."""
        if not self.finished:
            self.error = error
            self.finished = True

    def ignore_upgrade(self):
        """Go on in HTTP/1.1: we speak no protocol that is offered here.

        httptools ends such a message with its head (RFC 9110, 7.8), so a
        new parser that is told the framing again reads the content.
        """
        head = "POST / HTTP/1.1\r\n"
        for name in ("content-length", "transfer-encoding"):
            if name in self.request.headers:
                head += f"{name}: {self.request.headers[name]}\r\n"
        if not self.request.keep_alive:
            head += "connection: close\r\n"
        self.http = httptools.HttpRequestParser(self)
        self.http.feed_data(head.encode() + b"\r\n")

    # What httptools calls, in the order of a message.

    def on_message_begin(self):
        self.overhead = -SLICE  # it began somewhere in this slice
        self.target = b""
        self.size = self.count = 0
        self.fields = {}

    def on_url(self, fragment):
        self.target += fragment
        if len(self.target) > self.max_target:
            raise BadMessage(414)

    def on_header(self, name, value):
        self.size += len(name) + len(value)
        self.count += 1
        if self.size > self.max_head or self.count > self.max_fields:
            raise BadMessage(431)
        name = name.decode("latin-1").lower()
        value = value.decode("latin-1").strip(" \t")
        if name in self.fields:  # RFC 9110, 5.3; RFC 6265, 5.4
            glue = "; " if name == "cookie" else ", "
            value = self.fields[name] + glue + value
        self.fields[name] = value

    def on_headers_complete(self):
        if self.request is None:  # else told again by ignore_upgrade
            self.begin_request()
        self.fields = self.request.trailers  # RFC 9110, 6.5.1: kept apart

    def begin_request(self):
        method = self.http.get_method().decode()
        target = self.target.decode("latin-1")
        version = self.http.get_http_version()
        headers = Headers(self.fields)
        request = self.app.Request(self.app, method, target, version, headers)
        request.keep_alive = self.http.should_keep_alive()
        check_head(request)
        split_target(request)
        if request.content is None:
            request.arrived = bytearray()
        self.request = request
        self.requests.append(request)

    def on_body(self, data):
        self.request.arrived += data
        self.request.awaits_continue = False
        # Small chunks are legal: allow 16 bytes for the head of each.
        overhead = self.overhead - 3 * len(data) - 16
        self.overhead = max(overhead, -SLICE)

    def on_message_complete(self):
        if self.http.should_upgrade():  # see ignore_upgrade
            return
        self.finished = not self.request.keep_alive
        self.request.complete = True
        self.request = None


def check_head(request):
    """Refuse what the parser lets through; BadMessage says with what."""
    if request.version not in ("1.0", "1.1"):
        raise BadMessage(505)
    if request.method == "CONNECT":
        raise BadMessage(501, "This is no proxy.")
    for name, value in request.headers.items():
        if name in CHECKS:
            CHECKS[name](request, value)
    if request.version == "1.1" and "host" not in request.headers:
        raise BadMessage(400, "The field Host is missing.")


def check_host(request, value):
    """Refuse what is no host, as are two of them, joined by a comma."""
    if not HOST.fullmatch(value):
        raise BadMessage(400, "The field Host is no host.")


def check_length(request, value):
    """Take note of a length; the parser saw to it that it is a number."""
    if len(value) > 18:  # thousands of zeros: int would raise
        raise BadMessage(400, "The field Content-Length is too long.")
    request.length = int(value)
    request.content = None


def check_coding(request, value):
    """Refuse all codings but chunked, which HTTP/1.0 does not have."""
    if request.version == "1.0":
        raise BadMessage(400, "HTTP/1.0 has no Transfer-Encoding.")
    *codings, final = [item.strip() for item in value.lower().split(",")]
    if final != "chunked":
        raise BadMessage(400, "The final coding is not chunked.")
    if codings:
        raise BadMessage(501, "No coding but chunked is known.")
    request.content = None


def check_expectation(request, value):
    """Refuse all but 100-continue; HTTP/1.0 may expect what it likes."""
    if request.version == "1.1":
        expected = {item.strip() for item in value.lower().split(",")}
        if expected != {"100-continue"}:
            raise BadMessage(417)
        request.awaits_continue = True


CHECKS = {
    "host": check_host,
    "content-length": check_length,
    "transfer-encoding": check_coding,
    "expect": check_expectation,
}


def split_target(request):
    """Set path and query of a request (RFC 9112, 3.2)."""
    target = request.url
    if not target.startswith("/"):
        target = find_path(request)
    if "#" in target:
        raise BadMessage(400, "A target has no fragment.")
    path, _, request.query_string = target.partition("?")
    try:
        request.path = unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise BadMessage(400, "The path is not UTF-8.") from None


def find_path(request):
    """Return what follows the authority, which replaces Host; or `*`."""
    if request.url == "*" and request.method == "OPTIONS":
        return request.url
    absolute = ABSOLUTE.fullmatch(request.url)
    if not absolute:
        raise BadMessage(400, "The target is neither a path nor a URL.")
    request.headers["host"], target = absolute.groups()
    check_host(request, request.host)
    return target if target.startswith("/") else "/" + target


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
    for line in lines:
        if not FIELD_LINE.fullmatch(line):  # it could split the response
            raise ValueError(f"{line!r} is no field of a response.")
    status = response.status
    status_line = STATUS_LINES.get(status) or f"HTTP/1.1 {status:d} "
    date = f"date: {http_date(int(time.time()))}"
    lines = [status_line, *lines, *frame(request, response), date, "\r\n"]
    return "\r\n".join(lines).encode("latin-1")


def frame(request, response):
    """Return the fields that tell where the content ends (RFC 9112, 6).

    Where only the end of the connection can, it will not be kept alive.
    """
    fields = []
    if not 200 <= response.status <= 999:
        raise ValueError(f"{response.status:d} is no final status.")
    if response.status in (204, 205, 304):
        response.body = b""
    if response.status in (204, 304):
        pass  # there is no content whose end could be told
    elif isinstance(response.body, bytes):
        fields.append(f"content-length: {len(response.body)}")
    elif "content-length" in response.headers:
        length = int(response.headers["content-length"])
        fields.append(f"content-length: {length}")
    elif request.version == "1.1":
        fields.append("transfer-encoding: chunked")
    else:
        request.keep_alive = False
    if not request.keep_alive:
        fields.append("connection: close")
    elif request.version == "1.0":
        fields.append("connection: keep-alive")
    return fields


def render_chunk(data):
    """Return one chunk (RFC 9112, 7.1); of no data, the last one.

    >>> render_chunk(b"hello")
    b'5\\r\\nhello\\r\\n'
    """
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=1)
def http_date(second):
    """Return the date as HTTP writes it; every request of a second shares it.

    >>> http_date(0)
    'Thu, 01 Jan 1970 00:00:00 GMT'
    """
    return formatdate(second, usegmt=True)
