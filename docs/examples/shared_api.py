"""Let the pages of other sites ask.

Knows: pico, one extension.
Does not know: what a browser does with a refusal.
"""

from extensions.cors import cors
from pico import Pico

app = Pico()
cors(
    app,
    origin=["https://example.org", "https://*.example.org"],
    headers=["Content-Type", "Authorization"],
    credentials=True,
    max_age=600,
)


@app.route("/drones", methods=["GET", "PUT"])
async def drones(request, response):
    response.json = ["one", "two"]
