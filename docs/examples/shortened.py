"""Send less, but leave a page with a secret as it is.

Knows: pico, one extension.
Does not know: how text is compressed.
"""

from extensions.compress import compress
from pico import Pico

app = Pico()


@app.route("/poem")
async def poem(request, response):
    response.body = "A rose is a rose is a rose.\n" * 100


@app.route("/search", compress=False)
async def search(request, response):
    token = request.cookies.get("token", "")
    response.html = f"<p>{token}</p>" * 100


compress(app)
