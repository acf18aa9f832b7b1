"""Greet, and keep the positions of drones, on Sanic.

Knows: Sanic, what a drone's position is.
Does not know: its server; that it is measured.
"""

from sanic import Sanic
from sanic.exceptions import SanicException
from sanic.response import empty, json

from position import flaw

app = Sanic("peers")
positions = {}


@app.get("/hello/<name>")
async def hello(request, name):
    return json({"message": f"Hello {name}"})


@app.post("/drones/<name>")
async def keep(request, name):
    position = request.json
    if wrong := flaw(position):
        raise SanicException(wrong, status_code=422)
    positions[name] = position
    return empty()


@app.get("/drones/<name>", name="show")
async def show(request, name):
    return json(positions[name])
