"""Say what was asked, and what is answered.

Knows: Request, Response, HttpError.
Does not know: bytes on the wire, sockets, asyncio.
"""

from http import HTTPStatus


class HttpError(Exception):
    """Answer with a status and a message, from anywhere in a handler."""

    def __init__(self, status, message="", headers=None):
        self.status = HTTPStatus(status)
        self.message = message or self.status.phrase
        self.headers = headers or {}


class Request:
    """What the client asked for."""

    def __init__(self, method, path, query_string):
        self.method = method
        self.path = path
        self.query_string = query_string


class Response:
    """What the client is answered."""

    status = HTTPStatus.OK
    body = ""

    def __init__(self, app):
        self.app = app
        self.headers = {}

    def json(self, value):
        self.headers["content-type"] = "application/json"
        self.body = self.app.encode_json(value)

    json = property(None, json, doc="Answer with a value, encoded as JSON.")
