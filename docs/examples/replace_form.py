"""Tidy what people type into forms.

Knows: pico, messages.
Does not know: parsing, the connection.
"""

from messages import Query
from pico import Pico


class TidyForm(Query):
    """A form without spaces around a value; an empty field is missing."""

    def __init__(self, text):
        super().__init__(text)
        for name, values in [*self.items()]:
            self[name] = [value.strip() for value in values if value.strip()]
            if not self[name]:
                del self[name]


class MyPico(Pico):
    """An application whose forms are tidy."""

    Form = TidyForm


app = MyPico()


@app.route("/greet", methods=["POST"])
async def greet(request, response):
    response.body = f"Hello {request.form.get('name', 'stranger')}"
