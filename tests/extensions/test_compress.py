"""What the extension `compress` does, on the steps that have it."""

import asyncio
import gzip
import zlib

import pytest

from workshop.exchange import Aside, Until

pytestmark = pytest.mark.steps("04", "05")

TEXT = "hello " * 200
TAKES = "accept-encoding: gzip"
NO_GZIP = None


class Closing:
    """A body that holds something until it is closed."""

    def __init__(self, closed):
        self.closed = closed

    async def __aiter__(self):
        yield b"hello"

    async def aclose(self):
        self.closed.append(True)


def compress_app(step, **options):
    """Return an app that sends text in several ways."""
    app = step.Pico()

    @app.route("/text")
    async def text(request, response):
        response.body = TEXT

    @app.route("/hello/{name}")
    async def hello(request, response, name):
        response.json = {"message": name}

    @app.route("/kind")
    async def kind(request, response):
        response.headers["content-type"] = request.query.get("is")
        response.body = TEXT.encode()

    @app.route("/stream")
    async def stream(request, response):
        async def pieces():
            for piece in (b"hello ", b"", TEXT.encode() * 100):
                yield piece

        response.headers["content-type"] = "text/plain"
        response.body = pieces()

    step.modules["extensions.compress"].compress(app, **options)
    return app


def sent(answer):
    """Return how an answer is coded, and what it says."""
    coding = answer.field("content-encoding")
    content = answer.content
    return coding, gzip.decompress(content) if coding else content


async def test_compress_shortens_text(step, fetch):
    answer = await fetch(compress_app(step), "/text", TAKES)

    assert sent(answer) == ("gzip", TEXT.encode())
    assert answer.field("content-length") == str(len(answer.content))
    assert len(answer.content) < 100
    assert answer.field("content-type") == "text/plain; charset=utf-8"
    assert answer.field("vary") == "Accept-Encoding"


async def test_compress_shortens_what_is_large_enough_for_a_thread(
    step, fetch
):
    app = compress_app(step)

    @app.route("/large")
    async def large(request, response):
        response.json = [TEXT] * 100

    answer = await fetch(app, "/large", TAKES)

    assert answer.field("content-encoding") == "gzip"
    assert gzip.decompress(answer.content).count(TEXT.encode()) == 100


async def test_compress_tells_caches_where_nothing_is_compressed(step, fetch):
    answer = await fetch(compress_app(step), "/text")

    assert sent(answer) == (NO_GZIP, TEXT.encode())
    assert answer.field("vary") == "Accept-Encoding"


async def test_compress_keeps_what_an_answer_varies_with(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.headers["vary"] = "Origin"
        response.html = TEXT

    step.modules["extensions.compress"].compress(app)

    answer = await fetch(app, "/", TAKES)

    assert answer.field("vary") == "Origin, Accept-Encoding"


@pytest.mark.parametrize(
    ("value", "coding"),
    [
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
        ("gzip ; q=0.001", "gzip"),
        ("*", "gzip"),
        ("br, *;q=0.1", "gzip"),
        ("", NO_GZIP),
        ("identity", NO_GZIP),
        ("br", NO_GZIP),
        ("gzip;q=0", NO_GZIP),
        ("gzip;\tq=0", NO_GZIP),
        ("gzip; q=0.000", NO_GZIP),
        ("gzip;q=0, *;q=1", NO_GZIP),
        ("identity, gzip;q=0.1", NO_GZIP),
        ("gzip;q=0.499, identity;q=0.5", NO_GZIP),
        ("identity;q=0.5, *;q=0.1", NO_GZIP),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=1.0, identity; q=0.5, *;q=0", "gzip"),
        ("br;q=1, gzip;q=0.1", "gzip"),
        ("*;q=0", NO_GZIP),
        ("xgzip, gzipx", NO_GZIP),
        (",;,;;q=,", NO_GZIP),
    ],
)
async def test_compress_asks_what_the_client_takes(step, fetch, value, coding):
    app = compress_app(step)

    answer = await fetch(app, "/text", f"accept-encoding: {value}")

    assert sent(answer) == (coding, TEXT.encode())


@pytest.mark.parametrize(
    ("kind", "coding"),
    [
        ("text/html;%20charset=utf-8", "gzip"),
        ("Text/CSS", "gzip"),
        ("application/json", "gzip"),
        ("application/problem%2Bjson", "gzip"),
        ("application/atom%2Bxml", "gzip"),
        ("application/javascript", "gzip"),
        ("image/svg%2Bxml", "gzip"),
        ("image/png", NO_GZIP),
        ("application/zip", NO_GZIP),
        ("application/octet-stream", NO_GZIP),
        ("video/text/mp4", NO_GZIP),
        ("", NO_GZIP),
    ],
)
async def test_compress_shortens_nothing_but_text(step, fetch, kind, coding):
    answer = await fetch(compress_app(step), f"/kind?is={kind}", TAKES)

    assert sent(answer) == (coding, TEXT.encode())
    vary = "Accept-Encoding" if coding else None
    assert answer.field("vary") == vary


@pytest.mark.parametrize(
    "fields",
    [
        {"content-encoding": "br"},
        {"content-range": "bytes 0-1/2"},
        {"cache-control": "public, no-transform"},
        {"cache-control": "public, No-Transform"},
    ],
)
async def test_compress_leaves_what_says_that_it_is_to_stay(
    step, fetch, fields
):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.headers.update(fields)
        response.body = TEXT

    step.modules["extensions.compress"].compress(app)

    answer = await fetch(app, "/", TAKES)

    assert answer.content == TEXT.encode()
    assert answer.field("vary") is None


@pytest.mark.parametrize("status", [204, 206, 304])
async def test_compress_leaves_parts_and_answers_without_content(
    step, fetch, status
):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.status, response.body = status, TEXT
        response.headers["etag"] = '"1"'

    step.modules["extensions.compress"].compress(app)

    answer = await fetch(app, "/", TAKES)

    assert answer.status == status
    assert answer.field("content-encoding") is None
    assert answer.field("etag") == '"1"'


@pytest.mark.parametrize(
    ("own", "named", "tag"),
    [
        ('"1"', 'W/"1"', 'W/"1"'),  # It has the one that was compressed.
        ('"1"', '"0", W/"1"', 'W/"1"'),
        ('"1"', '"1"', '"1"'),
        ('"1"', "*", '"1"'),
        ('W/"1"', 'W/"1"', 'W/"1"'),
        (None, 'W/"1"', None),
    ],
)
async def test_compress_says_the_same_of_what_has_not_changed(
    step, fetch, own, named, tag
):
    """RFC 9110, 15.4.5: ETag and Vary are those of the 200."""
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.status = 304
        if own:
            response.headers["etag"] = own

    step.modules["extensions.compress"].compress(app)

    answer = await fetch(app, "/", TAKES, f"if-none-match: {named}")

    assert answer.field("vary") == "Accept-Encoding"
    assert (answer.field("etag"), answer.content) == (tag, b"")
    assert answer.field("content-encoding") is None


@pytest.mark.parametrize(
    ("fields", "payload"),
    [
        ({"content-type": "image/png"}, {}),
        ({"content-encoding": "br"}, {}),
        ({"cache-control": "No-Transform"}, {}),
        ({}, {"compress": False}),
    ],
)
async def test_compress_leaves_what_has_not_changed_where_its_200_is_left(
    step, fetch, fields, payload
):
    app = step.Pico()

    @app.route("/", **payload)
    async def index(request, response):
        response.status = 304
        response.headers.update({"etag": '"1"', **fields})

    step.modules["extensions.compress"].compress(app)

    answer = await fetch(app, "/", TAKES, 'if-none-match: W/"1"')

    assert answer.field("vary") is None
    assert answer.field("etag") == '"1"'


@pytest.mark.parametrize(
    ("size", "coding"), [(499, NO_GZIP), (500, "gzip"), (0, NO_GZIP)]
)
async def test_compress_leaves_what_is_short(step, fetch, size, coding):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.body = "a" * size

    step.modules["extensions.compress"].compress(app)

    answer = await fetch(app, "/", TAKES)

    assert sent(answer) == (coding, b"a" * size)


async def test_compress_leaves_a_route_that_says_so(step, fetch):
    app = compress_app(step)

    @app.route("/secret", compress=False)
    async def secret(request, response):
        response.body = TEXT

    answer = await fetch(app, "/secret", TAKES)

    assert sent(answer) == (NO_GZIP, TEXT.encode())


@pytest.mark.parametrize("path", ["/text", "/stream"])
async def test_compress_says_the_same_to_head(step, fetch, path):
    app = compress_app(step)

    get = await fetch(app, path, TAKES)
    head = await fetch(app, path, TAKES, method="HEAD")

    assert head.content == b""
    without_date = [
        [field for field in answer.fields if field[0] != "date"]
        for answer in (get, head)
    ]
    assert without_date[0] == without_date[1]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_compress_lets_a_body_be_closed(step, fetch, method):
    app, closed = step.Pico(), []

    @app.route("/")
    async def index(request, response):
        response.headers["content-type"] = "text/plain"
        response.body = Closing(closed)

    step.modules["extensions.compress"].compress(app)

    answer = await fetch(app, "/", TAKES, method=method)

    assert answer.field("content-encoding") == "gzip"
    assert closed == [True]


@pytest.mark.parametrize(
    ("tag", "weak"), [('"1"', 'W/"1"'), ('W/"1"', 'W/"1"')]
)
async def test_compress_weakens_the_tag_of_a_version(step, fetch, tag, weak):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.headers["etag"] = tag
        response.body = TEXT

    step.modules["extensions.compress"].compress(app)

    plain = await fetch(app, "/")
    short = await fetch(app, "/", TAKES)

    assert (plain.field("etag"), short.field("etag")) == (tag, weak)


async def test_compress_answers_for_files(step, fetch, tmp_path):
    """A version that came compressed is known again; a part stays whole."""
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "b.txt").write_text("short", encoding="utf-8")
    app = step.Pico()
    step.modules["extensions.static"].static(app, root=tmp_path)
    step.modules["extensions.compress"].compress(app)

    whole = await fetch(app, "/static/a.txt", TAKES)
    tag = whole.field("etag")
    known = await fetch(app, "/static/a.txt", TAKES, f"if-none-match: {tag}")
    part = await fetch(app, "/static/a.txt", TAKES, "range: bytes=0-4")
    short = await fetch(app, "/static/b.txt", TAKES)

    assert sent(whole) == ("gzip", TEXT.encode())
    assert (known.status, known.field("etag")) == (304, tag)
    assert known.field("vary") == whole.field("vary") == "Accept-Encoding"
    assert (part.status, sent(part)) == (206, (NO_GZIP, b"hello"))
    # A part is one of the file, and not of what was compressed.
    assert (part.field("vary"), whole.field("accept-ranges")) == (
        "Accept-Encoding",
        None,
    )
    assert sent(short) == (NO_GZIP, b"short")


async def test_compress_shortens_a_stream(step, fetch):
    answer = await fetch(compress_app(step), "/stream", TAKES)

    assert sent(answer) == ("gzip", b"hello " + TEXT.encode() * 100)
    assert answer.field("transfer-encoding") == "chunked"
    assert len(answer.content) < 2000


async def test_compress_sends_each_piece_of_a_stream_at_once(step, ask):
    app, told = compress_app(step), asyncio.Event()

    @app.route("/events")
    async def events(request, response):
        async def pieces():
            yield b"data: first\n\n"
            await told.wait()
            yield b"data: second\n\n"

        response.headers["content-type"] = "text/event-stream"
        response.body = pieces()

    @app.route("/go")
    async def go(request, response):
        told.set()
        response.body = "going"

    stream = zlib.compressobj(6, wbits=31)
    first = stream.compress(b"data: first\n\n")
    first += stream.flush(zlib.Z_SYNC_FLUSH)
    exchange = await ask(
        app,
        f"GET /events HTTP/1.1\r\nhost: a\r\n{TAKES}\r\n\r\n".encode(),
        Until(first),
        Aside(b"GET /go HTTP/1.1\r\nhost: a\r\n\r\n", b"going"),
        methods=["GET"],
    )

    contents = [sent(answer)[1] for answer in exchange.answers]
    assert contents == [b"data: first\n\ndata: second\n\n"]


async def test_compress_shortens_an_iterator_that_is_no_generator(step, fetch):
    app = compress_app(step)

    class Pieces:
        left = [b"hello ", TEXT.encode()]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    @app.route("/pieces")
    async def pieces(request, response):
        response.headers["content-type"] = "text/plain"
        response.body = Pieces()

    answer = await fetch(app, "/pieces", TAKES)

    assert sent(answer) == ("gzip", b"hello " + TEXT.encode())


async def test_compress_ends_a_stream_before_its_connection_has_ended(step):
    app, calls = compress_app(step), []

    @app.route("/endless")
    async def endless(request, response):
        async def pieces():
            try:
                while True:
                    yield TEXT.encode()
            finally:
                calls.append("closed")

        response.headers["content-type"] = "text/plain"
        response.body = pieces()

    async with app.serve(port=0) as server:
        reader, writer = await asyncio.open_connection(
            server.host, server.port
        )
        writer.write(
            f"GET /endless HTTP/1.1\r\nhost: pico\r\n{TAKES}\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        connection = next(iter(app.connections))
        connection.task.add_done_callback(lambda task: calls.append("ended"))
        connection.transport.abort()
        await asyncio.wait({connection.task})
        writer.close()

    assert calls == ["closed", "ended"]


async def test_compress_breaks_a_stream_off_where_it_fails(step, ask, caplog):
    app = compress_app(step)

    @app.route("/fails")
    async def fails(request, response):
        async def pieces():
            yield TEXT.encode()
            raise RuntimeError

        response.headers["content-type"] = "text/plain"
        response.body = pieces()

    exchange = await ask(
        app, f"GET /fails HTTP/1.1\r\nhost: a\r\n{TAKES}\r\n\r\n".encode()
    )

    assert [answer.complete for answer in exchange.answers] == [False]


async def test_compress_shortens_long_errors_too(step, fetch):
    app = compress_app(step)

    @app.listen("error")
    def page(request, response, error):
        response.html = TEXT

    answer = await fetch(app, "/nowhere", TAKES)

    assert (answer.status, sent(answer)) == (404, ("gzip", TEXT.encode()))


@pytest.mark.parametrize("both", [False, True])
async def test_compress_leaves_what_a_mounted_route_forbids(step, fetch, both):
    app, inner = step.Pico(), step.Pico()
    step.modules["extensions.mount"].mount(app, "/api", inner)

    @inner.route("/secret", compress=False)
    @inner.route("/plain")
    async def page(request, response):
        response.body = "x" * 1000

    for each in [app, inner] if both else [app]:
        step.modules["extensions.compress"].compress(each)
    gzip = "accept-encoding: gzip"
    secret = await fetch(app, "/api/secret", gzip)
    plain = await fetch(app, "/api/plain", gzip)

    assert secret.field("content-encoding") is None
    assert plain.field("content-encoding") == "gzip"
