"""What the extension `mount` does, on the steps that have it."""

import asyncio

import pytest
from websockets.asyncio.client import connect

pytestmark = pytest.mark.steps("04", "05")


class Closing:
    """A body that holds something until it is closed."""

    def __init__(self, closed):
        self.closed = closed

    async def __aiter__(self):
        yield b"hello"

    async def aclose(self):
        self.closed.append(True)


def mounted(step, prefix="/api"):
    """Return an app, and another one that is mounted below a prefix."""
    outer, inner = step.Pico(), step.Pico()

    @outer.route("/")
    async def index(request, response):
        response.body = "outer"

    @inner.route("/")
    @inner.route("/look/{name:path}", methods=["GET", "POST"])
    async def look(request, response, name=""):
        response.json = [request.path, request.url, name, request.app is inner]

    step.modules["extensions.mount"].mount(outer, prefix, inner)
    return outer, inner


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/api", b'["/","/","",true]'),
        ("/api/", b'["/","/","",true]'),
        ("/api?a=b?c", b'["/","/?a=b?c","",true]'),
        ("/api/look/a", b'["/look/a","/look/a","a",true]'),
        ("/api/look/a:b?c=d", b'["/look/a:b","/look/a:b?c=d","a:b",true]'),
        ("/%61pi/look/%3F", b'["/look/?","/look/%3F","?",true]'),
        ("/api/look/api/a", b'["/look/api/a","/look/api/a","api/a",true]'),
    ],
)
async def test_mount_shows_an_app_what_is_below_its_prefix(
    step, fetch, path, seen
):
    outer, _ = mounted(step)

    answer = await fetch(outer, path)

    assert (answer.status, answer.content) == (200, seen)


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [
        ("/", 200, b"outer"),
        ("/apis", 404, b"Not Found"),
        ("/ap", 404, b"Not Found"),
        ("/look/a", 404, b"Not Found"),
        ("/api/nowhere", 404, b"Not Found"),
    ],
)
async def test_mount_leaves_other_paths_alone(
    step, fetch, path, status, content
):
    outer, _ = mounted(step)

    answer = await fetch(outer, path)

    assert (answer.status, answer.content) == (status, content)


async def test_mount_leaves_more_specific_routes_alone(step, fetch):
    outer, _ = mounted(step)

    @outer.route("/api/look/{name}")
    async def own(request, response, name):
        response.body = "own"

    answers = [await fetch(outer, f"/api/look/{p}") for p in ("a", "a/b")]

    assert [answer.content[:4] for answer in answers] == [b"own", b'["/l']


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/api/look/a", 200, None),
        ("HEAD", "/api/look/a", 200, None),
        ("PUT", "/api/look/a", 405, "GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "/api/look/a", 204, "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/api/", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/api/nowhere", 404, None),
    ],
)
async def test_mount_lets_the_app_say_which_methods_it_has(
    step, fetch, method, path, status, allow
):
    outer, _ = mounted(step)

    answer = await fetch(outer, path, method=method)

    assert (answer.status, answer.field("allow")) == (status, allow)


async def test_mount_frames_the_hooks_of_an_app_by_those_of_the_outer(
    step, fetch
):
    outer, inner = mounted(step)
    order = []

    for name, app in (("outer", outer), ("inner", inner)):
        for hook in ("headers", "request", "response"):

            @app.listen(hook)
            def note(request, response, name=name, hook=hook):
                order.append(f"{name} {hook} {request.path}")

    await fetch(outer, "/api/look/a")
    within, order[:] = list(order), []
    await fetch(outer, "/")

    assert within == [
        "outer headers /api/look/a",
        "outer request /api/look/a",
        "inner headers /look/a",
        "inner request /look/a",
        "inner response /look/a",
        "outer response /api/look/a",
    ]
    assert order == ["outer headers /", "outer request /", "outer response /"]


async def test_mount_leaves_errors_to_the_app(step, fetch, caplog):
    outer, inner = mounted(step)
    heard = []
    outer.listen("error")(lambda *arguments: heard.append("outer"))

    @inner.listen("error")
    def page(request, response, error):
        heard.append(f"inner {request.path} {type(error).__name__}")
        response.body = "a page"

    @inner.route("/raise")
    async def fail(request, response):
        raise RuntimeError("a secret")

    answers = [await fetch(outer, f"/api/{p}") for p in ("raise", "nowhere")]

    assert [a.status for a in answers] == [500, 404]
    assert [a.content for a in answers] == [b"a page", b"a page"]
    assert heard == ["inner /raise RuntimeError", "inner /nowhere HttpError"]


async def test_mount_brings_fields_and_cookies_of_both(step, fetch):
    outer, inner = mounted(step)

    @outer.listen("headers")
    def before(request, response):
        response.headers["x-outer"] = "1"
        request["user"] = "ada"

    @inner.route("/user")
    async def user(request, response):
        response.status = 201
        response.headers["x-inner"] = "2"
        response.cookies.set("theme", "dark")
        response.body = request["user"]

    answer = await fetch(outer, "/api/user")

    assert (answer.status, answer.content) == (201, b"ada")
    assert answer.field("x-outer") == "1"
    assert answer.field("x-inner") == "2"
    assert answer.field("set-cookie") == "theme=dark; Path=/"


async def test_mount_streams_what_an_app_streams(step, fetch):
    outer, inner = mounted(step)

    @inner.route("/stream")
    async def stream(request, response):
        async def pieces():
            yield b"a"
            yield b"b"

        response.body = pieces()

    answer = await fetch(outer, "/api/stream")

    assert answer.content == b"ab"


async def test_mount_shows_the_app_its_request_also_while_it_streams(
    step, fetch
):
    outer, inner = mounted(step)
    inner.Request = type("Small", (inner.Request,), {"max_content": 3})
    seen = []

    @inner.route("/stream/{name}", methods=["POST"], lazy_body=True)
    async def stream(request, response, name):
        async def pieces():
            try:
                yield request.path
                yield request.route.path
                yield str(request.app is inner)
                await request.read()
            finally:
                seen.append(request.app is inner)

        response.body = (piece.encode() async for piece in pieces())

    @outer.listen("response")
    def note(request, response):
        seen.append(request.app is outer)

    app = with_pieces(outer)
    answer = await fetch(app, "/api/stream/a", method="POST", content=b"much")

    assert answer.content == b"/stream/a/stream/{name}TrueHttpError"
    assert seen == [True, True]


def with_pieces(app):
    """Return an app that says which error ended a stream."""

    @app.listen("response")
    def spell(request, response):
        async def spelt(body):
            try:
                async for piece in body:
                    yield piece
            except Exception as error:
                yield type(error).__name__.encode()

        response.body = spelt(response.body)

    return app


async def test_mount_ends_the_events_of_an_app_when_the_server_stops(step):
    outer, inner = mounted(step)
    step.modules["extensions.sse"].sse(inner)

    @inner.route("/news", protocol="sse")
    async def news(request, response):
        yield "a"
        await asyncio.Event().wait()

    async def rest(reader, writer):
        try:
            return await reader.read()
        finally:
            writer.close()

    async with outer.serve(port=0) as server:
        reader, writer = await asyncio.open_connection(
            server.host, server.port
        )
        writer.write(b"GET /api/news HTTP/1.1\r\nhost: pico\r\n\r\n")
        await reader.readuntil(b"data: a\n\n\r\n")
        left = asyncio.create_task(rest(reader, writer))
        server.grace = 60

    assert await asyncio.wait_for(left, 5) == b"0\r\n\r\n"


async def test_mount_keeps_sessions_of_two_apps_apart(step, fetch):
    outer, inner = mounted(step)
    sessions = step.modules["extensions.sessions"].sessions
    sessions(outer, keys=["o" * 16], cookie="outer")
    sessions(inner, keys=["i" * 16], cookie="inner")

    @outer.route("/name/{name}")
    @inner.route("/name/{name}")
    async def name(request, response, name):
        before = request["session"].get("name")
        request["session"]["name"] = name
        response.body = str(before)

    first = await fetch(outer, "/name/ada")
    cookie = first.field("set-cookie").partition(";")[0]
    inside = await fetch(outer, "/api/name/bob", f"cookie: {cookie}")
    again = await fetch(outer, "/name/eve", f"cookie: {cookie}")

    assert cookie.startswith("outer=")
    assert [a.content for a in (first, inside, again)] == [
        b"None",
        b"None",
        b"ada",
    ]
    (told,) = [value for name, value in inside.fields if name == "set-cookie"]
    assert told.startswith("inner=")


async def test_mount_lets_the_app_read_the_content(step, fetch):
    outer, inner = mounted(step)

    @inner.route("/echo", methods=["POST"])
    async def echo(request, response):
        response.body = request.body

    @inner.route("/lazy", methods=["POST"], lazy_body=True)
    async def lazy(request, response):
        pieces = [piece async for piece in request]
        response.json = [request.content, len(b"".join(pieces))]

    @inner.route("/never", methods=["POST"], lazy_body=True)
    async def never(request, response):
        response.body = "never"

    answers = [
        await fetch(outer, f"/api/{path}", method="POST", content=b"x" * 9999)
        for path in ("echo", "lazy", "never", "nowhere")
    ]

    assert [answer.content for answer in answers] == [
        b"x" * 9999,
        b"[null,9999]",
        b"never",
        b"Not Found",
    ]


async def test_mount_starts_and_stops_an_app_with_the_outer(step, fetch):
    outer, inner = mounted(step)
    order = []

    for name, app in (("outer", outer), ("inner", inner)):
        for hook in ("startup", "shutdown"):
            app.listen(hook)(lambda at=f"{name} {hook}": order.append(at))

    await fetch(outer, "/")

    assert sorted(order[:2]) == ["inner startup", "outer startup"]
    assert sorted(order[2:]) == ["inner shutdown", "outer shutdown"]


async def test_mount_starts_an_app_once_that_is_mounted_twice(step, fetch):
    outer, inner = mounted(step)
    step.modules["extensions.mount"].mount(outer, "/alias", inner)
    order = []

    for hook in ("startup", "shutdown"):
        inner.listen(hook)(lambda at=hook: order.append(at))

    paths = ("/api/look/a", "/alias/look/a")
    answers = [(await fetch(outer, path)).content for path in paths]

    assert answers == [b'["/look/a","/look/a","a",true]'] * 2
    assert order == ["startup", "shutdown"] * 2


async def test_mount_goes_as_deep_as_one_likes(step, fetch):
    outer, _ = mounted(step)
    top = step.Pico()
    step.modules["extensions.mount"].mount(top, "/v1/", outer)

    answers = [await fetch(top, f"/v1{p}") for p in ("", "/api/look/a")]

    assert [answer.content for answer in answers] == [
        b"outer",
        b'["/look/a","/look/a","a",true]',
    ]


async def test_mount_at_the_root_answers_what_the_outer_does_not(step, fetch):
    outer, _ = mounted(step, prefix="/")

    answers = [await fetch(outer, path) for path in ("/look/a", "/nowhere")]

    assert [answer.status for answer in answers] == [200, 404]


@pytest.mark.parametrize("within", ["outer", "inner", "both"])
async def test_mount_keeps_what_extensions_add_to_a_request(
    step, fetch, within
):
    """`forms` and `sessions` replace the class of requests of an app."""
    outer, inner = mounted(step)
    extensions = step.modules
    sessions = extensions["extensions.sessions"].sessions
    forms = extensions["extensions.forms"].forms
    sessions(inner if within == "inner" else outer)
    forms(outer if within == "outer" else inner)

    @inner.route("/form", methods=["POST"])
    async def form(request, response):
        request["session"]["name"] = request.form.get("name")
        response.json = request["session"]

    content = (
        b'--line\r\ncontent-disposition: form-data; name="name"\r\n\r\n'
        b"ada\r\n--line--\r\n"
    )
    field = "content-type: multipart/form-data; boundary=line"
    answer = await fetch(
        outer, "/api/form", field, method="POST", content=content
    )

    assert (answer.status, answer.content) == (200, b'{"name":"ada"}')
    assert answer.field("set-cookie").startswith("session=")


async def test_mount_shows_the_outer_app_its_own_request_again(step, ask):
    outer, inner = mounted(step)
    kinds = []
    step.modules["extensions.sessions"].sessions(inner)

    @outer.listen("response")
    def note(request, response):
        kinds.append((type(request), request.app is outer, request.url))

    await ask(
        outer, b"GET /api/look/a?b HTTP/1.1\r\nhost: a\r\n\r\n", answers=1
    )

    assert kinds[0] == (outer.Request, True, "/api/look/a?b")


@pytest.mark.parametrize("prefix", ["api", "/{name}", "/api/{name:int}"])
def test_mount_refuses_what_is_no_prefix(step, prefix):
    with pytest.raises(ValueError, match="is no prefix"):
        mounted(step, prefix)


@pytest.mark.parametrize(("both", "same"), [(False, True), (True, False)])
async def test_mount_shows_the_app_the_id_of_the_outer_one(
    step, fetch, both, same
):
    outer, inner = mounted(step)
    request_id = step.modules["extensions.request_id"].request_id
    request_id(outer)
    if both:
        request_id(inner)
    ids = []

    @outer.listen("headers")
    @inner.listen("headers")
    def note(request, response):
        ids.append(request["id"])

    answer = await fetch(outer, "/api/look/a")

    assert ids[1] == answer.field("x-request-id")
    assert (ids[0] == ids[1]) == same


async def test_mount_leaves_websockets_to_the_hooks_of_their_app(step):
    outer, inner = step.Pico(), step.Pico()
    store = step.modules["extensions.websockets_store"].websockets_store
    for app in (outer, inner):
        step.modules["extensions.websocket"].websocket(app)
        store(app)

    @inner.route("/", protocol="websocket")
    async def count(request, ws):
        await ws.send(f"{len(outer['websockets'])} {len(inner['websockets'])}")

    step.modules["extensions.mount"].mount(outer, "/in", inner)

    async with outer.serve(port=0) as server:
        url = server.url.replace("http", "ws", 1) + "/in"
        async with connect(url, proxy=None) as ws:
            said = await ws.recv()

    assert said == "0 1"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_mount_lets_a_body_be_closed(step, fetch, method):
    outer, inner = mounted(step)
    closed = []

    @inner.route("/stream")
    async def stream(request, response):
        response.body = Closing(closed)

    answer = await fetch(outer, "/api/stream", method=method)

    assert answer.status == 200
    assert closed == [True]
