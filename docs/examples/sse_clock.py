"""Tell browsers the time, as it passes.

Knows: pico, the extension sse.
Does not know: who listens, and how many do.
"""

import asyncio
from datetime import UTC, datetime

from extensions.sse import Event, sse
from pico import Pico

app = Pico()
sse(app)
app["interval"] = 1  # seconds


@app.route("/clock", protocol="sse")
async def clock(request, response):
    try:
        tick = int(request.headers.get("last-event-id", 0))
    except ValueError:
        tick = 0
    while True:
        tick += 1
        yield Event(f"{datetime.now(UTC):%H:%M:%S}", event="tick", id=tick)
        await asyncio.sleep(app["interval"])


@app.route("/")
async def page(request, response):
    response.html = """<!doctype html>
<title>Clock</title>
<h1>--:--:--</h1>
<script>
  const source = new EventSource("/clock");
  source.addEventListener("tick", ({data}) => {
    document.querySelector("h1").textContent = data;
  });
</script>"""


if __name__ == "__main__":
    app.run()
