"""Let people talk in rooms.

Knows: pico, the extension websocket.
Does not know: rooms of other processes.
"""

import asyncio
from collections import defaultdict

from extensions.websocket import ConnectionClosed, websocket
from pico import Pico

PATIENCE = 5  # seconds with somebody who does not read

app = Pico()
websocket(app, max_size=1000)
app["rooms"] = defaultdict(set)


@app.route("/rooms/{name}", protocol="websocket")
async def talk(request, ws, name):
    room = app["rooms"][name]
    room.add(ws)
    try:
        async for message in ws:
            async with asyncio.TaskGroup() as group:
                for each in room:
                    group.create_task(tell(each, message))
    finally:
        room.discard(ws)
        if not room:
            app["rooms"].pop(name, None)


async def tell(ws, message):
    """Send to somebody who may have left, or may never read."""
    try:
        async with asyncio.timeout(PATIENCE):
            await ws.send(message)
    except ConnectionClosed:
        pass  # Its own handler takes it out of the room.
    except TimeoutError:
        ws.leave(1013, "You read too slowly.")


@app.route("/")
async def page(request, response):
    response.html = """<!doctype html>
<title>Chat</title>
<form><input autofocus></form>
<script>
  const ws = new WebSocket(`ws://${location.host}/rooms/lobby`);
  ws.onmessage = ({data}) => document.body.append(data, "\\n");
  document.forms[0].onsubmit = event => {
    event.preventDefault();
    ws.send(event.target[0].value);
    event.target.reset();
  };
</script>"""


if __name__ == "__main__":
    app.run()
