"""Count on one's fingers, which takes long.

Knows: pico, the extension slow.
Does not know: how to count any faster.
"""

import asyncio
import time

from extensions.slow import slow
from pico import Pico

app = Pico()
slow(app)  # in development, and before the routes


def count(number):
    """Block as a calculation does, or a library that waits for a disk."""
    time.sleep(number)
    return f"{number}\n"


@app.route("/wrong/{number:int}")
async def wrong(request, response, number):
    response.body = count(number)  # Nobody else is answered meanwhile.


@app.route("/right/{number:int}")
async def right(request, response, number):
    response.body = await asyncio.to_thread(count, number)


if __name__ == "__main__":
    app.run()
