"""Show the traceback of an error in the browser: for development only.

Knows: app, request, response; tracebacks.
Does not know: the connection.
"""

from html import escape
from traceback import format_exception

from messages import HttpError

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<h1>{title}</h1>
<pre>{traceback}</pre>
"""


def traceback(app):
    """Answer an unexpected error with a page that shows all of it."""

    @app.listen("error")
    def show(request, response, error):
        if not isinstance(error, HttpError):
            response.html = PAGE.format(
                title=escape(f"{type(error).__name__}: {error}"),
                traceback=escape("".join(format_exception(error))),
            )
