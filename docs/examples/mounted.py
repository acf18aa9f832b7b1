"""Put an application below a path of another one.

Knows: pico, one extension.
Does not know: how a request finds its way in.
"""

from extensions.mount import mount
from pico import Pico

app, api = Pico(), Pico()


@app.route("/")
async def page(request, response):
    response.html = "<p>See /api/users/ada"


@api.route("/users/{name}")
async def user(request, response, name):
    response.json = {"name": name, "path": request.path}


@api.listen("error")
def explain(request, response, error):
    response.json = {"error": response.status}


mount(app, "/api", api)
