"""Remember a client from request to request, in a cookie that we sign.

Knows: request, response, cookies; signatures, JSON.
Does not know: the connection; who the client is.
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from time import time

MAX_COOKIE = 4096  # bytes, as in browsers (RFC 6265, 6.1)
ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def sessions(
    app, keys=(), cookie="session", max_age=14 * 24 * 3600, **attributes
):
    """Keep a dict for each client: `request["session"]`.

    The first of the keys signs, all of them are believed: put a new one in
    front, and drop the old one when `max_age` (seconds) has passed. If no
    key is given, one is made, which nobody knows after a restart.
    """
    if isinstance(keys, (str, bytes)):
        raise TypeError('The keys are a list: sessions(app, keys=["..."]).')
    keys = [as_bytes(key) for key in keys] or [secrets.token_bytes(32)]
    if max_age < 1:
        raise ValueError("A session lasts for at least a second.")
    attributes = {"httponly": True, "samesite": "Lax", **attributes}
    app.Cookies().set(cookie, "", **attributes)  # raises, naming invalid ones

    def read(request):
        text = request.cookies.get(cookie, "")
        return unsign(cookie, text, keys, max_age) or "{}"

    own = f"session {cookie}"
    app.Request = with_session(app.Request, own, read)

    @app.listen("response")
    def save(request, response):
        if own not in request.data and own not in vars(request):
            return  # Nobody asked for it.
        session = request.data.get(own) or {}
        protect(response)
        text = ENCODE(session)
        if text != (vars(request).get(own) or read(request)):
            age = max_age if session else 0
            signed = sign(cookie, text, keys[0]) if session else ""
            response.cookies.set(cookie, signed, max_age=age, **attributes)
            check_size(response.cookies[cookie].OutputString())


def with_session(kind, own, read):
    """Return a class of requests that have a session once it is asked for.

    The session has its own name, as a mounted app may have another one.
    """

    class Request(kind):
        def __contains__(self, name):
            return super().__contains__(own if name == "session" else name)

        def __getitem__(self, name):
            return super().__getitem__(own if name == "session" else name)

        def __setitem__(self, name, value):
            super().__setitem__(own if name == "session" else name, value)

        def __missing__(self, name):
            if name != own:
                raise KeyError(name)
            if own in vars(self):  # It came, and was deleted.
                text = "{}"
            else:
                text = vars(self)[own] = read(self)
            session = self.data[own] = json.loads(text)
            return session

        def get(self, name, default=None):
            # Since Python 3.12 UserDict.get does not call __missing__.
            asked = name == "session"
            return self[name] if asked else super().get(name, default)

        def __delitem__(self, name):
            if name in ("session", own):
                name = own
                vars(self).setdefault(own, read(self))
                self.data.setdefault(own)
            super().__delitem__(name)

    return Request


def as_bytes(key):
    """Return a key as bytes; ValueError if it is easily guessed."""
    key = key.encode() if isinstance(key, str) else key
    if len(key) < 16:
        raise ValueError("A key needs 16 bytes: see secrets.token_hex().")
    return key


def protect(response):
    """Tell caches that an answer is for one client only."""
    vary = response.headers.get("vary")
    response.headers["vary"] = f"{vary}, Cookie" if vary else "Cookie"
    response.headers.setdefault("cache-control", "private")


def sign(name, text, key):
    """Return a cookie's value: text, time and signature."""
    content = urlsafe_b64encode(text.encode()).decode().rstrip("=")
    value = f"{content}.{int(time())}"
    return f"{value}.{signature(name, value, key)}"


def check_size(cookie):
    """Raise ValueError if name, value and attributes are more than browsers
    keep: they drop such a cookie without a word."""
    if len(cookie) > MAX_COOKIE:
        raise ValueError(
            f"A session of {len(cookie)} bytes fits in no cookie: keep what"
            " is large elsewhere, and its key in the session."
        )


def unsign(name, value, keys, max_age):
    """Return the text of a cookie, or None if it is not ours or too old."""
    signed, _, given = value.rpartition(".")
    content, _, stamp = signed.rpartition(".")
    if len(value) > MAX_COOKIE or not given.isascii():
        return None
    expected = [signature(name, signed, key) for key in keys]
    if not any(hmac.compare_digest(given, each) for each in expected):
        return None
    if time() - int(stamp) > max_age:
        return None
    return urlsafe_b64decode(content + "=" * (-len(content) % 4)).decode()


def signature(name, value, key):
    """Sign a value for a cookie of this name, and for no other."""
    return hmac.digest(key, f"{name}={value}".encode(), "sha256").hex()
