"""Send what the client prefers.

Knows: pico, one extension.
Does not know: how preferences are weighed.
"""

from extensions.content_negotiation import content_negotiation
from pico import Pico

app = Pico()
content_negotiation(app)


@app.route("/hello", accepts=["application/json", "text/html"])
async def hello(request, response):
    if request["accepted"] == "text/html":
        response.html = "<p>Hello"
    else:
        response.json = {"message": "Hello"}
