"""Do the six kinds of work of the TechEmpower benchmarks, on sqlite.

Knows: pico, the file in `DATABASE`, the rules of the suite.
Does not know: who asks, and that it is measured.

Each answer carries the id of its request, so that nobody can have prepared
it. `POST /statements` begins to note what the database is asked, and `GET
/statements` tells it and ends that: not while time is taken.

Handlers wait for sqlite, which answers in microseconds and in this process.
A real server would ask a database elsewhere, and let others go on meanwhile.
"""

import os
import sqlite3
from html import escape
from random import randint, sample

from messages import HttpError
from pico import Pico

WORLDS, MOST = 10_000, 500
SELECT = "SELECT id, randomnumber FROM world WHERE id = ?"
UPDATE = "UPDATE world SET randomnumber = ? WHERE id = ?"
ADDED = (0, "Additional fortune added at request time.")
PAGE = (
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
    "<tr><th>id</th><th>message</th></tr>%s</table></body></html>"
)

app = Pico()
database = sqlite3.connect(os.environ["DATABASE"], isolation_level=None)
# The disk is not what we measure: it need not have each commit at once.
database.execute("PRAGMA synchronous = NORMAL")
noted = []


def mark(request, response):
    """Add what the suite wants of each answer, and what it does not."""
    response.headers["server"] = "pico"
    given = request.headers.get("x-request-id", "")
    response.headers["x-request-id"] = given


def asked_for(request):
    """Return how many rows are wanted: 1 to 500, and 1 if it says nothing."""
    try:
        number = request.query.int("queries", 1)
    except HttpError:
        number = 1
    return min(max(number, 1), MOST)


def world(number):
    """Return one row, by one statement."""
    found = database.execute(SELECT, (number,)).fetchone()
    return {"id": found[0], "randomNumber": found[1]}


@app.route("/plaintext")
async def plaintext(request, response):
    mark(request, response)
    response.headers["content-type"] = "text/plain"
    response.body = b"Hello, World!"


@app.route("/json")
async def message(request, response):
    mark(request, response)
    response.json = {"message": "Hello, World!"}


@app.route("/db")
async def one(request, response):
    mark(request, response)
    response.json = world(randint(1, WORLDS))


@app.route("/queries")
async def queries(request, response):
    mark(request, response)
    wanted = range(asked_for(request))
    response.json = [world(randint(1, WORLDS)) for _ in wanted]


@app.route("/fortunes")
async def fortunes(request, response):
    mark(request, response)
    rows = database.execute("SELECT id, message FROM fortune").fetchall()
    rows.append(ADDED)
    rows.sort(key=lambda row: row[1])
    cells = [
        f"<tr><td>{number}</td><td>{escape(text)}</td></tr>"
        for number, text in rows
    ]
    response.html = PAGE % "".join(cells)


@app.route("/updates")
async def updates(request, response):
    mark(request, response)
    numbers = sample(range(1, WORLDS + 1), asked_for(request))
    worlds = [world(number) for number in numbers]
    database.execute("BEGIN")
    for each in worlds:
        each["randomNumber"] = randint(1, WORLDS)
        database.execute(UPDATE, (each["randomNumber"], each["id"]))
    database.execute("COMMIT")
    response.json = worlds


@app.route("/statements")
class Statements:
    """What the database was asked, for whoever counts it."""

    async def on_post(self, request, response):
        noted.clear()
        database.set_trace_callback(noted.append)
        response.status = 204

    async def on_get(self, request, response):
        database.set_trace_callback(None)
        response.json = noted


if __name__ == "__main__":
    app.run()
