"""WebSockets of applications that the extension `asgi_host` serves."""

import asyncio
import contextlib
import logging
import runpy
import socket
import struct
import sys

import falcon.asgi
import pytest
from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

pytestmark = pytest.mark.steps("04", "05")

NO_LINGER = struct.pack("ii", 1, 0)
HANDSHAKE = (
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
)


def host(step, application, **options):
    return step.modules["extensions.asgi_host"].asgi_host(
        application, **options
    )


def client(server, path="/", **options):
    url = server.url.replace("http", "ws", 1) + path
    return connect(url, proxy=None, **options)


@contextlib.asynccontextmanager
async def joined(app, path="/", **options):
    """Serve an app, and open a WebSocket to it."""
    async with (
        app.serve(port=0) as server,
        client(server, path, **options) as ws,
    ):
        yield ws


async def denied(app, path="/", **options):
    """Return the answer to a handshake that is not accepted."""
    async with app.serve(port=0) as server:
        with pytest.raises(InvalidStatus) as refused:
            await client(server, path, **options)
    return refused.value.response


async def end_of(ws):
    """Return how the other side ended it."""
    with pytest.raises(ConnectionClosed) as ended:
        await ws.recv()
    return ended.value.rcvd.code, ended.value.rcvd.reason


async def until(true, turns=200_000):
    """Let the loop turn until something holds."""
    for _ in range(turns):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("It did not come to that.")


# One application, in the words of each framework. The last WebSocket's end
# is put into `ends`.


def starlette(ends):
    async def text(ws):
        await ws.accept("b", [(b"x-drone", b"7")])
        async for message in ws.iter_text():
            await ws.send_text(message)

    async def data(ws):
        await ws.accept()
        async for message in ws.iter_bytes():
            await ws.send_bytes(message)

    async def end(ws):
        await ws.accept()
        event = await ws.receive()
        await ends.put(event["code"])

    async def close(ws):
        await ws.accept()
        await ws.close(4001, "not you")

    async def deny(ws):
        await ws.close()

    async def fail(ws):
        await ws.accept()
        raise RuntimeError("secret")

    views = [text, data, end, close, deny, fail]
    return Starlette(
        routes=[WebSocketRoute(f"/{v.__name__}", v) for v in views]
    )


def fastapi(ends):
    app = FastAPI()

    @app.websocket("/text")
    async def text(ws: WebSocket):
        await ws.accept("b", [(b"x-drone", b"7")])
        async for message in ws.iter_text():
            await ws.send_text(message)

    @app.websocket("/data")
    async def data(ws: WebSocket):
        await ws.accept()
        async for message in ws.iter_bytes():
            await ws.send_bytes(message)

    @app.websocket("/end")
    async def end(ws: WebSocket):
        await ws.accept()
        event = await ws.receive()
        await ends.put(event["code"])

    @app.websocket("/close")
    async def close(ws: WebSocket):
        await ws.accept()
        await ws.close(4001, "not you")

    @app.websocket("/deny")
    async def deny(ws: WebSocket):
        await ws.close()

    @app.websocket("/fail")
    async def fail(ws: WebSocket):
        await ws.accept()
        raise RuntimeError("secret")

    return app


def falcon_application(ends):
    class Text:
        async def on_websocket(self, request, ws):
            await ws.accept("b", {"x-drone": "7"})
            while True:
                await ws.send_text(await ws.receive_text())

    class Data:
        async def on_websocket(self, request, ws):
            await ws.accept()
            while True:
                await ws.send_data(await ws.receive_data())

    class End:
        async def on_websocket(self, request, ws):
            await ws.accept()
            with pytest.raises(falcon.WebSocketDisconnected) as ended:
                await ws.receive_text()
            await ends.put(ended.value.code)

    class Close:
        async def on_websocket(self, request, ws):
            await ws.accept()
            await ws.close(4001, "not you")

    class Deny:
        async def on_websocket(self, request, ws):
            await ws.close()

    class Fail:
        async def on_websocket(self, request, ws):
            await ws.accept()
            raise RuntimeError("secret")

    app = falcon.asgi.App()
    for view in (Text, Data, End, Close, Deny, Fail):
        app.add_route(f"/{view.__name__.lower()}", view())
    return app


FRAMEWORKS = {
    "starlette": starlette,
    "fastapi": fastapi,
    "falcon": falcon_application,
}


@pytest.fixture
def ends():
    return asyncio.Queue()


@pytest.fixture(params=FRAMEWORKS)
def framework(request, ends):
    return FRAMEWORKS[request.param](ends)


async def test_asgi_host_opens_a_websocket_as_a_framework_does(
    step, framework
):
    app = host(step, framework)

    async with joined(app, "/text", subprotocols=["a", "b"]) as ws:
        await ws.send("Grüße")
        said = await ws.recv()

    assert (said, ws.subprotocol) == ("Grüße", "b")
    assert ws.response.headers["x-drone"] == "7"


async def test_asgi_host_passes_bytes(step, framework):
    async with joined(host(step, framework), "/data") as ws:
        await ws.send(b"\0\xff")
        said = await ws.recv()

    assert said == b"\0\xff"


async def test_asgi_host_tells_how_a_client_ended(step, framework, ends):
    async with joined(host(step, framework), "/end") as ws:
        await ws.close(4000, "enough")
        code = await ends.get()

    assert code == 4000


async def test_asgi_host_closes_as_a_framework_says(step, framework):
    async with joined(host(step, framework), "/close") as ws:
        end = await end_of(ws)

    assert end == (4001, "not you")


async def test_asgi_host_answers_403_where_a_framework_denies(step, framework):
    answer = await denied(host(step, framework), "/deny")

    assert answer.status_code == 403


async def test_asgi_host_answers_403_where_a_framework_has_no_route(
    step, framework
):
    answer = await denied(host(step, framework), "/nowhere")

    assert answer.status_code == 403


async def test_asgi_host_says_1011_where_a_framework_fails(step, framework):
    async with joined(host(step, framework), "/fail") as ws:
        code, reason = await end_of(ws)

    assert (code, "secret" in reason) == (1011, False)


async def test_asgi_host_answers_as_a_denial_says(step):
    async def deny(ws):
        answer = JSONResponse({"log": "in"}, 401, {"x-drone": "7"})
        await ws.send_denial_response(answer)

    app = host(step, Starlette(routes=[WebSocketRoute("/", deny)]))

    answer = await denied(app)

    assert (answer.status_code, answer.body) == (401, b'{"log":"in"}')
    assert answer.headers["x-drone"] == "7"


# Pico in front


async def test_asgi_host_protects_websockets_by_its_listeners(step, ends):
    app = host(step, starlette(ends))

    @app.listen("headers")
    def login(request, response):
        raise step.messages.HttpError(401)

    answer = await denied(app, "/text")

    assert answer.status_code == 401


async def test_asgi_host_answers_at_its_own_websocket_routes_first(step, ends):
    app = host(step, starlette(ends))
    step.modules["extensions.websocket"].websocket(app)

    @app.route("/text", protocol="websocket")
    async def text(request, ws):
        await ws.send("pico")

    async with joined(app, "/text") as ws:
        said = await ws.recv()

    assert said == "pico"


async def test_asgi_host_websockets_are_in_the_store(step, ends):
    app = host(step, starlette(ends))
    step.modules["extensions.websockets_store"].websockets_store(app)

    async with joined(app, "/data") as ws:
        await ws.send(b"in")
        await ws.recv()
        number = len(app["websockets"])

    assert (number, app["websockets"]) == (1, set())


async def test_asgi_host_calls_error_listeners(step, ends):
    app = host(step, starlette(ends))
    errors = []
    app.listen("error")(lambda request, response, error: errors.append(error))

    async with joined(app, "/fail") as ws:
        await end_of(ws)

    assert [str(error) for error in errors] == ["secret"]


async def test_asgi_host_denies_a_websocket_under_another_server(step, ends):
    app = host(step, starlette(ends))
    application = step.modules["extensions.asgi"].asgi(app)
    scope = {
        "type": "websocket",
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/text",
        "raw_path": b"/text",
        "query_string": b"",
        "headers": [
            (b"host", b"pico"),
            (b"connection", b"upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-version", b"13"),
            (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ],
        "extensions": {"websocket.http.response": {}},
    }
    heard, told = asyncio.Queue(), []
    heard.put_nowait(says("connect"))

    async def tell(event):
        told.append(event)

    await app.startup()
    try:
        async with asyncio.timeout(5):
            await application(scope, heard.get, tell)
    finally:
        await app.shutdown()

    assert [event.get("status") for event in told][:1] == [501]


# Events, one by one


def websockets(talk):
    """Return an application that leaves all but WebSockets out."""

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        assert scope["type"] == "websocket"
        await talk(scope, receive, send)

    return application


def says(kind, **words):
    return {"type": f"websocket.{kind}", **words}


async def test_asgi_host_tells_what_a_handshake_asked(step):
    told = {}

    async def talk(scope, receive, send):
        told.update(scope, first=await receive())
        await send(says("accept"))

    app = host(step, websockets(talk))
    async with joined(app, "/a%20b?c=d", subprotocols=["a", "b"]) as ws:
        end = await end_of(ws)

    assert end == (1000, "")
    headers = dict(told.pop("headers"))
    assert headers[b"sec-websocket-protocol"] == b"a, b"
    peers = told.pop("client"), told.pop("server")
    assert [address for address, _ in peers] == ["127.0.0.1"] * 2
    assert told == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=d",
        "subprotocols": ["a", "b"],
        "state": {},
        "extensions": {"websocket.http.response": {}},
        "first": {"type": "websocket.connect"},
    }


async def test_asgi_host_offers_no_subprotocols_if_none_came(step):
    told = []

    async def talk(scope, receive, send):
        told.extend([scope["subprotocols"], "set"])
        await send(says("close"))

    await denied(host(step, websockets(talk)))

    assert told == [[], "set"]


async def test_asgi_host_passes_events_of_messages(step):
    told = []

    async def talk(scope, receive, send):
        await send(says("accept"))
        await send(says("send", text=None, bytes=b""))
        await send(says("send", text="", bytes=None))
        told.extend([await receive() for _ in range(5)])

    async with joined(host(step, websockets(talk))) as ws:
        said = [await ws.recv(), await ws.recv()]
        await ws.send("a")
        await ws.send(b"b")
        await ws.close(4000, "enough")
        await until(lambda: told)

    gone = says("disconnect", code=4000, reason="enough")
    assert said == [b"", ""]
    assert told == [
        says("connect"),
        says("receive", text="a"),
        says("receive", bytes=b"b"),
        gone,
        gone,
    ]


@pytest.mark.parametrize(
    "event",
    [
        says("send", text="too early"),
        says("accept", headers=[(b"x", b"a\r\nset-cookie: b")]),
        says("accept", headers=[(b"x y", b"a")]),
        says("accept", subprotocol="a\r\nset-cookie: b"),
        {"type": "http.response.start", "status": 200},
    ],
)
async def test_asgi_host_answers_500_if_an_event_cannot_be_sent(step, event):
    async def talk(scope, receive, send):
        await send(event)

    answer = await denied(host(step, websockets(talk)))

    assert answer.status_code == 500
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("error", [None, RuntimeError("secret")])
async def test_asgi_host_answers_500_if_nothing_is_decided(step, error):
    async def talk(scope, receive, send):
        if error:
            raise error

    answer = await denied(host(step, websockets(talk)))

    assert (answer.status_code, b"secret" in answer.body) == (500, False)


async def test_asgi_host_sends_no_message_before_it_was_accepted(step):
    async def talk(scope, receive, send):
        with pytest.raises(RuntimeError, match="was sent before"):
            await send(says("send", text="too early"))
        await send(says("accept"))
        await send(says("send", text="in time"))

    async with joined(host(step, websockets(talk))) as ws:
        said = [message async for message in ws]

    assert said == ["in time"]


async def test_asgi_host_refuses_a_second_accept(step):
    async def talk(scope, receive, send):
        await send(says("accept"))
        await send(says("accept"))

    async with joined(host(step, websockets(talk))) as ws:
        code, _ = await end_of(ws)

    assert code == 1011


async def test_asgi_host_keeps_the_fields_that_are_its_own(step):
    fields = [(b"connection", b"close"), (b"content-length", b"5")]
    fields += [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    fields += [(b"Sec-WebSocket-Accept", b"mine")]

    async def talk(scope, receive, send):
        await send(says("accept", headers=fields))

    async with joined(host(step, websockets(talk))) as ws:
        headers = ws.response.headers

    assert headers["connection"] == "Upgrade"
    assert "content-length" not in headers
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]


async def test_asgi_host_waits_for_a_client_that_reads_no_messages(step):
    sent, ended = [], asyncio.Event()

    async def talk(scope, receive, send):
        await send(says("accept"))
        try:
            while len(sent) < 100:
                await send(says("send", bytes=bytes(2**18)))
                sent.append(1)
        except OSError:
            ended.set()

    async with host(step, websockets(talk)).serve(port=0) as server:
        reader, writer = await by_hand(server)
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != len(sent):  # until it waits
            before = len(sent)
            for _ in range(1000):
                await asyncio.sleep(0)
        stopped = len(sent)
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), 5)

    assert 0 < stopped < 100


async def by_hand(server, *fields):
    reader, writer = await asyncio.open_connection(
        server.host, server.port, limit=2**10
    )
    lines = ["GET / HTTP/1.1", "host: pico", *HANDSHAKE, *fields]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return reader, writer


async def test_asgi_host_lets_go_of_who_left_before_it_was_decided(step):
    asked, told = asyncio.Event(), []

    async def talk(scope, receive, send):
        await receive()
        asked.set()
        told.append(await receive())
        with pytest.raises(OSError, match="has left"):
            await send(says("accept"))
        told.append("refused")

    async with host(step, websockets(talk)).serve(port=0) as server:
        _, writer = await by_hand(server)
        await asked.wait()
        ended = writer.get_extra_info("socket")
        ended.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        writer.transport.abort()
        await until(lambda: len(told) == 2)

    assert told == [says("disconnect", code=1006, reason=""), "refused"]


async def test_asgi_host_lets_go_of_who_leaves_without_a_word(step):
    told = []

    async def talk(scope, receive, send):
        await receive()
        await send(says("accept"))
        told.append(await receive())
        with pytest.raises(OSError, match="has left"):
            await send(says("send", text="a"))
        await send(says("close"))
        told.append("refused")

    async with host(step, websockets(talk)).serve(port=0) as server:
        reader, writer = await by_hand(server)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        await until(lambda: len(told) == 2)

    assert told == [says("disconnect", code=1006, reason=""), "refused"]


async def test_asgi_host_logs_what_fails_behind_the_end(step, caplog):
    async def talk(scope, receive, send):
        await receive()
        await send(says("accept"))
        await receive()
        await until(lambda: not app.connections)
        raise RuntimeError("cannot save")

    app = host(step, websockets(talk))
    async with joined(app):
        pass

    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert [str(record.exc_info[1]) for record in errors] == ["cannot save"]


async def test_asgi_host_ends_a_websocket_that_is_cancelled(step, caplog):
    async def talk(scope, receive, send):
        await receive()
        await send(says("accept"))
        raise asyncio.CancelledError

    app = host(step, websockets(talk))
    async with joined(app) as ws, asyncio.timeout(10):
        code, _ = await end_of(ws)

    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert (code, app.tasks) == (1011, set())
    assert [str(r.exc_info[1]) for r in errors] == [
        "The application was cancelled."
    ]


async def test_asgi_host_says_going_away_when_it_stops(step, ends):
    app = host(step, starlette(ends))

    async with app.serve(port=0) as server:
        ws = await client(server, "/end")
    code, _ = await end_of(ws)

    assert (code, await ends.get()) == (1001, 1001)
    assert (app.connections, app.tasks) == (set(), set())


# Options


@pytest.mark.parametrize(
    ("options", "origin", "status"),
    [
        ({}, "https://a.example", 101),
        ({"origins": ["https://a.example"]}, "https://a.example", 101),
        ({"origins": ["https://a.example"]}, "https://b.example", 403),
        ({"origins": None}, "https://a.example", 403),
    ],
)
async def test_asgi_host_lets_an_application_decide_on_origins_unless_told(
    step, options, origin, status
):
    async def talk(scope, receive, send):
        await send(says("accept"))

    app = host(step, websockets(talk), **options)

    async with app.serve(port=0) as server:
        reader, writer = await by_hand(server, f"origin: {origin}")
        head = await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    assert head.startswith(b"HTTP/1.1 %d " % status)


async def test_asgi_host_refuses_messages_that_are_too_long(step, ends):
    app = host(step, starlette(ends), max_size=100, compress=False)

    async with joined(app, "/text", subprotocols=["b"]) as ws:
        await ws.send("a" * 101)
        code, _ = await end_of(ws)

    assert (code, ws.protocol.extensions) == (1009, [])


# What is no handshake


async def test_asgi_host_refuses_a_handshake_that_is_none(step, fetch):
    asked = []

    async def application(scope, receive, send):
        asked.append(scope["type"])

    app = host(step, application)
    fields = [field.replace("13", "8") for field in HANDSHAKE]

    answer = await fetch(app, "/", *fields)

    assert (answer.status, asked) == (400, ["lifespan"])


@pytest.mark.parametrize(
    ("method", "left_out"),
    [("GET", "connection"), ("GET", "upgrade"), ("POST", "none")],
)
async def test_asgi_host_leaves_an_upgrade_that_cannot_be(
    step, fetch, method, left_out
):
    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        kind = scope["type"].encode()
        await send({"type": "http.response.body", "body": kind})

    app = host(step, application)
    fields = [f for f in HANDSHAKE if not f.startswith(left_out)]

    answer = await fetch(app, "/", *fields, method=method)

    assert answer.content == b"http"


async def test_asgi_host_leaves_an_upgrade_of_http_1_0(step, ask):
    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        kind = scope["type"].encode()
        await send({"type": "http.response.body", "body": kind})

    lines = ["GET / HTTP/1.0", "host: pico", *HANDSHAKE, "", ""]

    exchange = await ask(host(step, application), "\r\n".join(lines).encode())

    assert [answer.content for answer in exchange.answers] == [b"http"]


async def test_asgi_host_refuses_frames_before_it_was_decided(step):
    asked, decide, told = asyncio.Event(), asyncio.Event(), []

    async def talk(scope, receive, send):
        asked.set()
        await decide.wait()
        try:
            await send(says("accept"))
        except OSError:
            told.append("refused")

    async with host(step, websockets(talk)).serve(port=0) as server:
        reader, writer = await by_hand(server)
        await asked.wait()
        writer.write(Frame(Opcode.TEXT, b"a").serialize(mask=True))
        connection = next(iter(server.app.connections))
        await until(lambda: connection.parser.head or connection.parser.error)
        decide.set()
        head = await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    assert (head[:13], told) == (b"HTTP/1.1 400 ", ["refused"])


async def test_asgi_host_serves_http_without_the_library(
    step, fetch, monkeypatch
):
    for name, module in step.modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    room = "extensions.asgi_host_websocket"
    monkeypatch.setitem(sys.modules, room, None)
    names = runpy.run_path(step.folder / "extensions" / "asgi_host.py")

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        kind = scope["type"].encode()
        await send({"type": "http.response.body", "body": kind})

    app = names["asgi_host"](application)

    assert (await fetch(app, "/", *HANDSHAKE)).content == b"http"
