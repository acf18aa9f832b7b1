"""Let a response speak another format.

Knows: pico, messages.
Does not know: parsing, the connection.
"""

from xml.sax.saxutils import escape

from messages import Response
from pico import Pico


class XmlResponse(Response):
    """A response that can be made of an element and its text."""

    def xml(self, element):
        name, text = element
        self.headers["content-type"] = "application/xml"
        self.body = f"<{name}>{escape(text)}</{name}>"

    xml = property(None, xml, doc="Answer with an element and its text.")


class MyPico(Pico):
    """An application whose responses speak XML."""

    Response = XmlResponse


app = MyPico()


@app.route("/hello/{name}")
async def hello(request, response, name):
    response.xml = "message", f"Hello {name}"
