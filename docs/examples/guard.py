"""Refuse whoever does not say who they are.

Knows: app, request.
Does not know: the connection; whether what they say is true.
"""

from messages import HttpError


def guard(app):
    """Answer 401 to a request without the field Authorization."""

    @app.listen("headers")
    def refuse(request, response):
        if "authorization" not in request.headers:
            raise HttpError(401)
