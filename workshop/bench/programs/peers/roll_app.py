"""Greet, and keep the positions of drones, on Roll.

Knows: Roll, uvloop, the port in `PORT`.
Does not know: that it is measured.

Roll takes ujson where it finds one, and another peer has brought one along.
So the word `standard` hides it: then this is what `pip install roll` gives.
"""

import asyncio
import os
import sys

if "standard" in sys.argv:
    sys.modules["ujson"] = None

from roll import HttpError, Roll
from roll.extensions import simple_server

from position import flaw

try:
    import uvloop
except ImportError:  # as on Windows
    uvloop = asyncio

app = Roll()
positions = {}


@app.route("/hello/{name}")
async def hello(request, response, name):
    response.json = {"message": f"Hello {name}"}


@app.route("/drones/{name}")
class Drone:
    """The position of one drone."""

    async def on_post(self, request, response, name):
        position = request.json
        if wrong := flaw(position):
            raise HttpError(422, wrong)
        positions[name] = position
        response.status = 204

    async def on_get(self, request, response, name):
        response.json = positions[name]


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    simple_server(app, port=int(os.environ["PORT"]))
