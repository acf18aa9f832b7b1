"""What the extension `content_negotiation` does, where it is."""

import pytest

pytestmark = pytest.mark.steps("04", "05")

BOTH = ["application/json", "text/html; charset=utf-8"]


def negotiating_app(step, offers):
    """Return an app that sends the media type it chose."""
    app = step.Pico()
    step.modules["extensions.content_negotiation"].content_negotiation(app)

    @app.route("/", methods=["GET", "POST"], accepts=offers)
    async def index(request, response):
        response.body = request["accepted"]

    @app.route("/any")
    async def anything(request, response):
        response.body = "any"

    return app


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("application/json", BOTH[0]),
        ("Application/JSON", BOTH[0]),
        ("text/html", BOTH[1]),
        ("text/html;charset=utf-8", BOTH[1]),
        ("text/*", BOTH[1]),
        ("*/*", BOTH[0]),
        ("", BOTH[0]),
        ("text/html, application/json", BOTH[0]),
        ("text/html, application/json;q=0.9", BOTH[1]),
        ("text/html, */*; q=0.8", BOTH[1]),
        ("text/html;Q=0.1, application/json ; q=0.2", BOTH[0]),
        ("application/json;q=0, */*", BOTH[1]),
        ("text/*;q=0.9, text/html;q=0, */*;q=0.1", BOTH[0]),
        ("text/html;charset=utf-8;q=0.1, text/html, */*;q=0.5", BOTH[0]),
        ("image/png, application/json;q=0.001", BOTH[0]),
        (",,application/json,", BOTH[0]),
    ],
)
async def test_negotiation_chooses_what_weighs_most(
    step, fetch, accept, chosen
):
    app = negotiating_app(step, BOTH)

    answer = await fetch(app, "/", f"accept: {accept}")

    assert (answer.status, answer.content.decode()) == (200, chosen)
    assert answer.field("vary") == "Accept"


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "text/plain",
        "*/*;q=0",
        "application/json;q=0",
        "application/json; q=0.000",
        "application/jsonp",
        "text/json, image/*",
    ],
)
async def test_negotiation_refuses_who_can_take_nothing(step, fetch, accept):
    app = negotiating_app(step, ["application/json"])

    answer = await fetch(app, "/", f"accept: {accept}")

    assert (answer.status, answer.content) == (
        406,
        b"Here is only application/json.",
    )
    assert answer.field("vary") == "Accept"


async def test_negotiation_takes_silence_for_consent(step, fetch):
    answer = await fetch(negotiating_app(step, BOTH), "/")

    assert (answer.status, answer.content.decode()) == (200, BOTH[0])


async def test_negotiation_refuses_before_the_content_is_read(step, ask):
    app = negotiating_app(step, BOTH)
    head = (
        b"POST / HTTP/1.1\r\nhost: a\r\naccept: image/png\r\n"
        b"expect: 100-continue\r\ncontent-length: 5\r\n\r\n"
    )

    exchange = await ask(app, head, methods=["POST"])

    assert [answer.status for answer in exchange.answers] == [406]


@pytest.mark.parametrize(("path", "status"), [("/any", 200), ("/no", 404)])
async def test_negotiation_is_for_routes_that_say_what_they_send(
    step, fetch, path, status
):
    app = negotiating_app(step, BOTH)

    answer = await fetch(app, path, "accept: image/png")

    assert (answer.status, answer.field("vary")) == (status, None)


@pytest.mark.parametrize("ranges", [10, 100])
def test_negotiation_asks_each_range_once(step, ranges):
    """As many weights as ranges: the work is linear."""
    parse = step.modules["extensions.content_negotiation"].parse
    accept = ",".join(f"text/{n};q=0.{n % 10}" for n in range(ranges))

    assert len(parse(accept)) == ranges


async def test_negotiation_takes_one_media_type_alone(step, fetch):
    app = negotiating_app(step, "text/html")

    answer = await fetch(app, "/", "accept: text/html")

    assert (answer.status, answer.content) == (200, b"text/html")
