"""Give each request a name, to find it again in logs.

Knows: app, request, response.
Does not know: the connection; who reads a log.
"""

import re
from random import getrandbits

FIELD = "x-request-id"
SAFE = re.compile(r"[\w.-]{1,64}", re.A)  # nothing that a log must quote


def request_id(app):
    """Put an id in `request["id"]`, and on the answer as X-Request-ID.

    A proxy in front may have given one; if it is safe, we keep it.
    """

    def name(request, response):
        given = dict.get(request.headers, FIELD, "")
        safe = given and SAFE.fullmatch(given)
        request.data["id"] = given if safe else new_id()

    # First of all: any listener that answers or logs finds it.
    app.listeners.setdefault("headers", []).insert(0, name)

    @app.listen("response")
    def tell(request, response):
        if "id" not in request.data:  # it failed before the first hook
            name(request, response)
        dict.update(response.headers, {FIELD: request.data["id"]})


def new_id():
    """Return 32 hexadecimal digits: unique, but not secret."""
    return f"{getrandbits(128):032x}"
