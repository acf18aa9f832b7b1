"""What the extension `logger` does, on the steps that have it."""

import asyncio
import io
import json
import re

import pytest

pytestmark = pytest.mark.steps("04", "05")

WHEN = re.compile(r"\[\d\d/[A-Z][a-z]{2}/\d{4}(:\d\d){3} \+0000\]")


def logging_app(step, **options):
    """Return an app that logs, and the stream that it logs to."""
    app, stream = step.Pico(), io.StringIO()
    step.modules["extensions.logger"].logger(app, stream=stream, **options)
    return app, stream


def lines(stream):
    """Return the lines of a log, without their dates."""
    return WHEN.sub("[]", stream.getvalue()).splitlines()


class Recorder(io.StringIO):
    """A stream that knows what each write brought."""

    def __init__(self):
        super().__init__()
        self.writes = []

    def write(self, text):
        self.writes.append(text)


class Full(io.StringIO):
    """A stream to a disk that has no room."""

    def write(self, text):
        raise OSError(28, "No space left on device")


async def test_logger_writes_a_line_for_each_answer(step, fetch):
    app, stream = logging_app(step)

    @app.route("/")
    async def index(request, response):
        response.body = b"ada"

    @app.route("/raise")
    async def fail(request, response):
        raise RuntimeError

    for method, path in [
        ("GET", "/?page=2"),
        ("HEAD", "/"),
        ("POST", "/"),
        ("GET", "/nowhere"),
        ("GET", "/raise"),
    ]:
        await fetch(app, path, method=method)

    assert lines(stream) == [
        '127.0.0.1 - - [] "GET /?page=2 HTTP/1.1" 200 3',
        '127.0.0.1 - - [] "HEAD / HTTP/1.1" 200 -',
        '127.0.0.1 - - [] "POST / HTTP/1.1" 405 18',
        '127.0.0.1 - - [] "GET /nowhere HTTP/1.1" 404 9',
        '127.0.0.1 - - [] "GET /raise HTTP/1.1" 500 21',
    ]


async def test_logger_writes_json(step, fetch, monkeypatch):
    app, stream = logging_app(step, format="json")

    @app.route("/", methods=["POST"])
    async def index(request, response):
        response.body = "né"

    # gmtime() without a time takes a coarser clock, which is behind.
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.5)
    await fetch(app, "/?a=1", method="POST")

    line = json.loads(stream.getvalue())
    assert line.pop("milliseconds") > 0
    assert line == {
        "time": "2001-09-09T01:46:40Z",
        "client": "127.0.0.1",
        "method": "POST",
        "target": "/?a=1",
        "version": "1.1",
        "status": 200,
        "size": 3,
    }


async def test_logger_does_not_know_the_size_of_a_stream(step, fetch):
    async def pieces():
        yield b"hello"

    sizes = []
    for form in ("common", "json"):
        app, stream = logging_app(step, format=form)

        @app.route("/")
        async def index(request, response):
            response.body = pieces()

        await fetch(app, "/")
        sizes.append(stream.getvalue())

    assert sizes[0].endswith(' HTTP/1.1" 200 -\n')
    assert json.loads(sizes[1])["size"] is None


def test_logger_refuses_an_unknown_format(step):
    with pytest.raises(ValueError, match="'common', 'json'"):
        logging_app(step, format="combined")


async def test_logger_writes_the_lines_of_a_moment_at_once(step):
    app, stream = step.Pico(), Recorder()
    step.modules["extensions.logger"].logger(app, stream=stream)
    request = step.Request(app, "GET", "/", "1.1", {})

    for _ in range(5):
        await app.hook("response", request, step.Response(app))
    await app.shutdown()

    (written,) = stream.writes
    assert written.count("\n") == 5


async def test_logger_does_not_wait_for_the_end(step):
    """No request is served: a response is told, and the loop goes on."""
    app, stream = step.Pico(), Recorder()
    module = step.modules["extensions.logger"]
    module.logger(app, stream=stream)
    module.DELAY, flushed = 0, asyncio.Event()
    stream.flush = flushed.set
    request = step.Request(app, "GET", "/", "1.1", {})

    await app.hook("response", request, step.Response(app))
    before = list(stream.writes)
    async with asyncio.timeout(5):
        await flushed.wait()

    assert before == []
    assert (
        WHEN.sub("[]", *stream.writes) == '- - - [] "GET / HTTP/1.1" 200 -\n'
    )


async def test_logger_keeps_no_more_than_many_lines(step):
    app, stream = step.Pico(), Recorder()
    module = step.modules["extensions.logger"]
    module.MANY = 3
    module.logger(app, stream=stream)
    request = step.Request(app, "GET", "/", "1.1", {})

    for _ in range(7):
        await app.hook("response", request, step.Response(app))

    assert [text.count("\n") for text in stream.writes] == [3, 3]


async def test_logger_that_cannot_write_says_so_and_goes_on(
    step, fetch, caplog
):
    app = step.Pico()
    module = step.modules["extensions.logger"]
    module.MANY = 2
    module.logger(app, stream=Full())

    @app.route("/")
    async def index(request, response):
        response.body = "hello"

    contents = [(await fetch(app, "/")).content for _ in range(2)]

    assert contents == [b"hello", b"hello"]
    assert "No space left on device" in caplog.text


async def test_logger_tells_time_of_what_a_login_refused(step, fetch):
    app, stream = step.Pico(), io.StringIO()

    @app.listen("headers")
    def login(request, response):
        raise step.messages.HttpError(401)

    step.modules["extensions.logger"].logger(app, "json", stream)

    await fetch(app, "/")

    line = json.loads(stream.getvalue())
    assert (line["status"], line["milliseconds"] > 0) == (401, True)


@pytest.mark.parametrize("cors_is_first", [True, False])
async def test_logger_sees_what_cors_answered_early(
    step, fetch, cors_is_first
):
    app, stream = step.Pico(), io.StringIO()
    cors = step.modules["extensions.cors"].cors
    logger = step.modules["extensions.logger"].logger
    if cors_is_first:
        cors(app)
        logger(app, stream=stream)
    else:
        logger(app, stream=stream)
        cors(app)

    wanted = "access-control-request-method: GET"
    await fetch(app, "/", "origin: http://a", wanted, method="OPTIONS")

    assert lines(stream) == ['127.0.0.1 - - [] "OPTIONS / HTTP/1.1" 204 -']


@pytest.mark.parametrize(
    "path",
    ["/a\nGET /forged", "/a\r", "/\x1b[31m", "/\x9b31m", "/\u2028", '/" 200'],
    ids=["LF", "CR", "ESC", "CSI", "line separator", "quotation mark"],
)
@pytest.mark.parametrize("form", ["common", "json"])
async def test_logger_lets_no_target_forge_a_line(step, form, path):
    """The parser refuses most of these: the log does not count on it."""
    app, stream = logging_app(step, format=form)
    request = step.Request(app, "GET", path, "1.1", {})

    await app.hook("response", request, step.Response(app))
    await app.shutdown()

    (line,) = stream.getvalue().split("\n")[:-1]
    assert line.isascii()
    assert line.isprintable()
    asked = json.loads(line) if form == "json" else line.partition("] ")[2]
    if form == "json":
        assert asked["target"] == path
    else:
        told, end = json.JSONDecoder().raw_decode(asked)
        assert told == f"GET {path} HTTP/1.1"
        assert asked[end:] == " 200 -"


async def test_logger_writes_to_stderr_unless_told(step, fetch, capsys):
    app = step.Pico()
    step.modules["extensions.logger"].logger(app)

    await fetch(app, "/")

    captured = capsys.readouterr()
    assert captured.err.endswith('] "GET / HTTP/1.1" 404 9\n')
    assert captured.out == ""


async def test_logger_has_no_line_for_what_no_listener_hears_of(
    step, fetch, ask, caplog
):
    app = step.Pico()

    @app.listen("response")
    def fail(request, response):
        if request.path == "/raise":
            raise RuntimeError

    stream = io.StringIO()
    step.modules["extensions.logger"].logger(app, stream=stream)

    raised = await fetch(app, "/raise")
    unparsed = await ask(app, b"GET / HTTP/1.1\r\n\r\n", answers=1)
    await fetch(app, "/nowhere")

    assert (raised.status, unparsed.answers[0].status) == (500, 400)
    assert lines(stream) == ['127.0.0.1 - - [] "GET /nowhere HTTP/1.1" 404 9']


async def test_logger_writes_the_id_of_a_request(step, fetch):
    app, stream = logging_app(step, format="json")
    step.modules["extensions.request_id"].request_id(app)

    @app.route("/")
    async def index(request, response):
        response.body = "ada"

    answer = await fetch(app, "/")

    assert json.loads(stream.getvalue())["id"] == answer.field("x-request-id")
