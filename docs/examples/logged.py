"""Log as JSON, and give each request a name.

Knows: pico, two extensions.
Does not know: where the log goes.
"""

from extensions.logger import logger
from extensions.request_id import request_id
from pico import Pico

app = Pico()
request_id(app)


@app.route("/")
async def index(request, response):
    response.json = {"id": request["id"]}


logger(app, format="json")
