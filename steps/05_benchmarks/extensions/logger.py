"""Write a line for each answer.

Knows: app, request, response; logging.
Does not know: the connection.
"""

import logging
import sys
import time


def logger(app, stream=None):
    """Log method, target, status and milliseconds to a stream.

    The target is quoted as Python would, so that a newline or an escape
    code in it cannot forge a line.
    """
    log = logging.getLogger("pico.access")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers = [logging.StreamHandler(stream or sys.stderr)]

    def start(request, response):
        request["started"] = time.perf_counter()

    # First of all: a listener that answers ends the chain.
    app.listeners.setdefault("headers", []).insert(0, start)

    @app.listen("response")
    def write(request, response):
        milliseconds = (time.perf_counter() - request["started"]) * 1000
        method, target = request.method, ascii(request.url)
        line = "%s %s %d %.3f ms"
        log.info(line, method, target, response.status, milliseconds)
