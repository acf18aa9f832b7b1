"""The order in which extensions are activated: where it matters, and that
elsewhere it does not."""

import io
import random

import pytest

pytestmark = pytest.mark.steps("04", "05")

# All that an app for everybody might activate.
MANY = [
    "annotations",
    "background",
    "compress",
    "content_negotiation",
    "cors",
    "errors",
    "forms",
    "logger",
    "named_url",
    "rate_limit",
    "request_id",
    "security_headers",
    "sessions",
    "slow",
    "sse",
    "static",
]
UPLOAD = (
    b'--b\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\n'
    b"hello\r\n--b--\r\n"
)
# What differs from one request to the next.
OWN = {"date", "x-request-id", "set-cookie"}


def activate(step, app, name, **options):
    return getattr(step.modules[f"extensions.{name}"], name)(app, **options)


def crowded_app(step, names, root):
    """Return an app with extensions, and the stream of its log."""
    app, stream = step.Pico(), io.StringIO()
    options = {
        "logger": {"stream": stream},
        "sessions": {"keys": ["k" * 16]},
        "static": {"root": root},
    }
    for name in names:
        activate(step, app, name, **options.get(name, {}))
    app["done"] = []

    @app.route("/upload", methods=["POST"])
    async def upload(request, response, number: int = 0):
        request["session"]["number"] = number
        response.after(app["done"].append, request.files.get("f").size)
        response.json = ["a"] * 500

    @app.route("/refused", accepts=["text/plain"])
    async def refused(request, response):
        raise step.messages.HttpError(418)

    @app.route("/events/{name}", protocol="sse")
    async def events(request, response, name):
        yield name

    return app, stream


async def answers_of(step, names, root):
    """Return what an app with these extensions says to some requests."""
    app, stream = crowded_app(step, names, root)
    client = step.modules["extensions.testing_client"].Client(app)
    form = {"content-type": "multipart/form-data; boundary=b"}
    said = []
    async with client:
        for method, path, content, fields in [
            ("POST", "/upload?number=3", UPLOAD, form),
            ("GET", "/refused", b"", {}),
            ("GET", "/events/ada", b"", {}),
            ("GET", "/static/a.txt", b"", {}),
            ("HEAD", "/static/a.txt", b"", {}),
            ("GET", "/static/a.txt", b"", {"range": "bytes=0-1"}),
            ("GET", "/nowhere", b"", {}),
            ("PUT", "/refused", b"", {}),
        ]:
            fields = {"accept-encoding": "gzip", **fields}
            answer = await client.request(path, method, content, fields)
            head = {k: v for k, v in answer.headers.items() if k not in OWN}
            head["vary"] = sorted(head.get("vary", "").split(", "))
            there = OWN & {*answer.headers}
            said.append((answer.status, head, there, answer.body))
    return said, app["done"], stream.getvalue().count("\n")


@pytest.mark.parametrize("seed", range(5))
async def test_order_changes_nothing_for_most(step, tmp_path, seed):
    (tmp_path / "a.txt").write_text("a" * 2000)
    names = [*MANY]
    random.Random(seed).shuffle(names)

    answers = await answers_of(step, names, tmp_path)

    assert answers == await answers_of(step, MANY, tmp_path)
    assert answers[1:] == ([5], 8)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["traceback", "errors"], "application/json"),
        (["errors", "traceback"], "text/html; charset=utf-8"),
    ],
)
async def test_order_of_listeners_to_errors_says_who_has_the_last_word(
    step, fetch, names, kind
):
    app = step.Pico()
    for name in names:
        activate(step, app, name)

    @app.error_handler(KeyError)
    def missing(request, response, error):
        response.json = {"missing": error.args[0]}

    @app.route("/")
    async def index(request, response):
        raise KeyError("ada")

    answer = await fetch(app, "/")

    assert (answer.status, answer.field("content-type")) == (500, kind)


@pytest.mark.parametrize("first", [True, False])
async def test_order_decides_which_changes_of_a_session_are_kept(
    step, fetch, first
):
    app = step.Pico()
    if first:
        activate(step, app, "sessions")

    @app.listen("response")
    def count(request, response):
        request["session"]["answers"] = 1

    if not first:
        activate(step, app, "sessions")

    answer = await fetch(app, "/nowhere")

    assert (answer.field("set-cookie") is None) == first
