"""What the extension `cors` does, on the steps that have it."""

import pytest

pytestmark = pytest.mark.steps("04", "05")

ORIGIN = "https://example.org"
ALLOW_ORIGIN = "access-control-allow-origin"
ALLOW_METHODS = "access-control-allow-methods"
ALLOW_HEADERS = "access-control-allow-headers"
ALLOW_CREDENTIALS = "access-control-allow-credentials"
PREFLIGHT = ("origin: " + ORIGIN, "access-control-request-method: PUT")


def cors_app(step, **options):
    """Return an app that others may ask."""
    app = step.Pico()
    step.modules["extensions.cors"].cors(app, **options)

    @app.route("/users", methods=["GET", "PUT"])
    async def users(request, response):
        response.body = "ada"

    @app.route("/raise")
    async def fail(request, response):
        raise RuntimeError

    return app


def told(answer, *names):
    return [answer.field(name) for name in names]


async def test_cors_answers_a_preflight_with_what_the_path_allows(step, fetch):
    app = cors_app(step)

    answer = await fetch(app, "/users", *PREFLIGHT, method="OPTIONS")

    assert (answer.status, answer.content) == (204, b"")
    assert told(answer, ALLOW_ORIGIN, ALLOW_METHODS, ALLOW_HEADERS) == [
        "*",
        "GET, HEAD, OPTIONS, PUT",
        None,
    ]


async def test_cors_answers_a_preflight_with_what_it_was_told(step, fetch):
    app = cors_app(step, methods=["PUT"], headers=["X-Drone", "X-Pilot"])

    answer = await fetch(app, "/users", *PREFLIGHT, method="OPTIONS")

    assert told(answer, ALLOW_METHODS, ALLOW_HEADERS) == [
        "PUT",
        "X-Drone, X-Pilot",
    ]


async def test_cors_answers_a_preflight_before_a_login_refuses_it(step, fetch):
    app = cors_app(step)

    @app.listen("request")
    def login(request, response):
        raise step.messages.HttpError(401)

    answer = await fetch(app, "/users", *PREFLIGHT, method="OPTIONS")

    assert answer.status == 204


async def test_cors_leaves_other_options_alone(step, fetch):
    app = cors_app(step)

    answer = await fetch(app, "/users", method="OPTIONS")

    assert told(answer, "allow", ALLOW_METHODS) == [
        "GET, HEAD, OPTIONS, PUT",
        None,
    ]


@pytest.mark.parametrize(
    ("path", "status"), [("/users", 200), ("/nowhere", 404), ("/raise", 500)]
)
async def test_cors_lets_errors_be_read_too(step, fetch, path, status):
    app = cors_app(step)

    answer = await fetch(app, path, f"origin: {ORIGIN}")

    assert (answer.status, answer.field(ALLOW_ORIGIN)) == (status, "*")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (ORIGIN, ORIGIN),
        ("https://example.org.evil.com", None),
        ("https://evil.com", None),
        ("http://example.org", None),
        ("null", None),
    ],
)
async def test_cors_allows_the_one_origin_and_tells_caches(
    step, fetch, origin, allowed
):
    app = cors_app(step, origin=ORIGIN)

    answer = await fetch(app, "/users", f"origin: {origin}")

    assert told(answer, ALLOW_ORIGIN, "vary") == [allowed, "Origin"]


async def test_cors_tells_caches_of_an_answer_without_origin(step, fetch):
    app = cors_app(step, origin=ORIGIN)

    answer = await fetch(app, "/users")

    assert told(answer, ALLOW_ORIGIN, "vary") == [None, "Origin"]


async def test_cors_keeps_what_an_answer_varies_with(step, fetch):
    app = cors_app(step, origin=ORIGIN)

    @app.route("/")
    async def index(request, response):
        response.headers["vary"] = "Accept"

    answer = await fetch(app, "/")

    assert answer.field("vary") == "Accept, Origin"


@pytest.mark.parametrize(
    ("origin", "allowed"), [(ORIGIN, "true"), ("https://evil.com", None)]
)
async def test_cors_allows_credentials_to_the_one_origin(
    step, fetch, origin, allowed
):
    app = cors_app(step, origin=ORIGIN, credentials=True)

    answer = await fetch(app, "/users", f"origin: {origin}")

    assert answer.field(ALLOW_CREDENTIALS) == allowed


def test_cors_refuses_credentials_for_any_origin(step):
    app = step.Pico()

    with pytest.raises(ValueError, match="Credentials need one origin"):
        step.modules["extensions.cors"].cors(app, credentials=True)

    assert app.listeners == {}
