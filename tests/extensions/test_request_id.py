"""What the extension `request_id` does, on the steps that have it."""

import re

import pytest

pytestmark = pytest.mark.steps("04", "05")

NEW = re.compile(r"[0-9a-f]{32}")
FIELD = "x-request-id"


def named_app(step):
    """Return an app that sends what it finds in `request["id"]`."""
    app = step.Pico()
    step.modules["extensions.request_id"].request_id(app)

    @app.route("/")
    async def index(request, response):
        response.body = request["id"]

    return app


async def test_request_id_is_new_for_each_request(step, fetch):
    app = named_app(step)

    one, two = await fetch(app, "/"), await fetch(app, "/")

    assert NEW.fullmatch(one.field(FIELD))
    assert one.content.decode() == one.field(FIELD)
    assert one.field(FIELD) != two.field(FIELD)


@pytest.mark.parametrize("given", ["a", "7b5e-42_x.Y", "a" * 64])
async def test_request_id_keeps_one_that_is_safe(step, fetch, given):
    answer = await fetch(named_app(step), "/", f"x-request-id: {given}")

    assert (answer.field(FIELD), answer.content) == (given, given.encode())


@pytest.mark.parametrize(
    "given",
    ["", "a b", "a" * 65, 'a"', "a;b", "a, a", "<script>", "\xe9", "a=1"],
)
async def test_request_id_replaces_one_that_is_not(step, fetch, given):
    answer = await fetch(named_app(step), "/", f"x-request-id: {given}")

    assert NEW.fullmatch(answer.field(FIELD))
    assert answer.content.decode() == answer.field(FIELD)


async def test_request_id_is_on_errors_too(step, fetch):
    answer = await fetch(named_app(step), "/nowhere", "x-request-id: a")

    assert (answer.status, answer.field(FIELD)) == (404, "a")


async def test_request_id_is_there_for_all_listeners(step, fetch):
    app, seen = step.Pico(), []

    @app.listen("headers")
    def login(request, response):
        seen.append(request["id"])
        raise step.messages.HttpError(401)

    step.modules["extensions.request_id"].request_id(app)

    answer = await fetch(app, "/", "x-request-id: a")

    assert (answer.status, answer.field(FIELD), seen) == (401, "a", ["a"])


async def test_request_id_is_on_what_failed_before_all_hooks(step, fetch):
    class Lost(step.Pico):
        def lookup(self, request):
            raise step.messages.HttpError(410)

    app = Lost()
    step.modules["extensions.request_id"].request_id(app)

    answer = await fetch(app, "/", "x-request-id: a")

    assert (answer.status, answer.field(FIELD)) == (410, "a")
