"""Ask a service for several cities at once, and answer with what it says.

Knows: pico, structured concurrency, a bound on what goes out.
Does not know: HTTP as a client; a real one would use httpx or aiohttp.
"""

import asyncio
from urllib.parse import quote

from messages import HttpError
from pico import Pico

AT_ONCE = 10  # requests that this process has under way, for all clients
PATIENCE = 2  # seconds for a free place and an answer
MAX_CITIES = 20
FAILURES = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)

app = Pico()
app["weather"] = ("127.0.0.1", 8001)
app["places"] = asyncio.Semaphore(AT_ONCE)


@app.route("/weather")
async def weather(request, response):
    cities = request.query.list("city")
    if len(cities) > MAX_CITIES:
        raise HttpError(400, f"At most {MAX_CITIES} cities.")
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(city)) for city in cities]
    except* FAILURES:  # The group has cancelled the others.
        response.status = 503
        response.headers["retry-after"] = PATIENCE
        response.body = "Try again later."
    else:
        response.json = [task.result() for task in tasks]


async def ask(city):
    """Return the line that the service answers with; TimeoutError, which
    is an OSError, if that takes too long."""
    async with asyncio.timeout(PATIENCE), app["places"]:
        reader, writer = await asyncio.open_connection(*app["weather"])
        try:
            path = quote(city, safe="")
            writer.write(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            line = await reader.readuntil(b"\n")
        finally:
            writer.close()
    if b" 200 " not in head.splitlines()[0]:
        raise ValueError(head)
    return line.decode().rstrip()


if __name__ == "__main__":
    app.run()
