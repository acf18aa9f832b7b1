"""Let a request know who asks.

Knows: pico, messages.
Does not know: parsing, the connection.
"""

from functools import cached_property

from messages import HttpError, Request
from pico import Pico


class UserRequest(Request):
    """A request with a user, whom a token stands for."""

    @cached_property
    def user(self):
        """Return who asks, or answer 401."""
        token = self.headers.get("authorization", "")
        user = self.app["users"].get(token.removeprefix("Bearer "))
        if user is None:
            raise HttpError(401, headers={"www-authenticate": "Bearer"})
        return user


class MyPico(Pico):
    """An application whose requests have a user."""

    Request = UserRequest


app = MyPico()
app["users"] = {"correct-horse": "ada"}


@app.route("/me")
async def me(request, response):
    response.json = {"user": request.user}
