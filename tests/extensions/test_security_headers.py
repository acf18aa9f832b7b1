"""What the extension `security_headers` does, on the steps that have it."""

import pytest

pytestmark = pytest.mark.steps("04", "05")

NAMES = [
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "content-security-policy",
    "strict-transport-security",
]
DEFAULTS = ["nosniff", "DENY", "strict-origin-when-cross-origin", None, None]


def careful_app(step, **options):
    """Return an app that asks browsers to be careful."""
    app = step.Pico()
    step.modules["extensions.security_headers"].security_headers(
        app, **options
    )

    @app.route("/")
    async def index(request, response):
        response.body = "hello"

    @app.route("/raise")
    async def fail(request, response):
        response.headers["x-frame-options"] = "of no answer"
        raise RuntimeError

    @app.route("/own")
    async def own(request, response):
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["content-security-policy"] = "default-src 'self'"

    return app


def told(answer):
    return [answer.field(name) for name in NAMES]


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/nowhere", 404), ("/raise", 500)]
)
async def test_security_headers_are_on_answers_and_on_errors(
    step, fetch, path, status
):
    answer = await fetch(careful_app(step), path)

    assert (answer.status, told(answer)) == (status, DEFAULTS)


async def test_security_headers_never_overwrite_those_of_a_handler(
    step, fetch
):
    app = careful_app(step, policy="default-src 'none'")

    answer = await fetch(app, "/own")

    assert told(answer) == [
        "nosniff",
        "SAMEORIGIN",
        "strict-origin-when-cross-origin",
        "default-src 'self'",
        None,
    ]
    names = [name for name, _ in answer.fields]
    assert names.count("x-frame-options") == 1


async def test_security_headers_are_those_that_it_was_told(step, fetch):
    app = careful_app(
        step,
        frame=None,
        referrer="no-referrer",
        policy="default-src 'none'",
        hsts=31536000,
    )

    answer = await fetch(app, "/")

    assert told(answer) == [
        "nosniff",
        None,
        "no-referrer",
        "default-src 'none'",
        "max-age=31536000",
    ]


async def test_security_headers_can_take_hsts_back(step, fetch):
    """Only a lifetime of 0 makes browsers forget (RFC 6797, 6.1.1)."""
    answer = await fetch(careful_app(step, hsts=0), "/")

    assert answer.field("strict-transport-security") == "max-age=0"
