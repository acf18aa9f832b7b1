"""Read and write fields that hold lists.

Knows: pico, messages.
Does not know: parsing, the connection.
"""

from messages import Headers
from pico import Pico


class ListHeaders(Headers):
    """Headers that know lists (RFC 9110, 5.6.1)."""

    def list(self, name):
        """Return the elements of a field, none if there is none."""
        elements = self.get(name, "").split(",")
        return [each.strip() for each in elements if each.strip()]

    def append(self, name, element):
        """Add an element unless it is there, whatever its case."""
        elements = self.list(name)
        if element.lower() not in [each.lower() for each in elements]:
            self[name] = ", ".join([*elements, element])


class MyPico(Pico):
    """An application whose headers know lists."""

    Headers = ListHeaders


app = MyPico()


@app.route("/languages")
async def languages(request, response):
    response.headers.append("vary", "Accept-Language")
    response.headers.append("vary", "accept-language")
    response.json = request.headers.list("accept-language")
