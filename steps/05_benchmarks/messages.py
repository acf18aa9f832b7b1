"""Say what was asked, and what is answered.

Knows: Request, Response, headers, query, cookies, HttpError.
Does not know: bytes on the wire, sockets, asyncio.
"""

import json
import re
from functools import cached_property
from http import HTTPStatus
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
TRUE, FALSE = {"1", "on", "true", "yes"}, {"0", "off", "false", "no"}
URLENCODED = "application/x-www-form-urlencoded"


class HttpError(Exception):
    """Answer with a status and a message, from anywhere in a handler."""

    def __init__(self, status, message="", headers=None):
        self.status = HTTPStatus(status)
        self.message = message or self.status.phrase
        self.headers = headers or {}


class Headers(dict):
    """Fields by name; case does not matter (RFC 9110, 5.1), we keep lower.

    >>> headers = Headers({"content-type": "text/plain"})
    >>> headers["Content-Type"], "CONTENT-TYPE" in headers
    ('text/plain', True)
    """

    @classmethod
    def join(cls, fields):
        """Decode fields; repeated ones are joined (RFC 9110, 5.3)."""
        headers = cls()
        for name, value in fields:
            name = name.decode("latin-1").lower()
            value = value.decode("latin-1").strip(" \t")
            if name in headers:  # RFC 6265, 5.4
                glue = "; " if name == "cookie" else ", "
                value = headers[name] + glue + value
            headers[name] = value
        return headers

    def __missing__(self, name):
        if name.islower():
            raise KeyError(name)
        return self[name.lower()]

    def __setitem__(self, name, value):
        dict.__setitem__(self, name.lower(), value)

    def __contains__(self, name):
        return dict.__contains__(self, name.lower())

    def get(self, name, default=None):
        return dict.get(self, name.lower(), default)

    def pop(self, name, *default):
        return dict.pop(self, name.lower(), *default)

    def setdefault(self, name, value):
        return dict.setdefault(self, name.lower(), value)

    def update(self, fields):
        for name, value in fields.items():
            self[name] = value


class Query(dict):
    """Lists of values by name; asking for what is not there is a 400.

    >>> query = Query.parse("page=2&tag=a&tag=b")
    >>> query.int("page", 1), query.list("tag"), query.get("sort", "up")
    (2, ['a', 'b'], 'up')
    """

    max_fields = 1000  # as Django

    @classmethod
    def parse(cls, text):
        """Decode `a=1&b=2`, where `+` is a space."""
        try:
            return cls(parse_qs(text, True, max_num_fields=cls.max_fields))
        except ValueError as error:
            raise HttpError(400, "Too many parameters.") from error

    def list(self, name, *default):
        """Return all values of a parameter."""
        if name in self:
            return self[name]
        if default:
            return default[0]
        raise HttpError(400, f"The parameter {name!r} is missing.")

    def get(self, name, *default, cast=str):
        """Return the first value, or the default, or answer 400."""
        if name not in self and default:
            return default[0]
        try:
            return cast(self.list(name)[0])
        except ValueError as error:
            message = f"The parameter {name!r} is no {cast.__name__}."
            raise HttpError(400, message) from error

    def int(self, name, *default):
        return self.get(name, *default, cast=int)

    def float(self, name, *default):
        return self.get(name, *default, cast=float)

    def bool(self, name, *default):
        return self.get(name, *default, cast=boolean)


def boolean(text):
    """Return what `on`, `off` and the like mean, or raise ValueError."""
    if text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    raise ValueError(text)


class Cookies(dict):
    """The cookies that a response sets, by name."""

    def set(self, name, value, path="/", **attributes):
        """Set a cookie: domain, secure, httponly, max_age, samesite..."""
        if CONTROL.search(value):
            raise ValueError(f"The cookie {name!r} has a control character.")
        jar = SimpleCookie({name: value})
        jar[name]["path"] = path
        for attribute, content in attributes.items():
            jar[name][attribute.replace("_", "-")] = content
        self[name] = jar[name]


class Request(dict):
    """What the client asked for; as a dict it holds what handlers add."""

    max_content = 2**20  # bytes kept in memory, as nginx
    route = None
    keep_alive = True
    path, query_string = "/", ""
    # Of the content: how much was declared or seen, who brings more, and
    # was that all?
    length = 0
    arrived = b""  # a bytearray if there can be any
    source = None
    awaits_continue = False
    complete = False
    content = b""  # None as long as there is some to read
    host_field = None

    def __init__(self, app, method, url, version, fields):
        self.app = app
        self.method = method
        self.url = url  # the target as it was sent
        self.version = version
        self.fields = fields
        self.late_fields = []

    async def __aiter__(self):
        """Yield the content as it arrives."""
        while True:
            if self.arrived:
                piece = bytes(self.arrived)
                self.arrived.clear()
                yield piece
            elif self.complete:
                return
            else:
                await self.source.more(self)

    async def load_body(self):
        """Read the whole content into `body`; too much of it is a 413."""
        while not self.complete and self.length <= self.max_content:
            await self.source.more(self)
            self.length = max(self.length, len(self.arrived))
        if self.length > self.max_content:
            raise HttpError(413)
        self.content = bytes(self.arrived)

    async def read(self):
        """Return the whole content."""
        if self.content is None:
            await self.load_body()
        return self.content

    @property
    def body(self):
        """The content, as bytes."""
        if self.content is None:
            raise RuntimeError(
                "The content of a lazy route is not there yet:"
                " `await request.load_body()` brings it."
            )
        return self.content

    @cached_property
    def json(self):
        """The content, decoded from JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise HttpError(400, "The content is no JSON.") from error

    @cached_property
    def form(self):
        """The content, decoded from a form."""
        if self.content_type != URLENCODED:
            raise HttpError(415, f"The content is not {URLENCODED}.")
        return Query.parse(self.body.decode(errors="replace"))

    @cached_property
    def headers(self):
        return Headers.join(self.fields)

    @cached_property
    def trailers(self):
        return Headers.join(self.late_fields)

    @cached_property
    def query(self):
        return Query.parse(self.query_string)

    @cached_property
    def cookies(self):
        """Cookies by name; of two with the same name the first one."""
        cookies = {}
        for pair in self.headers.get("cookie", "").split(";"):
            name, equals, value = pair.strip().partition("=")
            if name and equals:
                cookies.setdefault(name, value.strip('"'))
        return cookies

    @property
    def content_type(self):
        """The media type without its parameters, in lower case."""
        value = self.headers.get("content-type", "")
        return value.partition(";")[0].strip().lower()

    @property
    def host(self):
        return self.headers.get("host", "")

    @property
    def origin(self):
        return self.headers.get("origin", "")

    @property
    def referrer(self):
        return self.headers.get("referer", "")  # the RFC spells it so


class Response:
    """What the client is answered."""

    status = HTTPStatus.OK
    body = b""  # or text, or an async iterator of bytes

    def __init__(self, app):
        self.app = app
        self.headers = Headers()
        self.cookies = Cookies()

    def json(self, value):
        self.headers["content-type"] = "application/json"
        self.body = self.app.encode_json(value)

    def html(self, text):
        self.headers["content-type"] = "text/html; charset=utf-8"
        self.body = text

    def redirect(self, location):
        self.status = HTTPStatus.FOUND
        self.headers["location"] = location

    json = property(None, json, doc="Answer with a value, encoded as JSON.")
    html = property(None, html, doc="Answer with a page.")
    redirect = property(None, redirect, doc="Send the client elsewhere.")
