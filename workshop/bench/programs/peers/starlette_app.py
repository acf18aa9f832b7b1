"""Greet, and keep the positions of drones, on Starlette.

Knows: Starlette, what a drone's position is.
Does not know: its server; that it is measured.
"""

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from position import flaw

positions = {}


async def hello(request):
    return JSONResponse({"message": f"Hello {request.path_params['name']}"})


class Drone(HTTPEndpoint):
    """The position of one drone."""

    async def post(self, request):
        try:
            position = await request.json()
        except ValueError:
            position = None
        if wrong := flaw(position):
            raise HTTPException(422, wrong)
        positions[request.path_params["name"]] = position
        return Response(status_code=204)

    async def get(self, request):
        return JSONResponse(positions[request.path_params["name"]])


app = Starlette(
    routes=[Route("/hello/{name}", hello), Route("/drones/{name}", Drone)]
)
