"""The page on routes, requests and responses tells all, and what is so."""

import asyncio
from collections import UserDict

import pytest

from workshop.steps import ROOT

pytestmark = pytest.mark.steps("03", "04", "05")
PAGE = ROOT / "docs" / "reference" / "messages.md"
# What rooms tell each other, and no handler needs.
INNER = {
    "arrived",
    "awaits_continue",
    "complete",
    "content",
    "data",
    "fields",
    "keep_alive",
    "length",
    "max_content",
    "max_fields",
    "source",
}


def names_of(made, base):
    """Return what somebody may ask of an object, beside what any has."""
    names = {*dir(made), *vars(made)} - {*dir(base)} - INNER
    return {name for name in names if not name.startswith("_")}


@pytest.mark.steps("04", "05")
def test_page_names_all_that_a_handler_finds(step):
    app, words = step.Pico(), PAGE.read_text("utf-8")
    request = app.Request(app, "GET", "/", "1.1", {})
    names = names_of(request, UserDict) | names_of(app.Response(app), object)
    names |= names_of(request.query, dict) - {"values"}

    missing = {name for name in names if name not in words}

    assert missing == set()


def test_page_names_all_kinds_of_placeholders(step):
    words = PAGE.read_text("utf-8")

    missing = [
        kind
        for kind in step.modules["routing"].KINDS
        if kind and f"{{name:{kind}}}" not in words
    ]

    assert missing == []


async def test_first_of_two_equal_routes_answers(step, fetch):
    app = step.Pico()

    @app.route("/{name}")
    async def first(request, response, name):
        response.body = "first"

    @app.route("/{other}")
    async def second(request, response, other):
        response.body = "second"

    assert (await fetch(app, "/a")).content == b"first"


async def test_stream_of_text_is_an_error(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        async def lines():
            yield "a line"

        response.body = lines()

    assert (await fetch(app, "/")).status == 500


@pytest.mark.steps("04", "05")
async def test_error_before_the_first_piece_is_heard_by_no_listener(
    step, fetch
):
    app, heard = step.Pico(), []

    @app.route("/")
    async def index(request, response):
        async def pieces():
            await asyncio.sleep(0)
            raise step.messages.HttpError(409, "It is taken.")
            yield b""

        response.body = pieces()

    @app.listen("error")
    def explain(request, response, error):
        heard.append(error)

    @app.listen("response")
    def mark(request, response):
        heard.append(response.status)
        response.headers["x-mark"] = "1"

    answer = await fetch(app, "/")

    assert (answer.status, answer.content) == (409, b"It is taken.")
    assert (answer.field("x-mark"), heard) == (None, [200])


@pytest.mark.steps("03")
async def test_step_03_takes_async_functions_alone_and_the_page_says_so(
    step, fetch
):
    app = step.Pico()

    @app.route("/plain")
    def plain(request, response):
        response.body = "plain"

    @app.route("/class")
    class Page:
        async def on_get(self, request, response):
            response.body = "class"

    answers = [
        (await fetch(app, path)).status for path in ("/plain", "/class")
    ]

    assert answers == [500, 500]
    assert "takes `async` functions alone" in PAGE.read_text("utf-8")


async def test_list_without_a_value_is_a_400_and_the_page_says_so(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.json = request.query.list("tag")

    row = "| `list(name)`, `list(name, default)` | all values; a 400 "

    assert (await fetch(app, "/")).status == 400
    assert row in PAGE.read_text("utf-8")
