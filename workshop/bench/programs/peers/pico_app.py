"""Greet, and keep the positions of drones, on pico.

Knows: pico, as any of its users does.
Does not know: that it is measured.
"""

from messages import HttpError
from pico import Pico
from position import flaw

app = Pico()
positions = {}


@app.route("/hello/{name}")
async def hello(request, response, name):
    response.json = {"message": f"Hello {name}"}


@app.route("/drones/{name}", methods=["POST"])
async def keep(request, response, name):
    position = request.json
    if wrong := flaw(position):
        raise HttpError(422, wrong)
    positions[name] = position
    response.status = 204


@app.route("/drones/{name}")
async def show(request, response, name):
    response.json = positions[name]


if __name__ == "__main__":
    app.run()
