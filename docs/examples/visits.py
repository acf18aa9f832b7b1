"""Count the visits of each client.

Knows: pico, one extension.
Does not know: how a session is kept; real keys are not in the source.
"""

import os

from extensions.sessions import sessions
from pico import Pico

app = Pico()
sessions(app, keys=os.environ.get("SESSION_KEYS", "").split(), secure=True)


@app.route("/")
async def visit(request, response):
    session = request["session"]
    session["visits"] = session.get("visits", 0) + 1
    response.json = session
