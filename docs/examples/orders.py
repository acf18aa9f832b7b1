"""Call a hook of one's own.

Knows: pico.
Does not know: who listens to `order:placed`, elsewhere.
"""

from pico import Pico

app = Pico()
app["confirmed"] = []


@app.listen("order:placed")
async def confirm(order):
    app["confirmed"].append(order["number"])


@app.route("/orders", methods=["POST"])
async def place(request, response):
    await app.hook("order:placed", request.json)
    response.status = 201
