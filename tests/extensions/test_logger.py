"""What the extension `logger` does, on the steps that have it."""

import io
import re

import pytest

pytestmark = pytest.mark.steps("04", "05")

TIME = re.compile(r" \d+\.\d{3} ms$", re.M)


def logging_app(step):
    """Return an app that logs, and the stream that it logs to."""
    app, stream = step.Pico(), io.StringIO()
    step.modules["extensions.logger"].logger(app, stream)
    return app, stream


def lines(stream):
    """Return the lines of a log; how long it took is cut off."""
    return TIME.sub("", stream.getvalue()).splitlines()


async def test_logger_writes_a_line_for_each_answer(step, fetch):
    app, stream = logging_app(step)

    @app.route("/")
    async def index(request, response):
        pass

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
        "GET '/?page=2' 200",
        "HEAD '/' 200",
        "POST '/' 405",
        "GET '/nowhere' 404",
        "GET '/raise' 500",
    ]


async def test_logger_says_how_long_it_took(step, fetch):
    app, stream = logging_app(step)

    await fetch(app, "/")

    assert re.fullmatch(r"GET '/' 404 \d+\.\d{3} ms\n", stream.getvalue())


@pytest.mark.parametrize("cors_is_first", [True, False])
async def test_logger_sees_what_cors_answered_early(
    step, fetch, cors_is_first
):
    app, stream = step.Pico(), io.StringIO()
    cors = step.modules["extensions.cors"].cors
    logger = step.modules["extensions.logger"].logger
    if cors_is_first:
        cors(app)
        logger(app, stream)
    else:
        logger(app, stream)
        cors(app)

    wanted = "access-control-request-method: GET"
    await fetch(app, "/", "origin: http://a", wanted, method="OPTIONS")

    assert lines(stream) == ["OPTIONS '/' 204"]


@pytest.mark.parametrize(
    "path",
    ["/a%0AGET%20/forged", "/a%0D", "/%1B[31m", "/%C2%9B31m", "/%E2%80%A8"],
    ids=["LF", "CR", "ESC", "CSI", "line separator"],
)
async def test_logger_lets_no_target_forge_a_line(step, fetch, path):
    app, stream = logging_app(step)

    await fetch(app, path)

    (line,) = lines(stream)
    assert line.isascii()
    assert line.isprintable()
    assert line.endswith(" 404")


async def test_logger_writes_to_stderr_unless_told(step, fetch, capsys):
    app = step.Pico()
    step.modules["extensions.logger"].logger(app)

    await fetch(app, "/")

    captured = capsys.readouterr()
    assert captured.err.startswith("GET '/' 404 ")
    assert captured.out == ""
