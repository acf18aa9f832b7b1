"""Greet, and keep the positions of drones, on BlackSheep.

Knows: BlackSheep, and how pydantic describes a position.
Does not know: its server; that it is measured.
"""

from typing import Annotated

from blacksheep import Application, FromJSON, get, json, no_content, post
from pydantic import BaseModel, ConfigDict, Field

app = Application()
positions = {}


class Position(BaseModel):
    """Where a drone is."""

    model_config = ConfigDict(strict=True, extra="forbid")
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    altitude: Annotated[float, Field(ge=-10_000, le=10_000)]


@get("/hello/{name}")
async def hello(name: str):
    return json({"message": f"Hello {name}"})


@post("/drones/{name}")
async def keep(name: str, position: FromJSON[Position]):
    positions[name] = position.value
    return no_content()


@get("/drones/{name}")
async def show(name: str):
    return json(positions[name].model_dump())
