"""What the extension `sse` does, read by hand and by a browser."""

import asyncio
import contextlib
import contextvars
import json
import logging

import pytest
from playwright.async_api import async_playwright

pytestmark = pytest.mark.steps("04", "05")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def sse_app(step, **options):
    app = step.Pico()
    step.modules["extensions.sse"].sse(app, **options)
    return app


def event(step, *args, **fields):
    return step.modules["extensions.sse"].Event(*args, **fields)


@contextlib.asynccontextmanager
async def reading(server, method="GET"):
    """Ask for a stream; yields a reader, behind the head."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(f"{method} /news HTTP/1.1\r\nhost: pico\r\n\r\n".encode())
    try:
        yield reader
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def chunk(reader):
    """Return the content of the next chunk."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({"data": "a"}, "data: a"),
        ({"data": ""}, "data: "),
        ({"data": "a\nb\r\nc\rd"}, "data: a\ndata: b\ndata: c\ndata: d"),
        ({"data": "a\n"}, "data: a\ndata: "),
        # Only these end a line; Python knows more.
        ({"data": "a\x0bb\x85c\u2028d"}, "data: a\x0bb\x85c\u2028d"),
        ({"data": "a", "event": "b"}, "event: b\ndata: a"),
        ({"data": "a", "id": 0}, "id: 0\ndata: a"),
        ({"retry": 100}, "retry: 100"),
    ],
)
def test_sse_event_is_made_of_lines(step, fields, lines):
    assert event(step, **fields).encode() == f"{lines}\n\n".encode()


@pytest.mark.parametrize("field", ["event", "id", "retry"])
@pytest.mark.parametrize("end", ["\r", "\n", "\0"])
def test_sse_field_cannot_begin_another(step, field, end):
    with pytest.raises(ValueError, match="one line"):
        event(step, "a", **{field: f"1{end}data: b"}).encode()


@pytest.mark.parametrize("data", [5, {"a": 1}, b"a"])
def test_sse_event_says_what_its_data_is(step, data):
    with pytest.raises(TypeError) as refused:
        event(step, data)

    assert str(refused.value) == (
        f"The data of an event is text, and no {type(data).__name__}: what"
        " json.dumps returns is text."
    )


async def test_sse_sends_what_is_yielded(step, fetch):
    app = sse_app(step)

    @app.route("/news/{name}", protocol="sse")
    async def news(request, response, name):
        yield name
        yield {"a": [1]}
        yield event(step, "b", id=request.headers.get("last-event-id"))

    answer = await fetch(app, "/news/ada", "last-event-id: 7")

    assert answer.content == (
        b'data: ada\n\ndata: {"a":[1]}\n\nid: 7\ndata: b\n\n'
    )
    assert answer.field("content-type") == "text/event-stream"
    assert answer.field("cache-control") == "no-cache"


async def test_sse_takes_an_encoder_that_returns_bytes(step, fetch):
    app = sse_app(step)
    app.encode_json = lambda value: json.dumps(value).encode()

    @app.route("/news", protocol="sse")
    async def news(request, response):
        yield [1]

    answer = await fetch(app, "/news")

    assert answer.content == b"data: [1]\n\n"


async def test_sse_head_alone_runs_no_generator(step):
    app = sse_app(step)
    runs = []

    @app.route("/news", protocol="sse")
    async def news(request, response):
        runs.append(request)
        yield "a"

    async with app.serve(port=0) as server, reading(server, "HEAD") as reader:
        head = await reader.readuntil(b"\r\n\r\n")

    assert b"text/event-stream" in head
    assert runs == []


async def test_sse_refuses_as_long_as_nothing_was_sent(step, fetch):
    app = sse_app(step)

    @app.route("/news", protocol="sse")
    async def news(request, response):
        if request.path:
            raise step.messages.HttpError(403)
        yield "a"

    answer = await fetch(app, "/news")

    assert (answer.status, answer.field("content-type")) == (
        403,
        "text/plain; charset=utf-8",
    )


async def test_sse_that_fails_later_breaks_off(step, caplog):
    app = sse_app(step)

    @app.route("/news", protocol="sse")
    async def news(request, response):
        yield "a"
        raise RuntimeError("secret")

    async with app.serve(port=0) as server, reading(server) as reader:
        rest = b""
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(100):
                rest += piece

    assert not rest.endswith(b"0\r\n\r\n")
    assert b"secret" not in rest
    assert "An answer was broken off" in caplog.messages


async def test_sse_comments_when_nothing_happens(step):
    app = sse_app(step, heartbeat=0)
    go = asyncio.Event()

    @app.route("/news", protocol="sse")
    async def news(request, response):
        await go.wait()
        yield "a"

    async with app.serve(port=0) as server, reading(server) as reader:
        await reader.readuntil(b"\r\n\r\n")
        silence = await chunk(reader)
        go.set()
        while (said := await chunk(reader)) == silence:
            pass

    assert (silence, said) == (b":\n\n", b"data: a\n\n")


@pytest.mark.parametrize("heartbeat", [15, 0])
async def test_sse_generator_ends_with_its_client(step, caplog, heartbeat):
    app = sse_app(step, heartbeat=heartbeat)
    ended = asyncio.Event()

    @app.route("/news", protocol="sse")
    async def news(request, response):
        try:
            while True:
                yield "a" * 1000
                if not heartbeat:
                    await asyncio.Event().wait()
        finally:
            ended.set()

    async with app.serve(port=0) as server:
        async with reading(server) as reader:
            await reader.readuntil(b"\r\n\r\n")
            await chunk(reader)
        await ended.wait()

    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def test_sse_generator_is_one_event_ahead_of_its_client(step):
    app = sse_app(step)
    made, streams = [], []

    @app.route("/news", protocol="sse")
    async def news(request, response):
        streams.append(request.source)
        while len(made) < 100:
            made.append(1)
            yield "a" * 2**18

    async with app.serve(port=0) as server, reading(server) as reader:
        for _ in range(200_000):
            if streams and streams[0].room:
                break
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        before = len(made)
        while len(made) < 100:
            await reader.read(2**20)

    assert before < 100


async def test_sse_generator_may_hold_a_timeout_over_a_yield(step, fetch):
    app = sse_app(step)
    name = contextvars.ContextVar("name")

    @app.route("/news", protocol="sse")
    async def news(request, response):
        token = name.set("ada")
        async with asyncio.timeout(60):
            yield name.get()
            yield name.get()
        name.reset(token)

    answer = await fetch(app, "/news")

    assert answer.content == b"data: ada\n\n" * 2


async def test_sse_stream_ends_when_the_server_stops(step):
    app = sse_app(step)
    ended = []

    @app.route("/news", protocol="sse")
    async def news(request, response):
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def rest(reader, writer):
        try:
            return await reader.read()
        finally:
            writer.close()

    async with app.serve(port=0) as server:
        reader, writer = await asyncio.open_connection(
            server.host, server.port
        )
        writer.write(b"GET /news HTTP/1.1\r\nhost: pico\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await chunk(reader)
        left = asyncio.create_task(rest(reader, writer))
        server.grace = 60

    assert await left == b"0\r\n\r\n"
    assert ended == [True]


async def test_sse_stream_that_stops_is_not_the_last_answer(step, ask):
    app = sse_app(step)
    begun = asyncio.Event()

    @app.route("/news", protocol="sse")
    async def news(request, response):
        begun.set()
        yield "a"
        await asyncio.Event().wait()

    @app.route("/home")
    async def home(request, response):
        response.body = "home"

    paths = b"/news", b"/home"
    heads = [b"GET %b HTTP/1.1\r\nhost: pico\r\n\r\n" % path for path in paths]
    async with app.serve(port=0) as server:
        asking = asyncio.create_task(ask(server.url, b"".join(heads)))
        await begun.wait()
    exchange = await asking

    contents = [answer.content for answer in exchange.answers]
    assert contents == [b"data: a\n\n", b"home"]
    assert exchange.end == "closed"


async def test_sse_stream_does_not_begin_while_the_server_stops(step):
    app = sse_app(step)
    asked, go = asyncio.Event(), asyncio.Event()

    @app.listen("request")
    async def late(request, response):
        asked.set()
        await go.wait()

    @app.route("/news", protocol="sse")
    async def news(request, response):
        yield "a"
        await asyncio.Event().wait()

    async with app.serve(port=0) as server:
        reader, writer = await asyncio.open_connection(
            server.host, server.port
        )
        writer.write(b"GET /news HTTP/1.1\r\nhost: pico\r\n\r\n")
        await asked.wait()
        asyncio.get_running_loop().call_soon(go.set)
        server.grace = 60
    said = await reader.read()
    writer.close()

    assert said.endswith(b"\r\n\r\n0\r\n\r\n")


async def test_sse_leaves_other_connections_to_stop_as_they_do(step, fetch):
    app = sse_app(step)

    @app.route("/")
    async def home(request, response):
        response.body = "home"

    answer = await fetch(app, "/")

    assert answer.content == b"home"


def test_sse_needs_a_generator(step):
    app = sse_app(step)

    async def news(request, response):
        """Yield nothing at all."""

    with pytest.raises(TypeError, match="yield"):
        app.route("/news", protocol="sse")(news)


LISTEN = """async url => {
  const source = new EventSource(url);
  const heard = [];
  await new Promise(done => {
    source.addEventListener("tick", event => {
      heard.push([event.data, event.lastEventId]);
      if (heard.length === 4) done();
    });
  });
  source.close();
  return JSON.stringify(heard);
}"""


async def test_sse_is_taken_up_by_a_browser_where_it_ended(step):
    app = sse_app(step)

    @app.route("/")
    async def home(request, response):
        response.html = "<title>A page of this origin</title>"

    @app.route("/news", protocol="sse")
    async def news(request, response):
        last = int(request.headers.get("last-event-id", 0))
        yield event(step, retry=1)
        for number in (last + 1, last + 2):
            yield event(step, f"Grüße\n{number}", event="tick", id=number)

    async with app.serve(port=0) as server, async_playwright() as tool:
        browser = await tool.chromium.launch(
            executable_path="/usr/bin/chromium", args=FLAGS
        )
        page = await browser.new_page()
        await page.goto(server.url)
        heard = json.loads(await page.evaluate(LISTEN, f"{server.url}/news"))
        await browser.close()

    assert heard == [[f"Grüße\n{n}", str(n)] for n in (1, 2, 3, 4)]
