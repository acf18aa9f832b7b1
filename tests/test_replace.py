"""Every part of pico is replaced by a subclass, as the pages show it."""

import asyncio
import importlib.util
import re
import sys

import pytest

from workshop.bench.counts import new_meter
from workshop.steps import ROOT

pytestmark = pytest.mark.steps("04", "05")

EXAMPLES = ROOT / "docs" / "examples"
PAGES = ROOT / "docs" / "replace"
ROUTES = [
    ("/", ["GET"]),
    ("/hello/{name}", ["GET", "POST"]),
    ("/hello/ada", ["GET"]),
    ("/users/{id:int}", ["GET"]),
    ("/users/{id:int}/{name}", ["GET"]),
    ("/users/{name}/{id:int}", ["PUT"]),
    ("/years/{year:(19|20)[0-9]{2}}/{month:digit}", ["GET"]),
    ("/files/{rest:path}", ["GET"]),
    ("/files/{name}.{ext}", ["GET"]),
]
ASKED = [
    ("GET", "/"),
    ("GET", "/hello/ada"),
    ("GET", "/hello/bob"),
    ("POST", "/hello/ada"),
    ("PUT", "/hello/ada"),
    ("GET", "/users/7"),
    ("GET", "/users/7/ada"),
    ("GET", "/users/ada/7"),
    ("PUT", "/users/ada/7"),
    ("PUT", "/users/ada/bob"),
    ("GET", "/years/1999/12"),
    ("GET", "/years/1899/12"),
    ("GET", "/files/a/b"),
    ("GET", "/files/a.txt"),
    ("GET", "/nowhere"),
    ("BREW", "/"),
]


@pytest.fixture
def example(step, monkeypatch):
    """Return `example(name)`: a program of docs/examples, on the step."""

    def load(name):
        for room, module in step.modules.items():
            monkeypatch.setitem(sys.modules, room, module)
        path = EXAMPLES / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def routed(router, routes=ROUTES):
    for path, methods in routes:
        router.add(path, methods, print)
    return router


def work(router, path):
    """Return the bytecodes of one match of a warm router."""
    router.match("GET", path)
    meter = new_meter()
    with meter:
        router.match("GET", path)
    return meter.bytecodes


# Router


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_compiled_router_finds_what_the_router_finds(step, example, asked):
    compiled = routed(example("replace_router").CompiledRouter())
    plain = routed(step.routing.Router())

    route, parameters, allowed = compiled.match(*asked)
    expected, *rest = plain.match(*asked)

    assert (route and route.path) == (expected and expected.path)
    assert [parameters, allowed if route is None else rest[1]] == rest


def test_compiled_router_does_not_work_more_for_more_routes(step, example):
    compiled = example("replace_router").CompiledRouter
    many = [(f"/a{n}/{{name}}", ["GET"]) for n in range(50)]

    few = work(routed(compiled(), many[-1:]), "/a49/ada")

    assert work(routed(compiled(), many), "/a49/ada") == few


@pytest.mark.steps("04")
def test_plain_router_works_more_for_more_routes(step):
    one, *others = [(f"/a{n}/{{name}}", ["GET"]) for n in range(50)]
    few = work(routed(step.routing.Router(), [one]), "/a0/ada")

    asked = routed(step.routing.Router(), [one, *others])
    assert work(asked, "/a9/ada") > 5 * few


async def test_compiled_router_serves_an_app(example, fetch):
    app = example("replace_router").MyPico()
    seen = []

    @app.route("/users/{number:int}")
    async def user(request, response, number):
        seen.append(number)

    answer = await fetch(app, "/users/7")
    unknown = await fetch(app, "/users/ada")
    other = await fetch(app, "/users/7", method="DELETE")

    assert (answer.status, seen) == (200, [7])
    assert (unknown.status, other.status) == (404, 405)
    assert other.field("allow") == "GET, HEAD, OPTIONS"


# Request and response


async def test_request_has_a_user(example, fetch):
    app = example("replace_request").app

    answer = await fetch(app, "/me", "authorization: Bearer correct-horse")

    assert answer.content == b'{"user":"ada"}'


async def test_request_of_a_stranger_is_a_401(example, fetch):
    app = example("replace_request").app

    answer = await fetch(app, "/me", "authorization: Bearer battery-staple")

    assert answer.status == 401
    assert answer.field("www-authenticate") == "Bearer"


async def test_response_speaks_another_format(example, fetch):
    answer = await fetch(example("replace_response").app, "/hello/a%3Cb")

    assert answer.field("content-type") == "application/xml"
    assert answer.content == b"<message>Hello a&lt;b</message>"


# Protocol


async def talk(server, *pieces):
    """Send pieces, each in a turn of its own; return all that comes back."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    writer.write_eof()
    data = await reader.read()
    writer.close()
    await writer.wait_closed()
    return data


async def test_protocol_speaks_lines_and_http_on_the_same_port(example):
    app = example("replace_protocol").app

    async with app.serve(port=0) as server:
        visit = await talk(server, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        lines = await talk(server, b"visi", b"ts\r\nno such\n")

    assert visit.endswith(b'\r\n\r\n{"visits":1}')
    assert lines == b"1\n?\n"


async def test_protocol_refuses_a_line_without_end(example):
    app = example("replace_protocol").app

    async with app.serve(port=0) as server:
        data = await talk(server, b"no such\n", b"v" * 300)

    assert data == b"?\n"


async def test_protocol_answers_no_line_of_who_does_not_read(example):
    app = example("replace_protocol").app
    app["page"], sizes = "x" * 2**16, []
    answer_lines = app.Protocol.talk

    def note(connection):
        answer_lines(connection)
        sizes.append(connection.transport.get_write_buffer_size())

    app.Protocol.talk = note
    async with app.serve(port=0) as server:
        data = await talk(server, b"page\n" * 300)

    assert len(data) == 300 * (2**16 + 1)
    assert sizes and max(sizes) < 4 * 2**16


# JSON


async def test_json_is_made_and_read_by_another_library(example, fetch):
    app, text = example("replace_json").app, b'{"a":[1,2.5,null,"\xc3\xa9"]}'

    answer = await fetch(app, "/echo", method="POST", content=text)
    wrong = await fetch(app, "/echo", method="POST", content=b'{"a":')

    assert answer.content == text
    assert wrong.status == 400


# Query, form, files


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("/orders?since=2024-02-29", 200, b'{"since":"29.02.2024"}'),
        ("/orders", 200, b'{"since":"01.01.1970"}'),
        ("/orders?since=soon", 400, b"The parameter 'since' is no day."),
    ],
)
async def test_query_knows_days(example, fetch, asked, status, content):
    answer = await fetch(example("replace_query").app, asked)

    assert (answer.status, answer.content) == (status, content)


@pytest.mark.parametrize(
    ("form", "content"),
    [(b"name=+Ada+", b"Hello Ada"), (b"name=++", b"Hello stranger")],
)
async def test_form_is_tidy(example, fetch, form, content):
    answer = await fetch(
        example("replace_form").app,
        "/greet",
        "content-type: application/x-www-form-urlencoded",
        method="POST",
        content=form,
    )

    assert answer.content == content


@pytest.mark.parametrize(
    ("kind", "status"), [("image/png", 200), ("text/html", 415)]
)
async def test_files_are_pictures(example, fetch, kind, status):
    content = (
        "--b\r\n"
        'content-disposition: form-data; name="portrait"; filename="a.png"\r\n'
        f"content-type: {kind}\r\n\r\n"
        "four\r\n--b--\r\n"
    )

    answer = await fetch(
        example("replace_files").app,
        "/portrait",
        "content-type: multipart/form-data; boundary=b",
        method="POST",
        content=content.encode(),
    )

    assert answer.status == status


# Cookies and headers


async def test_cookies_are_strict(example, fetch):
    answer = await fetch(
        example("replace_cookies").app, "/login", method="POST"
    )

    token, theme = [v for name, v in answer.fields if name == "set-cookie"]
    assert token == "token=6f2a91; HttpOnly; Path=/; SameSite=Strict; Secure"
    assert theme == "theme=dark; Path=/; SameSite=Strict; Secure"


async def test_headers_know_lists(example, fetch):
    answer = await fetch(
        example("replace_headers").app,
        "/languages",
        "accept-language: fr, en",
        "accept-language: ,de",
    )

    assert answer.content == b'["fr","en","de"]'
    assert answer.field("vary") == "Accept-Language"


# Pages


def test_each_example_has_its_page_and_each_page_is_listed(step):
    names = {path.stem[8:] for path in EXAMPLES.glob("replace_*.py")}
    index = (PAGES / "index.md").read_text("utf-8")
    linked = set(re.findall(r"\]\((\w+)\.md\)", index))

    assert names == linked == {p.stem for p in PAGES.glob("[!i]*.md")}
    assert {name for name in vars(step.Pico) if name[0].isupper()} <= {
        *(name.capitalize() for name in names),
        "Server",
    }


async def test_response_of_a_subclass_has_cookies_of_its_own(step, fetch):
    class Jar(step.messages.Cookies):
        """Cookies that expire with the browser."""

    class Response(step.Pico.Response):
        def __init__(self, app):
            super().__init__(app)
            self.cookies = Jar()

    app = step.Pico()
    app.Response = Response

    @app.route("/")
    async def index(request, response):
        response.cookies.set("a", "b")
        response.body = type(response.cookies).__name__

    answer = await fetch(app, "/")

    assert answer.content == b"Jar"
    assert answer.field("set-cookie") == "a=b; Path=/"


def test_request_is_made_by_hand_in_the_same_way(step):
    app = step.Pico()
    headers = app.Headers({"cookie": "a=b"})

    request = app.Request(app, "GET", "/?c=d", "1.1", headers)

    assert request.cookies == {"a": "b"}
    assert request.query.get("c") == "d"
