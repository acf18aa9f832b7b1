"""Greet by name: what a user of pico writes."""

from pico import Pico

app = Pico()


@app.route("/")
async def index(request, response):
    response.json = {"message": "Hello world"}


@app.route("/hello/{name}")
async def hello(request, response, name):
    response.json = {"message": f"Hello {name}"}


if __name__ == "__main__":
    app.run()
