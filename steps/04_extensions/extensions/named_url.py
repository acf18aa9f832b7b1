"""Build the URL of a route from its name.

Knows: app; the names of routes.
Does not know: the connection.
"""

from inspect import isclass
from urllib.parse import quote

from routing import PLACEHOLDER


def named_url(app):
    """Return `url_for`, which is also `app.url_for` from now on.

    A route is named after its handler, or after its class in lower case if
    that is registered after this call, or by `@app.route(path, name=...)`.
    """
    classes = {}  # their names, by path

    @app.listen("route:add")
    def note(path, view, **payload):
        if isclass(view):
            classes[path] = view.__name__.lower()

    def url_for(name, /, **parameters):
        """Return the path of a route; LookupError if there is none."""
        for route in app.router.routes:
            given = route.payload.get("name")
            handler = getattr(route.handler, "__name__", None)
            own = (handler, classes.get(route.path))
            if name == given or (given is None and name in own):
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
