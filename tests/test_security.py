"""What must not happen: faults that real servers had, one class after another.

Classes, and all tests of each (most stand where their subject is tested), are
listed in docs/reference/security.toml, which becomes a page.
"""

import ast
import asyncio
import contextlib
import gzip
import io
import re
import socket
import struct
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote

import psutil
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workshop.bench.counts import new_meter
from workshop.errors import WorkshopError
from workshop.exchange import Wire
from workshop.serving import launched
from workshop.steps import ROOT, find, load
from workshop.weaving import security

pytestmark = pytest.mark.steps("04", "05")

NUMBERS = ["04", "05"]
GET = b"GET / HTTP/1.1\r\nhost: pico\r\n\r\n"
BOUNDED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def extension(step, name):
    return getattr(step.modules[f"extensions.{name}"], name)


def noting_app(step):
    """Return an app that answers all paths, and notes them."""
    app = step.Pico()
    app["asked"] = []

    @app.route("/hello/{name}")  # what keeps segments apart
    async def hello(request, response, name):
        response.json = {"message": name}

    @app.route("/{path:path}", methods=["GET", "POST"])
    async def note(request, response, path):
        app["asked"].append(path)
        response.body = path

    return app


def cut(stream, places):
    """Return a stream in segments, which end at some places."""
    ends = sorted({*(p for p in places if p < len(stream)), len(stream)})
    starts = [0, *ends[:-1]]
    return [stream[a:b] for a, b in zip(starts, ends, strict=True)]


# Smuggling: who reads another length than we do sees another request.

HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: pico\r\n\r\n"
LENGTH = b"content-length: %d\r\n" % len(HIDDEN)
CHUNKED = b"transfer-encoding: chunked\r\n"
SMUGGLED = {
    "a length and chunks": LENGTH + CHUNKED,
    "chunks and a length": CHUNKED + LENGTH,
    "two lengths": b"content-length: 0\r\n" + LENGTH,
    "a list of lengths": b"content-length: 0, %d\r\n" % len(HIDDEN),
    "a sign": b"content-length: +%d\r\n" % len(HIDDEN),
    "a hexadecimal": b"content-length: 0x%x\r\n" % len(HIDDEN),
    "a length before a colon and a space": LENGTH.replace(b":", b" :"),
    "chunks in HTTP/1.0": b"version\r\n" + CHUNKED,
    "a coding that is none": b"transfer-encoding: xchunked\r\n",
    "chunked twice": CHUNKED * 2,
    "chunked and then another": b"transfer-encoding: chunked, identity\r\n",
    "a vertical tab": b"transfer-encoding: \x0bchunked\r\n",
    "a folded coding": b"transfer-encoding:\r\n chunked\r\n",
    "a bare line feed": b"x: y\n" + LENGTH,
    "a bare carriage return": b"x: y\r" + LENGTH,
    "NUL in a name": b"content\0-length: 5\r\n",
}
CHUNKS = {
    "no end of data": b"1\r\nab\r\n0\r\n\r\n",
    "a bare line feed": b"1\na\r\n0\r\n\r\n",
    "a line feed in an extension": b"1;x\ny\r\na\r\n0\r\n\r\n",
    "a carriage return in an extension": b"1;x\ry\r\na\r\n0\r\n\r\n",
    "a size too large": b"1" + b"0" * 16 + b"1\r\na\r\n0\r\n\r\n",
    "a hexadecimal sign": b"0x1\r\na\r\n0\r\n\r\n",
    "a length in a trailer": b"1\r\na\r\n0\r\n" + LENGTH + b"\r\n",
    "a coding in a trailer": b"1\r\na\r\n0\r\nTransfer-Encoding\r\n\r\n",
}


def smuggling():
    """Yield names and streams that must be refused as a whole."""
    for name, fields in SMUGGLED.items():
        line = b"POST /first HTTP/1.1\r\n"
        if fields.startswith(b"version"):
            line, fields = line.replace(b"1.1", b"1.0"), CHUNKED
        yield name, line + b"host: pico\r\n" + fields + b"\r\n0\r\n\r\n"
    head = b"POST /first HTTP/1.1\r\nhost: pico\r\n" + CHUNKED + b"\r\n"
    for name, chunks in CHUNKS.items():
        yield f"{name}, in chunks", head + chunks


STREAMS = dict(smuggling())


@pytest.mark.parametrize("place", ["first", "behind another", "in segments"])
async def test_smuggled_request_is_never_seen(step, ask, place):
    app, told = noting_app(step), {}
    before = [] if place == "first" else ["0"]

    async with app.serve(port=0) as server:
        for name, stream in STREAMS.items():
            segments = placed(stream + HIDDEN, place)
            exchange = await ask(
                server.url, *segments, closing=True, methods=["GET"] * 3
            )
            statuses = [answer.status for answer in exchange.answers]
            told[name] = app["asked"], statuses, exchange.end
            app["asked"] = []

    expected = before, [200] * len(before) + [400], "closed"
    assert told == dict.fromkeys(STREAMS, expected)


def placed(stream, place):
    """Return the segments of a stream, which may follow a good request."""
    if place == "first":
        return [stream]
    stream = GET.replace(b"/", b"/0", 1) + stream
    if place == "behind another":
        return [stream]
    return cut(stream, [len(GET) + 20, len(stream) // 2, len(stream) - 50])


# Splitting: what a handler passes on, through each door of an answer.

EVIL = ["a\r\nevil: yes", "a\nevil: yes", "a\revil: yes", "a\0evil: yes"]
EVIL += ["a\r\nevil\0yes"]  # NUL stands for the colon while we check


def through_a_redirect(step, response, text):
    response.redirect = f"/{text}"


def through_a_name(step, response, text):
    response.headers[text] = "a"


def through_a_stream(step, response, text):
    async def pieces():
        yield b"piece"

    response.headers["x-name"] = text
    response.body = pieces()


def through_an_error(step, response, text):
    raise step.messages.HttpError(401, "Who?", {"www-authenticate": text})


def through_a_status(step, response, text):
    response.status = f"200 {text}"


def through_a_length(step, response, text):
    through_a_stream(step, response, "a")
    response.headers["content-length"] = f"5{text}"


def through_the_name_of_a_cookie(step, response, text):
    response.cookies.set(text, "b")


def through_the_path_of_a_cookie(step, response, text):
    response.cookies.set("a", "b", path=f"/{text}")


def through_the_domain_of_a_cookie(step, response, text):
    response.cookies.set("a", "b", domain=text)


def through_the_age_of_a_cookie(step, response, text):
    response.cookies.set("a", "b", max_age=text)


def through_the_site_of_a_cookie(step, response, text):
    response.cookies.set("a", "b", samesite=text)


DOORS = [each for name, each in globals().items() if "through_a" in name] + [
    each for name, each in globals().items() if "through_the" in name
]


@pytest.mark.parametrize("door", DOORS)
async def test_answer_is_not_split_through_any_door(step, ask, door):
    app, texts = step.Pico(), iter(EVIL)

    @app.route("/")
    async def index(request, response):
        door(step, response, next(texts))

    exchange = await ask(app, GET * len(EVIL))

    assert [answer.status for answer in exchange.answers] == [500] * len(EVIL)
    assert b"evil" not in exchange.raw
    assert exchange.garbage is None


@pytest.mark.parametrize("attribute", ["path", "domain", "samesite"])
async def test_attribute_of_a_cookie_begins_no_other(step, ask, attribute):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        evil = {attribute: "/; domain=evil"}
        response.cookies.set("a", "b", **evil)

    exchange = await ask(app, GET)

    assert [answer.status for answer in exchange.answers] == [500]
    assert b"evil" not in exchange.raw


@pytest.mark.parametrize("place", ["name", "value", "cookie"])
async def test_answer_of_an_application_is_not_split(step, ask, place):
    """What an ASGI application says is believed no more than a handler."""
    texts = iter(EVIL)

    async def application(scope, receive, send):
        if scope["type"] == "http":
            text = next(texts).encode()
            field = {
                "name": (text, b"a"),
                "value": (b"x-name", text),
                "cookie": (b"set-cookie", text),
            }[place]
            start = {"type": "http.response.start", "status": 200}
            await send({**start, "headers": [field]})
            await send({"type": "http.response.body", "body": b"content"})

    app = extension(step, "asgi_host")(application)

    exchange = await ask(app, GET * len(EVIL))

    assert [answer.status for answer in exchange.answers] == [500] * len(EVIL)
    assert b"evil" not in exchange.raw


async def test_what_is_refused_forges_no_line_of_the_log(step, ask, caplog):
    app = step.Pico()

    @app.route("/{text:path}")
    async def back(request, response, text):
        response.headers["x-text"] = text

    await ask(app, GET.replace(b"/", b"/a%0D%0Aevil%1B[2J", 1))

    lines = caplog.text.splitlines()
    assert "is no field" in caplog.text
    assert not [line for line in lines if line.startswith("evil")]
    assert "\x1b" not in caplog.text


# Paths

PIECES = [
    *("..", ".", "/", "//", "\\", "%2e%2e", "%2f", "%5c", "%252e%252e", "~"),
    *("secret.txt", "public", "public-not", "a.txt", "folder", "%00", "C:"),
    *("..;", "...", "%c0%ae", "\uff0e\uff0e", "\u2215", "%ef%bc%8e", "NUL"),
]


@pytest.mark.parametrize("number", NUMBERS)
def test_no_path_leads_out_of_a_folder(number, tmp_path):
    step = load(number)
    find_file = step.modules["extensions.static"].find
    public = tmp_path / "public"
    for folder in ("public/folder", "public-not"):
        (tmp_path / folder).mkdir(parents=True)
    for secret in ("secret.txt", "public-not/secret.txt"):
        (tmp_path / secret).write_text("secret")
    (public / "a.txt").write_text("a")
    found = set()

    @example(["folder", "/", "..", "/", "a.txt"])
    @example(["..", "/", "public-not", "/", "secret.txt"])
    @example(["/", str(tmp_path), "/", "secret.txt"])
    @given(st.lists(st.sampled_from(PIECES), max_size=8))
    @settings(BOUNDED, max_examples=500)
    def check(pieces):
        path = unquote("".join(pieces))
        try:
            file, _ = find_file(public, path, "index.html")
        except step.messages.HttpError as error:
            assert error.status == HTTPStatus.NOT_FOUND
        else:
            found.add(file)

    check()
    assert found == {public / "a.txt"}


@pytest.mark.parametrize(
    "path",
    [
        "/files/static/../../secret.txt",
        "/files/static/%2e%2e/secret.txt",
        "/files/static//etc/passwd",
        "/files//static/../secret.txt",
        "/files/../static/secret.txt",
    ],
)
async def test_path_below_a_prefix_leads_no_further(
    step, fetch, tmp_path, path
):
    (tmp_path / "public").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    outer, inner = step.Pico(), step.Pico()
    extension(step, "static")(inner, root=tmp_path / "public")
    extension(step, "mount")(outer, "/files", inner)

    answer = await fetch(outer, path)

    assert (answer.status, answer.content) == (404, b"Not Found")


# Memory

PROGRAM = """
import asyncio
from pico import Pico
from extensions.forms import forms
from extensions.websocket import websocket

app = Pico()
app.Server.grace = 0.1
forms(app)
websocket(app)

@app.route("/", methods=["GET", "POST"])
@app.route("/{path:path}", methods=["GET", "POST"])
async def index(request, response, path=""):
    response.body = path

@app.route("/hello/{name}")
async def hello(request, response, name):
    response.json = {"message": name}

@app.route("/wait", methods=["POST"], lazy_body=True)
async def wait(request, response):
    await asyncio.Event().wait()

@app.route("/logged")
async def logged(request, response):
    response.body = "logged"

@app.route("/socket", protocol="websocket")
async def socket(request, ws):
    async for message in ws:
        await ws.send(message)

app.run()
"""
MUCH = 2**24  # bytes: more than all buffers on the way hold
GROWTH = 2**22  # bytes: of an allocator, which keeps some of what was freed
HEAD = b"POST / HTTP/1.1\r\nhost: pico\r\n"
TO_CHUNKS = HEAD + CHUNKED + b"\r\n"
HANDSHAKE = (
    b"GET /socket HTTP/1.1\r\nhost: pico\r\nconnection: upgrade\r\n"
    b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
FORM = b"content-type: multipart/form-data; boundary=line\r\n"
PART = b'--line\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n'
# What comes first, and what then comes without end.
ENDLESS = {
    "empty lines": (b"", b"\r\n"),
    "a method": (b"", b"G"),
    "a target": (b"GET /", b"x"),
    "a name": (b"GET / HTTP/1.1\r\n", b"x"),
    "a value": (b"GET / HTTP/1.1\r\nx: ", b"x"),
    "spaces before a value": (b"GET / HTTP/1.1\r\nx:", b" "),
    "fields": (b"GET / HTTP/1.1\r\n", b"x: y\r\n"),
    "requests that wait": (HEAD.replace(b"/", b"/wait", 1) + b"\r\n", GET),
    "content that waits": (
        HEAD.replace(b"/", b"/wait", 1) + CHUNKED + b"\r\n",
        b"1000\r\n" + bytes(4096) + b"\r\n",
    ),
    "content": (TO_CHUNKS, b"1000\r\n" + bytes(4096) + b"\r\n"),
    "tiny chunks": (TO_CHUNKS, b"1\r\nx\r\n"),
    "a size": (TO_CHUNKS, b"0"),
    "an extension": (TO_CHUNKS + b"1;", b"x"),
    "trailers": (TO_CHUNKS + b"0\r\n", b"x: y\r\n"),
    "a trailer": (TO_CHUNKS + b"0\r\nx: ", b"x"),
    "parts": (HEAD + FORM + CHUNKED + b"\r\n", b"%x\r\n%b\r\n"),
    "a fragmented message": (HANDSHAKE + b"\x02\x80abcd", b"\x00\x80abcd"),
    "a long frame": (HANDSHAKE + b"\x82\xff" + b"\0\0\1" + b"\0" * 9, b"x"),
}


@pytest.fixture(scope="module", params=NUMBERS)
def server(request, tmp_path_factory):
    """Serve an app with forms and WebSockets in a process of its own."""
    program = tmp_path_factory.mktemp("program") / "app.py"
    program.write_text(PROGRAM)
    with launched(find(request.param).folder, program) as running:
        yield running


def connected(server):
    return socket.create_connection((server.host, server.port), 10)


def poured(server, first, more):
    """Send what has no end, until MUCH of it went or nobody takes it."""
    if b"%" in more:
        more %= (len(PART), PART)
    block, sent = more * (65536 // len(more)), 0
    with connected(server) as client:
        client.setblocking(False)
        client.send(first)
        with contextlib.suppress(OSError):  # It is full, or gone.
            while sent < MUCH:
                sent += client.send(block)
                asked(server)  # whatever came is read by now
        reset(client)
    asked(server)
    return sent


def reset(client):
    """Let a socket end as that of a program that crashes."""
    client.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )


def asked(server):
    """Ask for something else: the answer shows that the server lives."""
    with connected(server) as client:
        client.sendall(GET.replace(b"/", b"/logged", 1))
        assert client.recv(65536).endswith(b"logged")


def test_memory_is_flat_whatever_has_no_end(server):
    memory = psutil.Process(server.process.pid).memory_info
    for stream in ENDLESS.values():
        poured(server, *stream)
    before, grown = memory().rss, {}

    for name, stream in ENDLESS.items():
        poured(server, *stream)
        grown[name] = memory().rss - before

    assert [name for name in grown if grown[name] > GROWTH] == []
    assert server.log() == ""


async def test_content_is_never_decompressed(step, ask):
    """A few bytes that become many cannot do so here."""
    app, bomb = step.Pico(), gzip.compress(bytes(MUCH))

    @app.route("/", methods=["POST"])
    async def index(request, response):
        response.body = str(request.body == bomb)

    fields = b"content-encoding: gzip\r\ncontent-length: %d\r\n" % len(bomb)
    exchange = await ask(app, HEAD + fields + b"\r\n" + bomb)

    assert [answer.content for answer in exchange.answers] == [b"True"]


FORMS = {
    "fields": b"a=b&" * 1001,
    "signs": b"&" * 100_000,
    "fields of one": b"&".join(b"a=%d" % n for n in range(1001)),
}


@pytest.mark.parametrize("name", FORMS)
async def test_form_with_many_fields_is_a_400(step, ask, name):
    app = step.Pico()

    @app.route("/", methods=["POST"])
    async def index(request, response):
        response.body = str(len(request.form))

    fields = b"content-type: application/x-www-form-urlencoded\r\n"
    length = b"content-length: %d\r\n\r\n" % len(FORMS[name])
    exchange = await ask(app, HEAD + fields + length + FORMS[name])

    assert [answer.status for answer in exchange.answers] == [400]


# Time: what is twice as long may take twice as long, and no longer.


def request_of(step, **fields):
    request = step.Request(step.Pico(), "GET", "/", "1.1", {})
    names = {name.replace("_", "-"): fields[name] for name in fields}
    request.headers = step.messages.Headers(names)
    return request


def file_of(step):
    response = step.messages.Response(step.Pico())
    stamp = formatdate(0, usegmt=True)
    response.headers.update({"etag": '"a"', "last-modified": stamp})
    return response


def read_cookies(step, text):
    return request_of(step, cookie=text).cookies


def read_query(step, text):
    return step.messages.Query(text)


def read_media_type(step, text):
    return request_of(step, content_type=text).content_type


def read_range(step, text):
    wanted = step.modules["extensions.static"].wanted
    return wanted(request_of(step, range=text), file_of(step), 10)


def read_tags(step, text):
    known = step.modules["extensions.static"].known
    return known(request_of(step, if_none_match=text), file_of(step))


def read_codings(step, text):
    return step.modules["extensions.compress"].accepts(text)


def read_media_ranges(step, text):
    return step.modules["extensions.content_negotiation"].parse(text)


def read_proxies(step, text):
    proxies = step.modules["extensions.rate_limit"].Proxies(["::/0"])
    return proxies.forwarded("::1", text.split(","))


def read_session(step, text):
    sign = step.modules["extensions.sessions"].unsign
    return sign("session", text, [b"k" * 16], 60)


def read_fields(step, text):
    """Parse a head with so many fields of one name."""
    parser = step.parsing.RequestParser(step.Pico())
    parser.feed(GET[:-2] + text.encode() + b"\r\n")
    return parser.requests[0].headers


LONG = {
    "pairs": (read_cookies, "a=b; "),
    "pairs that differ": (read_cookies, "a{}=b;"),
    "quotes": (read_cookies, '"'),
    "backslashes": (read_cookies, "\\073"),
    "parameters": (read_query, "a{}=b&"),
    "percent signs": (read_query, "%"),
    "parameters of a type": (read_media_type, ';a="\\"'),
    "parts of a file": (read_range, "bytes=0-0,1-1,"),
    "digits": (read_range, "bytes=1"),
    "tags": (read_tags, '"b",'),
    "half tags": (read_tags, '"b'),
    "codings": (read_codings, "a;q=0.1,"),
    "media ranges": (read_media_ranges, "a/b;c=d;q=0.1,"),
    "spaces of a weight": (read_media_ranges, ";q= "),
    "proxies": (read_proxies, "::1,"),
    "a session": (read_session, "a."),
    "fields of one name": (read_fields, "x: y\r\n"),
    "fields that differ": (read_fields, "x{}: y\r\n"),
}


def cost(read, step, text):
    """Return the bytecodes and calls that it takes to read a text."""
    refused = contextlib.suppress(step.messages.HttpError)
    with refused, new_meter() as meter:
        read(step, text)
    return meter.bytecodes + meter.python_calls + meter.c_calls


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", LONG)
def test_what_is_twice_as_long_takes_twice_as_long(name, number):
    step, (read, text) = load(number), LONG[name]
    texts = [
        "".join(text.replace("{}", str(i)) for i in range(100, 100 + n))
        for n in (5, 45, 90)
    ]
    cost(read, step, texts[0])  # caches, compiled expressions

    _, once, twice = [cost(read, step, each) for each in texts]

    assert 0 < once <= twice <= 2 * once


# Clients that leave

HELLO = b"\x81\x85abcd\x09\x07\x0f\x08\x0e"  # masked


async def test_client_may_reset_anywhere_in_a_websocket(step, caplog):
    app = step.Pico()
    extension(step, "websocket")(app)

    @app.route("/socket", protocol="websocket")
    async def echo(request, ws):
        async for message in ws:
            await ws.send(message)

    ends = [*range(0, len(HANDSHAKE), 7), len(HANDSHAKE)]
    stages = [(HANDSHAKE[:end], b"") for end in ends]
    stages += [(HANDSHAKE, HELLO[:end]) for end in range(len(HELLO) + 1)]
    async with asyncio.timeout(30), app.serve(port=0) as server:
        for head, frame in stages:
            await asyncio.to_thread(reset_behind, server, head, frame)
        said = await asyncio.to_thread(greeted, server)
        while app.connections:  # noqa: ASYNC110 - it is nobody's event
            await asyncio.sleep(0)

    assert said == b"\x81\x05hello"
    assert caplog.messages == []


def reset_behind(server, head, frame):
    """Break a connection off behind a head, or behind a frame."""
    with connected(server) as client:
        client.sendall(head)
        if frame:
            assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
            client.sendall(frame)
        reset(client)


def greeted(server):
    """Return what a WebSocket answers to a greeting."""
    with connected(server) as client:
        client.sendall(HANDSHAKE)
        assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
        client.sendall(HELLO)
        return client.recv(1000)


# Browsers and their users


@pytest.mark.parametrize(
    "field", ["=__Host-id=evil", " =__Host-id=evil; =", "==__Host-id=evil"]
)
def test_cookie_without_a_name_is_no_other_cookie(step, field):
    """A browser sends it so where another site could set a nameless one."""
    assert request_of(step, cookie=field).cookies.get("__Host-id") is None


@pytest.mark.parametrize("path", ["//evil", "/\\evil", "/%5Cevil", "//evil/"])
async def test_path_that_looks_like_a_host_redirects_nobody(step, fetch, path):
    app, inner = step.Pico(), step.Pico()
    extension(step, "static")(app)
    extension(step, "mount")(app, "/inner", inner)

    answers = [await fetch(app, f"{at}{path}") for at in ("", "/inner")]

    assert [answer.status for answer in answers] == [404, 404]
    assert [answer.field("location") for answer in answers] == [None, None]


async def test_url_of_a_route_names_no_host(step, fetch):
    app = step.Pico()
    url_for = extension(step, "named_url")(app)

    @app.route("/{path:path}")
    async def everything(request, response, path):
        response.body = path

    url = url_for("everything", path="/evil/page")
    answer = await fetch(app, url)

    assert url == "/%2Fevil/page"
    assert answer.content == b"/evil/page"


MARKUP = "/%3Cscript%3Ealert(1)%3C/script%3E"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", [MARKUP, f"/told{MARKUP}", f"/query{MARKUP}"])
async def test_error_is_never_markup(step, fetch, method, path):
    app = step.Pico()

    @app.route("/told/{text:path}")
    async def told(request, response, text):
        raise step.messages.HttpError(400, f"What is {text}?")

    @app.route("/query/{text:path}")
    async def query(request, response, text):
        request.query.get(text)

    answer = await fetch(app, path, method=method)

    assert answer.status in (400, 404, 405)
    assert answer.field("content-type") == "text/plain; charset=utf-8"


# Proxies

FORWARDED = [
    "x-forwarded-for: 192.0.2.9",
    "x-forwarded-host: evil",
    "x-forwarded-proto: https",
    "x-forwarded-prefix: /evil",
    "x-real-ip: 192.0.2.9",
    "forwarded: for=192.0.2.9;host=evil;proto=https",
    "x-original-url: /evil",
    "x-http-method-override: DELETE",
]


async def test_nobody_is_believed_who_says_for_whom_he_asks(step, fetch):
    told, log = {}, io.StringIO()

    async def application(scope, receive, send):
        if scope["type"] == "http":
            told.update(scope)
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

    app = extension(step, "asgi_host")(application)
    extension(step, "logger")(app, stream=log)

    @app.listen("headers")
    def note(request, response):
        told["host"] = request.host

    await fetch(app, "/", *FORWARDED)

    assert told["client"][0] == "127.0.0.1"
    assert (told["scheme"], told["host"]) == ("http", "pico")
    assert (told["method"], told["path"]) == ("GET", "/")
    assert log.getvalue().split()[0] == "127.0.0.1"


# Noise and segments, over real connections

HOSTS = st.sampled_from([b"host: pico\r\n", b"Host:\tpico\r\n"])
FIELDS = st.sampled_from([b"", b"x: y\r\n", b"x: \xff\r\n", b"expect: \r\n"])
CONTENT = st.sampled_from(
    [
        b"\r\n",
        LENGTH + b"\r\n" + HIDDEN,
        CHUNKED + b"\r\n3;x=y\r\nabc\r\n0\r\nx: y\r\n\r\n",
        CHUNKED + b"\r\n" + b"1\r\na\r\n" * 20 + b"0\r\n\r\n",
        b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 1\r\n\r\na",
        HANDSHAKE.partition(b"pico\r\n")[2],
    ]
)
REQUEST = st.builds(
    lambda target, host, field, content: (
        b"POST %b HTTP/1.1\r\n%b%b%b" % (target, host, field, content)
    ),
    st.sampled_from([b"/", b"/a%20b?c", b"http://other/", b"/nowhere%ff"]),
    HOSTS,
    FIELDS,
    CONTENT,
)
CUTS = st.lists(st.integers(1, 600), max_size=4)


def said(server, segments):
    """Return statuses and all that was answered, without dates."""
    exchange = Wire(server.url).send(
        *segments, methods=["POST"] * 9, answers=0, half_close=True
    )
    assert exchange.end in ("closed", "reset")
    assert exchange.garbage is None
    statuses = [answer.status for answer in exchange.answers]
    return statuses, re.sub(rb"(?m)^date: .*\r\n", b"", exchange.raw)


def test_requests_are_answered_alike_in_whatever_segments(server):
    @given(st.lists(REQUEST, min_size=1, max_size=4), CUTS)
    @settings(BOUNDED, max_examples=60)
    def check(requests, places):
        stream = b"".join(requests)

        assert said(server, cut(stream, places)) == said(server, [stream])

    check()
    assert server.log() == ""


NOISE = st.lists(
    st.binary(max_size=60)
    | REQUEST
    | st.sampled_from([GET, HEAD, TO_CHUNKS, CHUNKED, b"\r\n", b"\0", b"0"]),
    max_size=8,
).map(b"".join)


def test_noise_in_segments_is_answered_by_one_refusal_at_most(server):
    @given(NOISE, CUTS)
    @settings(BOUNDED, max_examples=100)
    def check(noise, places):
        statuses, _ = said(server, cut(noise, places))
        refused = [s for s in statuses if s in (400, 431, 501, 505)]

        assert 500 not in statuses
        assert len(refused) <= 1 + noise.count(b"%ff")

    check()
    assert server.log() == ""


DEFLATE = b"sec-websocket-extensions: permessage-deflate\r\n\r\n"
FRAMES = [
    b"\x81\x81abcd\x9e",  # text that is not UTF-8
    b"\x81\x85abcd\x09\x07\x0f\x08\x0e",
    b"\x89\x80abcd",
    b"\x88\x80abcd",
]
FRAMES += [b"\x01\x80abcd", b"\x00\x80abcd", b"\x80\x80abcd", b"\xc1\x81abcd"]
FRAMES += [b"\x82\xfe\xff\xffabcd", b"\x82\xff" + b"\xff" * 8, b"\x83\x80abcd"]


def test_noise_in_a_websocket_ends_it_and_nothing_else(server):
    @given(st.lists(st.sampled_from(FRAMES) | st.binary(max_size=20)))
    @settings(BOUNDED, max_examples=150)
    def check(pieces):
        with connected(server) as client:
            client.sendall(HANDSHAKE[:-2] + DEFLATE)
            assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
            with contextlib.suppress(ConnectionError):
                client.sendall(b"".join(pieces))
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):  # to hang would be a timeout
                    pass

    check()
    asked(server)
    assert server.log() == ""


PARTS = [PART, b"--line--", b"--line\r\n", b"--line", b"\r\n", b"\r\n\r\n"]
PARTS += [
    b"content-disposition: form-data",
    b'; name="',
    b'"',
    b"; filename=a",
]
PARTS += [b"content-type: text/plain\r\n", b"content-length: 9\r\n", b": "]


def test_noise_in_a_form_is_no_error_of_ours(server):
    @given(st.lists(st.sampled_from(PARTS) | st.binary(max_size=30)))
    @settings(BOUNDED, max_examples=150)
    def check(pieces):
        content = b"".join(pieces)
        length = b"content-length: %d\r\n\r\n" % len(content)
        statuses, _ = said(server, [HEAD + FORM + length + content])

        assert statuses in ([200], [400], [413])

    check()
    assert server.log() == ""


# The page

CLASSES = security.classes()
PROOFS = {test for each in CLASSES for test in each.get("tests", ())}


def test_page_names_each_class_with_what_proves_it():
    page = security.table()

    assert page.count("### ") == len(CLASSES)
    assert all(f"`{proof}`" in page for proof in PROOFS)


def test_page_names_all_tests_of_this_file():
    source = ast.parse((ROOT / "tests/test_security.py").read_text("utf-8"))
    names = [getattr(node, "name", "") for node in source.body]
    tests = {n for n in names if n.startswith("test_")}

    assert {
        f"tests/test_security.py::{name}"
        for name in tests
        if not name.startswith("test_page_")
    } <= PROOFS


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"tests": ["tests/test_core.py::test_nothing"]}, "no test"),
        ({"tests": ["tests/test_nowhere.py::test_a"]}, "no test"),
        ({"rows": [99]}, "no row 99"),
        ({}, "Nothing proves"),
    ],
)
def test_page_does_not_name_what_does_not_exist(fault, sentence):
    with pytest.raises(WorkshopError, match=sentence):
        security.section({"name": "a", "seen": "b", "does": "c", **fault})
