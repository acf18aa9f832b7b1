"""An application written for Roll runs on pico: only its imports change.

That an exception is a 500 which tells nothing is promised by step 03.
"""

import contextlib
import inspect
import json
import sys
from http import HTTPStatus
from uuid import UUID

import pytest

pytestmark = pytest.mark.steps("04", "05")

# As it was written for Roll 0.13.4, and runs there, but for the imports.
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


@app.route("/files/{name:alpha}.{ext}")
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
        response.redirect = url_for("drone", number=7), 302


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


IMPORTED = ["messages", "pico", "extensions.cors", "extensions.named_url"]


@pytest.fixture
def space(step):
    """Return the names of the application, its rooms those of the step."""
    rooms = {name: step.modules[name] for name in IMPORTED}
    space = {}
    # Its imports are answered from the rooms that are loaded already.
    with pytest.MonkeyPatch.context() as patch:
        for name, room in rooms.items():
            patch.setitem(sys.modules, name, room)
        exec(compile(SOURCE, "roll_app.py", "exec"), space)
    return space


@pytest.fixture
def app(space):
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


def test_application_of_roll_finds_a_class_by_its_name(space):
    assert space["url_for"]("flight") == "/flight"


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


# Feature by feature, in the order of Roll's own code. Elsewhere are: parts
# that are replaced one by one (test_replace.py), each extension and the two
# fixtures (extensions/), hooks of a WebSocket (extensions/test_websocket.py),
# workers and reload (test_server.py).


def room(step, name):
    return step.modules[f"extensions.{name}"]


@pytest.mark.parametrize(
    "part",
    [
        "Protocol",
        "Router",
        "Request",
        "Response",
        "Query",
        "Form",
        "Cookies",
        "Headers",
    ],
)
async def test_part_is_a_class_attribute_that_a_subclass_replaces(
    step, fetch, part
):
    class Own(getattr(step.Pico, part)):
        def __init__(self, *words, **more):
            made.add(type(self).__name__)
            super().__init__(*words, **more)

    made = set()
    app = type("App", (step.Pico,), {part: Own})()

    @app.route("/", methods=["POST"])
    async def index(request, response):
        response.json = [request.query, request.form, request.host]
        response.cookies.set("seen", "yes")
        if part == "Headers":  # of both
            made.add(type(response.headers).__name__)

    answer = await fetch(
        app,
        "/",
        "content-type: application/x-www-form-urlencoded",
        method="POST",
        content=b"a=b",
    )

    assert (answer.status, made) == (200, {"Own"})


def test_files_are_a_part_as_soon_as_forms_are_there(step):
    app = step.Pico()
    room(step, "forms").forms(app)

    assert app.Files is room(step, "forms").Files


async def test_json_encoder_is_a_part_too(step, fetch):
    class App(step.Pico):
        encode_json = staticmethod(repr)

    app = App()

    @app.route("/")
    async def index(request, response):
        response.json = (1,)

    assert (await fetch(app, "/")).content == b"(1,)"


async def test_lookup_may_be_overridden(step, fetch):
    class App(step.Pico):
        def lookup(self, request):
            request.path = request.path.lower()
            return super().lookup(request)

    app = App()

    @app.route("/index")
    async def index(request, response):
        response.body = "found"

    assert (await fetch(app, "/INDEX")).content == b"found"


async def test_startup_and_shutdown_may_be_called_by_hand(step):
    app, heard = step.Pico(), []
    app.listen("startup")(lambda: heard.append("startup"))
    app.listen("shutdown")(lambda: heard.append("shutdown"))

    await app.startup()
    await app.shutdown()

    assert heard == ["startup", "shutdown"]


def test_decorators_return_what_they_decorate(step):
    app = step.Pico()

    def function(request, response):
        pass

    class View:
        def on_get(self, request, response):
            pass

    assert app.route("/")(function) is function
    assert app.route("/view")(View) is View
    assert app.listen("request")(function) is function


async def test_class_is_made_once_and_inherits(step, fetch):
    app, made = step.Pico(), []

    class Base:
        def __init__(self):
            made.append(self)

        async def on_get(self, request, response):
            response.body = "inherited"

    @app.route("/")
    class View(Base):
        async def on_delete(self, request, response):
            response.body = "own"

    answers = [await fetch(app, "/", method=m) for m in ("GET", "DELETE")]

    assert [answer.content for answer in answers] == [b"inherited", b"own"]
    assert [type(each) for each in made] == [View]


def test_class_whose_methods_are_said_twice_is_an_error_as_in_roll(step):
    class View:
        def on_get(self, request, response):
            pass

    with pytest.raises(ValueError, match="View"):
        step.Pico().route("/", methods=["GET"])(View)


async def test_plain_functions_are_handlers_and_listeners(step, fetch):
    app = step.Pico()

    @app.listen("request")
    def login(request, response):
        request["user"] = "ada"

    @app.listen("response")
    def stamp(request, response):
        response.headers["x-user"] = request["user"]

    @app.route("/")
    def index(request, response):
        response.body = "hello " + request["user"]

    @app.route("/view")
    class View:
        def on_get(self, request, response):
            response.body = "viewed"

    answers = [await fetch(app, path) for path in ("/", "/view")]

    assert [answer.content for answer in answers] == [b"hello ada", b"viewed"]
    assert {answer.field("x-user") for answer in answers} == {"ada"}


# Hooks


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/", ["headers None", "request b'hi'", "handler", "response"]),
        ("/lazy", ["headers None", "request None", "handler", "response"]),
        ("/raises", ["headers None", "request b'hi'", "error", "response"]),
        ("/nowhere", ["headers None", "error", "response"]),
    ],
)
async def test_hooks_come_in_their_order(step, fetch, path, wanted):
    app, heard = step.Pico(), []
    app.listen("headers")(
        lambda request, response: heard.append(f"headers {request.content}")
    )
    app.listen("request")(
        lambda request, response: heard.append(f"request {request.content}")
    )
    app.listen("response")(lambda request, response: heard.append("response"))
    app.listen("error")(lambda request, response, error: heard.append("error"))

    @app.route("/", methods=["POST"])
    @app.route("/lazy", methods=["POST"], lazy_body=True)
    async def index(request, response):
        heard.append("handler")
        await request.load_body()

    @app.route("/raises", methods=["POST"])
    async def raises(request, response):
        raise KeyError

    await fetch(app, path, method="POST", content=b"hi")

    assert heard == wanted


@pytest.mark.parametrize("hook", ["headers", "request"])
async def test_listener_that_is_true_answers_now(step, fetch, hook):
    app, heard = step.Pico(), []

    @app.listen(hook)
    async def answer(request, response):
        response.status, response.body = 403, "no"
        return True

    app.listen(hook)(lambda request, response: heard.append("second"))
    app.listen("response")(lambda *words: heard.append("response"))

    @app.route("/")
    async def index(request, response):
        heard.append("handler")

    found = await fetch(app, "/")

    assert (found.status, found.content) == (403, b"no")
    assert heard == ["response"]


def test_route_that_is_added_is_told(step):
    app, heard = step.Pico(), []
    app.listen("route:add")(lambda *words, **more: heard.append((words, more)))

    def index(request, response):
        pass

    app.route("/", private=True)(index)

    assert heard == [(("/", index), {"private": True})]


async def test_hook_of_ones_own_returns_the_first_true_result(step):
    app = step.Pico()
    app.listen("price")(lambda name, tax: None)
    app.listen("price")(lambda name, tax: f"{name} {tax}")
    app.listen("price")(lambda name, tax: "late")

    assert await app.hook("price", "drone", tax=7) == "drone 7"


# Routing


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("/{a}", "/x-1", {"a": "x-1"}),
        ("/{a}", "/x/y", None),
        ("/{a:digit}", "/12", {"a": "12"}),
        ("/{a:digit}", "/1x", None),
        ("/{a:alpha}", "/xY", {"a": "xY"}),
        ("/{a:alpha}", "/x1", None),
        ("/{a:alnum}", "/x1", {"a": "x1"}),
        ("/{a:alnum}", "/x-1", None),
        ("/{a:path}", "/x/y.z", {"a": "x/y.z"}),
        ("/{a:any}", "/x-1", {"a": "x-1"}),
        ("/{a:string}", "/x-1", {"a": "x-1"}),
        ("/{a:string}", "/x/y", None),
        ("/{a:[0-9]{4}}", "/2026", {"a": "2026"}),
        ("/{a:[0-9]{4}}", "/20", None),
        ("/{a}.{b}", "/map.png", {"a": "map", "b": "png"}),
        ("/v{a:int}-{b}", "/v-7-x", {"a": -7, "b": "x"}),
        ("/{a:float}", "/1.5", {"a": 1.5}),
        (
            "/{a:uuid}",
            "/12345678-1234-5678-1234-567812345678",
            {"a": UUID("12345678-1234-5678-1234-567812345678")},
        ),
    ],
)
async def test_placeholders_are_those_of_roll(
    step, fetch, pattern, path, found
):
    app, seen = step.Pico(), []

    @app.route(pattern)
    async def index(request, response, **parameters):
        seen.append(parameters)

    answer = await fetch(app, path)

    assert seen == ([] if found is None else [found])
    assert answer.status == (404 if found is None else 200)


async def test_route_does_not_hide_a_longer_one_as_in_roll(step, fetch):
    app = step.Pico()

    @app.route("/a/{x:digit}")
    @app.route("/a/{x}/b")
    @app.route("/a/{x}")
    @app.route("/a/c")
    async def index(request, response, **parameters):
        response.body = request.route.path

    answers = [await fetch(app, p) for p in ROLL_HIDES]

    assert [answer.content for answer in answers] == [
        b"/a/{x}",
        b"/a/{x:digit}",
        b"/a/{x}/b",
        b"/a/c",
    ]


ROLL_HIDES = ["/a/x", "/a/1", "/a/1/b", "/a/c"]


# Request and response


async def test_request_has_the_attributes_of_roll(step, fetch):
    app, seen = step.Pico(), {}

    @app.route("/{name}", methods=["POST"], private=True)
    async def index(request, response, name):
        for word in ROLL_REQUEST:
            seen[word] = getattr(request, word)
        seen["payload"] = request.route.payload

    await fetch(
        app,
        "/a?b=c",
        "content-type: application/json; charset=utf-8",
        "cookie: d=e",
        "origin: http://o",
        "referer: http://r",
        method="POST",
        content=b"[1]",
    )

    assert seen.pop("headers")["COOKIE"] == "d=e"
    assert seen == {
        "url": "/a?b=c",
        "path": "/a",
        "query_string": "b=c",
        "method": "POST",
        "query": {"b": ["c"]},
        "cookies": {"d": "e"},
        "json": [1],
        "body": b"[1]",
        "content_type": "application/json",
        "host": "pico",
        "referrer": "http://r",
        "origin": "http://o",
        "payload": {"private": True},
    }


ROLL_REQUEST = [
    "url",
    "path",
    "query_string",
    "method",
    "query",
    "headers",
    "cookies",
    "json",
    "body",
    "content_type",
    "host",
    "referrer",
    "origin",
]


@pytest.mark.parametrize("word", ["load_body", "read"])
async def test_content_of_a_lazy_route_is_awaited(step, fetch, word):
    app = step.Pico()

    @app.route("/", methods=["POST"], lazy_body=True)
    async def index(request, response):
        await getattr(request, word)()
        response.body = request.body

    answer = await fetch(app, "/", method="POST", content=b"hi")

    assert answer.content == b"hi"


BOUNDARY = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("kind", "content", "name", "status"),
    [
        ("application/json", b"{", "json", 400),
        ("application/json", b"\xff", "json", 400),
        (BOUNDARY, b"--x\r\nbroken", "form", 400),
        (BOUNDARY, b"--x\r\nbroken", "files", 400),
    ],
)
async def test_malformed_content_is_a_400(
    step, fetch, kind, content, name, status
):
    app = step.Pico()
    room(step, "forms").forms(app)

    @app.route("/", methods=["POST"])
    async def index(request, response):
        getattr(request, name)

    answer = await fetch(
        app, "/", f"content-type: {kind}", method="POST", content=content
    )

    assert answer.status == status


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("get", "ada", "ada"),
        ("list", "ada", ["ada"]),
        ("int", "7", 7),
        ("float", "1.5", 1.5),
        ("bool", "on", True),
        ("bool", "0", False),
    ],
)
async def test_query_is_typed(step, fetch, kind, value, wanted):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.json = getattr(request.query, kind)("x")

    answer = await fetch(app, f"/?x={value}")
    missing = await fetch(app, "/?y=1")

    assert (answer.status, json.loads(answer.content)) == (200, wanted)
    assert (missing.status, b"'x'" in missing.content) == (400, True)


@pytest.mark.parametrize("kind", ["int", "float", "bool"])
async def test_query_that_is_no_such_thing_is_a_400(step, fetch, kind):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.json = getattr(request.query, kind)("x", None)

    answer = await fetch(app, "/?x=nonsense")

    assert (answer.status, b"'x'" in answer.content) == (400, True)


async def test_cookie_has_all_attributes(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.cookies.set(
            "name",
            "value",
            path="/p",
            domain="d.example",
            secure=True,
            httponly=True,
            max_age=60,
            expires="Thu, 01 Jan 2026 00:00:00 GMT",
            samesite="lax",
        )

    answer = await fetch(app, "/")

    assert set(answer.field("set-cookie").split("; ")) == {
        "name=value",
        "Path=/p",
        "Domain=d.example",
        "Secure",
        "HttpOnly",
        "Max-Age=60",
        "expires=Thu, 01 Jan 2026 00:00:00 GMT",
        "SameSite=lax",
    }


@pytest.mark.parametrize("status", [418, HTTPStatus.CONFLICT])
async def test_http_error_has_status_and_message(step, fetch, status):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        raise step.messages.HttpError(status, "so it is")

    answer = await fetch(app, "/")

    assert (answer.status, answer.content) == (status, b"so it is")


# Extensions, testing, serving


@pytest.mark.parametrize(
    "name",
    [
        "cors",
        "logger",
        "options",
        "content_negotiation",
        "traceback",
        "igniter",
        "static",
        "simple_server",
        "named_url",
        "websockets_store",
    ],
)
def test_extension_of_roll_is_a_function_of_the_app(step, name):
    extension = getattr(room(step, name), name)

    first = next(iter(inspect.signature(extension).parameters))

    assert first == "app"


@pytest.mark.parametrize("name", ["client", "liveclient"])
def test_fixture_of_roll_is_there(step, name):
    assert hasattr(room(step, "testing"), name)


def test_app_runs_with_what_is_said_of_it(step):
    parameters = inspect.signature(step.Pico.run).parameters

    assert [
        (p.name, p.default) for p in parameters.values() if p.name != "self"
    ] == [
        ("host", None),
        ("port", None),
        ("workers", 1),
        ("ssl", None),
        ("unix", None),
        ("reload", False),
    ]
