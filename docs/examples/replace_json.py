"""Encode and decode JSON with a library that does nothing else.

Knows: pico, messages, msgspec.
Does not know: parsing, the connection.
"""

from functools import cached_property

import msgspec

from messages import HttpError, Request
from pico import Pico


class FastRequest(Request):
    """A request whose content is decoded by msgspec."""

    @cached_property
    def json(self):
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise HttpError(400, "The content is no JSON.") from error


class MyPico(Pico):
    """An application that takes and gives JSON by way of msgspec."""

    encode_json = staticmethod(msgspec.json.encode)
    Request = FastRequest


app = MyPico()


@app.route("/echo", methods=["POST"])
async def echo(request, response):
    response.json = request.json
