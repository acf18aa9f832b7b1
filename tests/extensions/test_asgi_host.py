"""What the extension `asgi_host` does, with applications of frameworks."""

import asyncio
import contextlib
import json
import logging

import django
import falcon.asgi
import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from workshop.exchange import Until

pytestmark = pytest.mark.steps("04", "05")


def host(step, application):
    return step.modules["extensions.asgi_host"].asgi_host(application)


# One application, in the words of each framework


async def ticks():
    for _ in range(3):
        yield b"tick"


def starlette():
    async def hello(request):
        response = JSONResponse({"hello": request.path_params["name"]})
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    async def add(request):
        return JSONResponse(await request.json(), status_code=201)

    async def stream(request):
        return StreamingResponse(ticks())

    async def fail(request):
        raise RuntimeError("secret")

    routes = [
        Route("/hello/{name}", hello),
        Route("/add", add, methods=["POST"]),
        Route("/stream", stream),
        Route("/fail", fail),
    ]
    return Starlette(routes=[Mount("/", routes=routes)])


def fastapi():
    app = FastAPI()

    class Drone(BaseModel):
        name: str

    @app.get("/hello/{name}")
    async def hello(name: str):
        answer = JSONResponse({"hello": name})
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    @app.post("/add", status_code=201)
    async def add(drone: Drone) -> Drone:
        return drone

    @app.get("/stream")
    async def stream():
        return StreamingResponse(ticks())

    @app.get("/fail")
    async def fail():
        raise RuntimeError("secret")

    return app


async def hello_django(request, name):
    response = JsonResponse({"hello": name})
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


async def add_django(request):
    return JsonResponse(json.loads(request.body), status=201)


async def stream_django(request):
    return StreamingHttpResponse(ticks())


async def fail_django(request):
    raise RuntimeError("secret")


async def refuse_django(request):
    return HttpResponse(status=403)


urlpatterns = [
    path("hello/<name>", hello_django),
    path("add", add_django),
    path("stream", stream_django),
    path("fail", fail_django),
]


def django_application():
    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None
        )
        django.setup()
    return get_asgi_application()


def falcon_application():
    class Hello:
        async def on_get(self, request, response, name):
            response.media = {"hello": name}
            response.set_cookie("a", "1", secure=False, http_only=False)
            response.set_cookie("b", "2", secure=False, http_only=False)

    class Add:
        async def on_post(self, request, response):
            response.media = await request.get_media()
            response.status = falcon.HTTP_201

    class Stream:
        async def on_get(self, request, response):
            response.stream = ticks()

    class Fail:
        async def on_get(self, request, response):
            raise RuntimeError("secret")

    app = falcon.asgi.App()
    app.add_route("/hello/{name}", Hello())
    app.add_route("/add", Add())
    app.add_route("/stream", Stream())
    app.add_route("/fail", Fail())
    return app


FRAMEWORKS = {
    "starlette": starlette,
    "fastapi": fastapi,
    "django": django_application,
    "falcon": falcon_application,
}


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    return FRAMEWORKS[request.param]()


async def test_asgi_host_serves_a_framework(step, fetch, framework):
    app = host(step, framework)

    answer = await fetch(app, "/hello/ada")

    assert answer.status == 200
    assert json.loads(answer.content) == {"hello": "ada"}
    cookies = [value for name, value in answer.fields if name == "set-cookie"]
    assert [cookie.partition(";")[0] for cookie in cookies] == ["a=1", "b=2"]


async def test_asgi_host_passes_content_on(step, fetch, framework):
    app = host(step, framework)
    content = b'{"name": "ada"}'

    answer = await fetch(
        app,
        "/add",
        "content-type: application/json",
        method="POST",
        content=content,
    )

    assert answer.status == 201
    assert json.loads(answer.content) == {"name": "ada"}


async def test_asgi_host_streams(step, fetch, framework):
    app = host(step, framework)

    answer = await fetch(app, "/stream")

    assert (answer.status, answer.content) == (200, b"tick" * 3)


async def test_asgi_host_answers_a_failure(step, fetch, framework):
    app = host(step, framework)

    answer = await fetch(app, "/fail")

    assert answer.status == 500
    assert b"secret" not in answer.content


async def test_asgi_host_lets_a_framework_answer_404(step, fetch, framework):
    app = host(step, framework)

    answer = await fetch(app, "/nowhere")

    assert answer.status == 404


async def test_asgi_host_answers_head_as_a_framework_does(step, fetch):
    app = host(step, starlette())

    answer = await fetch(app, "/hello/ada", method="HEAD")

    assert (answer.status, answer.content) == (200, b"")
    assert answer.field("content-length") == "15"


async def test_asgi_host_survives_that_django_knows_no_websocket(step):
    async with host(step, django_application()).serve(port=0) as server:
        url = server.url.replace("http", "ws", 1) + "/hello/ada"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)

    assert refused.value.response.status_code == 500


# Pico in front


async def test_asgi_host_answers_at_its_own_routes_first(step, fetch):
    app = host(step, starlette())

    @app.route("/hello/{name}")
    async def hello(request, response, name):
        response.body = "pico"

    assert (await fetch(app, "/hello/ada")).content == b"pico"
    assert (await fetch(app, "/stream")).content == b"tick" * 3


async def test_asgi_host_calls_listeners(step, fetch):
    app = host(step, starlette())
    step.modules["extensions.cors"].cors(app)

    answer = await fetch(app, "/hello/ada")

    assert answer.field("access-control-allow-origin") == "*"


# Events, one by one


async def begin(send, *fields, status=200):
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": list(fields)})


def body(content, more=False):
    event = {"type": "http.response.body", "body": content}
    return {**event, "more_body": more}


def with_turn(app):
    """Return an app that tells a client that segments came apart."""

    @app.route("/hello/turn")
    async def turn(request, response):
        response.json = {"message": "turn"}

    return app


def get(path="/"):
    return f"GET {path} HTTP/1.1\r\nhost: pico\r\n\r\n".encode()


async def test_asgi_host_tells_what_was_asked(step, fetch):
    told = {}

    async def application(scope, receive, send):
        told.update(scope)
        await begin(send)
        await send(body(b""))

    await fetch(host(step, application), "/a%20b?c=d", "e: f")

    client, server = told.pop("client"), told.pop("server")
    assert client[0] == server[0] == "127.0.0.1"
    assert told == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=d",
        "headers": [
            (b"host", b"pico"),
            (b"e", b"f"),
            (b"connection", b"close"),
        ],
        "state": {},
    }


async def test_asgi_host_streams_content_both_ways(step, ask):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await begin(send)
        more = True
        while more:
            event = await receive()
            more = event["more_body"]
            await send(body(event["body"], more))

    head = b"POST / HTTP/1.1\r\nhost: pico\r\nconnection: close\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n3\r\nada\r\n"
    app = with_turn(host(step, application))

    exchange = await ask(app, head, Until(b"ada"), b"4\r\nbyte\r\n0\r\n\r\n")

    assert exchange.answers[0].content == b"adabyte"


async def test_asgi_host_lets_go_of_a_client_that_has_left(step):
    heard, refused = [], asyncio.Event()

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()
        await begin(send)
        try:
            while True:
                await send(body(b"tick" * 1000, more=True))
        except OSError:
            heard.append(await receive())
            refused.set()

    async with host(step, application).serve(port=0) as server:
        address = server.host, server.port
        reader, writer = await asyncio.open_connection(*address)
        writer.write(get())
        await reader.readuntil(b"tick")
        writer.transport.abort()
        await asyncio.wait_for(refused.wait(), 5)

    assert heard == [{"type": "http.disconnect"}]


async def test_asgi_host_waits_for_a_client_that_reads_slowly(step):
    sent = []
    left = asyncio.Event()

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await begin(send)
        with contextlib.suppress(OSError):
            while len(sent) < 2000:
                await send(body(bytes(2**16), more=True))
                sent.append(1)
        left.set()

    async with host(step, application).serve(port=0) as server:
        _, writer = await asyncio.open_connection(
            server.host, server.port, limit=2**10
        )
        writer.write(get())
        before = -1
        while before != len(sent):  # until it waits
            before = len(sent)
            for _ in range(1000):
                await asyncio.sleep(0)
        stopped = len(sent)
        writer.transport.abort()
        await asyncio.wait_for(left.wait(), 5)

    assert 0 < stopped < 2000


async def test_asgi_host_breaks_off_an_answer_that_fails(step, ask):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await begin(send)
        await send(body(b"begin", more=True))

    exchange = await ask(host(step, application), get(), closing=True)

    assert [answer.complete for answer in exchange.answers] == [False]


# Applications that fail


async def test_asgi_host_refuses_events_out_of_turn(step, fetch):
    refused = []

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError

        async def attempt(event):
            try:
                await send(event)
            except RuntimeError as error:
                refused.append(str(error))

        unknown = {"type": "http.response.zerocopysend"}
        await attempt(body(b"early"))
        await attempt(unknown)
        await begin(send)
        await attempt({"type": "http.response.start", "status": 500})
        await attempt(unknown)
        await send(body(b"whole "))
        await begin(send, status=500)  # Behind the end all is ignored.
        await send(body(b"late", more=True))
        await attempt(unknown)

    answer = await fetch(host(step, application), "/")

    assert (answer.status, answer.content) == (200, b"whole ")
    assert refused == [
        f"{kind} was sent instead of {wanted}."
        for kind, wanted in (
            ("http.response.body", "http.response.start"),
            ("http.response.zerocopysend", "http.response.start"),
            ("http.response.start", "http.response.body"),
            ("http.response.zerocopysend", "http.response.body"),
        )
    ]


async def test_asgi_host_breaks_off_at_an_event_out_of_turn(step, ask):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await begin(send)
        await send(body(b"begin", more=True))
        await send({"type": "http.response.trailers", "headers": []})

    exchange = await ask(host(step, application), get(), closing=True)

    assert [answer.complete for answer in exchange.answers] == [False]


@pytest.mark.parametrize("events", [0, 1, 2])
async def test_asgi_host_ends_what_an_application_cancels(step, ask, events):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if events:
            await begin(send)
        for _ in range(1, events):
            await send(body(b"begin", more=True))
        raise asyncio.CancelledError

    app = host(step, application)

    exchange = await ask(app, get(), closing=events == 2)

    ends = [(answer.status, answer.complete) for answer in exchange.answers]
    assert ends == [(200, False) if events == 2 else (500, True)]
    assert (app.connections, app.tasks) == (set(), set())


@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_asgi_host_logs_what_fails_behind_a_head(
    step, fetch, caplog, pieces
):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await begin(send)
        for _ in range(pieces):
            await send(body(b"begin", more=True))
        raise RuntimeError("cannot go on")

    app = host(step, application)

    answer = await fetch(app, "/", method="HEAD")

    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert (answer.status, answer.content) == (200, b"")
    assert [str(record.exc_info[1]) for record in errors] == ["cannot go on"]
    assert app.tasks == set()


async def test_asgi_host_lets_others_in_while_nobody_hears(step):
    """A HEAD that is answered with many pieces waits for nobody."""
    sent, many = [], 100_000

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await begin(send)
        with contextlib.suppress(OSError):
            while len(sent) < many:
                await send(body(b"tick", more=True))
                sent.append(1)
            await send(body(b""))

    app = with_turn(host(step, application))
    async with app.serve(port=0) as server:
        address = server.host, server.port
        reader, writer = await asyncio.open_connection(*address)
        writer.write(get().replace(b"GET", b"HEAD"))
        await reader.readuntil(b"\r\n\r\n")
        other, asking = await asyncio.open_connection(*address)
        asking.write(get("/hello/turn"))
        await other.readuntil(b"turn")
        meanwhile = len(sent)
        asking.close()
        writer.close()

    assert meanwhile < many


@pytest.mark.parametrize(
    ("method", "field", "status"),
    [(b"HEAD", b"b", 200), (b"GET", b"b", 304), (b"GET", b"\n", 200)],
)
async def test_asgi_host_lets_one_application_work_on_unheard(
    step, method, field, status
):
    """Also one whose head was refused, as it was none."""
    runs = []

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        runs.append(scope)
        await begin(send, (b"a", field), status=status)
        try:
            while True:
                await send(body(b"tick", more=True))
                await asyncio.sleep(0)
        finally:
            runs.remove(scope)

    app = host(step, application)
    async with app.serve(port=0) as server:
        reader, writer = await asyncio.open_connection(
            server.host, server.port
        )
        for _ in range(5):
            writer.write(get().replace(b"GET", method))
            await reader.readuntil(b"\r\n\r\n")
        for _ in range(50):
            await asyncio.sleep(0)
        left = len(runs)
        writer.close()

    assert left == 1
    assert runs == []


# Content that fails

POST = b"POST / HTTP/1.1\r\nhost: pico\r\n"
SHORT = POST + b"content-length: 10\r\n\r\nabc"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"


def reading(step, heard, first=None):
    """Return an app that sends a piece, if there is one, and then reads."""

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if first:
            await begin(send)
            await send(body(first, more=True))
        while heard[-1:] != ["http.disconnect"]:
            heard.append((await receive())["type"])

    return with_turn(host(step, application))


def impatient(app):
    """Let an app wait but a moment for more of the content."""
    app.Server = type("Server", (app.Server,), {"interval": 0.01})
    limits = {"content_timeout": 0.02}
    app.Protocol = type("Protocol", (app.Protocol,), limits)
    return app


FAILURES = {
    "stops": (SHORT, [], {}, 408),
    "ends": (SHORT, [], {"half_close": True}, 400),
    "is broken": (CHUNKED, [b"ZZ\r\n"], {}, 400),
}


@pytest.mark.parametrize("how", FAILURES)
async def test_asgi_host_answers_that_content_fails(step, ask, how):
    sent, more, options, status = FAILURES[how]
    heard = []
    app = reading(step, heard)
    app = impatient(app) if status == 408 else app

    exchange = await ask(app, sent, *more, closing=True, **options)

    assert [answer.status for answer in exchange.answers] == [status]
    assert exchange.end == "closed"
    assert heard == ["http.request", "http.disconnect"]
    assert (app.connections, app.tasks) == (set(), set())


@pytest.mark.parametrize("how", FAILURES)
async def test_asgi_host_breaks_off_when_content_fails(step, ask, how):
    sent, more, options, status = FAILURES[how]
    heard = []
    app = reading(step, heard, first=b"begin")
    app = impatient(app) if status == 408 else app

    exchange = await ask(
        app, sent, Until(b"begin"), *more, closing=True, **options
    )

    assert [answer.complete for answer in exchange.answers] == [False]
    assert heard == ["http.request", "http.disconnect"]
    assert (app.connections, app.tasks) == (set(), set())


async def test_asgi_host_ends_an_answer_though_content_fails_behind_it(
    step, ask
):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()
        await begin(send)
        await send(body(large, more=True))
        await send(body(b"whole"))  # It waits until the client has read.
        heard.append((await receive())["type"])

    large, heard = bytes(2**24), []
    app = host(step, application)

    exchange = await ask(app, CHUNKED + b"ZZ\r\n", closing=True)

    assert [answer.complete for answer in exchange.answers] == [True]
    assert exchange.answers[0].content == large + b"whole"
    assert heard == ["http.disconnect"]


# Fields


@pytest.mark.parametrize("pieces", [[b"ada"], [b"", b"ada"], [b"ada", b""]])
@pytest.mark.parametrize("declared", [[], [(b"content-length", b"3")]])
async def test_asgi_host_answers_head_with_the_fields_of_get(
    step, fetch, pieces, declared
):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await begin(send, (b"a", b"b"), *declared)
        for piece in pieces[:-1]:
            await send(body(piece, more=True))
        await send(body(pieces[-1]))

    app = host(step, application)

    answers = [await fetch(app, "/", method=m) for m in ("GET", "HEAD")]

    assert [answer.content for answer in answers] == [b"ada", b""]
    get, head = (dict(answer.fields) for answer in answers)
    assert get | {"date": ""} == head | {"date": ""}


async def test_asgi_host_keeps_the_length_of_what_is_not_sent(step, fetch):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await begin(send, (b"content-length", b"3"))
        await send(body(b"" if scope["method"] == "HEAD" else b"ada"))

    app = host(step, application)

    answers = [await fetch(app, "/", method=m) for m in ("GET", "HEAD")]

    assert [answer.field("content-length") for answer in answers] == ["3", "3"]


async def test_asgi_host_joins_fields_but_not_cookies(step, fetch):
    async def application(scope, receive, send):
        fields = [(b"vary", b"A"), (b"Vary", b"B")]
        fields += [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        await begin(send, *fields)
        await send(body(b""))

    answer = await fetch(host(step, application), "/")

    kept = [f for f in answer.fields if f[0] in ("vary", "set-cookie")]
    assert kept == [
        ("vary", "A, B"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]


async def test_asgi_host_waits_for_what_goes_on_behind_an_answer(step, fetch):
    done = []
    released = asyncio.Event()

    async def later():
        await asyncio.sleep(0)
        done.append(True)
        released.set()

    async def index(request):
        return Response("ada", background=BackgroundTask(later))

    app = host(step, Starlette(routes=[Route("/", index)]))

    answer = await fetch(app, "/")

    assert (answer.content, done) == (b"ada", [True])


# Lifespan


async def test_asgi_host_tells_of_start_and_end(step, fetch):
    told = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        told.append("started")
        yield {"drone": 7}
        told.append("stopped")

    async def index(request):
        return JSONResponse(request.state.drone)

    routes = [Route("/", index)]
    app = host(step, Starlette(routes=routes, lifespan=lifespan))

    answer = await fetch(app, "/")

    assert (answer.content, told) == (b"7", ["started", "stopped"])


async def test_asgi_host_does_not_start_what_cannot_start(step):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        raise RuntimeError("no database")
        yield

    app = host(step, Starlette(lifespan=lifespan))

    with pytest.raises(RuntimeError, match="no database"):
        async with app.serve(port=0):
            pass


async def test_asgi_host_starts_what_is_cancelled_when_asked(step, fetch):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise asyncio.CancelledError
        await begin(send)
        await send(body(b"ada"))

    app = host(step, application)

    async with asyncio.timeout(10):
        answer = await fetch(app, "/")

    assert answer.content == b"ada"
