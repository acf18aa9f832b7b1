"""What a handler does wrong is a 500 that the log explains, and no more."""

import asyncio

import pytest

pytestmark = pytest.mark.steps("03", "04", "05")

GET = b"GET / HTTP/1.1\r\nhost: pico\r\nconnection: close\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD", 1)


def app_with(step, handler):
    """Return an app whose only handler does something to its response."""
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        await handler(response)

    return app


async def only(exchange):
    (answer,) = exchange.answers
    return answer


BODIES = [None, 5, {"a": 1}, ["a"], bytearray(b"a"), (c for c in "ab")]


@pytest.mark.parametrize("body", BODIES)
async def test_body_of_another_type_is_told(step, ask, caplog, body):
    async def handler(response):
        response.body = body

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 500
    kind = type(body).__name__
    told = f"A body is no {kind}, but bytes, text or an async iterator;"
    assert told in caplog.text


@pytest.mark.parametrize("status", ["200", None, 199, 1000, 200.5, True])
async def test_status_that_is_none_is_told(step, ask, caplog, status):
    async def handler(response):
        response.status = status

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 500
    assert f"{status!r} is no final status." in caplog.text


async def test_status_needs_no_name(step, ask):
    async def handler(response):
        response.status = 299

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 299


@pytest.mark.parametrize("fields", ["no fields", 5, [("one",)]])
async def test_error_with_fields_that_are_none_is_told(
    step, ask, caplog, fields
):
    async def handler(response):
        raise step.messages.HttpError(404, "Not here.", fields)

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 500
    assert "HttpError(404" in caplog.text


async def test_error_takes_fields_as_pairs(step, ask):
    async def handler(response):
        raise step.messages.HttpError(503, "", [("Retry-After", 5), (1, 2)])

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 503
    assert {("retry-after", "5"), ("1", "2")} <= set(answer.fields)


async def test_value_of_a_cookie_may_be_a_number(step, ask):
    async def handler(response):
        response.cookies.set("visits", 5)

    answer = await only(await ask(app_with(step, handler), GET))

    assert ("set-cookie", "visits=5; Path=/") in answer.fields


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cookies", {"theme": "dark"}),
        ("headers", [("x-theme", "dark")]),
        ("headers", {1: "dark"}),
    ],
)
async def test_part_of_another_type_is_answered(
    step, ask, caplog, name, value
):
    async def handler(response):
        setattr(response, name, value)

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 500
    assert "AttributeError" in caplog.text


async def test_cookie_that_is_only_text_is_answered(step, ask):
    async def handler(response):
        response.cookies["theme"] = "dark"

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 500


async def pieces():
    yield b"hello"


@pytest.mark.parametrize("request_", [GET, HEAD], ids=["GET", "HEAD"])
async def test_length_below_zero_is_never_sent(step, ask, caplog, request_):
    async def handler(response):
        response.headers["content-length"] = "-5"
        response.body = pieces()

    answer = await only(await ask(app_with(step, handler), request_))

    assert answer.status == 500
    assert "-5 is no length." in caplog.text


async def test_length_is_ours_however_it_is_spelt(step, ask):
    """Whoever believes the other one sees another answer behind it."""

    async def handler(response):
        response.headers = {"Content-Length": "3", "Connection": "x"}
        response.body = b"hello"

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.fields.count(("content-length", "5")) == 1
    names = [name.lower() for name, _ in answer.fields]
    assert names.count("content-length") == names.count("connection") == 1


@pytest.mark.parametrize("name", ["upgrade", "Upgrade"])
async def test_upgrade_is_an_option_of_the_connection(step, ask, name):
    """RFC 9110, 7.8: who sends Upgrade must say so in Connection."""

    async def handler(response):
        response.status = 426
        response.headers = {name: "websocket"}

    answer = await only(await ask(app_with(step, handler), GET))

    assert ("upgrade", "websocket") in answer.fields
    options = [v for n, v in answer.fields if n.lower() == "connection"]
    assert sorted(options) == ["close", "upgrade"]


@pytest.mark.parametrize("methods", ["POST", ["get"], ["GET", "Post"]])
def test_methods_are_a_list_in_capitals(step, methods):
    with pytest.raises(ValueError, match="is no list like"):
        step.Pico().route("/", methods=methods)(None)


@pytest.mark.steps("04", "05")
def test_handler_that_yields_is_no_handler(step):
    def plain(request, response):
        yield b"hello"

    async def awaited(request, response):
        yield b"hello"

    for handler in (plain, awaited):
        with pytest.raises(TypeError, match="yields"):
            step.Pico().route("/")(handler)


async def test_attribute_of_a_cookie_that_is_none_is_not_sent(step, ask):
    async def handler(response):
        response.cookies.set("a", "b", domain=None, max_age=None)

    answer = await only(await ask(app_with(step, handler), GET))

    assert ("set-cookie", "a=b; Path=/") in answer.fields


async def test_task_that_was_cancelled_is_no_end_of_ours(step, ask, caplog):
    async def handler(response):
        part = asyncio.create_task(asyncio.sleep(0))
        part.cancel()
        await part

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 500
    assert "CancelledError" in caplog.text


async def cancelled():
    part = asyncio.create_task(asyncio.sleep(0))
    part.cancel()
    await part


async def test_part_of_a_stream_that_was_cancelled_is_a_500(step, ask, caplog):
    async def pieces():
        await cancelled()
        yield b"never"

    async def handler(response):
        response.body = pieces()

    answer = await only(await ask(app_with(step, handler), GET))

    assert answer.status == 500
    assert "CancelledError" in caplog.text


async def test_stream_that_is_cancelled_by_its_part_is_told(step, ask, caplog):
    async def pieces():
        yield b"begun"
        await cancelled()

    async def handler(response):
        response.body = pieces()

    (answer,) = (await ask(app_with(step, handler), GET)).answers

    assert (answer.content, answer.complete) == (b"begun", False)
    assert "An answer was broken off" in caplog.text


@pytest.mark.steps("04", "05")
@pytest.mark.parametrize("hook", ["request", "response", "error"])
async def test_listener_whose_part_was_cancelled_is_a_500(
    step, ask, caplog, hook
):
    async def handler(response):
        if hook == "error":
            raise step.messages.HttpError(404)

    app = app_with(step, handler)
    app.listen(hook)(lambda *words: cancelled())

    answer = await only(await ask(app, GET))

    assert answer.status == 500
    assert "CancelledError" in caplog.text
