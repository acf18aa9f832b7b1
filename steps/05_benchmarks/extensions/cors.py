"""Tell browsers which other origins may ask (fetch.spec.whatwg.org).

Knows: app, request, response; the CORS protocol.
Does not know: the connection.
"""

import re
from http import HTTPMethod

from pico import allow_field

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\*\.)?[a-z0-9._:\[\]-]+")
METHODS = {*HTTPMethod} - {"CONNECT", "TRACE"}
ANYBODY = {"access-control-allow-origin": "*"}
SUBDOMAINS = r"([a-z0-9_-]+\.)+"


def cors(
    app,
    origin="*",
    methods=(),
    headers=(),
    credentials=False,
    max_age=5,
    expose_headers=(),
):
    """Allow any origin, or one, or several, or `https://*.example.org`.

    A browser need not ask again for `max_age` seconds. If no methods are
    named, they are those of each path.
    """
    origins = listed(origin, credentials)
    known = re.compile("|".join(map(pattern, origins))).fullmatch
    asked = fields(
        allow_methods=methods, allow_headers=headers, max_age=[max_age]
    )
    told = fields(
        expose_headers=expose_headers,
        allow_credentials=["true"] if credentials else [],
    )

    @app.listen("headers")
    def preflight(request, response):
        if request.method != "OPTIONS":
            return False
        if "access-control-request-method" not in request.headers:
            return False
        response.status = 204
        if known(request.origin):
            # No route has this method: all that the path allows come back. An
            # app that answers without routes, like asgi_host, may know others.
            _, _, allowed = app.router.match("", request.path)
            every = fields(allow_methods=[allow_field(allowed or METHODS)])
            response.headers.update(every | asked)
        return True

    @app.listen("response")
    def allow(request, response):
        # Methods of dict itself, as the names are in lower case: most
        # requests have no origin, and pay for this all the same.
        if "*" in origins:
            dict.update(response.headers, ANYBODY | told)
            return
        # The answer depends on who asks: caches must know.
        vary = dict.setdefault(response.headers, "vary", "Origin")
        if vary != "Origin":
            response.headers["vary"] = f"{vary}, Origin"
        origin = dict.get(request.headers, "origin")
        if origin and known(origin):
            allowed = {"access-control-allow-origin": origin}
            dict.update(response.headers, allowed | told)


def listed(origin, credentials):
    """Return all origins; ValueError if just any site would get credentials,
    and could so act as the user."""
    origins = [origin] if isinstance(origin, str) else list(origin)
    if credentials and not {"*", "null"}.isdisjoint(origins):
        raise ValueError("Credentials need an origin with a name.")
    return origins


def pattern(origin):
    """Return the regex for an origin; ValueError if it is not an origin."""
    if origin == "*":
        return ".*"
    if origin != "null" and not ORIGIN.fullmatch(origin):
        raise ValueError(f"{origin!r} is no origin: https://example.org is.")
    return re.escape(origin).replace(r"\*\.", SUBDOMAINS)


def fields(**lists):
    """Return the fields of CORS that have something to say.

    >>> fields(allow_methods=["GET", "PUT"], allow_headers=[])
    {'access-control-allow-methods': 'GET, PUT'}
    """
    return {
        f"access-control-{name.replace('_', '-')}": values
        if isinstance(values, str)  # one alone
        else ", ".join(map(str, values))
        for name, values in lists.items()
        if values
    }
