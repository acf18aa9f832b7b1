"""What async makes feasible: the examples do what their pages say."""

import asyncio
import contextlib
import functools
import importlib.util
import json
import sys
import threading
import time
from urllib.parse import unquote

import pytest
from playwright.async_api import async_playwright
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from workshop.steps import ROOT

pytestmark = pytest.mark.steps("04", "05")

WATCHDOG = 10  # seconds for a test that waits for what does not come
WAYS = ["wrong", "right"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture
def example(step, monkeypatch):
    """Return `example(name)`: a program of docs/examples, on the step."""

    def load(name):
        for room, module in step.modules.items():
            monkeypatch.setitem(sys.modules, room, module)
        path = ROOT / "docs" / "examples" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def chat(server, room="lobby"):
    url = server.url.replace("http", "ws", 1) + f"/rooms/{room}"
    return connect(url, proxy=None, compression=None)


async def looked_at(server, script):
    """Return what a script finds on the page of an app."""
    async with asyncio.timeout(WATCHDOG), async_playwright() as tool:
        browser = await tool.chromium.launch(
            executable_path="/usr/bin/chromium", args=FLAGS
        )
        page = await browser.new_page()
        await page.goto(server.url)
        found = await page.evaluate(script)
        await browser.close()
    return found


# Long-lived WebSockets


async def test_chat_tells_all_in_a_room_and_nobody_else(example):
    app = example("websocket_chat").app

    async with (
        app.serve(port=0) as server,
        chat(server) as ada,
        chat(server) as bob,
        chat(server, "other") as carol,
    ):
        await carol.send("alone")
        await ada.send("hello")
        heard = [await each.recv() for each in (ada, bob, carol)]

    assert heard == ["hello", "hello", "alone"]
    assert app["rooms"] == {}


async def test_chat_leaves_who_does_not_read_behind(example):
    module = example("websocket_chat")
    module.PATIENCE = 0.01
    clogged = asyncio.get_running_loop().create_future()

    @module.app.listen("websocket_connect")
    def clog(request, ws):
        if request.query.get("slow", ""):
            ws.pause_writing()  # as its transport does
            clogged.set_result(ws)

    async with (
        module.app.serve(port=0) as server,
        chat(server, "lobby?slow=1") as slow,
        chat(server) as ada,
    ):
        ws = await clogged
        await ada.send("hello")
        heard = await ada.recv()
        while not ws.leaving:  # noqa: ASYNC110 - it is nobody's event
            await asyncio.sleep(0)
        ws.resume_writing()  # It reads on.
        with pytest.raises(ConnectionClosedError) as left:
            await slow.recv()

    assert (heard, left.value.rcvd.code) == ("hello", 1013)


async def test_chat_has_a_page_for_browsers(example):
    script = """() => new Promise(done => {
      ws.addEventListener("message", () => done(document.body.innerText));
      const say = () => {
        document.forms[0][0].value = "from a browser";
        document.forms[0].requestSubmit();
      };
      ws.readyState === 1 ? say() : ws.addEventListener("open", say);
    })"""

    async with example("websocket_chat").app.serve(port=0) as server:
        text = await looked_at(server, script)

    assert "from a browser" in text


# Server-sent events


async def test_clock_ticks_and_goes_on_where_it_was(example):
    app = example("sse_clock").app
    app["interval"] = 0

    async with app.serve(port=0) as server:
        reader, writer = await asyncio.open_connection(
            server.host, server.port
        )
        writer.write(
            b"GET /clock HTTP/1.1\r\nhost: pico\r\nlast-event-id: 41\r\n\r\n"
        )
        first = await reader.readuntil(b"id: 42\n")
        await reader.readuntil(b"id: 43\n")
        writer.transport.abort()

    assert b"event: tick\n" in first
    assert first.count(b"id: ") == 1


async def test_clock_is_shown_by_a_browser(example):
    script = """() => new Promise(done => {
      source.addEventListener("tick", () => {
        const text = document.querySelector("h1").textContent;
        source.close();
        done(text);
      });
    })"""

    app = example("sse_clock").app
    app["interval"] = 0.01

    async with app.serve(port=0) as server:
        text = await looked_at(server, script)

    assert time.strptime(text, "%H:%M:%S")


# Work behind the answer


class MailServer:
    """Takes mails when it is told to, in the words of SMTP."""

    def __init__(self):
        self.go, self.mails = asyncio.Event(), []

    async def __call__(self, reader, writer):
        writer.write(b"220 here\r\n")
        await self.go.wait()
        while line := await reader.readline():
            word = line[:4].strip().upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        writer.close()


async def test_mail_is_sent_behind_the_answer(example, ask):
    app = example("background_mail").app
    post = MailServer()
    form = b"email=ada@example.org&number=7"
    head = (
        "POST /orders HTTP/1.1\r\nhost: pico\r\nconnection: close\r\n"
        "content-type: application/x-www-form-urlencoded\r\n"
        f"content-length: {len(form)}\r\n\r\n"
    )

    async with await asyncio.start_server(post, "127.0.0.1", 0) as listening:
        app["mail"] = listening.sockets[0].getsockname()
        async with app.serve(port=0) as server:
            exchange = await ask(server.url, head.encode() + form)
            before = list(post.mails)
            post.go.set()

    [answer] = exchange.answers
    assert (answer.status, before) == (202, [])
    [mail] = post.mails
    assert b"To: ada@example.org\r\n" in mail
    assert b"Subject: Your order 7\r\n" in mail


async def test_mail_is_not_sent_to_what_is_no_address(example, fetch):
    answer = await fetch(
        example("background_mail").app,
        "/orders",
        "content-type: application/x-www-form-urlencoded",
        method="POST",
        content=b"email=nobody&number=7",
    )

    assert answer.status == 400


# Requests in parallel


class Weather:
    """A service that answers nobody until as many ask as it waits for."""

    def __init__(self, wait_for):
        self.wait_for, self.waiting, self.seen = wait_for, {}, 0
        self.full, self.quiet = asyncio.Event(), asyncio.Event()

    async def __call__(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        city = unquote(head.split()[1].decode()[1:])
        self.waiting[writer], self.seen = city, self.seen + 1
        if city == "Atlantis":
            self.answer(writer, "404 Not Found")
        if self.seen == self.wait_for:
            self.full.set()
        elif self.seen > self.wait_for:
            self.answer_all()
        await reader.read()  # until it has left
        writer.close()
        self.waiting.pop(writer, None)
        if not self.waiting:
            self.quiet.set()

    def answer_all(self):
        for writer in list(self.waiting):
            self.answer(writer, "200 OK")

    def answer(self, writer, status):
        line = f"rain in {self.waiting.pop(writer)}\n"
        head = f"HTTP/1.0 {status}\r\ncontent-type: text/plain\r\n\r\n"
        writer.write((head + line).encode())


@pytest.fixture
def weather_app(example):
    """Return `weather_app(wait_for)`: the example, and a service for it."""

    @contextlib.asynccontextmanager
    async def made(wait_for):
        module, service = example("parallel_requests"), Weather(wait_for)
        module.PATIENCE = 60  # more than this test has

        class Hasty(module.app.Server):
            interval = grace = 0.01

        module.app.Server = Hasty
        async with (
            asyncio.timeout(WATCHDOG),
            await asyncio.start_server(service, "127.0.0.1", 0) as listening,
        ):
            module.app["weather"] = listening.sockets[0].getsockname()
            yield module, service

    return made


def asking(*cities):
    query = "&".join(f"city={city}" for city in cities)
    head = f"GET /weather?{query} HTTP/1.1\r\nhost: pico\r\n"
    return f"{head}connection: close\r\n\r\n".encode()


async def test_requests_go_out_in_parallel(weather_app, ask):
    async with (
        weather_app(wait_for=3) as (module, service),
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(ask(module.app, asking("a", "b%20c", "d")))
        await service.full.wait()
        service.answer_all()

    [answer] = task.result().answers
    assert json.loads(answer.content) == [
        "rain in a",
        "rain in b c",
        "rain in d",
    ]


async def test_requests_beyond_the_bound_wait_for_a_place(weather_app, ask):
    cities = "abcdefghijklmnop"

    async with (
        weather_app(wait_for=10) as (module, service),
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(ask(module.app, asking(*cities)))
        await service.full.wait()
        service.answer_all()

    [answer] = task.result().answers
    assert json.loads(answer.content) == [f"rain in {c}" for c in cities]


async def test_requests_that_get_no_place_are_to_come_again(weather_app, ask):
    async with (
        weather_app(wait_for=10) as (module, service),
        module.app.serve(port=0) as server,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(ask(server.url, asking(*"abcdefghij")))
        await service.full.wait()
        module.PATIENCE = 0.1
        late = await ask(server.url, asking("k"))
        service.answer_all()

    answers = [*task.result().answers, *late.answers]
    assert [answer.status for answer in answers] == [200, 503]


async def test_request_that_fails_ends_the_others(weather_app, ask):
    async with weather_app(wait_for=9) as (module, service):
        exchange = await ask(module.app, asking("a", "Atlantis", "b"))
        await service.quiet.wait()

    assert [answer.status for answer in exchange.answers] == [503]


async def test_request_that_is_answered_by_half_has_failed(example, ask):
    app = example("parallel_requests").app

    async def half(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nrain i")
        writer.close()

    async with await asyncio.start_server(half, "127.0.0.1", 0) as listening:
        app["weather"] = listening.sockets[0].getsockname()
        exchange = await ask(app, asking("a"))

    assert [answer.status for answer in exchange.answers] == [503]


async def test_requests_to_nobody_fail(example, ask):
    app = example("parallel_requests").app
    app["weather"] = ("127.0.0.1", 1)

    exchange = await ask(app, asking("a"))

    [answer] = exchange.answers
    assert (answer.status, answer.field("retry-after")) == (503, "2")


async def test_requests_are_counted_before_they_go_out(weather_app, ask):
    async with weather_app(wait_for=1) as (module, service):
        exchange = await ask(module.app, asking(*21 * "a"))

    assert [answer.status for answer in exchange.answers] == [400]
    assert service.seen == 0


# Cancellation


async def test_client_that_leaves_takes_its_requests_along(weather_app):
    async with (
        weather_app(wait_for=2) as (module, service),
        module.app.serve(port=0) as server,
    ):
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(asking("a", "b"))
        await service.full.wait()
        writer.close()
        await service.quiet.wait()

    assert service.seen == 2


async def test_server_that_stops_takes_its_requests_along(weather_app):
    async with weather_app(wait_for=2) as (module, service):
        async with module.app.serve(port=0) as server:
            reader, writer = await asyncio.open_connection(
                server.host, server.port
            )
            writer.write(asking("a", "b"))
            await service.full.wait()
        await service.quiet.wait()
        answer = await reader.read()
        writer.close()

    assert (service.seen, answer) == (2, b"")


# Blocking code


class LoopTime:
    """Seconds as the loop has them: what a thread sleeps is not its."""

    now = 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        if threading.current_thread() is threading.main_thread():
            self.now += seconds


async def test_handler_that_blocks_is_told_by_its_name(
    step, example, fetch, caplog, monkeypatch
):
    loop_time, room = LoopTime(), step.modules["extensions.slow"]
    watching = functools.partial(room.slow, clock=loop_time.clock)
    monkeypatch.setattr(room, "slow", watching)
    module = example("blocking")
    module.time = loop_time

    answers = [await fetch(module.app, f"/{way}/1") for way in WAYS]

    assert [answer.content for answer in answers] == [b"1\n", b"1\n"]
    page = (ROOT / "docs" / "extensions" / "slow.md").read_text("utf-8")
    [report] = caplog.messages
    assert report.startswith("blocking.wrong held the loop")
    assert report.replace("blocking", "__main__") in page.splitlines()
