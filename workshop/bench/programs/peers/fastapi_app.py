"""Greet, and keep the positions of drones, on FastAPI.

Knows: FastAPI, and how pydantic describes a position.
Does not know: its server; that it is measured.
"""

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

app = FastAPI()
positions = {}


class Position(BaseModel):
    """Where a drone is."""

    model_config = ConfigDict(strict=True, extra="forbid")
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    altitude: Annotated[float, Field(ge=-10_000, le=10_000)]


@app.get("/hello/{name}")
async def hello(name: str) -> dict[str, str]:
    return {"message": f"Hello {name}"}


@app.post("/drones/{name}", status_code=204)
async def keep(name: str, position: Position) -> None:
    positions[name] = position


@app.get("/drones/{name}")
async def show(name: str) -> Position:
    return positions[name]
