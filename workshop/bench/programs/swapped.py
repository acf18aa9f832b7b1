"""Serve an app with some of its parts replaced.

Knows: pico; what can stand for its router, its JSON, its loop, its tasks.
Does not know: that it is measured.

`SWAP` says which, as `router=autoroutes,json=orjson`; nothing is as pico has
it by itself. `DRONES` is what the app has to tell of them, as JSON.
"""

import asyncio
import contextlib
import importlib
import json
import os

from pico import Pico
from routing import Route, Router
from server import new_event_loop

SWAP = dict(
    pair.split("=") for pair in os.environ.get("SWAP", "").split(",") if pair
)
DRONES = json.loads(os.environ.get("DRONES", "[]"))
SUBJECTS = "users", "places", "routes", "logs", "alarms", "maps", "teams"


def autorouter():
    """Return a router that asks autoroutes, which is written in C."""
    tree = importlib.import_module("autoroutes").Routes

    class AutoRouter(Router):
        """A router: `add` and `match` are all that an app asks of it."""

        def __init__(self):
            super().__init__()
            self.tree = tree()

        def add(self, path, methods, handler, **payload):
            super().add(path, methods, handler, **payload)
            route = Route(path, methods, handler, **payload)
            self.tree.add(path, **dict.fromkeys(methods, route))

        def match(self, method, path):
            found, parameters = self.tree.match(path)
            if found and method in found:
                route = found[method]
                return route, parameters, route.methods
            return super().match(method, path)

    return AutoRouter


def json_encoder(name):
    """Return what encodes JSON in orjson or in msgspec."""
    if name == "orjson":
        return importlib.import_module("orjson").dumps
    return importlib.import_module("msgspec.json").encode


class TaskPerRequest(Pico):
    """One task more: each request is answered in a task of its own."""

    async def answer(self, request):
        return await asyncio.create_task(super().answer(request))


class EagerPerRequest(Pico):
    """The same, but a task begins at once and not in the next turn."""

    async def answer(self, request):
        loop, work = asyncio.get_running_loop(), super().answer(request)
        return await asyncio.eager_task_factory(loop, work)


TASKS = {"request": TaskPerRequest, "eager": EagerPerRequest}


class Swapped(TASKS.get(SWAP.get("task"), Pico)):
    """An application: each part is an attribute, and can be another one."""

    if "router" in SWAP:
        Router = autorouter()
    if "json" in SWAP:
        encode_json = staticmethod(json_encoder(SWAP["json"]))


app = Swapped()


@app.route("/hello/{name}")
async def hello(request, response, name):
    response.json = {"message": f"Hello {name}"}


@app.route("/drones")
async def drones(request, response):
    response.json = DRONES


async def another(request, response, name=None):
    response.json = {}


for subject in SUBJECTS:  # An app has more routes than one.
    app.route(f"/{subject}")(another)
    app.route(f"/{subject}/{{name}}")(another)
    app.route(f"/{subject}/{{name}}/history")(another)


def main():
    """Serve on the loop that is wished for."""
    loops = {"asyncio": asyncio.new_event_loop}
    factory = loops.get(SWAP.get("loop"), new_event_loop)
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(app.serve().serve_forever())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        main()
