"""What the extension `websocket` does, seen by other implementations."""

import asyncio
import contextlib
import io
import json
import logging
import runpy
import socket
import struct
import sys
import zlib

import pytest
from playwright.async_api import async_playwright
from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
)
from websockets.frames import CloseCode, Frame, Opcode

pytestmark = pytest.mark.steps("04", "05")

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    f"sec-websocket-key: {KEY}",
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
MANY = 2**22  # bytes: more than all buffers on the way hold


def websocket_app(step, **options):
    """Return an app that answers each message with the same."""
    app = step.Pico()
    step.modules["extensions.websocket"].websocket(app, **options)

    @app.route("/echo", protocol="websocket")
    async def echo(request, ws):
        async for message in ws:
            await ws.send(message)

    return app


def room(step):
    return step.modules["extensions.websocket"]


def client(server, path="/echo", **options):
    url = server.url.replace("http", "ws", 1) + path
    return connect(url, proxy=None, **options)


async def until(true, turns=200_000):
    """Let the loop turn until something holds."""
    for _ in range(turns):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("It did not come to that.")


@contextlib.asynccontextmanager
async def joined(app, path="/echo", **options):
    """Serve an app, and open a WebSocket to it."""
    async with (
        app.serve(port=0) as server,
        client(server, path, **options) as ws,
    ):
        yield ws


@contextlib.asynccontextmanager
async def by_hand(app, *fields, **options):
    async with (
        app.serve(port=0) as server,
        raw(server, *fields, **options) as streams,
    ):
        yield streams


async def turns():
    """Let all happen that can."""
    for _ in range(50):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def raw(server, *fields, path="/echo", behind=b""):
    """Open a WebSocket by hand; yields a reader and a writer."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    lines = [f"GET {path} HTTP/1.1", "host: pico", *HANDSHAKE, *fields]
    writer.write("\r\n".join([*lines, "", ""]).encode() + behind)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # what is not sent yet does not matter
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def frame(opcode, data=b""):
    return Frame(Opcode[opcode], data).serialize(mask=True)


async def head_of(reader):
    return await reader.readuntil(b"\r\n\r\n")


# Messages


@pytest.mark.parametrize("message", ["Grüße", b"\0\xff", "", b""])
async def test_websocket_passes_text_and_bytes(step, message):
    async with joined(websocket_app(step)) as ws:
        await ws.send(message)

        assert await ws.recv() == message


@pytest.mark.parametrize("message", [{"a": 1}, 5, None, ["a"]])
async def test_websocket_says_what_a_message_is(step, message):
    app = websocket_app(step)

    @app.route("/chat", protocol="websocket")
    async def chat(request, ws):
        with pytest.raises(TypeError) as refused:
            await ws.send(message)
        await ws.send(str(refused.value))

    async with joined(app, "/chat") as ws:
        kind = type(message).__name__
        assert await ws.recv() == (
            f"A message is text or bytes, and no {kind}: what json.dumps"
            " returns is text."
        )


@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_websocket_sends_all_kinds_of_bytes(step, kind):
    app = websocket_app(step)

    @app.route("/chat", protocol="websocket")
    async def chat(request, ws):
        await ws.send(kind(b"ada"))

    async with joined(app, "/chat") as ws:
        assert await ws.recv() == b"ada"


async def test_websocket_gives_parameters_and_the_request(step):
    app = websocket_app(step)

    @app.route("/chat/{room}", protocol="websocket")
    async def chat(request, ws, room):
        await ws.send(f"{room} {request.query.get('name')}")

    async with joined(app, "/chat/blue?name=ada") as ws:
        assert await ws.recv() == "blue ada"
        with pytest.raises(ConnectionClosedOK) as ended:
            await ws.recv()

    assert ended.value.rcvd.code == CloseCode.NORMAL_CLOSURE


async def test_websocket_joins_fragments_and_answers_pings_between(step):
    async with joined(websocket_app(step)) as ws:
        waiter = await ws.ping(b"here?")

        async def parts():
            yield "a"
            await waiter
            yield "b"

        await ws.send(parts())

        assert await ws.recv() == "ab"


async def test_websocket_refuses_text_that_is_not_utf_8(step):
    async with by_hand(websocket_app(step)) as (reader, writer):
        await head_of(reader)
        writer.write(frame("TEXT", b"\xff"))
        answer = await reader.read()

    assert answer[2:4] == (1007).to_bytes(2)


async def test_websocket_gives_no_message_behind_text_that_is_not_utf_8(step):
    app, heard = websocket_app(step), []

    @app.route("/list", protocol="websocket")
    async def listing(request, ws):
        async for message in ws:
            heard.append(message)

    async with by_hand(app, path="/list") as (reader, writer):
        await head_of(reader)
        writer.write(frame("TEXT", b"one") + frame("TEXT", b"\xff"))
        writer.write(frame("TEXT", b"two") + frame("BINARY", b"three"))
        answer = await reader.read()

    assert answer[2:4] == (1007).to_bytes(2)
    assert heard == ["one"]


async def test_websocket_refuses_frames_that_are_not_masked(step):
    async with by_hand(websocket_app(step)) as (reader, writer):
        await head_of(reader)
        writer.write(Frame(Opcode.TEXT, b"a").serialize(mask=False))
        answer = await reader.read()

    assert answer[2:4] == (1002).to_bytes(2)


# Handshakes


async def test_websocket_asks_others_to_upgrade(step, fetch):
    answer = await fetch(websocket_app(step), "/echo")

    assert (answer.status, answer.field("upgrade")) == (426, "websocket")


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("connection: keep-alive",),
        ("connection: upgrade",),
        ("upgrade: websocket",),
        ("connection: upgrade", "upgrade: h2c"),
    ],
)
async def test_websocket_says_what_to_ask_instead(step, ask, fields):
    lines = ["GET /echo HTTP/1.1", "host: pico", *fields, "", ""]

    exchange = await ask(websocket_app(step), "\r\n".join(lines).encode())

    assert [(a.status, a.content) for a in exchange.answers] == [
        (
            426,
            b"A WebSocket begins with the fields connection: upgrade and"
            b" upgrade: websocket.",
        )
    ]


async def test_websocket_tells_which_version_it_speaks(step, fetch):
    old = [f.replace("13", "8") for f in HANDSHAKE]

    answer = await fetch(websocket_app(step), "/echo", *old)

    assert (answer.status, answer.field("sec-websocket-version")) == (
        400,
        "13",
    )


@pytest.mark.parametrize(
    "field",
    [
        "sec-websocket-protocol: caf\u00e9",
        "sec-websocket-protocol: a b",
        "sec-websocket-key: caf\u00e9",
        "sec-websocket-extensions: ;",
    ],
)
async def test_websocket_refuses_fields_that_are_none(
    step, fetch, caplog, field
):
    answer = await fetch(websocket_app(step), "/echo", *HANDSHAKE, field)

    assert answer.status == 400
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


async def test_websocket_refuses_frames_that_came_before_it_agreed(step):
    async with by_hand(websocket_app(step), behind=frame("TEXT", b"a")) as (
        reader,
        _,
    ):
        head = await head_of(reader)

    assert head.startswith(b"HTTP/1.1 400 ")


async def test_websocket_refuses_content(step, fetch):
    app = websocket_app(step)

    async with app.serve(port=0) as server:
        opened = raw(server, "content-length: 1", behind=b"a")
        async with opened as (reader, _):
            head = await head_of(reader)

    assert head.startswith(b"HTTP/1.1 400 ")


async def test_websocket_is_protected_by_a_login(step):
    app = websocket_app(step)

    @app.listen("headers")
    def login(request, response):
        if request.headers.get("authorization") != "ada":
            raise step.messages.HttpError(401)

    async with app.serve(port=0) as server:
        with pytest.raises(InvalidStatus) as refused:
            await client(server)
        headers = {"authorization": "ada"}
        async with client(server, additional_headers=headers) as ws:
            await ws.send("in")
            assert await ws.recv() == "in"

    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("origins", "origin", "status"),
    [
        (None, "http://pico", 101),
        (None, "https://pico", 101),  # A proxy may have ended TLS.
        (None, "http://pico:81", 403),
        (None, "http://pico.example.org", 403),
        (None, "null", 403),
        (["https://a.example"], "https://a.example", 101),
        (["https://a.example"], "http://pico", 403),
        ("*", "null", 101),
    ],
)
async def test_websocket_lets_only_known_origins_in(
    step, origins, origin, status
):
    app = websocket_app(step, origins=origins)

    async with by_hand(app, f"origin: {origin}") as (reader, _):
        head = await head_of(reader)

    assert head.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["b", "a"], "a"), (["b"], "b"), (["c"], None), (None, None)],
)
async def test_websocket_chooses_its_favourite_subprotocol(
    step, offered, chosen
):
    app = websocket_app(step)

    @app.route("/own", protocol="websocket", subprotocols=["a", "b"])
    async def own(request, ws):
        await ws.send(str(ws.subprotocol))

    async with joined(app, "/own", subprotocols=offered) as ws:
        assert await ws.recv() == str(chosen)
        assert ws.subprotocol == chosen


async def test_websocket_hears_behind_many_requests(step):
    app = websocket_app(step)

    @app.route("/")
    async def index(request, response):
        response.body = "hello"

    handshake = "\r\n".join(["GET /echo HTTP/1.1", "host: pico", *HANDSHAKE])
    text = Frame(Opcode.TEXT, b"ada").serialize(mask=True)
    async with app.serve(port=0) as server:
        address = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nhost: pico\r\n\r\n" * 400)
        writer.write(f"{handshake}\r\n\r\n".encode())
        await reader.readuntil(b"HTTP/1.1 101")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        async with asyncio.timeout(5):
            heard = await reader.readexactly(5)
        writer.close()

    assert heard == b"\x81\x03ada"


async def test_websocket_takes_one_subprotocol_alone(step):
    app = websocket_app(step, subprotocols="chat")

    async with joined(app, subprotocols=["chat"]) as ws:
        assert ws.subprotocol == "chat"


async def test_websocket_has_the_address_of_its_client_in_the_log(step):
    app, stream = websocket_app(step), io.StringIO()
    step.modules["extensions.logger"].logger(app, stream=stream)

    async with joined(app) as ws:
        await ws.send("a")

    assert stream.getvalue().startswith("127.0.0.1 - - [")


async def test_websocket_needs_a_server_that_hands_over(step):
    app = websocket_app(step)
    fields = dict(field.split(": ") for field in HANDSHAKE)
    request = app.Request(app, "GET", "/echo", "1.1", {})
    request.headers = step.messages.Headers(fields | {"origin": "null"})

    class Elsewhere:
        transport = asyncio.Transport()

    request.source, app.connections = Elsewhere(), set()
    del request.headers["origin"]
    answer = await app.answer(request)

    assert answer.status == 501


# Limits


@pytest.mark.parametrize("pieces", [["a" * 101], ["a" * 60, "b" * 41]])
async def test_websocket_refuses_messages_that_are_too_long(step, pieces):
    app = websocket_app(step, max_size=100)

    async with joined(app, compression=None) as ws:
        await ws.send(pieces)
        with pytest.raises(ConnectionClosedError) as ended:
            await ws.recv()

    assert ended.value.rcvd.code == CloseCode.MESSAGE_TOO_BIG


async def test_websocket_says_too_long_before_the_message_came(step):
    app = websocket_app(step, max_size=100)

    async with by_hand(app) as (reader, writer):
        await head_of(reader)
        writer.write(frame("BINARY", bytes(200))[:4])
        answer = await reader.read()

    assert answer[2:4] == (1009).to_bytes(2)


async def test_websocket_refuses_what_is_too_long_decompressed(step):
    app = websocket_app(step, max_size=2**16)

    async with app.serve(port=0) as server:
        offer = "sec-websocket-extensions: permessage-deflate"
        async with raw(server, offer) as (reader, writer):
            head = await head_of(reader)
            press = zlib.compressobj(wbits=-12)
            bomb = press.compress(bytes(2**20)) + press.flush()
            assert len(bomb) < 2**12
            whole = bytearray(frame("BINARY", bomb))
            whole[0] |= 0x40  # compressed (RFC 7692, 7.2.3.1)
            writer.write(whole)
            answer = await reader.read()

    assert b"permessage-deflate" in head
    assert answer[2:4] == (1009).to_bytes(2)


@pytest.mark.parametrize("compress", [True, False])
async def test_websocket_compresses_if_it_may(step, compress):
    app = websocket_app(step, compress=compress)

    async with joined(app) as ws:
        await ws.send("a" * 1000)

        assert await ws.recv() == "a" * 1000
        assert bool(ws.protocol.extensions) == compress


async def test_websocket_reads_no_more_than_a_handler_wants(step):
    app = websocket_app(step)
    sockets, go = [], asyncio.Event()

    @app.route("/slow", protocol="websocket")
    async def slow(request, ws):
        sockets.append(ws)
        await go.wait()
        async for message in ws:
            await ws.send(message)

    async with joined(app, "/slow", compression=None) as ws:
        sending = asyncio.create_task(send_all(ws, bytes(2**16), 1000))
        await until(lambda: sockets and sockets[0].full)
        await turns()
        kept = len(sockets[0].messages), len(sockets[0].unparsed)
        go.set()
        for _ in range(1000):
            assert len(await ws.recv()) == 2**16
        await sending

    assert kept[0] == sockets[0].max_queue
    assert kept[1] < 2**18


def flooded(step):
    """Return an app, and a list for its one WebSocket that hears nothing."""
    app, sockets = websocket_app(step), []

    @app.route("/flood", protocol="websocket")
    async def flood(request, ws):
        sockets.append(ws)
        await ws.lost.wait()

    return app, sockets


async def test_websocket_lets_others_have_their_turn(step):
    app, sockets = flooded(step)
    data = frame("PONG") * 4096

    async with joined(app, "/flood"):
        await until(lambda: sockets)
        sockets[0].data_received(data)
        left = len(sockets[0].unparsed)
        sockets[0].parse()  # as does who receives
        same, paused = len(sockets[0].unparsed), sockets[0].paused
        await turns()
        rest = len(sockets[0].unparsed), sockets[0].paused

    slice_ = step.modules["extensions.websocket_flow"].SLICE
    assert (left, same, paused) == (len(data) - slice_, left, True)
    assert rest == (0, False)


async def test_websocket_that_sends_without_an_end_lets_others_go_on(step):
    app, turns = websocket_app(step), []

    @app.route("/send", protocol="websocket")
    async def send(request, ws):
        def turn():
            turns.append(len(turns))
            asyncio.get_running_loop().call_soon(turn)

        turn()
        for _ in range(100):
            await ws.send("a")
        turns.append(None)

    async with joined(app, "/send") as ws:
        assert [message async for message in ws] == ["a"] * 100

    assert turns.index(None) >= 100


async def test_websocket_that_has_left_while_we_close_is_no_error(
    step, monkeypatch
):
    app, told = websocket_app(step), []

    def write_eof(self):
        told.append("gone")
        raise OSError

    monkeypatch.setattr(
        "asyncio.selector_events._SelectorSocketTransport.write_eof", write_eof
    )

    loop, errors = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: errors.append(context))
    async with by_hand(app) as (reader, writer):
        await head_of(reader)
        writer.write(frame("BINARY", bytes(10_000)) + frame("CLOSE"))
        await until(lambda: told)
        await turns()

    assert errors == []


async def test_websocket_hears_all_that_came_before_the_end(step):
    app, sockets = flooded(step)

    async with joined(app, "/flood"):
        await until(lambda: sockets)
        sockets[0].data_received(frame("PONG") * 4096 + frame("TEXT", b"a"))
        sockets[0].eof_received()

    assert [*sockets[0].messages] == ["a"]


@pytest.mark.parametrize("gone", [False, True])
async def test_websocket_hears_all_though_its_client_has_left(step, gone):
    """TLS tells of data and of the end in one turn, whoever has paused."""
    app, sockets, heard = websocket_app(step), [], []
    go_on = asyncio.Event()

    @app.route("/all", protocol="websocket")
    async def hear(request, ws):
        sockets.append(ws)
        await go_on.wait()
        try:
            while True:
                heard.append(await ws.recv())
        except room(step).ConnectionClosed as error:
            heard.append(error.code)

    async with by_hand(app, path="/all"):
        await until(lambda: sockets)
        message = frame("BINARY", bytes(1000))
        data = message * 40 + frame("CLOSE", b"\x03\xe8")
        sockets[0].data_received(data)
        sockets[0].eof_received()
        if gone:
            sockets[0].transport.abort()
            await sockets[0].lost.wait()
        go_on.set()
        await until(lambda: 1000 in heard)

    assert heard == [bytes(1000)] * 40 + [1000]


async def test_websocket_sends_nothing_to_who_is_gone(step):
    app, sockets, told = websocket_app(step), [], []

    @app.route("/send", protocol="websocket")
    async def send(request, ws):
        sockets.append(ws)
        await ws.lost.wait()
        try:
            await ws.send("a")
        except room(step).ConnectionClosed as error:
            told.append((error.code, ws.open))

    async with by_hand(app, path="/send"):
        await until(lambda: sockets)
        sockets[0].data_received(frame("BINARY", bytes(1000)) * 40)
        sockets[0].transport.abort()
        await until(lambda: told)

    assert told == [(1006, True)]


async def send_all(ws, message, count):
    for _ in range(count):
        await ws.send(message)


async def test_websocket_sends_no_more_than_a_client_reads(step):
    app = websocket_app(step)
    sent, sizes = [], []

    @app.route("/flood", protocol="websocket")
    async def flood(request, ws):
        while len(sent) < 100:
            sizes.append(ws.transport.get_write_buffer_size())
            await ws.send(bytes(2**18))
            sent.append(ws)

    async with by_hand(app, path="/flood") as (reader, _):
        await until(lambda: sent and not sent[0].writable.is_set())
        await turns()
        before = len(sent)
        while len(sent) < 100:
            await reader.read(2**20)

    assert before < 100
    assert max(sizes) < 2**20


async def test_websocket_keeps_one_message_for_who_reads_slowly(step):
    app = websocket_app(step, compress=False)
    kept, size, count = [], 2**20, 20

    @app.route("/flood", protocol="websocket")
    async def flood(request, ws):
        own = ws.transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**15)
        for _ in range(count):
            await ws.send(bytes(size))
            kept.append(sum(map(len, ws.outgoing)))

    async with by_hand(app, path="/flood") as (reader, _):
        await head_of(reader)
        read = 0
        while read < count * size:
            read += len(await reader.read(2**14))
            await asyncio.sleep(0)

    assert len(kept) == count
    assert max(kept) <= size


async def test_websocket_answers_no_more_pings_than_a_client_reads(step):
    app = websocket_app(step)
    sockets, pings = [], frame("PING", bytes(125)) * 1000

    @app.route("/idle", protocol="websocket")
    async def idle(request, ws):
        sockets.append(ws)
        await ws.recv()

    async with by_hand(app, path="/idle") as (reader, writer):
        await head_of(reader)

        def pinged():
            writer.write(pings)
            return sockets[0].paused

        await until(pinged, turns=1000)
        await turns()
        size = sockets[0].transport.get_write_buffer_size()

    assert size < 2**18


# Ends


async def test_websocket_tells_the_handler_how_the_client_ended(step):
    app = websocket_app(step)
    ends = asyncio.Queue()

    @app.route("/end", protocol="websocket")
    async def end(request, ws):
        try:
            await ws.recv()
        except room(step).ConnectionClosed as error:
            await ends.put((error.code, error.reason))
            raise

    async with app.serve(port=0) as server:
        async with client(server, "/end") as ws:
            await ws.close(4000, "enough")
        said = await ends.get()
        async with raw(server, path="/end") as (reader, writer):
            await head_of(reader)
            writer.transport.abort()
        broken = await ends.get()

    assert (said, broken) == ((4000, "enough"), (1006, ""))


async def test_websocket_closes_as_the_handler_says(step):
    app = websocket_app(step)

    @app.route("/no", protocol="websocket")
    async def no(request, ws):
        await ws.close(4001, "not you")

    async with joined(app, "/no") as ws:
        with pytest.raises(ConnectionClosedError) as ended:
            await ws.recv()

    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (
        4001,
        "not you",
    )


async def test_websocket_of_a_handler_that_raises_is_closed_and_logged(
    step, caplog
):
    app = websocket_app(step)
    errors, seen = [], []
    app.listen("error")(lambda request, response, error: errors.append(error))
    app.listen("response")(lambda _, response: seen.append(response.status))

    @app.route("/raise", protocol="websocket")
    async def fail(request, ws):
        raise RuntimeError("secret")

    async with joined(app, "/raise") as ws:
        with pytest.raises(ConnectionClosedError) as ended:
            await ws.recv()

    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1011, "")
    assert [str(error) for error in errors] == ["secret"]
    assert seen == [500]
    assert "A request failed" in caplog.messages


NO_LINGER = struct.pack("ii", 1, 0)


async def leave(server, path, how):
    async with raw(server, path=path) as (reader, writer):
        await head_of(reader)
        if how == "reset":
            ended = writer.get_extra_info("socket")
            ended.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        elif how == "goodbye":
            writer.write(frame("CLOSE", (1000).to_bytes(2)))
            await reader.read()


@pytest.mark.parametrize("how", ["goodbye", "end", "reset"])
@pytest.mark.parametrize("wait", ["recv", "group"])
async def test_websocket_that_is_left_ends_its_handler_without_a_word(
    step, caplog, how, wait
):
    app = websocket_app(step)
    done = asyncio.Event()

    @app.route("/recv", protocol="websocket")
    async def recv(request, ws):
        try:
            await ws.recv()
        finally:
            done.set()

    @app.route("/group", protocol="websocket")
    async def both(request, ws):
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(ws.recv())
                group.create_task(asyncio.Event().wait())
        finally:
            done.set()

    async with app.serve(port=0) as server:
        await leave(server, f"/{wait}", how)
        await done.wait()
        await until(lambda: not app.connections)

    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def test_websocket_cancels_a_handler_that_goes_on_behind_its_end(
    step, caplog
):
    app = websocket_app(step)
    seen, ended = [], []

    @app.route("/deaf", protocol="websocket")
    async def deaf(request, ws):
        seen.append(ws)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async with app.serve(port=0) as server:
        await leave(server, "/deaf", "end")
        await seen[0].lost.wait()
        seen[0].expire(100)
        await turns()
        patient = list(ended)
        seen[0].expire(100 + seen[0].patience)
        await until(lambda: not app.connections)

    assert (patient, ended) == ([], ["cancelled"])
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def test_websocket_error_of_another_is_an_error(step, caplog):
    app = websocket_app(step)

    @app.route("/other", protocol="websocket")
    async def other(request, ws):
        raise room(step).ConnectionClosed(1006, "")

    async with joined(app, "/other") as ws:
        with pytest.raises(ConnectionClosedError) as ended:
            await ws.recv()

    assert ended.value.rcvd.code == CloseCode.INTERNAL_ERROR


async def test_websocket_says_going_away_when_the_server_stops(step):
    app = websocket_app(step)

    async with app.serve(port=0) as server:
        ws = await client(server)
        await ws.send("a")
        await ws.recv()
    with pytest.raises(ConnectionClosedOK) as ended:
        await ws.recv()

    assert ended.value.rcvd.code == CloseCode.GOING_AWAY
    assert app.connections == set()


async def test_websocket_is_not_opened_by_a_server_that_stops(step):
    app = websocket_app(step)
    go, asked = asyncio.Event(), asyncio.Event()

    @app.listen("headers")
    async def wait(request, response):
        asked.set()
        await go.wait()

    async with by_hand(app) as (reader, _):
        await asked.wait()
        for connection in app.connections:
            connection.stop()
        go.set()
        head = await head_of(reader)

    assert head.startswith(b"HTTP/1.1 503 ")


# The clock


async def test_websocket_pings_who_is_silent_and_ends_who_is_dead(step):
    app = websocket_app(step)

    async with by_hand(app) as (reader, writer):
        await head_of(reader)
        ws = next(iter(app.connections))
        first, second, third = (1000 + n * ws.ping_interval for n in range(3))
        ws.expire(first)
        ws.expire(second)
        ping = await reader.readexactly(2)
        writer.write(frame("PONG"))
        await until(lambda: not ws.pinged)
        ws.expire(third)
        ws.expire(third + ws.ping_interval)
        again = await reader.readexactly(2)
        ws.expire(third + ws.ping_interval + 1)
        ws.expire(third + ws.ping_interval * 2 + 1)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""

    assert (ping, again) == (b"\x89\x00", b"\x89\x00")


def deaf_app(step):
    """Return an app whose handler does not receive, and what it is given."""
    app = websocket_app(step)
    sockets = []

    @app.route("/deaf", protocol="websocket")
    async def deaf(request, ws):
        sockets.append(ws)
        await ws.lost.wait()

    return app, sockets


@contextlib.asynccontextmanager
async def crowded(app, sockets):
    """Send more than waits for a handler; yields what `raw` does."""
    opened = by_hand(app, path="/deaf")
    async with asyncio.timeout(10), opened as (reader, writer):
        await head_of(reader)
        writer.write(frame("TEXT", b"m") * (sockets[0].max_queue + 1))
        await until(lambda: sockets[0].paused)
        yield reader, writer


@pytest.mark.parametrize("how", ["end", "reset"])
async def test_websocket_sees_that_a_client_has_left_while_it_does_not_read(
    step, caplog, how
):
    app, sockets = deaf_app(step)
    limits = {"ping_interval": 0.02}
    app.WebSocket = type("WebSocket", (app.WebSocket,), limits)
    app.Server = type("Server", (app.Server,), {"interval": 0.01})

    async with crowded(app, sockets) as (_, writer):
        if how == "reset":
            ended = writer.get_extra_info("socket")
            ended.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        writer.close()
        await sockets[0].lost.wait()
        await until(lambda: not app.connections)

    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def test_websocket_demands_no_pong_while_it_does_not_read(step):
    app, sockets = deaf_app(step)

    async with crowded(app, sockets) as (reader, _):
        ws, pings, now = sockets[0], [], 1000
        for _ in range(3):
            ws.expire(now)
            ws.expire(now + ws.ping_interval)
            pings.append(await reader.readexactly(2))
            now += ws.ping_interval + 1
        ws.leave(1000)
        goodbye = await reader.readexactly(2)

    assert [*pings, goodbye] == [b"\x89\x00"] * 3 + [b"\x88\x02"]


async def test_websocket_demands_pongs_again_once_it_reads(step):
    app, sockets = deaf_app(step)

    async with crowded(app, sockets) as (reader, _):
        ws, limit = sockets[0], sockets[0].ping_interval
        ws.expire(1000)
        ws.expire(1000 + limit)
        await reader.readexactly(2)
        while ws.paused:
            await ws.recv()
        for time in (2000, 2000 + limit, 3000):
            ws.expire(time)
        await reader.readexactly(2)
        kept = not ws.lost.is_set()
        ws.expire(3000 + limit)
        await ws.lost.wait()

    assert kept


async def test_websocket_ends_who_does_not_read_while_it_does_not(step):
    app, sockets = deaf_app(step)

    async with crowded(app, sockets):
        ws = sockets[0]
        while ws.writable.is_set():
            ws.transport.write(bytes(MANY))
        ws.expire(1000)
        ws.expire(1000 + ws.write_timeout)
        await ws.lost.wait()


async def test_websocket_waits_for_a_goodbye_but_not_for_ever(step):
    app = websocket_app(step)

    @app.route("/bye", protocol="websocket")
    async def bye(request, ws):
        """Say nothing."""

    async with by_hand(app, path="/bye") as (reader, _):
        await head_of(reader)
        await reader.readexactly(4)
        ws = next(iter(app.connections))
        ws.expire(1000)
        ws.expire(1000 + ws.close_timeout)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


async def test_websocket_ends_who_does_not_read(step):
    app = websocket_app(step)

    sockets = []

    @app.route("/flood", protocol="websocket")
    async def flood(request, ws):
        sockets.append(ws)
        while True:
            await ws.send(bytes(2**20))

    async with by_hand(app, path="/flood"):
        await until(lambda: sockets and not sockets[0].writable.is_set())
        ws = sockets[0]
        await turns()
        ws.expire(1000)
        ws.expire(1000 + ws.write_timeout)
        await ws.lost.wait()
        await until(lambda: not app.connections)


# Hooks


async def test_websocket_calls_hooks_at_both_ends(step):
    app = websocket_app(step)
    calls = []
    for name in ("websocket_connect", "websocket_disconnect"):
        app.listen(name)(
            lambda request, ws, name=name: calls.append((name, request.path))
        )

    async with joined(app):
        pass

    assert calls == [
        ("websocket_connect", "/echo"),
        ("websocket_disconnect", "/echo"),
    ]


async def test_websocket_of_a_true_listener_is_not_given_to_the_handler(step):
    app = websocket_app(step)

    @app.listen("websocket_connect")
    async def answer(request, ws):
        await ws.send("closed today")
        return True

    async with joined(app) as ws:
        said = [message async for message in ws]

    assert said == ["closed today"]


async def test_websocket_is_logged_as_switching_protocols(step):
    app = websocket_app(step)
    answers = []

    @app.listen("response")
    def note(request, response):
        answers.append(int(response.status))

    async with joined(app):
        pass

    assert answers == [101]


async def test_websocket_leaves_other_routes_as_they_are(step, fetch):
    app = websocket_app(step)

    @app.route("/")
    async def home(request, response):
        response.body = "home"

    answer = await fetch(app, "/", *HANDSHAKE)

    assert (answer.status, answer.content) == (200, b"home")


def test_websocket_says_what_to_install(step, monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.frames", None)

    # The first that the extension imports.
    with pytest.raises(ImportError, match="pip install websockets"):
        runpy.run_path(step.folder / "extensions" / "websocket_flow.py")


# A browser

TALK = """async url => {
  const ws = new WebSocket(url, ["pico"]);
  const next = name => new Promise(
    done => ws.addEventListener(name, done, {once: true}));
  await next("open");
  const said = [];
  for (const message of ["Grüße", "a".repeat(100000)]) {
    ws.send(message);
    said.push((await next("message")).data === message);
  }
  ws.close(4002, "done");
  const end = await next("close");
  return JSON.stringify([
    ws.protocol, ws.extensions.split(";")[0], said, end.code]);
}"""


async def test_websocket_talks_with_a_browser(step):
    app = websocket_app(step, subprotocols=["pico"])

    @app.route("/")
    async def home(request, response):
        response.html = "<title>A page of this origin</title>"

    async with app.serve(port=0) as server, async_playwright() as tool:
        browser = await tool.chromium.launch(
            executable_path="/usr/bin/chromium", args=FLAGS
        )
        page = await browser.new_page()
        await page.goto(server.url)
        url = server.url.replace("http", "ws", 1) + "/echo"
        said = json.loads(await page.evaluate(TALK, url))
        await browser.close()

    assert said == ["pico", "permessage-deflate", [True, True], 4002]


async def test_websocket_refuses_a_compression_that_ends(step):
    """Python's zlib would keep all that comes behind its last block."""
    press = zlib.compressobj(wbits=-15)
    data = press.compress(b"abc") + press.flush(zlib.Z_FINISH)
    last = bytearray(frame("BINARY", data))
    last[0] |= 0x40  # compressed, as RSV1 says

    async with by_hand(
        websocket_app(step), "sec-websocket-extensions: permessage-deflate"
    ) as (reader, writer):
        await head_of(reader)
        writer.write(last)
        first, length = await reader.readexactly(2)
        reason = await reader.readexactly(length)

    assert first == 0x88
    assert reason == (1002).to_bytes(2, "big") + (
        b"The compressed stream has ended."
    )
