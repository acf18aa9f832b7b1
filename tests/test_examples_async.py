"""What async makes feasible: the examples do what the pages say."""

import asyncio
import importlib.util
import json
import sys
import time

import pytest
from playwright.async_api import async_playwright
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from workshop.steps import ROOT

pytestmark = pytest.mark.steps("04", "05")

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
    async with async_playwright() as tool:
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
    assert set().union(*app["rooms"].values()) == set()


async def test_chat_leaves_who_does_not_read_behind(example):
    module = example("websocket_chat")
    module.PATIENCE = 0.01
    seen = asyncio.Event()

    @module.app.listen("websocket_connect")
    def clog(request, ws):
        if request.query.get("slow", ""):
            ws.writable.clear()  # as its transport does
            seen.set()

    async with (
        module.app.serve(port=0) as server,
        chat(server, "lobby?slow=1") as slow,
        chat(server) as ada,
    ):
        await seen.wait()
        await ada.send("hello")
        heard = await ada.recv()
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


async def test_clock_is_shown_by_a_browser(example):
    script = """() => new Promise(done => {
      source.addEventListener("tick", () => {
        const text = document.querySelector("h1").textContent;
        source.close();
        done(text);
      });
    })"""

    async with example("sse_clock").app.serve(port=0) as server:
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
    """A service that answers when as many ask as it waits for."""

    def __init__(self, step, wait_for):
        self.app, self.now, self.most = step.Pico(), 0, 0
        self.wait_for, self.go = wait_for, asyncio.Event()

        @self.app.route("/{name}")
        async def tell(request, response, name):
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == self.wait_for:
                self.go.set()
            try:
                await self.go.wait()
            finally:
                self.now -= 1
            city = bytes.fromhex(name).decode()
            if city == "Atlantis":
                raise step.messages.HttpError(404)
            response.body = f"rain in {city}"


async def asked(step, example, fetch, cities, wait_for):
    app, weather = example("parallel_requests").app, Weather(step, wait_for)
    async with weather.app.serve(port=0) as server:
        app["weather"] = (server.host, server.port)
        query = "&".join(f"city={city}" for city in cities)
        answer = await fetch(app, f"/weather?{query}")
    return answer, weather


async def test_requests_go_out_in_parallel(step, example, fetch):
    answer, _ = await asked(step, example, fetch, "abc", wait_for=3)

    assert json.loads(answer.content) == {n: f"rain in {n}" for n in "abc"}


async def test_requests_that_go_out_are_bounded(step, example, fetch):
    answer, weather = await asked(
        step, example, fetch, "abcdefghijklmnop", wait_for=10
    )

    assert (answer.status, weather.most) == (200, 10)
    assert len(json.loads(answer.content)) == 16


async def test_request_that_fails_ends_the_others(step, example, fetch):
    answer, weather = await asked(
        step, example, fetch, ["a", "Atlantis"], wait_for=2
    )

    assert (answer.status, answer.field("retry-after")) == (503, "2")
    assert weather.now == 0


async def test_requests_to_nobody_are_an_error_of_ours(example, fetch):
    app = example("parallel_requests").app
    app["weather"] = ("127.0.0.1", 1)

    answer = await fetch(app, "/weather?city=a")

    assert answer.status == 503


async def test_requests_are_counted_before_they_go_out(example, fetch):
    answer = await fetch(
        example("parallel_requests").app, "/weather?" + "&city=a" * 21
    )

    assert answer.status == 400


# Blocking code


@pytest.mark.parametrize(
    ("path", "reports"), [("/wrong/1", 1), ("/right/1", 0)]
)
async def test_blocking_handler_is_told_by_its_name(
    example, fetch, caplog, path, reports
):
    answer = await fetch(example("blocking").app, path)

    assert answer.content == b"1\n"
    told = [m for m in caplog.messages if m.startswith("blocking.wrong held")]
    assert len(told) == reports
