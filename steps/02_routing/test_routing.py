"""What step 02 promises, and the lies that it tells.

Knows: routes, handlers, their answers.
Does not know: how requests are parsed.
"""

import asyncio
import json
import socket
import sys
from itertools import permutations
from uuid import UUID

import pytest

ID = "6f2a9100-0000-4000-8000-00000000cafe"


def answered(exchange):
    return [(answer.status, answer.content) for answer in exchange.answers]


async def handler(request, response, **parameters):
    """Answer nothing: for tests that only look for the route."""


# Handlers


async def test_parameter_reaches_the_handler(step, fetch):
    app = step.Pico()

    @app.route("/hello/{name}")
    async def hello(request, response, name):
        response.json = {"message": f"Hello {name}"}

    answer = await fetch(app, "/hello/ada")

    assert answer.content == b'{"message":"Hello ada"}'


async def test_handler_sees_method_path_and_query_string(step, fetch):
    app = step.Pico()

    @app.route("/search", methods=["POST"])
    async def search(request, response):
        response.json = [request.method, request.path, request.query_string]

    answer = await fetch(app, "/search?q=drones", method="POST")

    assert answer.content == b'["POST","/search","q=drones"]'


async def test_handler_chooses_the_status(step, fetch):
    app = step.Pico()

    @app.route("/", methods=["POST"])
    async def create(request, response):
        response.status = 201

    answer = await fetch(app, "/", method="POST")

    assert answer.status == 201


async def test_each_answer_has_fields_of_its_own(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.json = sorted(response.headers)

    await fetch(app, "/")
    answer = await fetch(app, "/")

    assert answer.content == b"[]"


async def test_json_is_compact(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.json = {"names": ["ada", "bob"], "next": None}

    answer = await fetch(app, "/")

    assert answer.content == b'{"names":["ada","bob"],"next":null}'
    assert answer.field("content-type") == "application/json"


async def test_json_encoder_is_an_attribute_of_the_app(step, fetch):
    app = step.Pico()
    app.encode_json = "-".join

    @app.route("/")
    async def index(request, response):
        response.json = ["ada", "bob"]

    answer = await fetch(app, "/")

    assert answer.content == b"ada-bob"


async def test_app_is_a_mapping_that_handlers_share(step, fetch):
    app = step.Pico()
    app["visits"] = 41

    @app.route("/")
    async def index(request, response):
        app["visits"] += 1
        response.json = app["visits"]

    answer = await fetch(app, "/")

    assert answer.content == b"42"


def test_route_returns_its_handler_so_that_routes_stack(step):
    app = step.Pico()

    stacked = app.route("/old")(app.route("/new")(handler))

    assert stacked is handler
    assert {route.path for route in app.router.routes} == {"/old", "/new"}


async def test_http_error_answers_from_anywhere(step, fetch):
    app = step.Pico()

    def find(name):
        raise step.messages.HttpError(410, f"{name} is gone.")

    @app.route("/{name}")
    async def show(request, response, name):
        response.json = find(name)

    answer = await fetch(app, "/ada")

    assert (answer.status, answer.content) == (410, b"ada is gone.")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        "\u00e9 \U0001f600 \u2028 </script>",
        {"a": [1, {"b": ()}], "c": {}},
        {1: 2, None: 3, False: 4, 1.5: 5},
        [],
        10**30,
    ],
)
def test_json_is_what_the_standard_library_makes(step, value):
    encoded = step.Pico().encode_json(value)

    text = encoded.decode() if isinstance(encoded, bytes) else encoded
    assert text == json.dumps(value, separators=(",", ":"))


async def test_length_counts_bytes_and_not_characters(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def leave(request, response):
        raise step.messages.HttpError(410, "Gr\u00fc\u00dfe")

    answer = await fetch(app, "/")

    assert answer.content == "Gr\u00fc\u00dfe".encode()


async def test_app_greets(step, fetch):
    answer = await fetch(step.app.app, "/")

    assert answer.content == b'{"message":"Hello world"}'


# Routes


def test_unknown_path_is_a_404(wire):
    exchange = wire.send(b"GET /nowhere HTTP/1.1\r\nHost: pico\r\n\r\n")

    assert [answer.status for answer in exchange.answers] == [404]


def test_unknown_method_of_a_path_is_a_405_that_says_what_is_allowed(wire):
    exchange = wire.send(b"PUT /hello/ada HTTP/1.1\r\nHost: pico\r\n\r\n")

    assert [answer.status for answer in exchange.answers] == [405]
    assert "GET" in exchange.answers[0].field("allow").split(", ")


def test_methods_of_a_path_may_have_different_handlers(step):
    router = step.routing.Router()
    router.add("/users", ["GET"], "show")
    router.add("/users", ["POST", "PUT"], "store")

    found = [router.match(m, "/users")[0] for m in ("GET", "POST", "PUT")]

    assert [route.handler for route in found] == ["show", "store", "store"]


@pytest.mark.parametrize(
    ("routes", "path", "winner"),
    [
        (["/{name}", "/ada"], "/ada", "/ada"),
        (["/{name}", "/ada"], "/bob", "/{name}"),
        (["/{id}", "/{id:int}", "/{id:path}"], "/7", "/{id:int}"),
        (["/{id}", "/{id:int}", "/{id:path}"], "/ada", "/{id}"),
        (["/{id}", "/{id:int}", "/{id:path}"], "/ada/7", "/{id:path}"),
        (["/a/{x}", "/a/{x}/b", "/a/{x:path}"], "/a/1/b", "/a/{x}/b"),
        (["/a/{x}", "/{x}/b"], "/a/b", "/a/{x}"),
        (["/file.{kind}", "/{name}"], "/file.txt", "/file.{kind}"),
        (["/{name}", "/{name}.txt"], "/file.txt", "/{name}.txt"),
        (["/{x}-{y}", "/{x}"], "/1-2", "/{x}-{y}"),
    ],
)
def test_more_specific_route_wins_whatever_the_order(
    step, routes, path, winner
):
    found = set()
    for order in permutations(routes):
        router = step.routing.Router()
        for pattern in order:
            router.add(pattern, ["GET"], handler)
        route, _, _ = router.match("GET", path)
        found.add(route.path)

    assert found == {winner}


@pytest.mark.parametrize(
    ("placeholder", "text", "value"),
    [
        ("{x}", "ada", "ada"),
        ("{x}", "a b.c", "a b.c"),
        ("{x:string}", "ada", "ada"),
        ("{x:any}", "ada", "ada"),
        ("{x:digit}", "007", "007"),
        ("{x:alpha}", "ada", "ada"),
        ("{x:alnum}", "ada7", "ada7"),
        ("{x:int}", "007", 7),
        ("{x:int}", "-7", -7),
        ("{x:float}", "3", 3.0),
        ("{x:float}", "-3.25", -3.25),
        ("{x:uuid}", ID, UUID(ID)),
        ("{x:path}", "a/b/c.txt", "a/b/c.txt"),
        ("{x:path}", "a\nb", "a\nb"),
        ("{x:[0-9a-f]+}", "cafe", "cafe"),
        ("{x:[0-9]{4}}", "2026", "2026"),
    ],
)
def test_placeholder_kind_converts(step, placeholder, text, value):
    router = step.routing.Router()
    router.add(f"/{placeholder}", ["GET"], handler)

    _, parameters, _ = router.match("GET", f"/{text}")

    assert parameters == {"x": value}


@pytest.mark.parametrize(
    ("placeholder", "text"),
    [
        ("{x}", ""),
        ("{x}", "a/b"),
        ("{x:digit}", "7a"),
        ("{x:alpha}", "ada7"),
        ("{x:alnum}", "a-7"),
        ("{x:int}", "7.5"),
        ("{x:int}", "\u0667"),  # a digit of another script
        ("{x:float}", "nan"),
        ("{x:uuid}", "cafe"),
        ("{x:path}", ""),
        ("{x:[0-9a-f]+}", "cafe-"),
        ("{x:[0-9]{4}}", "20260"),
    ],
)
def test_placeholder_kind_refuses(step, placeholder, text):
    router = step.routing.Router()
    router.add(f"/{placeholder}", ["GET"], handler)

    assert router.match("GET", f"/{text}") == (None, {}, set())


@pytest.mark.parametrize(
    "text", ["/a.b", "/a+b", "/(a)", "/a|b", "/$", "/^", "/a b", "/[a]"]
)
def test_text_of_a_route_is_no_regex(step, text):
    router = step.routing.Router()
    router.add(text, ["GET"], handler)

    found = [router.match("GET", path)[0] for path in (text, "/a", "/axb")]

    assert [route and route.path for route in found] == [text, None, None]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("hello", "must start with a slash"),
        ("", "must start with a slash"),
        ("/{name", "a placeholder looks like"),
        ("/name}", "a placeholder looks like"),
        ("/{}", "a placeholder looks like"),
        ("/{first name}", "a placeholder looks like"),
        ("/{x:}", "a placeholder looks like"),
        ("/{x:[0-9}", "unterminated character set"),
        ("/{x}/{x}", "redefinition of group name 'x'"),
        ("/{7}", "bad character in group name '7'"),
    ],
)
def test_route_that_is_none_says_why(step, path, reason):
    router = step.routing.Router()

    with pytest.raises(ValueError, match=reason) as caught:
        router.add(path, ["GET"], handler)

    assert repr(path) in str(caught.value)


# Running


def test_taken_port_is_told_in_a_sentence(step):
    app = step.Pico()

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SystemExit, match="PORT=0") as caught:
            app.run(port=port)

    assert str(port) in caught.value.code


async def test_server_is_closed_though_its_block_fails(step):
    app = step.Pico()

    with pytest.raises(RuntimeError, match="on purpose"):
        async with app.serve(port=0) as server:
            raise RuntimeError("on purpose")

    with pytest.raises(OSError):
        host, port = server.url.removeprefix("http://").split(":")
        await asyncio.open_connection(host, port)


# Lies. An empty segment gives the server time for all that it wants to say.


@pytest.mark.until("03")
def test_lie_request_line_comes_in_one_piece(wire):
    exchange = wire.send(b"GET /hel", b"lo/ada HTTP/1.1\r\nHost: pico\r\n\r\n")

    # The loop of Windows goes on reading after a protocol has failed.
    rest = [(404, b"Not Found")] if sys.platform == "win32" else []
    assert answered(exchange) == rest


@pytest.mark.until("03")
def test_lie_nobody_encodes_a_path(wire):
    exchange = wire.send(b"GET /hello/a%20b HTTP/1.1\r\nHost: pico\r\n\r\n")

    assert answered(exchange) == [(200, b'{"message":"Hello a%20b"}')]


@pytest.mark.until("03")
def test_lie_handlers_never_fail(wire):
    request = b"GET /raise/oops HTTP/1.1\r\nHost: pico\r\n\r\n"
    exchange = wire.send(request, b"", leave=True)

    assert answered(exchange) == []


@pytest.mark.until("03")
def test_lie_nobody_asks_for_the_head_alone(wire):
    request = b"HEAD /hello/ada HTTP/1.1\r\nHost: pico\r\n\r\n"
    exchange = wire.send(request, b"", leave=True)

    assert [answer.status for answer in exchange.answers] == [405]
