"""Turn bytes into requests.

Knows: httptools, framing, limits on size.
Does not know: sockets, tasks, who answers.
"""

import re
from http import HTTPMethod

import httptools

from messages import HttpError

SLICE = 4096  # bytes that are fed to httptools at once
METHOD = re.compile(rb"[\r\n]*([0-9A-Za-z!#$%&'*+.^_`|~-]+)( |$)")
ABSOLUTE = re.compile(r"https?://([^/?#]+)/?([^#]*)", re.I)
NAME = r"[0-9A-Za-z._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\]"
HOST = re.compile(rf"(?:(?:{NAME})(?::[0-9]*)?)?")
LAST, ONLY = (re.compile(s, re.I) for s in ("(.*,[ \t]*)?chunked", "chunked"))
# Field: what its value must match, and the status if it does not.
RULES = {
    "host": [(HOST, 400)],
    "content-length": [(re.compile("[0-9]{1,18}"), 400)],
    "transfer-encoding": [(LAST, 400), (ONLY, 501)],
    "expect": [(re.compile("100-continue(, *100-continue)*", re.I), 417)],
}


class BadMessage(HttpError):
    """What came cannot be a request; the connection will end."""


class RequestParser:
    """Collects the requests of one connection, in the order they came.

    A request joins `requests` once its head is complete; its content grows
    until it is `complete`. Once it is `finished`, the rest is ignored.
    """

    max_target = 8 * 1024  # as nginx; else 414
    max_head = 16 * 1024  # as Node and h11; else 431
    max_fields = 100
    max_waiting = 32  # requests, as aiohttp
    max_arrived = 64 * 1024  # bytes of content that nobody read yet

    def __init__(self, app):
        self.app = app
        self.http = httptools.HttpRequestParser(self)
        self.requests = []
        # head: one that is incomplete; request: its content arrives.
        self.head = self.request = self.error = None
        self.target = self.fields = self.size = self.count = None
        self.eof = self.finished = False
        self.unparsed = b""
        # Bytes that are neither content nor a complete field: they must
        # not grow for ever (unfinished lines, chunk extensions, CRLFs).
        self.overhead = 0

    def feed(self, data):
        """Parse what came, as long as there is room for more requests."""
        data, start = self.unparsed + data, 0
        while start < len(data) and len(self.requests) < self.max_waiting:
            self.parse(data[start : start + SLICE])
            start += SLICE
        self.unparsed = data[start:]
        if self.eof and not self.unparsed:
            self.finish(None if self.request is None else BadMessage(400))

    def feed_eof(self):
        """Take note that nothing more will come."""
        self.eof = True
        self.feed(b"")

    def finish(self, error=None):
        """Ignore what may still come; remember the error that is why."""
        if not self.finished:
            self.finished, self.error = True, error

    @property
    def full(self):
        """Whether to read no more for now."""
        waiting = 0 if self.request is None else len(self.request.arrived)
        return bool(self.unparsed) or waiting > self.max_arrived

    def parse(self, data):
        """Feed a slice to httptools, unless the parser is finished."""
        rest = None
        try:
            if not self.finished:
                self.http.feed_data(data)
                self.overhead += len(data)
            if self.overhead > self.max_head:
                self.finish(BadMessage(431 if self.request is None else 400))
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self.finish(translate(error, data))
        if rest is not None:  # Not above: translate reads an error's context.
            self.ignore_upgrade()
            self.parse(rest)

    def ignore_upgrade(self):
        """Go on in HTTP/1.1: we speak none of the protocols offered.

        httptools ends such a message with its head (RFC 9110, 7.8), so a
        new parser, which gets the framing again, reads the content.
        """
        head = [f"POST / HTTP/{self.request.version}"]
        for name, value in self.request.headers.items():
            if name in ("connection", "content-length", "transfer-encoding"):
                head.append(f"{name}: {value}")
        self.http = httptools.HttpRequestParser(self)
        self.http.feed_data("\r\n".join([*head, "\r\n"]).encode("latin-1"))

    # What httptools calls, in the order of a message.

    def on_message_begin(self):
        self.overhead = -SLICE  # it began somewhere in this slice
        self.head, self.target, self.fields = object(), b"", {}
        self.size = self.count = 0

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
        if self.request is None:  # else ignore_upgrade repeats it
            self.request = self.begin_request()
            self.requests.append(self.request)
        # Fields that come from now on are trailers.
        self.head, self.target, self.fields = None, b"", {}

    def begin_request(self):
        method, fields = self.http.get_method().decode(), self.fields
        version = self.http.get_http_version()
        check_head(method, version, fields)
        url, host = origin_form(method, self.target.decode())
        headers = self.app.Headers(fields | host)  # RFC 9112, 3.2.2
        request = self.app.Request(self.app, method, url, version, headers)
        request.keep_alive = self.http.should_keep_alive()
        if "content-length" in fields or "transfer-encoding" in fields:
            request.length = int(fields.get("content-length", 0))
            request.awaits_continue = "expect" in fields and version == "1.1"
            request.content, request.arrived = None, bytearray()
        return request

    def on_body(self, data):
        self.request.arrived += data
        self.request.awaits_continue = False
        # Small chunks are legal: allow 16 bytes for the head of each.
        self.overhead = max(self.overhead - 3 * len(data) - 16, -SLICE)

    def on_message_complete(self):
        if not self.http.should_upgrade():  # see ignore_upgrade
            self.finished = not self.request.keep_alive
            self.request.complete = True
            if self.fields:  # RFC 9110, 6.5.1: kept apart from headers
                self.request.trailers.update(self.fields)
            self.request = self.fields = None


def translate(error, data):
    """Return what an error of httptools means; our own errors pass."""
    if isinstance(error, httptools.HttpParserCallbackError):
        return error.__context__  # what the callback raised
    method = METHOD.match(data)
    if isinstance(error, httptools.HttpParserInvalidMethodError) and method:
        if method[1].decode() not in HTTPMethod.__members__:
            return BadMessage(501)  # else it is garbage after a request
    return BadMessage(400, str(error))


def check_head(method, version, fields):
    """Refuse what httptools lets through, by raising BadMessage."""
    if version not in ("1.0", "1.1"):
        raise BadMessage(505)
    if method == "CONNECT":
        raise BadMessage(501, "This is no proxy.")
    if version == "1.1" and "host" not in fields:
        raise BadMessage(400, "HTTP/1.1 needs the field host.")
    if version == "1.0" and "transfer-encoding" in fields:
        raise BadMessage(400, "HTTP/1.0 has no field transfer-encoding.")
    for name, value in fields.items():
        for pattern, status in RULES.get(name, ()):
            if not pattern.fullmatch(value):
                raise BadMessage(status, f"The field {name} is no good.")


def origin_form(method, target):
    """Return path and query, and Host if an absolute target names it."""
    if target.startswith("/") and "#" not in target:
        return target, {}
    absolute = ABSOLUTE.fullmatch(target)
    if absolute and HOST.fullmatch(absolute[1]):
        return "/" + absolute[2], {"host": absolute[1]}
    if (method, target) != ("OPTIONS", "*"):
        raise BadMessage(400, "The target cannot be understood.")
    return target, {}
