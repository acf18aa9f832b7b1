"""Greet with pico: by a handler, or through ASGI (`THROUGH=asgi`).

Knows: pico, asgi_host.
Does not know: that it is measured.
"""

import os

from asgi_hello import CONTENT, application

from extensions.asgi_host import Lifespan, asgi_host
from pico import Pico


async def hello(request, response):
    response.headers["content-type"] = "text/plain"
    response.body = CONTENT


if os.environ.get("THROUGH") == "asgi":
    app = asgi_host(application)
    app.lifespan = Lifespan()  # So that it answers before it was started.
else:
    app = Pico()
    app.route("/")(hello)

if __name__ == "__main__":
    app.run()
