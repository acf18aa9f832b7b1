"""Greet, and keep the positions of drones, on Falcon.

Knows: Falcon, what a drone's position is.
Does not know: its server; that it is measured.
"""

import falcon
import falcon.asgi

from position import flaw

positions = {}


class Hello:
    """A greeting."""

    async def on_get(self, req, resp, name):
        resp.media = {"message": f"Hello {name}"}


class Drone:
    """The position of one drone."""

    async def on_post(self, req, resp, name):
        position = await req.get_media()
        if wrong := flaw(position):
            raise falcon.HTTPUnprocessableEntity(description=wrong)
        positions[name] = position
        resp.status = falcon.HTTP_204

    async def on_get(self, req, resp, name):
        resp.media = positions[name]


app = falcon.asgi.App()
app.add_route("/hello/{name}", Hello())
app.add_route("/drones/{name}", Drone())
