"""Take only pictures from a form.

Knows: pico, messages, the extension forms.
Does not know: parsing, the connection.
"""

from extensions.forms import Files, forms
from messages import HttpError
from pico import Pico


class Pictures(Files):
    """Files of a form that say they are pictures; others are a 415."""

    def get(self, name, *default):
        file = super().get(name, *default)
        if file not in default and not file.content_type.startswith("image/"):
            raise HttpError(415, f"The file {name!r} is no picture.")
        return file


class MyPico(Pico):
    """An application that takes pictures."""

    Files = Pictures


app = MyPico()
forms(app)


@app.route("/portrait", methods=["POST"])
async def portrait(request, response):
    response.json = {"bytes": request.files.get("portrait").size}
