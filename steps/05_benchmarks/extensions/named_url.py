"""Build the URL of a route from its name.

Knows: app; the names of routes.
Does not know: the connection.
"""

from urllib.parse import quote

from routing import PLACEHOLDER


def named_url(app):
    """Return `url_for`, which is also `app.url_for` from now on.

    A route is called as its handler, or as `@app.route(path, name=...)`.
    """

    def url_for(name, /, **parameters):
        """Return the path of a route; LookupError if there is none."""
        for route in app.router.routes:
            if route.payload.get("name", route.handler.__name__) == name:
                return fill(route.path, parameters)
        raise LookupError(f"No route is called {name!r}.")

    app.url_for = url_for
    return url_for


def fill(path, parameters):
    """Put parameters into a path; LookupError if one is missing.

    >>> fill("/hello/{name}", {"name": "a b/c"})
    '/hello/a%20b%2Fc'
    """

    def value(placeholder):
        safe = "/" if placeholder[2] == "path" else ""
        return quote(str(parameters[placeholder[1]]), safe=safe)

    url = PLACEHOLDER.sub(value, path)
    # Two slashes at its start would name a host (RFC 3986, 4.2).
    return "/%2F" + url[2:] if url.startswith("//") else url
