"""Say what was asked, and what is answered.

Knows: Request, Response, headers, query, cookies, HttpError.
Does not know: bytes on the wire, sockets, asyncio.
"""

import json
import re
from collections import UserDict
from functools import cached_property, partialmethod
from http import HTTPStatus
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, quote, unquote

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
YES, NO = ["1", "on", "t", "true", "yes"], ["0", "f", "false", "no", "off"]
URLENCODED = "application/x-www-form-urlencoded"
decoder = json.JSONDecoder(parse_constant=int)


class HttpError(Exception):
    """Answer with a status and a message, from anywhere in a handler."""

    def __init__(self, status, message="", headers=None):
        self.status = HTTPStatus(status)
        self.message = message or self.status.phrase
        self.headers = {f"{n}": v for n, v in dict(headers or {}).items()}


def lower(method):
    """Return a method of a dict that takes its key in lower case."""
    return lambda self, name, *rest: method(self, name.lower(), *rest)


class Headers(dict):
    """Fields by name; case does not matter (RFC 9110, 5.1), we keep lower.

    >>> headers = Headers({"content-type": "text/plain"})
    >>> headers["Content-Type"], "CONTENT-TYPE" in headers
    ('text/plain', True)
    """

    __contains__ = lower(dict.__contains__)
    __getitem__ = lower(dict.__getitem__)
    __delitem__ = lower(dict.__delitem__)
    get, pop, setdefault = map(lower, (dict.get, dict.pop, dict.setdefault))

    def __setitem__(self, name, value):
        dict.__setitem__(self, name.lower(), value)

    def update(self, fields):
        for name, value in fields.items():
            self[name] = value


def boolean(text):
    """Return what `on`, `no` and the like mean, or raise ValueError."""
    return [*NO, *YES].index(text.lower()) >= len(NO)


def join(fields):
    """Decode fields; join what is repeated (RFC 9110, 5.3; 6265, 5.4)."""
    joined = {}
    for name, value in fields:
        name = name.decode("latin-1").lower()
        value = value.decode("latin-1").strip(" \t")
        if name in joined:
            glue = "; " if name == "cookie" else ", "
            value = joined[name] + glue + value
        joined[name] = value
    return joined


class Fields(tuple):
    """Fields as they came; the same ones are decoded only once."""

    joined = cached_property(join)


class Query(dict):
    """Lists of values by name; asking for what is not there is a 400.

    >>> query = Query("page=2&tag=a&tag=b")
    >>> query.int("page", 1), query.list("tag"), query.get("sort", "up")
    (2, ['a', 'b'], 'up')
    """

    max_fields = 1000  # as Django

    def __init__(self, text):
        try:
            fields = parse_qs(text, True, max_num_fields=self.max_fields)
        except ValueError as error:
            raise HttpError(400, "Too many parameters.") from error
        super().__init__(fields)

    def list(self, name, *default):
        """Return all values of a parameter."""
        if name not in self and not default:
            raise HttpError(400, f"The parameter {name!r} is missing.")
        return self[name] if name in self else default[0]

    def get(self, name, *default, cast=str):
        """Return the first value, or the default, or answer 400."""
        if name not in self and default:
            return default[0]
        try:
            return cast(self.list(name)[0])
        except ValueError as error:
            message = f"The parameter {name!r} is no {cast.__name__}."
            raise HttpError(400, message) from error

    int = partialmethod(get, cast=int)
    float = partialmethod(get, cast=float)
    bool = partialmethod(get, cast=boolean)


class Cookies(dict):
    """The cookies that a response sets, by name."""

    def set(self, name, value, path="/", **attributes):
        """Set a cookie: domain, secure, httponly, max_age, samesite..."""
        attributes = {"path": path, **attributes}
        if CONTROL.search(str(value)) or ";" in str([*attributes.values()]):
            raise ValueError(f"Cookie {name!r} has a control character or ;.")
        self[name] = cookie = SimpleCookie({name: value})[name]
        for attribute, content in attributes.items():
            if content is not None:
                cookie[attribute.replace("_", "-")] = content


class Request(UserDict):
    """What the client asked for; as a dict it holds what handlers add."""

    max_content = 2**20  # bytes kept in memory, as nginx
    keep_alive = False
    route = None
    # The content: its length, declared or seen; what arrived and was not
    # read; what brings more; and whether that is all.
    length, arrived, source, complete = 0, b"", None, False
    awaits_continue = False
    content = b""  # None until it has been read

    def __init__(self, app, method, url, version, fields):
        self.app, self.data = app, {}
        self.method = method
        self.url = url  # path and query, as they were sent
        self.version = version
        self.fields = fields  # as they came; few are ever asked for
        path, _, self.query_string = url.partition("?")
        try:
            self.path = unquote(path, errors="strict") if "%" in path else path
        except UnicodeDecodeError as error:
            raise HttpError(400, "The path is not UTF-8.") from error

    async def __aiter__(self):
        """Yield the content as it arrives."""
        while self.arrived or not self.complete:
            if not self.arrived:
                await self.source.more(self)
            piece, self.arrived = bytes(self.arrived), bytearray()
            if piece:
                yield piece

    async def read(self):
        """Read the whole content into `body`; too much of it is a 413."""
        while not self.complete and self.length <= self.max_content:
            await self.source.more(self)
            self.length = max(self.length, len(self.arrived))
        if self.length > self.max_content:
            raise HttpError(413)
        if self.content is None:
            self.content = bytes(self.arrived)
        return self.content

    load_body = read

    @property
    def body(self):
        """The content, as bytes."""
        if self.content is None:
            raise RuntimeError("The route is lazy: `await request.read()`.")
        return self.content

    @cached_property
    def json(self):
        """The content, decoded from JSON."""
        try:  # UTF-8 (RFC 8259, 8.1), and no NaN (6), which int refuses
            text = self.body.decode().strip(" \t\n\r")
            value, end = decoder.raw_decode(text)
            if text[end:]:
                raise ValueError("There is more behind the value.")
            return value
        except (ValueError, RecursionError) as error:
            raise HttpError(400, "The content is no JSON.") from error

    @cached_property
    def form(self):
        """The content, decoded from a form."""
        if self.content_type != URLENCODED:
            raise HttpError(415, f"The content is not {URLENCODED}.")
        return self.app.Form(self.body.decode(errors="replace"))

    @cached_property
    def headers(self):
        return self.app.Headers(getattr(self.fields, "joined", self.fields))

    @property
    def files(self):
        raise RuntimeError("Files come with the extension forms.")

    @cached_property
    def cookies(self):
        """Cookies by name; of two with the same name the first one."""
        pairs = self.headers.get("cookie", "").split(";")
        cookies = [pair.strip().partition("=") for pair in reversed(pairs)]
        return {name: value.strip('"') for name, _, value in cookies if name}

    @property
    def content_type(self):
        """The media type without its parameters, in lower case."""
        value = self.headers.get("content-type", "")
        return value.partition(";")[0].strip().lower()

    query = cached_property(lambda self: self.app.Query(self.query_string))
    # Fields after the content; none until it is complete.
    trailers = cached_property(lambda self: self.app.Headers())
    host = property(lambda self: self.headers.get("host", ""))
    origin = property(lambda self: self.headers.get("origin", ""))
    # That is how the RFC spells it.
    referrer = property(lambda self: self.headers.get("referer", ""))


class Response:
    """What the client is answered."""

    status = HTTPStatus.OK
    body = b""  # or text, or an async iterator of bytes

    def __init__(self, app):
        self.app = app
        self.headers = app.Headers()
        self.cookies = app.Cookies()

    def json(self, value):
        self.headers["content-type"] = "application/json"
        self.body = self.app.encode_json(value)

    def html(self, text):
        self.headers["content-type"] = "text/html; charset=utf-8"
        self.body = text

    def redirect(self, location, status=HTTPStatus.FOUND):
        if isinstance(location, tuple):  # as in "/new", 301
            location, status = location
        # A URI is ASCII without spaces (RFC 3986, 2): all else is encoded.
        self.headers["location"] = quote(location, bytes({*range(128)} - {32}))
        self.status = status

    json = property(None, json, doc="Answer with a value, encoded as JSON.")
    html = property(None, html, doc="Answer with a page.")
    redirect = property(None, redirect, doc="Send the client elsewhere.")
