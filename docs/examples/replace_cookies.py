"""Set cookies that only the server can read, and only over TLS.

Knows: pico, messages.
Does not know: parsing, the connection.
"""

from messages import Cookies
from pico import Pico

STRICT = {"secure": True, "httponly": True, "samesite": "Strict"}


class StrictCookies(Cookies):
    """Cookies that are strict unless somebody says otherwise."""

    def set(self, name, value, path="/", **attributes):
        super().set(name, value, path, **{**STRICT, **attributes})


class MyPico(Pico):
    """An application whose cookies are strict."""

    Cookies = StrictCookies


app = MyPico()


@app.route("/login", methods=["POST"])
async def login(request, response):
    response.cookies.set("token", "6f2a91")
    response.cookies.set("theme", "dark", httponly=False)
