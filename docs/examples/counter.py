"""Count answers by their status, and show the counts.

Knows: app, request, response.
Does not know: the connection.
"""

from collections import Counter


def counter(app, path="/counts"):
    """Count from now on; `app["counts"]` has the counts, too."""
    counts = app["counts"] = Counter()

    @app.listen("response")
    def count(request, response):
        counts[int(response.status)] += 1

    @app.route(path)
    async def show(request, response):
        response.json = counts
