"""Say what a handler needs, and get nothing else.

Knows: pico, one extension; msgspec.
Does not know: how a value is found and converted.
"""

from typing import Annotated

from msgspec import Meta, Struct

from extensions.annotations import annotations, header
from pico import Pico

app = Pico()
annotations(app)


class Drone(Struct):
    """What the content must be."""

    name: Annotated[str, Meta(min_length=1)]
    altitude: float = 0


@app.route("/fleets/{fleet}/drones", methods=["POST"])
async def launch(
    request,
    response,
    fleet: int,
    drone: Drone,
    copies: Annotated[int, Meta(le=10)] = 1,
    x_pilot: Annotated[str, header()] = "nobody",
):
    response.status = 201
    response.json = [fleet, drone.name, drone.altitude, copies, x_pilot]
