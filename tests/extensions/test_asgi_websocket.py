"""Handlers of WebSockets under each server that can run an app."""

import asyncio
import runpy
import sys

import pytest
from test_asgi import SERVERS, Served, told
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytestmark = pytest.mark.steps("04", "05")

APP = """
import asyncio

from extensions.asgi import asgi
from extensions.websocket import ConnectionClosed, websocket
from extensions.websockets_store import websockets_store
from messages import HttpError
from pico import Pico

app = Pico()
application = asgi(app)
websocket(app, subprotocols=["b"], max_size=100)
websockets_store(app)


@app.listen("headers")
def login(request, response):
    if "forbidden" in request.headers:
        response.headers["x-drone"] = "7"
        raise HttpError(401, "Log in.", {"x-drone": "7"})


@app.route("/echo/{name}", protocol="websocket")
async def echo(request, ws, name):
    page = request.query.int("page", 1)
    await ws.send(f"{name} {page} {ws.subprotocol}")
    try:
        while True:
            await ws.send(await ws.recv())
    except ConnectionClosed as end:
        print(f"ended with {end.code}", flush=True)
        raise


@app.route("/close", protocol="websocket")
async def close(request, ws):
    await ws.close(4001, "not you")


@app.route("/quiet", protocol="websocket")
async def quiet(request, ws):
    pass


@app.route("/fail", protocol="websocket")
async def fail(request, ws):
    raise RuntimeError("secret")


@app.route("/deaf", protocol="websocket")
async def deaf(request, ws):
    ws.patience = 0
    await ws.send("deaf")
    try:
        await asyncio.Event().wait()
    finally:
        print("left", flush=True)


@app.route("/count", protocol="websocket")
async def count(request, ws):
    await ws.send(str(len(app["websockets"])))


@app.route("/empty")
async def empty(request, response):
    response.status = 204
"""
ON_ASYNCIO = [name for name in SERVERS if name != "hypercorn-trio"]


@pytest.fixture(scope="module")
def running():
    """Return the servers that run already, by step and name."""
    running = {}
    yield running
    for served in running.values():
        served.stop()


@pytest.fixture(params=ON_ASYNCIO)
def server(request):
    return request.param


@pytest.fixture
def served(running, target, server):
    """Return a server that runs the app; all tests share it."""
    key = target.folder, server
    if key not in running:
        running[key] = Served(target.folder, SERVERS[server], APP)
    return running[key].wait()


def client(served, path, **options):
    url = served.url.replace("http", "ws", 1) + path
    return connect(url, proxy=None, **options)


async def end_of(ws):
    with pytest.raises(ConnectionClosed) as ended:
        await asyncio.wait_for(ws.recv(), 10)
    return ended.value.rcvd.code, ended.value.rcvd.reason


async def denied(served, path, **options):
    with pytest.raises(InvalidStatus) as refused:
        await client(served, path, **options)
    return refused.value.response


async def hears(served, word):
    return await asyncio.to_thread(served.hears, word)


async def test_asgi_passes_messages(served):
    path = "/echo/ada?page=2"
    async with client(served, path, subprotocols=["a", "b"]) as ws:
        await ws.send("Grüße")
        await ws.send(b"\0\xff")
        said = [await ws.recv() for _ in range(3)]

    assert said == ["ada 2 b", "Grüße", b"\0\xff"]
    assert ws.subprotocol == "b"


async def test_asgi_tells_a_handler_how_the_client_ended(served, server):
    async with client(served, "/echo/ada") as ws:
        await ws.recv()
        await ws.close(4000 + ON_ASYNCIO.index(server))

    # hypercorn says 1006 whatever the client said.
    number = ON_ASYNCIO.index(server)
    code = 1006 if server == "hypercorn" else 4000 + number
    assert await hears(served, f"ended with {code}")


async def test_asgi_closes_as_a_handler_says(served, server):
    async with client(served, "/close") as ws:
        code, reason = await end_of(ws)

    # daphne sends no reason.
    assert (code, reason) == (4001, "" if server == "daphne" else "not you")


async def test_asgi_says_1000_when_a_handler_returns(served):
    async with client(served, "/quiet") as ws:
        code, _ = await end_of(ws)

    assert code == 1000


async def test_asgi_says_1011_when_a_handler_fails(served, server):
    async with client(served, "/fail") as ws:
        end = await end_of(ws)

    # daphne refuses to send such a code.
    assert end == (4011 if server == "daphne" else 1011, "")
    assert await hears(served, "secret")


async def test_asgi_refuses_messages_that_are_too_long(served, server):
    async with client(served, "/echo/ada") as ws:
        await ws.recv()
        await ws.send("a" * 101)
        code, _ = await end_of(ws)

    assert code == (4009 if server == "daphne" else 1009)


async def test_asgi_cancels_a_handler_that_goes_on_behind_the_end(served):
    async with client(served, "/deaf") as ws:
        await ws.recv()

    assert await hears(served, "left")


async def test_asgi_keeps_a_store_of_websockets(served):
    async with client(served, "/echo/ada") as ws:
        await ws.recv()
        async with client(served, "/count") as other:
            number = await other.recv()

    assert int(number) >= 2


@pytest.mark.parametrize(
    ("path", "field", "status"),
    [
        ("/echo/ada", ("forbidden", "1"), 401),
        ("/echo/ada", ("origin", "https://a.example"), 403),
        ("/echo/%ff", ("a", "b"), 400),
        ("/nowhere", ("a", "b"), 404),
    ],
)
async def test_asgi_denies_with_the_answer_of_pico(
    served, server, path, field, status
):
    answer = await denied(served, path, additional_headers=[field])

    if server == "daphne":  # It knows no other.
        status = 403
    assert answer.status_code == status
    assert ("x-drone" in answer.headers) == (status == 401)


@pytest.mark.parametrize("server", ["hypercorn-trio"])
async def test_asgi_on_trio_answers_that_websockets_need_asyncio(served):
    answer = await denied(served, "/echo/ada")

    assert answer.status_code == 501


# Without a server


def handshake(path, *fields, **more):
    return {
        "type": "websocket",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"pico"), *fields],
        "subprotocols": [],
        **more,
    }


CONNECT = {"type": "websocket.connect"}
DENIES = {"extensions": {"websocket.http.response": {}}}


def application(step, view, **options):
    app = step.Pico()
    step.modules["extensions.websocket"].websocket(app, **options)
    app.route("/", protocol="websocket")(view)
    return step.modules["extensions.asgi"].asgi(app)


def gone(code, **more):
    return {"type": "websocket.disconnect", "code": code, **more}


async def test_asgi_keeps_few_messages_that_nobody_receives(step):
    heard, kept = [], []
    message = {"type": "websocket.receive", "bytes": b"a", "text": None}

    async def slow(request, ws):
        for _ in range(1000):
            await asyncio.sleep(0)
        kept.append(len(heard))
        kept.append([await ws.recv() for _ in range(100)])

    async def receive():
        heard.append(1)
        if len(heard) == 1:
            return CONNECT
        return message if len(heard) <= 101 else await asyncio.Future()

    async def send(event):
        pass

    await application(step, slow)(handshake("/"), receive, send)

    assert kept[0] < 20
    assert kept[1] == [b"a"] * 100


async def test_asgi_lets_others_go_on_while_a_handler_sends(step):
    sent = []

    async def talk(request, ws):
        for _ in range(1000):
            await ws.send("a")

    async def receive():
        if not sent:
            return CONNECT
        return gone(1001)

    async def send(event):
        sent.append(event["type"])

    await application(step, talk)(handshake("/"), receive, send)

    assert sent[0] == "websocket.accept"
    assert len(sent) < 20


async def test_asgi_says_what_a_message_is(step):
    sent = []

    async def talk(request, ws):
        for message in (5, {"a": 1}):
            with pytest.raises(TypeError, match="is text or bytes"):
                await ws.send(message)

    async def receive():
        return CONNECT if not sent else await asyncio.Future()

    async def send(event):
        sent.append(event["type"])

    await application(step, talk)(handshake("/"), receive, send)

    assert sent == ["websocket.accept", "websocket.close"]


async def test_asgi_has_the_answer_of_a_server_that_knows_the_client_left(
    step,
):
    ends = []
    closed = step.modules["extensions.websocket"].ConnectionClosed

    async def talk(request, ws):
        try:
            await ws.send("a")
        except closed as end:
            ends.append(end.code)
        with pytest.raises(closed):
            await ws.send("b")

    async def receive():
        return CONNECT if not sent else await asyncio.Future()

    sent = []

    async def send(event):
        sent.append(event["type"])
        if event["type"] == "websocket.send":
            raise OSError

    await application(step, talk)(handshake("/"), receive, send)

    assert (ends, sent) == ([1006], ["websocket.accept", "websocket.send"])


@pytest.mark.parametrize("error", [OSError, RuntimeError])
async def test_asgi_says_goodbye_to_who_has_left_without_an_error(step, error):
    sent = []

    async def talk(request, ws):
        ws.leave(4000)
        ws.leave(4001)

    async def receive():
        return CONNECT if not sent else await asyncio.Future()

    async def send(event):
        sent.append(event)
        if event["type"] == "websocket.close":
            raise error

    await application(step, talk)(handshake("/"), receive, send)

    assert sent[1:] == [
        {"type": "websocket.close", "code": 4000, "reason": ""}
    ]


async def test_asgi_cancels_a_decision_that_nobody_waits_for(step):
    ended = []

    async def never(request, ws):
        ended.append("asked")

    app = step.Pico()
    step.modules["extensions.websocket"].websocket(app)
    app.route("/", protocol="websocket")(never)

    @app.listen("headers")
    async def login(request, response):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    asgi = step.modules["extensions.asgi"].asgi(app)

    sent = await told(asgi, handshake("/"), CONNECT, gone(1006))

    assert (ended, sent) == (["cancelled"], [])


async def test_asgi_gives_handlers_the_class_that_the_app_has(step):
    room = step.modules["extensions.websocket"]
    app, said = step.Pico(), []
    room.websocket(app)

    class Polite(room.WebSocket):
        async def greet(self):
            await self.send("hello")

    app.WebSocket = Polite

    @app.route("/", protocol="websocket")
    async def greet(request, ws):
        said.append(isinstance(ws, Polite))
        await ws.greet()

    asgi = step.modules["extensions.asgi"].asgi(app)

    sent = await told(asgi, handshake("/"), CONNECT)

    assert said == [True]
    assert [event["type"] for event in sent] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        (DENIES, ["websocket.http.response.start"]),
        ({}, []),
    ],
)
async def test_asgi_refuses_subprotocols_that_are_none(step, more, answer):
    async def talk(request, ws):
        raise AssertionError

    field = (b"sec-websocket-protocol", b"a b")
    asgi = application(step, talk)

    sent = await told(asgi, handshake("/", field, **more), CONNECT)

    if answer:
        assert (sent[0]["type"], sent[0]["status"]) == (*answer, 400)
    else:
        assert sent == [{"type": "websocket.close"}]


async def test_asgi_denies_websockets_without_the_library(step, monkeypatch):
    for name, module in step.modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "extensions.asgi_websocket", None)
    names = runpy.run_path(step.folder / "extensions" / "asgi.py")
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.body = "http"

    asgi = names["asgi"](app)
    scope = {"http_version": "1.1", "method": "GET", "scheme": "http"}
    asked = {**handshake("/"), **scope, "type": "http"}

    assert await told(asgi, handshake("/"), CONNECT) == [
        {"type": "websocket.close"}
    ]
    assert (await told(asgi, asked))[1]["body"] == b"http"
