"""Keep the positions of drones: decode, validate, store, 204.

Knows: what a position is.
Does not know: that it is measured.
"""

from messages import HttpError
from pico import Pico

LIMITS = {"latitude": 90, "longitude": 180, "altitude": 10_000}
app = Pico()
positions: dict[str, dict[str, float]] = {}


@app.route("/drones/{name}", methods=["POST"])
async def keep(request, response, name):
    position = request.json
    if not isinstance(position, dict) or position.keys() != LIMITS.keys():
        raise HttpError(422, "A position has three figures.")
    for word, limit in LIMITS.items():
        value = position[word]
        if type(value) not in (int, float) or not -limit <= value <= limit:
            raise HttpError(422, f"The {word} is no {word}.")
    positions[name] = position
    response.status = 204


if __name__ == "__main__":
    app.run()
