"""What the extension `asgi` does, under each server that can run an app."""

import asyncio
import contextlib
import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from workshop.exchange import PATIENCE, Until, Wire
from workshop.ports import spare
from workshop.serving import apart, end, environment

pytestmark = pytest.mark.steps("04", "05")

APP = """
import asyncio

from extensions.asgi import asgi
from messages import HttpError
from pico import Pico

app = Pico()
application = asgi(app)


@app.listen("startup")
async def start():
    print("started", flush=True)


@app.listen("shutdown")
async def stop():
    print("stopped", flush=True)


@app.listen("headers")
def refuse(request, response):
    if "forbidden" in request.headers:
        raise HttpError(403, "Not you.")


@app.route("/hello/{name}")
async def hello(request, response, name):
    response.cookies.set("a", "1")
    response.cookies.set("b", "2")
    response.json = {"page": request.query.int("page", 1), "name": name}


@app.route("/echo", methods=["POST"], lazy_body=True)
async def echo(request, response):
    response.body = aiter(request)


@app.route("/length", methods=["POST"])
async def length(request, response):
    response.body = str(len(request.body))


@app.route("/empty")
async def empty(request, response):
    response.status = 204


@app.route("/split")
async def split(request, response):
    response.headers["a"] = "b\\r\\nset-cookie: c"


@app.route("/late")
async def late(request, response):
    async def body():
        raise RuntimeError("secret")
        yield b""

    response.body = body()


@app.route("/broken")
async def broken(request, response):
    async def body():
        yield b"begin"
        raise RuntimeError("secret")

    response.body = body()


@app.route("/endless")
async def endless(request, response):
    async def body():
        try:
            while True:
                yield b"tick"
                await sleep()
        finally:
            print("left", flush=True)

    response.body = body()


async def sleep():
    try:
        await asyncio.sleep(0.02)
    except RuntimeError:
        import trio  # which no other server waits for

        await trio.sleep(0.02)
"""
SERVERS = {
    "uvicorn": ["uvicorn", "--port", "{port}", "served:application"],
    "hypercorn": ["hypercorn", "-b", "127.0.0.1:{port}", "served:application"],
    "hypercorn-trio": [
        *["hypercorn", "-k", "trio", "-b", "127.0.0.1:{port}"],
        "served:application",
    ],
    "granian": [
        *["granian", "--interface", "asgi", "--port", "{port}"],
        "served:application",
    ],
    "daphne": ["daphne", "-p", "{port}", "served:application"],
}
# It is pinned where all it needs has a wheel.
if importlib.util.find_spec("daphne") is None:
    del SERVERS["daphne"]


class Served:
    """The app under a server: where it is, and what it said."""

    def __init__(self, folder, words, app=APP):
        self.port = spare("127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port}"
        self.made = tempfile.TemporaryDirectory()
        self.home = Path(self.made.name)
        (self.home / "served.py").write_text(app)
        self.log = self.home / "log"
        words = [word.format(port=self.port) for word in words]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=self.home,
                env=environment(folder, {}),
                stdout=log,
                stderr=log,
                **apart(),
            )

    def wait(self):
        """Return once it accepts; a server that ends says why."""
        while self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            time.sleep(0.02)  # or we take the core that it needs to start
        raise RuntimeError(self.said())

    def said(self):
        return self.log.read_text("utf-8", "replace")

    def hears(self, word):
        """Return whether it says a word, before we lose patience."""
        for _ in range(200):
            if word in self.said():
                return True
            Wire(self.url).send(b"GET /empty HTTP/1.1\r\nhost: pico\r\n\r\n")
        return False

    def stop(self):
        with self.made:
            end(self.process)
            return self.said()


@pytest.fixture(scope="module")
def running():
    """Return the servers that run already, by step and name."""
    running = {}
    yield running
    for served in running.values():
        served.stop()


@pytest.fixture(params=SERVERS)
def server(request):
    return request.param


@pytest.fixture
def served(running, target, server):
    """Return a server that runs the app; all tests share it."""
    key = target.folder, server
    if key not in running:
        running[key] = Served(target.folder, SERVERS[server])
    return running[key].wait()


def get(served, path, *fields, method="GET"):
    """Return the one answer to a request without content."""
    lines = [f"{method} {path} HTTP/1.1", "host: pico", *fields]
    lines += ["connection: close", "", ""]
    head = "\r\n".join(lines).encode("latin-1")
    return Wire(served.url, PATIENCE).send(head).answers[0]


def test_asgi_answers_as_pico_does(served):
    answer = get(served, "/hello/a%20b?page=2")

    assert (answer.status, answer.content) == (
        200,
        b'{"page":2,"name":"a b"}',
    )
    cookies = [value for name, value in answer.fields if name == "set-cookie"]
    assert cookies == ["a=1; Path=/", "b=2; Path=/"]
    assert answer.field("content-length") == "23"


def test_asgi_answers_head_without_content(served):
    answer = get(served, "/hello/ada", method="HEAD")

    assert (answer.status, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/empty", [], 204),
        ("/nowhere", [], 404),
        ("/length", [], 405),
        ("/hello/ada?page=x", [], 400),
        ("/hello/%ff", [], 400),
        ("/empty", ["forbidden: 1"], 403),
        ("/split", [], 500),
        ("/late", [], 500),
    ],
)
def test_asgi_answers_with_the_status_of_pico(served, path, fields, status):
    answer = get(served, path, *fields)

    assert answer.status == status
    assert answer.field("set-cookie") is None
    assert b"secret" not in answer.content


def test_asgi_refuses_content_that_is_too_long(served):
    head = b"POST /length HTTP/1.1\r\nhost: pico\r\nconnection: close\r\n"
    head += b"content-length: %d\r\n\r\n" % (2**20 + 1)

    exchange = Wire(served.url).send(head + bytes(2**20 + 1), answers=1)

    assert exchange.answers[0].status == 413


def test_asgi_streams_content_both_ways(served, server):
    head = b"POST /echo HTTP/1.1\r\nhost: pico\r\nconnection: close\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    # daphne collects all content before it calls an application.
    turn = [] if server == "daphne" else [Until(b"ada")]

    exchange = Wire(served.url).send(
        head + b"3\r\nada\r\n", *turn, b"4\r\nbyte\r\n0\r\n\r\n"
    )

    assert [a.content for a in exchange.answers] == [b"adabyte"], exchange


def test_asgi_breaks_off_an_answer_that_fails(served, server):
    if server == "daphne":  # It keeps the client waiting.
        return
    head = b"GET /broken HTTP/1.1\r\nhost: pico\r\n\r\n"

    exchange = Wire(served.url).send(head, closing=True)

    assert exchange.end in ("closed", "reset")
    assert not any(answer.complete for answer in exchange.answers)


def test_asgi_cancels_an_answer_whose_client_has_left(served):
    head = b"GET /endless HTTP/1.1\r\nhost: pico\r\n\r\n"

    Wire(served.url).send(head, Until(b"tick"), leave=True)

    assert served.hears("left")


def test_asgi_calls_startup_and_shutdown(served, server, running, target):
    said = served.stop()
    del running[target.folder, server]

    # daphne speaks no lifespan.
    times = 0 if server == "daphne" else 1
    assert (said.count("started"), said.count("stopped")) == (times, times)


# Without a server


def http(path, **more):
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [],
        **more,
    }


async def told(application, scope, *events):
    """Return what an application sends, told some events."""
    sent, events = [], list(events)

    async def receive():
        return events.pop(0) if events else await asyncio.Future()

    async def send(event):
        sent.append(event)

    await application(scope, receive, send)
    return sent


async def test_asgi_leaves_out_where_it_is_mounted(step):
    app = step.Pico()

    @app.route("/hello/{name}")
    async def hello(request, response, name):
        response.body = name

    application = step.modules["extensions.asgi"].asgi(app)
    scope = http("/drones/hello/é", root_path="/drones")

    sent = await told(application, scope)

    assert sent[1] == {"type": "http.response.body", "body": "é".encode()}


async def test_asgi_joins_what_is_repeated(step):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.json = request.headers

    fields = [(b"accept", b"a"), (b"Cookie", b"b=1")]
    fields += [(b"accept", b"c"), (b"cookie", b"d=2")]
    application = step.modules["extensions.asgi"].asgi(app)

    sent = await told(application, http("/", headers=fields))

    assert sent[1]["body"] == b'{"accept":"a, c","cookie":"b=1; d=2"}'


async def test_asgi_brings_headers_of_the_class_of_the_app(step):
    class Headers(step.messages.Headers):
        def agents(self):
            return self.get("user-agent", "").split()

    class App(step.Pico):
        pass

    App.Headers = Headers
    app = App()

    @app.route("/")
    async def index(request, response):
        response.json = request.headers.agents()

    application = step.modules["extensions.asgi"].asgi(app)
    fields = [(b"user-agent", b"curl wget")]

    sent = await told(application, http("/", headers=fields))

    assert sent[1]["body"] == b'["curl","wget"]'


async def test_asgi_tells_where_a_request_comes_from(step):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        info = request.source.transport.get_extra_info
        response.json = [info("peername"), bool(info("sslcontext"))]

    application = step.modules["extensions.asgi"].asgi(app)
    scope = http("/", client=("192.0.2.1", 5), scheme="https")

    sent = await told(application, scope)

    assert sent[1]["body"] == b'[["192.0.2.1",5],true]'


async def test_asgi_answers_400_where_content_breaks_off(step):
    app = step.Pico()

    @app.route("/", methods=["POST"])
    async def index(request, response):
        response.body = request.body

    application = step.modules["extensions.asgi"].asgi(app)
    scope = http("/", method="POST", headers=[(b"content-length", b"3")])

    sent = await told(application, scope, {"type": "http.disconnect"})

    assert sent[0]["status"] == 400


@pytest.mark.parametrize("pieces", [[b"ada"], [b"ada", b"byte"]])
async def test_asgi_does_not_finish_a_body_of_another_length(step, pieces):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        async def body():
            for piece in pieces:
                yield piece

        response.headers["content-length"] = 5
        response.body = body()

    application = step.modules["extensions.asgi"].asgi(app)

    with pytest.raises(ValueError, match="not as long as it was declared"):
        await told(application, http("/"))


async def test_asgi_tells_of_a_startup_that_fails(step):
    app = step.Pico()

    @app.listen("startup")
    async def start():
        raise RuntimeError("no database")

    application = step.modules["extensions.asgi"].asgi(app)
    sent = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(event):
        sent.append(event)

    with pytest.raises(RuntimeError, match="no database"):
        await application({"type": "lifespan"}, receive, send)

    assert sent == [
        {
            "type": "lifespan.startup.failed",
            "message": "RuntimeError('no database')",
        }
    ]


async def test_asgi_can_be_cancelled_from_outside(step):
    app = step.Pico()
    waits = asyncio.Event()

    @app.route("/")
    async def index(request, response):
        waits.set()
        await asyncio.Future()

    application = step.modules["extensions.asgi"].asgi(app)
    task = asyncio.create_task(told(application, http("/")))
    await waits.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("stuck", ["start", "body"])
async def test_asgi_ends_a_generator_before_it_ends_itself(step, stuck):
    app, left, calls = step.Pico(), asyncio.Event(), []

    @app.route("/")
    async def index(request, response):
        async def body():
            try:
                yield b"ada"
            finally:
                calls.append("closed")

        response.body = body()

    async def receive():
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(event):
        if event["type"] == f"http.response.{stuck}":
            left.set()
            await asyncio.Future()

    application = step.modules["extensions.asgi"].asgi(app)

    await application(http("/"), receive, send)
    calls.append("ended")

    assert calls == ["closed", "ended"]


async def test_asgi_ends_a_generator_that_never_waits(step):
    app, sent, calls = step.Pico(), [], []

    @app.route("/")
    async def index(request, response):
        async def body():
            try:
                for _ in range(1000):
                    yield b"ada"
            finally:
                calls.append("closed")

        response.body = body()

    async def receive():
        while len(sent) < 10:  # noqa: ASYNC110 - it is nobody's event
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(event):
        sent.append(event["type"])

    application = step.modules["extensions.asgi"].asgi(app)

    await application(http("/"), receive, send)

    assert calls == ["closed"]
    assert len(sent) < 20


async def test_asgi_ends_a_generator_that_yields_too_much(step):
    app, calls = step.Pico(), []

    @app.route("/")
    async def index(request, response):
        async def body():
            try:
                yield b"ada"
                yield b"byte"
            finally:
                calls.append("closed")

        response.headers["content-length"] = 5
        response.body = body()

    application = step.modules["extensions.asgi"].asgi(app)

    with pytest.raises(ValueError, match="not as long as it was declared"):
        await told(application, http("/"))
    calls.append("ended")

    assert calls == ["closed", "ended"]
