"""What the extension `cors` does, on the steps that have it."""

import pytest

pytestmark = pytest.mark.steps("04", "05")

ORIGIN = "https://example.org"
ALLOW_ORIGIN = "access-control-allow-origin"
ALLOW_METHODS = "access-control-allow-methods"
ALLOW_HEADERS = "access-control-allow-headers"
ALLOW_CREDENTIALS = "access-control-allow-credentials"
MAX_AGE = "access-control-max-age"
EXPOSE_HEADERS = "access-control-expose-headers"
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


async def test_cors_allows_every_method_where_no_route_says_which(step, fetch):
    app = step.modules["extensions.asgi_host"].asgi_host(None)
    step.modules["extensions.cors"].cors(app, ORIGIN)

    answer = await fetch(app, "/users", *PREFLIGHT, method="OPTIONS")

    assert told(answer, ALLOW_ORIGIN, ALLOW_METHODS) == [
        ORIGIN,
        "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
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


@pytest.mark.parametrize("origin", ["*", "null", [ORIGIN, "*"], ["null"]])
def test_cors_refuses_credentials_for_any_origin(step, origin):
    app = step.Pico()

    with pytest.raises(ValueError, match="Credentials need an origin"):
        step.modules["extensions.cors"].cors(app, origin, credentials=True)

    assert app.listeners == {}


async def test_cors_tells_how_long_a_preflight_holds(step, fetch):
    app = cors_app(step, max_age=0)

    asked = await fetch(app, "/users", *PREFLIGHT, method="OPTIONS")
    got = await fetch(app, "/users", f"origin: {ORIGIN}")

    assert (asked.field(MAX_AGE), got.field(MAX_AGE)) == ("0", None)


@pytest.mark.parametrize("options", [{}, {"origin": ORIGIN}])
async def test_cors_tells_which_fields_may_be_read(step, fetch, options):
    app = cors_app(step, expose_headers=["X-Drone", "ETag"], **options)

    answer = await fetch(app, "/users", f"origin: {ORIGIN}")

    assert answer.field(EXPOSE_HEADERS) == "X-Drone, ETag"


async def test_cors_allows_nothing_to_the_preflight_of_a_stranger(step, fetch):
    app = cors_app(step, origin="https://other.org", headers=["X-Drone"])

    answer = await fetch(app, "/users", *PREFLIGHT, method="OPTIONS")

    allowed = [n for n, _ in answer.fields if n.startswith("access-control")]
    assert (answer.status, allowed) == (204, [])
    assert answer.field("vary") == "Origin"


async def test_cors_allows_a_preflight_what_it_allows_an_origin(step, fetch):
    app = cors_app(step, origin=ORIGIN, credentials=True)

    answer = await fetch(app, "/users", *PREFLIGHT, method="OPTIONS")

    assert told(answer, ALLOW_ORIGIN, ALLOW_CREDENTIALS, "vary") == [
        ORIGIN,
        "true",
        "Origin",
    ]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://example.org", True),
        ("http://localhost:5173", True),
        ("https://a.pico.example", True),
        ("https://a.b.pico.example", True),
        ("https://pico.example", False),
        ("https://.pico.example", False),
        ("https://evilpico.example", False),
        ("https://a.pico.example.evil.com", False),
        ("https://a.pico.example:444", False),
        ("https://evil.com/.pico.example", False),
        ("https://evil.com#.pico.example", False),
        ("https://evil.com@a.pico.example", False),
        ("https://apico_example", False),
        ("http://a.pico.example", False),
        ("http://localhost", False),
        ("https://example.org, https://example.org", False),
        ("null", False),
        ("*", False),
        ("", False),
    ],
)
async def test_cors_allows_several_origins_and_their_subdomains(
    step, fetch, origin, allowed
):
    origins = [ORIGIN, "http://localhost:5173", "https://*.pico.example"]
    app = cors_app(step, origin=origins, credentials=True)

    answer = await fetch(app, "/users", f"origin: {origin}")

    assert told(answer, ALLOW_ORIGIN, ALLOW_CREDENTIALS, "vary") == [
        origin if allowed else None,
        "true" if allowed else None,
        "Origin",
    ]


async def test_cors_allows_null_if_it_is_named(step, fetch):
    app = cors_app(step, origin=[ORIGIN, "null"])

    answer = await fetch(app, "/users", "origin: null")

    assert told(answer, ALLOW_ORIGIN, ALLOW_CREDENTIALS) == ["null", None]


async def test_cors_does_not_vary_where_anybody_may_ask(step, fetch):
    app = cors_app(step)

    alone = await fetch(app, "/users")
    asked = await fetch(app, "/users", f"origin: {ORIGIN}")

    assert told(alone, ALLOW_ORIGIN, "vary") == ["*", None]
    assert told(asked, ALLOW_ORIGIN, "vary") == ["*", None]


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org/",
        "example.org",
        "https://*",
        "https://*example.org",
        "https://a.*.org",
        "https://Example.org",
        "*://example.org",
        "",
    ],
)
def test_cors_refuses_what_is_no_origin(step, origin):
    app = step.Pico()

    with pytest.raises(ValueError, match="is no origin"):
        step.modules["extensions.cors"].cors(app, origin)

    assert app.listeners == {}


async def test_cors_takes_one_method_and_one_field_as_texts(step, fetch):
    app = cors_app(step, methods="PUT", headers="x-token")

    answer = await fetch(app, "/users", *PREFLIGHT, method="OPTIONS")

    assert told(answer, ALLOW_METHODS, ALLOW_HEADERS) == ["PUT", "x-token"]
