"""Take a form with a file.

Knows: pico, one extension.
Does not know: how a form is read.
"""

from extensions.forms import forms
from pico import Pico

app = Pico()
forms(app, max_file=2**20)


@app.route("/photos", methods=["POST"])
async def upload(request, response):
    photo = request.files.get("photo")
    response.json = {
        "title": request.form.get("title", photo.filename),
        "type": photo.content_type,
        "size": photo.size,
        "begins": photo.read(4).hex(),
    }
