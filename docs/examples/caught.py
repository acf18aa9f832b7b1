"""Answer exceptions of one's own.

Knows: pico, one extension.
Does not know: where an exception is raised.
"""

from extensions.errors import errors
from messages import HttpError
from pico import Pico

app = Pico()
error_handler = errors(app)


class NoSuchDrone(LookupError):
    """Nobody has seen it."""


@error_handler(NoSuchDrone)
def missing(request, response, error):
    response.status = 404
    response.json = {"missing": str(error)}


@error_handler(HttpError)
def refused(request, response, error):
    response.json = {"error": error.message}


@app.route("/drones/{name}")
async def drone(request, response, name):
    raise NoSuchDrone(name)
