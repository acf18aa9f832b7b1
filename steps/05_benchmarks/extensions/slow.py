"""Report which handler holds the loop, and so makes all others wait.

Knows: app; the steps of a coroutine, a clock.
Does not know: requests, responses; why a handler is slow.
"""

import inspect
import logging
import time
import types
from functools import wraps

logger = logging.getLogger("pico")


def slow(app, threshold=0.1, clock=time.perf_counter):
    """Log each handler of a later route that holds the loop for more than
    `threshold` seconds: for development.

    A handler runs in steps, from one `await` that waits to the next. While
    it waits, others run, so waiting does not count.
    """

    def watching(adapt):
        return lambda view: adapt(watched(view, threshold, clock))

    for protocol, adapt in app.protocols.items():
        app.protocols[protocol] = watching(adapt)


def watched(view, threshold, clock):
    """Return a handler that measures its steps."""
    if inspect.isasyncgenfunction(view):  # not a coroutine
        return view

    def report(spent):
        own = getattr(view, "__qualname__", repr(view))
        name = f"{view.__module__}.{own}"
        logger.warning("%s held the loop for %.3f seconds", name, spent)

    @wraps(view)
    async def handler(*args, **parameters):
        since = clock()
        result = view(*args, **parameters)
        if hasattr(result, "__await__"):
            await steps(result.__await__(), clock, threshold, report)
        elif (spent := clock() - since) > threshold:
            report(spent)

    return handler


@types.coroutine
def steps(awaited, clock, threshold, report):
    """Run a coroutine as `await` does, and measure each step."""
    step, value = awaited.send, None
    while True:
        since = clock()
        try:
            waits = step(value)
        except StopIteration:
            return
        finally:
            spent = clock() - since
            if spent > threshold:
                report(spent)
        try:
            step, value = awaited.send, (yield waits)
        except BaseException as error:  # a cancellation comes this way
            step, value = awaited.throw, error
