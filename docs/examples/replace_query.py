"""Read dates from a query.

Knows: pico, messages.
Does not know: parsing, the connection.
"""

from datetime import date
from functools import partialmethod

from messages import Query
from pico import Pico


def day(text):
    """Return the day that is written as 2024-02-29, or raise ValueError."""
    return date.fromisoformat(text)


class DatedQuery(Query):
    """A query that can be asked for days; what is none is a 400."""

    day = partialmethod(Query.get, cast=day)


class MyPico(Pico):
    """An application whose queries know days."""

    Query = DatedQuery


app = MyPico()


@app.route("/orders")
async def orders(request, response):
    since = request.query.day("since", date(1970, 1, 1))
    response.json = {"since": f"{since:%d.%m.%Y}"}
