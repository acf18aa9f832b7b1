"""What step 03 promises: requests as they were meant, answers in order.

Knows: bytes in, values out; one connection.
Does not know: hooks; the rows of HTTP, which have a table of their own.
"""

import asyncio
import contextlib
import re
import time
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import pytest

HELLO = b"GET /hello/ada HTTP/1.1\r\nHost: pico\r\n\r\n"
STREAM = (
    b"POST /users/a%20b?tag=1&tag=2 HTTP/1.1\r\nHost: pico\r\n"
    b"Content-Length: 5\r\nX-Drone: A7\r\n\r\nhello"
    b"PUT /chunks HTTP/1.1\r\nHost: pico\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    b"GET / HTTP/1.1\r\nHost: pico\r\nConnection: close\r\n\r\n"
)
DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
NAME = ContextVar("name", default="nobody")


def answered(exchange):
    return [(answer.status, answer.content) for answer in exchange.answers]


def parsed(step, *segments):
    """Return a parser that was fed these segments."""
    parser = step.parsing.RequestParser(step.Pico())
    for segment in segments:
        parser.feed(segment)
    return parser


async def asked(step, *fields, query="", content=b""):
    """Return a request as its handler gets it."""
    length = f"content-length: {len(content)}"
    lines = [f"POST /?{query} HTTP/1.1", "host: pico", length, *fields]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    request = parsed(step, head + content).requests.pop(0)
    await request.load_body()
    return request


# However the bytes come


def told(parser):
    """Return what a parser understood."""
    return [
        (
            request.method,
            request.path,
            request.query_string,
            dict(request.headers),
            bytes(request.arrived),
            request.complete,
        )
        for request in parser.requests
    ]


def test_requests_are_the_same_wherever_they_were_cut(step):
    whole = told(parsed(step, STREAM))

    cut = [
        told(parsed(step, STREAM[:place], STREAM[place:]))
        for place in range(len(STREAM))
    ]

    assert [request[0] for request in whole] == ["POST", "PUT", "GET"]
    assert cut == [whole] * len(STREAM)


def test_requests_are_the_same_byte_by_byte(step):
    pieces = [STREAM[place : place + 1] for place in range(len(STREAM))]

    assert told(parsed(step, *pieces)) == told(parsed(step, STREAM))


def test_request_byte_by_byte_gets_one_answer(wire):
    pieces = [HELLO[place : place + 1] for place in range(len(HELLO))]

    exchange = wire.send(*pieces, methods=["GET"])

    assert answered(exchange) == [(200, b'{"message":"Hello ada"}')]


def test_requests_in_one_segment_are_answered_in_their_order(wire):
    slow = b"GET /slow HTTP/1.1\r\nHost: pico\r\n\r\n"

    exchange = wire.send(slow + HELLO)

    assert answered(exchange) == [
        (200, b"slow"),
        (200, b'{"message":"Hello ada"}'),
    ]


def test_requests_that_wait_to_be_parsed_keep_their_order(step):
    head = b"GET /%d HTTP/1.1\r\nHost: pico\r\n\r\n"
    heads = [head % number for number in range(200)]
    parser = parsed(step, b"".join(heads[:150]), b"".join(heads[150:]))
    paths = []

    while parser.requests:
        paths += [request.path for request in parser.requests]
        parser.requests.clear()
        parser.feed(b"")

    assert paths == [f"/{number}" for number in range(200)]


def test_garbage_is_refused_after_good_requests_were_answered(wire):
    exchange = wire.send(HELLO + b"\0\0\0\0\r\n\r\n", answers=2)

    assert [answer.status for answer in exchange.answers] == [200, 400]
    assert exchange.end == "closed"


# What a handler is told


def test_content_reaches_the_handler(wire):
    exchange = wire.send(
        b"POST /echo HTTP/1.1\r\nHost: pico\r\nContent-Length: 5\r\n\r\nhello"
    )

    assert answered(exchange) == [(200, b"hello")]


def test_encoded_path_is_decoded(wire):
    exchange = wire.send(
        b"GET /hello/Ang%C3%A9lique HTTP/1.1\r\nHost: pico\r\n\r\n"
    )

    assert answered(exchange) == [
        (200, b'{"message":"Hello Ang\\u00e9lique"}')
    ]


async def test_headers_have_no_case(step):
    request = await asked(step, "X-Drone: A7", "x-drone: B8")

    assert request.headers["x-DRONE"] == "A7, B8"


async def test_query_is_typed(step):
    text = "page=2&zoom=1.5&all=on&far=f&yes=1&no=0&tag=a&tag=b+c"
    request = await asked(step, query=text)

    query = request.query

    assert query.int("page") == 2
    assert query.float("zoom") == 1.5
    assert (query.bool("all"), query.bool("far")) == (True, False)
    assert (query.bool("yes"), query.bool("no")) == (True, False)
    assert query.list("tag") == ["a", "b c"]
    assert query.get("tag") == "a"
    assert query.int("limit", 10) == 10


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", "page=two"),
        ("int", "page=1.5"),
        ("float", "page=two"),
        ("bool", "page=2"),
        ("get", "pages=2"),
        ("list", ""),
    ],
)
async def test_query_that_does_not_fit_is_a_400_that_names_it(
    step, kind, text
):
    request = await asked(step, query=text)

    with pytest.raises(step.messages.HttpError) as caught:
        getattr(request.query, kind)("page")

    assert caught.value.status == 400
    assert "'page'" in caught.value.message


async def test_query_that_does_not_fit_is_answered(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.json = request.query.int("page")

    answer = await fetch(app, "/?page=two")

    assert answer.status == 400
    assert answer.content == b"The parameter 'page' is no int."


async def test_cookies_come_and_go(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        visits = int(request.cookies["visits"]) + 1
        response.cookies.set("visits", str(visits), httponly=True, max_age=60)

    answer = await fetch(app, "/", "cookie: theme=dark; visits=41")

    assert answer.field("set-cookie") == (
        "visits=42; HttpOnly; Max-Age=60; Path=/"
    )


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("", {}),
        ("id=7", {"id": "7"}),
        ("id=7;theme=dark", {"id": "7", "theme": "dark"}),
        ("id=7; id=8", {"id": "7"}),
        ('id="7"', {"id": "7"}),
        ("id=a=b", {"id": "a=b"}),
        ("=7; ;;", {}),
        ("id=", {"id": ""}),
    ],
)
async def test_cookies_are_read_as_browsers_send_them(step, field, cookies):
    request = await asked(step, f"cookie: {field}")

    assert request.cookies == cookies


@pytest.mark.parametrize("parameter", ["", "; charset=UTF-8"])
async def test_form_is_decoded(step, parameter):
    kind = "application/x-WWW-form-urlencoded"  # in any case
    media_type = f"Content-Type: {kind}{parameter}"
    content = b"name=Ada+L.&age=36&tag=a&tag=b"
    request = await asked(step, media_type, content=content)

    form = request.form

    assert form.get("name") == "Ada L."
    assert form.int("age") == 36
    assert form.list("tag") == ["a", "b"]


async def test_json_is_decoded(step):
    request = await asked(step, content=b' \t{"names": ["ada"]}\r\n')

    assert request.json == {"names": ["ada"]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[] []",
        b"[]\xc2\xa0",
        b"\xff",
        b"{\0}\0",
        b"[" * 100_000,
        b"9" * 5_000,
        b"NaN",
        b"[-Infinity]",
    ],
    ids=[
        "nothing",
        "half",
        "two values",
        "a space that is none",
        "no UTF-8",
        "UTF-16",
        "a deep bomb",
        "a long bomb",
        "no number",
        "no end of numbers",
    ],
)
async def test_json_that_is_none_is_a_400(step, content):
    request = await asked(step, content=content)

    with pytest.raises(step.messages.HttpError) as caught:
        _ = request.json

    assert caught.value.status == 400


async def test_request_holds_what_handlers_add(step):
    request = await asked(step)

    request["user"] = "ada"

    assert dict(request) == {"user": "ada"}


def test_content_can_be_read_as_it_arrives(wire):
    exchange = wire.send(
        b"POST /pour HTTP/1.1\r\nHost: pico\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"6\r\n world\r\n",
        b"0\r\n\r\n",
    )

    assert answered(exchange) == [(200, b"hello world")]


# Limits


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"x" * 8_192 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 16_384 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X" * 20_480, 431),
        (b"\r\n" * 16_384, 431),
    ],
    ids=["target", "field", "fields", "name without end", "empty lines"],
)
def test_head_that_is_too_long_is_refused(step, head, status):
    parser = parsed(step, head)

    assert parser.error is not None
    assert parser.error.status == status
    assert not parser.requests


async def test_content_that_is_too_long_is_refused_before_it_comes(step):
    length = b"Content-Length: 1048577\r\n\r\n"
    parser = parsed(step, b"POST / HTTP/1.1\r\nHost: pico\r\n" + length)

    with pytest.raises(step.messages.HttpError) as caught:
        await parser.requests[0].load_body()

    assert caught.value.status == 413


# What is answered


def test_answer_has_a_date(wire):
    exchange = wire.send(HELLO)

    assert DATE.fullmatch(exchange.answers[0].field("date") or "")
    date = parsedate_to_datetime(exchange.answers[0].field("date"))
    # Two machines may have two clocks.
    assert abs(date.timestamp() - time.time()) < 60


def test_head_is_answered_as_get_without_content(wire):
    get = wire.send(HELLO)
    head = wire.send(HELLO.replace(b"GET", b"HEAD"))

    assert answered(head) == [(200, b"")]
    assert head.answers[0].field("content-length") == "23"
    assert head.raw.endswith(b"\r\n\r\n")
    assert answered(get) == [(200, b'{"message":"Hello ada"}')]


@pytest.mark.parametrize(
    ("attribute", "value", "status", "fields", "content"),
    [
        (
            "html",
            "<p>\u00e9",
            200,
            {"content-type": "text/html; charset=utf-8"},
            b"<p>\xc3\xa9",
        ),
        (
            "body",
            "\u00e9",
            200,
            {"content-type": "text/plain; charset=utf-8"},
            b"\xc3\xa9",
        ),
        ("body", b"\xe9", 200, {"content-type": None}, b"\xe9"),
        ("redirect", "/login", 302, {"location": "/login"}, b""),
        ("redirect", ("/new", 301), 301, {"location": "/new"}, b""),
        ("redirect", "/a b%20c", 302, {"location": "/a%20b%20c"}, b""),
        (
            "redirect",
            "/ü/京?q=a%20b#é",
            302,
            {"location": "/%C3%BC/%E4%BA%AC?q=a%20b#%C3%A9"},
            b"",
        ),
    ],
)
async def test_response_says_what_it_is(
    step, fetch, attribute, value, status, fields, content
):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        setattr(response, attribute, value)

    answer = await fetch(app, "/")

    assert (answer.status, answer.content) == (status, content)
    assert {name: answer.field(name) for name in fields} == fields


async def test_field_has_one_value_whatever_its_case(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.headers["Content-Type"] = "text/plain"
        response.json = "ada"

    answer = await fetch(app, "/")

    fields = [v for name, v in answer.fields if name == "content-type"]
    assert fields == ["application/json"]


async def test_handler_that_raises_is_a_500_that_tells_nothing(
    step, fetch, caplog
):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        raise RuntimeError("the password is 1234")

    answer = await fetch(app, "/")

    assert answer.status == 500
    assert b"password" not in answer.content
    assert "RuntimeError: the password is 1234" in caplog.text


async def test_handler_of_which_a_part_was_cancelled_is_a_500(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        part = asyncio.create_task(asyncio.Event().wait())
        part.cancel()
        await part

    answer = await fetch(app, "/")

    assert answer.status == 500


WOULD_SPLIT = pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-name", "ada\r\nset-cookie: admin=1"),
        ("x-name", "ada\nset-cookie: admin=1"),
        ("x-name", "ada\r"),
        ("x-name", "ada\0"),
        ("x-name", "ada\r\nset-cookie\0admin=1"),
        ("x-name\r\nset-cookie", "admin=1"),
        ("x-name: ada\r\nset-cookie", "admin=1"),
        ("x name", "ada"),
        ("", "ada"),
        ("location", "/\r\n\r\n<script>"),
    ],
)


@WOULD_SPLIT
def test_field_that_would_split_a_head_is_refused(step, name, value):
    request = SimpleNamespace(method="GET", version="1.1", keep_alive=True)
    response = SimpleNamespace(status=200, headers={name: value}, body=b"")
    response.cookies = {}

    with pytest.raises(ValueError):
        step.rendering.render_head(request, response)


@WOULD_SPLIT
async def test_field_that_would_split_the_response_is_a_500(
    step, fetch, name, value
):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.headers[name] = value

    answer = await fetch(app, "/")

    assert answer.status == 500
    assert answer.field("set-cookie") is None


def test_stream_is_sent_in_chunks(wire):
    exchange = wire.send(b"GET /stream HTTP/1.1\r\nHost: pico\r\n\r\n")

    assert answered(exchange) == [(200, b"onetwo")]
    assert exchange.answers[0].field("transfer-encoding") == "chunked"


@pytest.mark.parametrize(
    "pieces",
    [[], [b""], [b"one", b"", b"two"], [b"x" * 300]],
    ids=["no piece", "an empty one", "an empty one between", "a long one"],
)
async def test_stream_of_any_pieces_comes_whole(step, fetch, pieces):
    app = step.Pico()

    async def made():
        for piece in pieces:
            yield piece

    @app.route("/")
    async def index(request, response):
        response.body = made()

    answer = await fetch(app, "/")

    assert answer.content == b"".join(pieces)


def test_stream_that_fails_before_its_first_chunk_is_a_500(wire):
    exchange = wire.send(b"GET /stream/early HTTP/1.1\r\nHost: pico\r\n\r\n")

    assert [answer.status for answer in exchange.answers] == [500]
    assert exchange.end == "kept"


def test_stream_that_fails_later_never_looks_whole(wire):
    exchange = wire.send(b"GET /stream/late HTTP/1.1\r\nHost: pico\r\n\r\n")

    assert answered(exchange) == [(200, b"one")]
    assert exchange.raw.endswith(b"\r\n\r\n3\r\none\r\n")


# One task serves a connection


def test_warm_request_makes_no_task(counts):
    assert counts().tasks == 0


async def test_one_task_answers_all_requests_of_a_connection(step, ask):
    app = step.Pico()
    tasks = []

    @app.route("/hello/ada")
    async def hello(request, response):
        tasks.append(asyncio.current_task())

    await ask(app, HELLO + HELLO)

    assert len(tasks) == 2
    assert tasks[0] is tasks[1]


@pytest.mark.holds_before
async def test_handler_may_close(step, ask):
    app = step.Pico()

    @app.route("/hello/ada")
    async def hello(request, response):
        request.keep_alive = False
        response.json = "the last one"

    exchange = await ask(app, HELLO + HELLO, answers=1)

    assert answered(exchange) == [(200, b'"the last one"')]
    assert exchange.end == "closed"


async def test_context_variable_is_not_for_the_next_request(step, ask):
    app = step.Pico()
    found = []

    @app.route("/hello/ada")
    async def hello(request, response):
        found.append(NAME.get())
        NAME.set("ada")

    await ask(app, HELLO + HELLO)

    assert found == ["nobody", "nobody"]


@pytest.mark.holds_before
async def test_timeouts_and_task_groups_work_in_handlers(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(asyncio.sleep(0, "in time"))
            response.json = task.result()

    answer = await fetch(app, "/")

    assert answer.content == b'"in time"'


async def test_stop_waits_for_the_answer_that_was_asked_for(step, ask):
    app = step.Pico()
    begun, go_on = asyncio.Event(), asyncio.Event()

    @app.route("/hello/ada")
    async def hello(request, response):
        begun.set()
        await go_on.wait()
        response.json = "done"

    async with app.serve(port=0) as server:
        asking = asyncio.create_task(ask(server.url, HELLO))
        await begun.wait()
        # Once it stops, and not before.
        asyncio.get_running_loop().call_soon(go_on.set)
    exchange = await asking

    assert answered(exchange) == [(200, b'"done"')]
    assert exchange.end == "closed"


# A connection


class Transport(asyncio.Transport):
    """Notes what is written, and how a protocol calls it."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.calls = []
        self.closed = False

    def write(self, data):
        self.written += data

    def pause_reading(self):
        self.calls.append("pause_reading")

    def resume_reading(self):
        self.calls.append("resume_reading")

    def can_write_eof(self):
        return False

    def close(self):
        self.closed = True

    abort = close


@contextlib.asynccontextmanager
async def connected(app):
    """Connect an app to a transport that is not real."""
    protocol, transport = app.Protocol(app), Transport()
    protocol.connection_made(transport)
    yield protocol, transport
    protocol.connection_lost(None)
    await turns()


async def turns():
    """Let the loop turn until every task waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_connection_that_is_lost_is_forgotten(step):
    app = step.Pico()

    assert hasattr(app, "connections"), "an app does not know its connections"
    async with connected(app):
        inside = len(app.connections)

    assert (inside, len(app.connections)) == (1, 0)


@pytest.mark.parametrize(
    ("received", "calls"), [(HELLO, 1), (b"", 2)], ids=["asked", "new"]
)
async def test_stop_ends_an_idle_connection(step, received, calls):
    """One that is new may be about to ask: the first call leaves it."""
    app = step.Pico()
    closed = []

    async with connected(app) as (protocol, transport):
        assert hasattr(protocol, "stop"), "a connection cannot be stopped"
        protocol.data_received(received)
        await turns()
        for _ in range(calls):
            closed.append(transport.closed)
            protocol.stop()
            await turns()
        closed.append(transport.closed)

    assert closed == [False] * calls + [True]


# Flow control


async def test_stream_waits_for_a_client_that_reads_slowly(step):
    app = step.Pico()
    made = []

    async def numbers():
        for number in range(3):
            made.append(number)
            yield b"%d" % number

    @app.route("/hello/ada")
    async def hello(request, response):
        response.body = numbers()

    async with connected(app) as (protocol, _):
        protocol.pause_writing()
        protocol.data_received(HELLO)
        await turns()
        made_for_nobody = list(made)
        protocol.resume_writing()
        await turns()

    assert made_for_nobody == [0]
    assert made == [0, 1, 2]


async def test_content_that_nobody_reads_pauses_reading(step):
    app = step.Pico()
    wanted = asyncio.Event()

    @app.route("/", methods=["POST"], lazy_body=True)
    async def store(request, response):
        await wanted.wait()
        async for _ in request:
            pass

    async with connected(app) as (protocol, transport):
        head = b"POST / HTTP/1.1\r\nHost: pico\r\nContent-Length: 200000\r\n"
        protocol.data_received(head + b"\r\n" + b"x" * 100_000)
        await turns()
        transport.calls.append("(now it is read)")
        wanted.set()
        await turns()

    assert transport.calls == [
        "pause_reading",
        "(now it is read)",
        "resume_reading",
    ]
