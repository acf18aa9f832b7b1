"""What clients and handlers may do to a server, and it lives on.

Clients are sockets. What waits for a clock alone is in test_flow.py, what a
signal or a limit does to a process in test_server.py, a day's work in
test_soak.py.
"""

import asyncio
import contextlib
import hashlib
import socket
import struct
import threading

import h11
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workshop import wire
from workshop.bench import memory
from workshop.bench.counts import Bench
from workshop.exchange import Reader
from workshop.serving import launched
from workshop.steps import find, load

pytestmark = pytest.mark.steps("04", "05")

PATIENCE = 10  # seconds until we believe no more that something will come
HOST = b"host: pico\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = b"GET / HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 9\r\n\r\n"
CHUNKED = (
    b"POST / HTTP/1.1\r\n"
    + HOST
    + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
)
PIECE = bytes(range(256)) * 256
NUMBERS = ["04", "05"]


# Apps and clients


def hello_app(step, **limits):
    """Return an app that says hello; `limits` are those of a connection."""
    app = step.Pico()
    app.Server = type("Server", (app.Server,), {"interval": 0.02})
    app.Protocol = type("Protocol", (app.Protocol,), limits)

    @app.route("/", methods=["GET", "POST"])
    async def index(request, response):
        response.body = b"hello " + request.body

    return app


@contextlib.asynccontextmanager
async def served(app):
    """Serve an app, as long as our patience lasts."""
    async with asyncio.timeout(PATIENCE), app.serve(port=0) as server:
        yield server
        await until(lambda: not app.connections)


async def until(condition):
    """Let the loop turn until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - it is nobody's event
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def connected(server, *data):
    """Yield reader and writer of a connection that has sent something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.writelines(data)
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def told(server, request=LAST):
    """Return status and content of the one answer on a new connection."""
    async with connected(server, request) as (reader, _):
        said = await reader.read()
    head, _, content = said.partition(b"\r\n\r\n")
    return int(head[9:12]), content


def reset(client):
    """End a connection as a program that crashes does."""
    client.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    client.close()


# Slow clients


async def test_client_that_drips_its_head_holds_nobody_up(step):
    app = hello_app(step, head_timeout=0.1)

    async with (
        served(app) as server,
        connected(server, b"GET / HTTP/1.1\r\nx: ") as (reader, writer),
    ):
        answer = asyncio.create_task(reader.read())
        others = 0
        while not answer.done():
            writer.write(b"y")
            assert await told(server) == (200, b"hello ")
            others += 1

    assert answer.result()[9:12] == b"408"
    assert others


async def test_client_that_stops_within_its_content_is_told_so(step):
    app = hello_app(step, content_timeout=0.1)

    async with (
        served(app) as server,
        connected(server, POST, b"123") as (reader, _),
    ):
        assert await told(server) == (200, b"hello ")
        answer = await reader.read()

    assert answer[9:12] == b"408"


async def test_client_that_reads_slowly_gets_every_byte(step):
    app = hello_app(step)
    pieces = 200

    @app.route("/large")
    async def large(request, response):
        async def content():
            for _ in range(pieces):
                yield PIECE

        response.body = content()

    digest = hashlib.sha256()
    async with served(app) as server:
        request = LAST.replace(b"/", b"/large", 1).replace(b"1.1", b"1.0", 1)
        async with connected(server, request) as (reader, _):
            await reader.readuntil(b"\r\n\r\n")
            while data := await reader.read(50_000):
                digest.update(data)
                if digest.digest()[0] < 16:  # now and then
                    assert await told(server) == (200, b"hello ")

    assert digest.digest() == hashlib.sha256(PIECE * pieces).digest()


async def test_client_that_stops_reading_is_left_and_its_stream_closed(step):
    app, closed = hello_app(step, write_timeout=0.1), asyncio.Event()

    @app.route("/endless")
    async def endless(request, response):
        async def content():
            try:
                while True:
                    yield PIECE
            finally:
                closed.set()

        response.body = content()

    async with served(app) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(GET.replace(b"/", b"/endless", 1))
            await closed.wait()
            assert await told(server) == (200, b"hello ")


# Clients that leave


@pytest.mark.parametrize("request_", [GET, POST + b"123456789", CHUNKED])
async def test_client_may_reset_anywhere_in_a_request(step, request_, caplog):
    app = hello_app(step)

    async with served(app) as server:
        for end in range(len(request_)):
            client = socket.create_connection(("127.0.0.1", server.port))
            client.sendall(request_[:end])
            await asyncio.sleep(0)
            reset(client)
        assert await told(server) == (200, b"hello ")

    assert caplog.messages == []


async def test_client_may_reset_in_the_midst_of_an_answer(step, caplog):
    app, closed = hello_app(step), []

    @app.route("/endless")
    async def endless(request, response):
        async def content():
            try:
                while True:
                    yield PIECE
                    await asyncio.sleep(0)
            finally:
                closed.append(request.query.get("n"))

        response.body = content()

    async with served(app) as server:
        for n in range(20):
            target = b"/endless?n=%d" % n
            async with connected(server, GET.replace(b"/", target, 1)) as (
                reader,
                writer,
            ):
                await reader.readexactly(1000 * n + 1)
                reset(writer.get_extra_info("socket")._sock.dup())
                writer.transport.abort()
        await until(lambda: len(closed) == 20)
        assert await told(server) == (200, b"hello ")

    assert caplog.messages == []


async def test_client_that_leaves_ends_a_stream_that_never_waits(step, caplog):
    """What is written to who has left fills no buffer: nobody pauses."""
    app, closed = hello_app(step), asyncio.Event()

    @app.route("/endless")
    async def endless(request, response):
        async def content():
            try:
                for _ in range(100_000):
                    yield PIECE
            except GeneratorExit:
                closed.set()
                raise

        response.body = content()

    def leave(port):
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        client.sendall(GET.replace(b"/", b"/endless", 1))
        for _ in range(50):
            client.recv(65536)
        reset(client)

    async with served(app) as server:
        await asyncio.to_thread(leave, server.port)
        await closed.wait()
        assert await told(server) == (200, b"hello ")

    assert caplog.messages == []


async def test_client_that_reads_fast_holds_nobody_up(step):
    """Its stream never has to wait, but others have their turn."""
    app = hello_app(step)

    @app.route("/endless")
    async def endless(request, response):
        async def content():
            for app["pieces"] in range(300_000):
                yield b"x"

        response.body = content()

    async with (
        served(app) as server,
        connected(server, GET.replace(b"/", b"/endless", 1)) as (reader, _),
    ):
        await reader.readuntil(b"x")
        assert await told(server) == (200, b"hello ")
        assert app["pieces"] < 200_000


async def test_client_may_pipeline_and_leave_without_reading(step, caplog):
    app = hello_app(step)

    async with served(app) as server:
        for _ in range(5):
            client = socket.create_connection(("127.0.0.1", server.port))
            client.sendall(GET * 500)
            await asyncio.sleep(0)
            reset(client)
        assert await told(server) == (200, b"hello ")

    assert caplog.messages == []


# A crowd


def test_two_thousand_clients_at_once_are_all_answered(target):
    number = min(2000, memory.room())

    with launched(target.folder, wire.PROGRAM) as running:
        with contextlib.ExitStack() as stack:
            clients = [
                stack.enter_context(
                    socket.create_connection(
                        (running.host, running.port), PATIENCE
                    )
                )
                for _ in range(number)
            ]
            for n, client in enumerate(clients):
                client.sendall(memory.request(f"/hello/{n}"))
            for n, client in enumerate(clients):
                memory.read(client, b'{"message":"Hello %d"}' % n)
        log = running.log()

    assert (number >= 500, log) == (True, "")


# Handlers


async def raises(request, response):
    raise RuntimeError("secret")


async def raises_a_group(request, response):
    async with asyncio.TaskGroup() as group:
        group.create_task(raises(request, response))


async def runs_out_of_time(request, response):
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


async def recurses(request, response):
    await recurses(request, response)


async def answers_nonsense(request, response):
    response.body = object()


async def says_no_status(request, response):
    response.status = "fine"


@pytest.mark.parametrize(
    "handler",
    [
        raises,
        raises_a_group,
        runs_out_of_time,
        recurses,
        answers_nonsense,
        says_no_status,
    ],
)
async def test_handler_that_fails_is_a_500_and_no_end(step, ask, handler):
    app = hello_app(step)
    app.route("/fail")(handler)

    exchange = await ask(app, GET.replace(b"/", b"/fail", 1) + GET)

    assert [a.status for a in exchange.answers] == [500, 200]
    assert b"secret" not in exchange.raw
    assert b"Traceback" not in exchange.raw


async def test_handler_that_is_cancelled_ends_its_connection_alone(step):
    app = hello_app(step)

    @app.route("/cancelled")
    async def cancelled(request, response):
        asyncio.current_task().cancel()
        await asyncio.Event().wait()

    async with (
        served(app) as server,
        connected(server, GET.replace(b"/", b"/cancelled", 1)) as (reader, _),
    ):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        assert await told(server) == (200, b"hello ")


async def test_handler_that_hangs_holds_nobody_up(step):
    app, inside = hello_app(step), asyncio.Event()

    @app.route("/hang")
    async def hang(request, response):
        inside.set()
        await asyncio.Event().wait()

    async with (
        served(app) as server,
        connected(server, GET.replace(b"/", b"/hang", 1)) as (_, writer),
    ):
        await inside.wait()
        answers = [await told(server) for _ in range(50)]
        writer.transport.abort()

    assert answers == [(200, b"hello ")] * 50


async def test_handler_that_blocks_loses_no_request(step):
    """Whatever came while nobody could look is answered afterwards."""
    app, sent = hello_app(step), threading.Event()
    answers = []

    @app.route("/block")
    async def block(request, response):
        sent.wait(PATIENCE)
        response.body = "blocked"

    def clients(port):
        with contextlib.ExitStack() as stack:
            made = [
                stack.enter_context(
                    socket.create_connection(("127.0.0.1", port), PATIENCE)
                )
                for _ in range(50)
            ]
            for client in made:
                target = b"/block" if client is made[0] else b"/"
                client.sendall(LAST.replace(b"/", target, 1))
            sent.set()
            for client in made:
                with client.makefile("rb") as file:
                    answers.append(file.read().rpartition(b"\r\n")[2])

    async with served(app) as server:
        await asyncio.to_thread(clients, server.port)

    assert answers == [b"blocked"] + [b"hello "] * 49


async def test_handler_that_swallows_its_end_is_the_last_one(step, caplog):
    """Nobody reads what was asked behind it, and no task is left."""
    app, inside, asked = hello_app(step), asyncio.Event(), []

    @app.route("/stubborn")
    async def stubborn(request, response):
        inside.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    @app.listen("response")
    def count(request, response):
        asked.append(request.path)

    stream = GET.replace(b"/", b"/stubborn", 1) + GET * 40
    async with served(app) as server:
        async with connected(server, stream) as (_, writer):
            await inside.wait()
            (connection,) = app.connections
            writer.transport.abort()
        await asyncio.wait([connection.task])

    assert (asked, caplog.messages) == (["/stubborn"], [])


# Bombs


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 200_000 + b"]" * 200_000,  # 3.14 has room for 50,000
        b"9" * 100_000,
        b'"\\ud800',
        b"\xff\xfe",
        b"",
        b"nan",
    ],
    ids=["lists", "objects", "closed", "digits", "half", "bytes", "", "nan"],
)
async def test_json_that_is_a_bomb_is_a_400(step, ask, content):
    app = step.Pico()

    @app.route("/", methods=["GET", "POST"])
    async def index(request, response):
        response.json = request.method == "GET" or request.json

    head = b"POST / HTTP/1.1\r\n" + HOST + b"content-length: %d\r\n\r\n"
    request = head % len(content) + content + GET
    exchange = await ask(app, request, methods=["POST", "GET"])

    assert [a.status for a in exchange.answers] == [400, 200]


COOKIES = [
    b";" * 16_000,
    b"a=b;" * 4_000,
    b"=" * 16_000,
    b'"' * 16_000,
    b"a" * 16_000,
    b'a="' + b"\\" * 15_000 + b'"',
    b" ;" * 8_000,
    b"\xe9=\xff; a=\x80",
]


@pytest.mark.parametrize("value", COOKIES, ids=range(len(COOKIES)))
async def test_cookies_that_are_a_bomb_are_read_or_refused(step, ask, value):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.body = str(len(request.cookies))

    request = GET[:-2] + b"cookie: " + value + b"\r\n\r\n"
    exchange = await ask(app, request, answers=1)

    assert [a.status for a in exchange.answers] in ([200], [431])


# Whatever is said in an answer, it is one answer.

TEXT = st.text(max_size=20) | st.text(
    st.sampled_from('ab:;,= \t\r\n\0\x7f\x85\xa0é\u2028\ud800"\\<'),
    max_size=12,
)
EVIL = "evil: yes\r\n\r\nHTTP/1.1 200 OK"
BOUNDED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@contextlib.contextmanager
def fed(app, segments):
    """Yield a bench whose connection was fed; leave no loop behind."""
    bench = Bench(lambda: app.Protocol(app))
    try:
        bench.feed(segments)
        yield bench
        bench.protocol.connection_lost(None)
        bench.loop.turn()
    finally:
        asyncio._set_running_loop(None)


def answered(app, request):
    """Return all that is answered, without sockets and without a loop."""
    with fed(app, [request]) as bench:
        assert [e for e in bench.loop.errors if e] == []
    return b"".join(bench.transport.written)


def read_by_h11(said, methods=("GET",)):
    reader = Reader(methods)
    reader.feed(said)
    reader.feed(b"")
    return reader


@pytest.mark.parametrize("number", NUMBERS)
def test_no_name_and_no_value_of_a_field_splits_an_answer(number):
    app = load(number).Pico()
    fields = {}

    @app.route("/")
    async def index(request, response):
        response.headers.update(fields)

    @example("x-a", EVIL)
    @example(EVIL, "x")
    @example("x: ", "")  # A field name with a colon
    @given(TEXT, TEXT)
    @BOUNDED
    def check(name, value):
        fields.clear()
        fields[name] = value
        reader = read_by_h11(answered(app, LAST))
        (answer,) = reader.answers
        own = {"date", "content-length", "connection", "content-type"}
        extra = [(n, v) for n, v in answer.fields if n not in own]

        assert reader.garbage is None
        assert answer.status in (200, 500)
        if answer.status == 200 and name.lower() not in own:
            assert extra in (
                [(name.lower(), value.strip(" \t"))],
                [(name.lower(), "")],
            )
        else:
            assert extra == [] or name.lower() in own

    check()


@pytest.mark.parametrize("number", NUMBERS)
def test_no_name_and_no_value_of_a_cookie_splits_an_answer(number):
    app = load(number).Pico()
    cookie = []

    @app.route("/")
    async def index(request, response):
        response.cookies.set(*cookie)

    @example("a", EVIL)
    @example(EVIL, "a")
    @example("", "a")
    @given(TEXT, TEXT)
    @BOUNDED
    def check(name, value):
        cookie[:] = name, value
        reader = read_by_h11(answered(app, LAST))
        (answer,) = reader.answers
        set_ = [v for n, v in answer.fields if n == "set-cookie"]

        assert reader.garbage is None
        assert "evil" not in [n for n, _ in answer.fields]
        assert (answer.status, len(set_)) in ((200, 1), (500, 0))
        if set_:
            assert set_[0].startswith(f"{name}=")

    check()


# Whatever is sent, it is read the same way, and answered.

TOKEN = st.text("abcXYZ019-_.~%", min_size=1, max_size=8)
FIELDS = st.lists(
    st.tuples(
        TOKEN.filter(lambda name: "%" not in name).map("x-{}".format),
        st.text("abc ,;=\t\x80é", max_size=12).map(str.strip),
    ),
    max_size=4,
)
CONTENT = st.none() | st.lists(st.binary(min_size=1, max_size=300), max_size=4)
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"]),
        st.sampled_from(["/", "/echo", "/nowhere", "/tell?q=a%20b", "*"]),
        FIELDS,
        CONTENT,
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def rendered(method, target, fields, content, chunked):
    """Return a request as h11 writes it."""
    if target == "*":
        method, content = "OPTIONS", None
    client = h11.Connection(h11.CLIENT)
    fields = [("host", "pico"), *fields]
    if content is not None:
        length = sum(map(len, content))
        coding = ("transfer-encoding", "chunked")
        fields += [coding if chunked else ("content-length", str(length))]
    said = client.send(
        h11.Request(
            method=method,
            target=target,
            headers=[(n, v.encode("latin-1")) for n, v in fields],
        )
    )
    for piece in content or ():
        said += client.send(h11.Data(data=piece))
    return said + client.send(h11.EndOfMessage())


def telling_app(number):
    """Return an app that tells all it was sent."""
    app = load(number).Pico()

    @app.route("/", methods=["GET", "POST"])
    @app.route("/tell", methods=["GET", "POST"])
    async def tell(request, response):
        response.body = repr(
            (
                request.method,
                request.url,
                sorted(request.headers.items()),
                request.body,
            )
        )

    @app.route("/echo", methods=["GET", "POST", "PUT"])
    async def echo(request, response):
        response.body = request.body

    return app


def conversation(app, segments):
    """Return what segments are answered, without dates."""
    with fed(app, segments) as bench:
        assert bench.loop.errors == []
    said = b"".join(bench.transport.written)
    lines = said.split(b"\r\n")
    return [line for line in lines if not line.startswith(b"date: ")], said


@pytest.mark.parametrize("number", NUMBERS)
def test_requests_are_answered_alike_however_they_are_cut(number):
    app = telling_app(number)

    @given(REQUESTS, st.lists(st.integers(1, 2000), max_size=12))
    @BOUNDED
    def check(requests, cuts):
        stream = b"".join(rendered(*request) for request in requests)
        places = sorted({0, *(c for c in cuts if c < len(stream))})
        ends = [*places[1:], len(stream)]
        pieces = [stream[a:b] for a, b in zip(places, ends, strict=True)]
        whole, said = conversation(app, [stream])
        cut, _ = conversation(app, pieces)

        assert cut == whole
        reader = read_by_h11(said, [method for method, *_ in requests])
        assert reader.garbage is None
        assert len(reader.answers) == len(requests)
        for (method, target, _, content, _), answer in zip(
            requests, reader.answers, strict=True
        ):
            if target == "/echo" and method in ("POST", "PUT"):
                assert answer.content == b"".join(content or ())

    check()


FRAGMENTS = [
    *(b"GET", b"POST", b"OPTIONS", b"get", b"PRI", b"CONNECT", b"BREW"),
    *(b" ", b"\t", b"\r\n", b"\n", b"\r", b":", b"/", b"*", b"\0", b","),
    *(b" / HTTP/1.1\r\n", b" /hello/a HTTP/1.0\r\n", b" HTTP/2.0\r\n"),
    *(b"host: pico\r\n", b"Host: a\r\n", b"content-length: 5\r\n"),
    *(b"transfer-encoding: chunked\r\n", b"content-length: -1\r\n"),
    *(b"connection: upgrade\r\nupgrade: h2c\r\n", b"expect: 100-continue\r\n"),
    *(b"connection: close\r\n", b"\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n"),
    *(b"ffffffffffffffff\r\n", b"hello", GET, POST, CHUNKED, b"x" * 9000),
]
NOISE = st.lists(
    st.sampled_from(FRAGMENTS) | st.binary(max_size=40), max_size=16
)


@pytest.fixture(scope="module", params=NUMBERS)
def contract(request):
    """Serve the contract application of a step."""
    with launched(find(request.param).folder, wire.PROGRAM) as running:
        yield running


def shouted(running, data):
    """Send bytes and no more; return all that is answered, to the end."""
    address = running.host, running.port
    said = b""
    with socket.create_connection(address, PATIENCE) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65536):
            said += piece
    return said


def test_noise_is_answered_by_one_refusal_at_most(contract):
    """A hang is a timeout of the socket, which is an error here."""

    @given(NOISE)
    @settings(BOUNDED, max_examples=400)
    def check(pieces):
        said = shouted(contract, b"".join(pieces))
        statuses = [
            int(line[9:12])
            for line in said.split(b"\r\n")
            if line.startswith(b"HTTP/1.1 ")
        ]
        refused = [s for s in statuses if s in (400, 414, 431, 501, 505)]

        assert len(refused) <= 1
        assert refused in ([], statuses[-1:])
        assert 500 not in statuses
        assert b"Traceback" not in said

    check()
    logged = shouted(contract, memory.request("/logged/Traceback"))

    assert logged.endswith(b"\r\n\r\nno")
    assert contract.log() == ""


def test_echo_of_h11_is_what_it_sent(contract):
    @given(st.lists(st.binary(min_size=1, max_size=9000), max_size=5))
    @settings(BOUNDED, max_examples=60)
    def check(pieces):
        request = rendered("POST", "/echo", [], pieces, True)
        reader = read_by_h11(shouted(contract, request), ["POST"])

        assert [a.content for a in reader.answers] == [b"".join(pieces)]

    check()
