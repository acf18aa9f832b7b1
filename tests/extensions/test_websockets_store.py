"""What the extension `websockets_store` does."""

import pytest
from websockets.asyncio.client import connect

pytestmark = pytest.mark.steps("04", "05")


async def test_websockets_store_holds_those_that_are_open(step):
    app = step.Pico()
    step.modules["extensions.websocket"].websocket(app)
    step.modules["extensions.websockets_store"].websockets_store(app)

    @app.route("/all", protocol="websocket")
    async def tell(request, ws):
        async for message in ws:
            for each in app["websockets"]:
                await each.send(message)

    async with app.serve(port=0) as server:
        url = server.url.replace("http", "ws", 1) + "/all"
        async with connect(url, proxy=None) as one:
            async with connect(url, proxy=None) as two:
                await one.send("to all")
                heard = [await one.recv(), await two.recv()]
                both = len(app["websockets"])
            await one.send("to me")
            await one.recv()
            alone = len(app["websockets"])

    assert (heard, both, alone) == (["to all", "to all"], 2, 1)
    assert app["websockets"] == set()
