"""Answer with two words of text, as who pipelines asks for.

Knows: two words.
Does not know: that it is measured.
"""

from pico import Pico

app = Pico()


@app.route("/plaintext")
async def plaintext(request, response):
    response.headers["content-type"] = "text/plain"
    response.body = "Hello, World!"


if __name__ == "__main__":
    app.run()
