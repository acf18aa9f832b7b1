"""An application written for Roll runs on pico: only its import changes."""

import contextlib
import sys

import pytest

pytestmark = pytest.mark.steps("04", "05")

# As it was written for Roll, but for the first two lines.
SOURCE = '''
from messages import HttpError
from pico import Pico as Roll
from extensions.cors import cors
from extensions.named_url import named_url

app = Roll()
cors(app)
url_for = named_url(app)


class NoDrone(HttpError):
    """There is no such drone."""


@app.listen("startup")
async def connect():
    app["drones"] = {"7": "ada"}


@app.listen("shutdown")
async def disconnect():
    app["drones"].clear()


@app.listen("headers")
async def login(request, response):
    request["user"] = request.headers.get("AUTHORIZATION", "nobody")


@app.listen("request")
async def refuse(request, response):
    if request.route and request.route.payload.get("private"):
        if request["user"] == "nobody":
            response.status = 401
            response.body = "Who are you?"
            return True


@app.listen("error")
async def as_json(request, response, error):
    if isinstance(error, HttpError):
        response.json = {"error": error.message}


@app.listen("response")
async def told(request, response):
    response.headers["X-User"] = request.get("user", "")
    await app.hook("answered", path=request.path)


app["paths"] = []


@app.listen("answered")
async def count(path):
    app["paths"].append(path)


@app.route("/drones/{number:digit}")
@app.route("/d/{number}")
async def drone(request, response, number):
    if number not in app["drones"]:
        raise NoDrone(404, f"No drone {number}")
    response.json = {"name": app["drones"][number]}


@app.route("/files/{name}.{ext}")
async def file(request, response, name, ext):
    response.body = f"{name} {ext}"


@app.route("/search")
async def search(request, response):
    response.json = {
        "text": request.query.get("q"),
        "page": request.query.int("page", 1),
        "tags": request.query.list("tag", []),
        "all": request.query.bool("all", False),
        "near": request.query.float("near", 0.5),
    }


@app.route("/flight")
class Flight:
    async def on_get(self, request, response):
        response.json = {"drone": request.cookies.get("drone")}

    async def on_post(self, request, response):
        response.cookies.set("drone", request.form.get("drone"), path="/")
        response.redirect = url_for("drone", number=7)


@app.route("/private", private=True)
async def private(request, response):
    response.body = request["user"]


@app.route("/upload", methods=["PUT"], lazy_body=True)
async def upload(request, response):
    size = 0
    async for chunk in request:
        size += len(chunk)
    response.json = size


@app.route("/stream")
async def stream(request, response):
    async def chunks():
        for chunk in (b"a", b"da"):
            yield chunk

    response.body = chunks()
'''


@pytest.fixture
def app(step):
    """Return the application, its rooms those of the step."""
    rooms = {
        "messages": step.messages,
        "pico": step.modules["pico"],
        **step.modules,
    }
    space = {}
    # Its imports are answered from the rooms that are loaded already.
    with pytest.MonkeyPatch.context() as patch:
        for name, room in rooms.items():
            patch.setitem(sys.modules, name, room)
        exec(compile(SOURCE, "roll_app.py", "exec"), space)
    return space["app"]


@pytest.mark.parametrize(
    ("path", "fields", "status", "content"),
    [
        ("/drones/7", [], 200, b'{"name":"ada"}'),
        ("/d/7", [], 200, b'{"name":"ada"}'),
        ("/d/8", [], 404, b'{"error":"No drone 8"}'),
        ("/drones/x", [], 404, b'{"error":"Not Found"}'),
        ("/files/map.png", [], 200, b"map png"),
        (
            "/search?q=a+b&page=2&tag=x&tag=y&all=on&near=1.5",
            [],
            200,
            b'{"text":"a b","page":2,"tags":["x","y"],"all":true,"near":1.5}',
        ),
        (
            "/search?q=a&page=two",
            [],
            400,
            b'{"error":"The parameter \'page\' is no int."}',
        ),
        ("/flight", ["cookie: drone=7"], 200, b'{"drone":"7"}'),
        ("/private", [], 401, b"Who are you?"),
        ("/private", ["authorization: ada"], 200, b"ada"),
        ("/stream", [], 200, b"ada"),
    ],
)
async def test_application_of_roll_answers(
    app, fetch, path, fields, status, content
):
    answer = await fetch(app, path, *fields)

    assert (answer.status, answer.content) == (status, content)
    assert answer.field("access-control-allow-origin") == "*"
    assert app["paths"] == [path.partition("?")[0]]


async def test_application_of_roll_reads_a_form_and_redirects(app, fetch):
    answer = await fetch(
        app,
        "/flight",
        "content-type: application/x-www-form-urlencoded",
        method="POST",
        content=b"drone=7",
    )

    assert answer.status == 302
    assert answer.field("set-cookie") == "drone=7; Path=/"
    assert answer.field("location") in ("/d/7", "/drones/7")


async def test_application_of_roll_reads_lazily(app, fetch):
    answer = await fetch(app, "/upload", method="PUT", content=b"x" * 5000)

    assert answer.content == b"5000"


async def test_application_of_roll_is_corrected(app, fetch):
    """Where Roll's answer was wrong, the same source answers right."""
    head = await fetch(app, "/d/7", method="HEAD")
    options = await fetch(app, "/flight", method="OPTIONS")
    wrong = await fetch(app, "/flight", method="DELETE")

    assert (head.status, head.content) == (200, b"")
    assert options.field("allow") == "GET, HEAD, OPTIONS, POST"
    assert (wrong.status, wrong.field("allow")) == (
        405,
        "GET, HEAD, OPTIONS, POST",
    )


def test_class_without_methods_is_an_error_as_in_roll(app):
    with pytest.raises(ValueError, match="needs on_get"):
        app.route("/empty")(contextlib.nullcontext)
