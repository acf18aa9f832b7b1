"""Replace a part of pico by a subclass.

Knows: pico, messages.
Does not know: parsing, the connection.
"""

from messages import Response
from pico import Pico


class Greeter(Response):
    """A response that knows how to greet."""

    def greet(self, name):
        self.json = {"message": f"Hello {name}"}


class MyPico(Pico):
    """An application whose responses greet."""

    Response = Greeter
