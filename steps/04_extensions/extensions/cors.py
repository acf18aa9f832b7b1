"""Tell browsers which other origins may ask (fetch.spec.whatwg.org).

Knows: app, request, response; the CORS protocol.
Does not know: the connection.
"""

from pico import allow_field


def cors(app, origin="*", methods=(), headers=(), credentials=False):
    """Allow an origin, or any: `cors(app, origin="https://example.org")`.

    ValueError for credentials with `*`: any site could act as the user.
    """
    if origin == "*" and credentials:
        raise ValueError("Credentials need one origin: name it.")

    @app.listen("headers")
    def preflight(request, response):
        wanted = request.headers.get("access-control-request-method")
        if request.method != "OPTIONS" or not wanted:
            return False
        # No method is empty: all that the path allows comes back.
        _, _, allowed = app.router.match("", request.path)
        allow = ", ".join(methods) or allow_field(allowed)
        response.status = 204
        response.headers["access-control-allow-methods"] = allow
        if headers:
            allow = ", ".join(headers)
            response.headers["access-control-allow-headers"] = allow
        return True

    @app.listen("response")
    def allow(request, response):
        if origin == "*":
            response.headers["access-control-allow-origin"] = "*"
            return
        # What is answered depends on who asks: caches must know.
        vary = response.headers.get("vary")
        response.headers["vary"] = f"{vary}, Origin" if vary else "Origin"
        if request.origin == origin:
            response.headers["access-control-allow-origin"] = origin
            if credentials:
                response.headers["access-control-allow-credentials"] = "true"
