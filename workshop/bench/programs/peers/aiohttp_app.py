"""Greet, and keep the positions of drones, on aiohttp.

Knows: aiohttp, uvloop, the port in `PORT`.
Does not know: that it is measured.
"""

import asyncio
import json
import os

from aiohttp import web

from position import flaw

try:
    import uvloop as loops
except ImportError:  # as on Windows
    loops = asyncio

routes = web.RouteTableDef()
positions = {}


@routes.get("/hello/{name}")
async def hello(request):
    name = request.match_info["name"]
    return web.json_response({"message": f"Hello {name}"})


@routes.post("/drones/{name}")
async def keep(request):
    try:
        position = await request.json()
    except json.JSONDecodeError:
        position = None
    if wrong := flaw(position):
        raise web.HTTPUnprocessableEntity(text=wrong)
    positions[request.match_info["name"]] = position
    return web.Response(status=204)


@routes.get("/drones/{name}")
async def show(request):
    return web.json_response(positions[request.match_info["name"]])


app = web.Application()
app.add_routes(routes)

if __name__ == "__main__":
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        access_log=None,
        loop=loops.new_event_loop(),
    )
