"""What the rooms must do on several steps, though no step promises it."""

import asyncio
import contextvars
import doctest
from decimal import Decimal

import pytest

GET = b"GET / HTTP/1.1\r\nHost: pico\r\n\r\n"

right_steps = pytest.mark.steps("03", "04", "05")
server_steps = pytest.mark.steps("04", "05")


def answered(exchange):
    return [(answer.status, answer.content) for answer in exchange.answers]


def request_of(step, *lines):
    """Return the one request of these lines, whose content never comes."""
    app = step.Pico()
    parser = app.Protocol(app).parser
    parser.feed("\r\n".join([*lines, "", ""]).encode("latin-1"))
    (request,) = parser.requests
    return request


# Rooms


@pytest.mark.steps("02", "03", "04", "05")
def test_examples_in_docstrings_are_true(step):
    results = {
        name: doctest.testmod(module) for name, module in step.modules.items()
    }

    assert {name: r.failed for name, r in results.items() if r.failed} == {}
    assert results["routing"].attempted > 0


# Messages


@right_steps
def test_headers_find_a_name_in_any_case(step):
    headers = step.messages.Headers()
    headers["X-Drone"] = "A7"
    headers.update({"Content-TYPE": "text/plain"})
    headers.setdefault("x-DRONE", "B8")

    assert headers == {"x-drone": "A7", "content-type": "text/plain"}
    assert headers["X-DRONE"] == headers.get("X-drone") == "A7"
    assert "X-Drone" in headers
    assert headers.pop("X-Drone") == "A7"
    assert headers.get("X-Drone", "none") == "none"


@right_steps
def test_headers_that_are_missing_are_a_key_error(step):
    with pytest.raises(KeyError, match="x-drone"):
        step.messages.Headers()["X-Drone"]


@right_steps
@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\0", "\x7f"])
def test_cookie_with_a_control_character_is_refused(step, value):
    cookies = step.messages.Cookies()

    with pytest.raises(ValueError, match="'id' has a control character"):
        cookies.set("id", value)

    assert cookies == {}


@right_steps
def test_query_with_too_many_parameters_is_a_400(step):
    with pytest.raises(step.messages.HttpError) as caught:
        step.messages.Query("&".join(["a=1"] * 1_001))

    assert caught.value.status == 400


@right_steps
def test_body_that_is_not_there_yet_says_how_to_get_it(step):
    request = request_of(
        step, "POST / HTTP/1.1", "host: pico", "content-length: 5"
    )

    with pytest.raises(RuntimeError, match="lazy"):
        _ = request.body


@right_steps
def test_form_of_another_media_type_is_a_415(step):
    request = request_of(
        step, "GET / HTTP/1.1", "host: pico", "content-type: text/plain"
    )

    with pytest.raises(step.messages.HttpError) as caught:
        _ = request.form

    assert caught.value.status == 415


@right_steps
async def test_http_error_brings_its_fields(step, fetch):
    app = step.Pico()

    class Unknown(step.messages.HttpError):
        def __init__(self):
            fields = {"www-authenticate": "Basic"}
            super().__init__(401, "Who are you?", fields)

    @app.route("/")
    async def index(request, response):
        raise Unknown

    answer = await fetch(app, "/")

    assert (answer.status, answer.content) == (401, b"Who are you?")
    assert answer.field("www-authenticate") == "Basic"


@right_steps
async def test_json_that_cannot_be_encoded_is_a_500(step, fetch, caplog):
    app = step.Pico()

    @app.route("/set")
    async def of_a_set(request, response):
        response.json = {1, 2}

    @app.route("/circle")
    async def of_a_circle(request, response):
        circle = []
        circle.append(circle)
        response.json = circle

    answers = [await fetch(app, path) for path in ("/set", "/circle")]

    assert [answer.status for answer in answers] == [500, 500]


@pytest.mark.steps("02", "03", "04", "05")
@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_that_json_has_not_are_never_sent(step, number):
    """RFC 8259, 6: a page that gets NaN fails to read all of it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        step.Pico().encode_json({"numbers": [1.5, float(number)]})


# Heads


@right_steps
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, True),
        (True, 1),
        (1, 1.0),
        (Decimal("1.5"), Decimal("1.50")),
        ("1", 1),
    ],
)
async def test_field_is_sent_as_it_was_set_though_another_one_was_equal(
    step, fetch, first, second
):
    app = step.Pico()
    values = [first, second]

    @app.route("/")
    async def index(request, response):
        response.headers["x-value"] = values.pop(0)

    answers = [await fetch(app, "/"), await fetch(app, "/")]

    sent = [answer.field("x-value") for answer in answers]
    assert sent == [str(first), str(second)]


@right_steps
async def test_field_may_be_set_to_a_list(step, fetch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.headers["x-value"] = [1, 2]

    answer = await fetch(app, "/")

    assert answer.field("x-value") == "[1, 2]"


# Content


class Countdown:
    """An asynchronous iterator that is no generator: it cannot be closed."""

    def __init__(self, start):
        self.left = start

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return b"%d" % self.left


@right_steps
async def test_any_asynchronous_iterator_is_a_body(step, fetch, caplog):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.body = Countdown(3)

    assert (await fetch(app, "/")).content == b"210"
    assert caplog.messages == []


@right_steps
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_long_body_is_written_piece_by_piece(step, fetch, method):
    app, lengths = step.Pico(), []
    body = bytes(range(256)) * 1024

    class Counting(app.Protocol):
        def write(self, data):
            lengths.append(len(data))
            super().write(data)

    app.Protocol = Counting

    @app.route("/")
    async def index(request, response):
        response.body = body

    answer = await fetch(app, "/", method=method)

    assert answer.field("content-length") == str(len(body))
    assert answer.content == (body if method == "GET" else b"")
    assert max(lengths) <= 2**16


@right_steps
@pytest.mark.parametrize(
    ("method", "content"), [("GET", b"210"), ("HEAD", b"")]
)
async def test_body_is_closed_also_where_only_its_head_is_asked_for(
    step, fetch, method, content
):
    app, closed = step.Pico(), []

    class Closing(Countdown):
        async def aclose(self):
            closed.append(self.left)

    @app.route("/")
    async def index(request, response):
        response.body = Closing(3)

    answer = await fetch(app, "/", method=method)

    assert (answer.status, answer.content) == (200, content)
    assert closed == [0 if content else 3]


@right_steps
async def test_two_tasks_that_read_one_content_are_told(step, caplog):
    app = step.Pico()

    @app.route("/", methods=["POST"], lazy_body=True)
    async def index(request, response):
        async with asyncio.TaskGroup() as group:
            group.create_task(request.read())
            group.create_task(request.read())

    async with asyncio.timeout(5):
        async with app.serve(port=0) as server:
            port = int(server.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nhost: a\r\n")
            writer.write(b"content-length: 1\r\n\r\n")
            line = await reader.readline()
            writer.close()

    assert line.startswith(b"HTTP/1.1 500 ")
    assert "Another task waits" in caplog.text


# Connections


@right_steps
async def test_handler_ends_where_its_connection_is_lost(step):
    app = step.Pico()
    trace = []

    @app.route("/")
    async def wait(request, response):
        trace.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            trace.append("ended")

    class Transport(asyncio.Transport):
        def abort(self):
            trace.append("aborted")

    protocol = app.Protocol(app)
    protocol.connection_made(Transport())
    protocol.data_received(GET)
    await asyncio.sleep(0)
    protocol.connection_lost(None)
    await asyncio.wait({protocol.task}, timeout=5)

    assert trace == ["begun", "ended", "aborted"]
    assert app.connections == set()


@right_steps
async def test_stop_closes_a_connection_that_asks_nothing_more(step):
    app = step.Pico()

    async with app.serve(port=0) as server:
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\nNot Found")
        closing = asyncio.create_task(reader.read())
        closing.add_done_callback(lambda _: writer.close())
        (connection,) = app.connections
    said = await closing
    await writer.wait_closed()

    assert said == b""
    assert not connection.task.cancelled()


@pytest.mark.steps("03")
@pytest.mark.parametrize("asked", [b"", GET])
async def test_stop_of_step_03_does_not_wait_for_ever(
    step, monkeypatch, asked
):
    """Who has only connected is left at once, who stays after a while."""
    monkeypatch.setattr(step.modules["pico"], "GRACE", 0.01 if asked else 60)
    app, made = step.Pico(), asyncio.Event()

    class Protocol(app.Protocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            made.set()

    app.Protocol = Protocol
    async with asyncio.timeout(5), app.serve(port=0) as server:
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked)
        if asked:
            await reader.readuntil(b"\r\n\r\nNot Found")
        await made.wait()
        (connection,) = app.connections
        if not asked:  # It hears at once that it was left.
            left = asyncio.create_task(reader.read())
            left.add_done_callback(lambda _: writer.close())

    assert connection.task.cancelled() == bool(asked)
    writer.close()


@right_steps
async def test_stop_answers_all_requests_that_were_read(step, ask):
    app = step.Pico()
    begun, go_on = asyncio.Event(), asyncio.Event()

    @app.route("/")
    async def index(request, response):
        begun.set()
        await go_on.wait()
        response.body = "done"

    async with app.serve(port=0) as server:
        asking = asyncio.create_task(ask(server.url, GET * 3))
        await begun.wait()
        asyncio.get_running_loop().call_soon(go_on.set)
    exchange = await asking

    assert answered(exchange) == [(200, b"done")] * 3
    assert exchange.end == "closed"


@right_steps
@pytest.mark.parametrize(("trailers", "status"), [(36, None), (37, 431)])
def test_trailers_count_among_the_fields(step, trailers, status):
    app = step.Pico()
    parser = app.Protocol(app).parser
    head = ["POST / HTTP/1.1", "host: pico", "transfer-encoding: chunked"]
    head += [f"x-{n}: 1" for n in range(62)]
    fields = [f"y-{n}: 1" for n in range(trailers)]
    parser.feed("\r\n".join([*head, "", "0", *fields, "", ""]).encode())

    assert getattr(parser.error, "status", None) == status


NAME = contextvars.ContextVar("name", default="nobody")


def naming_app(step):
    """Return an app that answers whom it found, and notes a name."""
    app = step.Pico()
    app["tasks"] = set()

    @app.route("/{name}")
    async def index(request, response, name):
        app["tasks"].add(asyncio.current_task())
        found = NAME.get()
        NAME.set(name)

        async def pieces():
            yield f"{found} {NAME.get()}".encode()

        response.body = pieces() if "stream" in name else found

    @app.route("/")
    async def nameless(request, response):
        app["tasks"].add(asyncio.current_task())
        response.body = NAME.get()

    return app


@right_steps
async def test_context_variable_is_not_for_the_next_request(step, ask):
    app = naming_app(step)
    named = GET.replace(b"/", b"/ada", 1)
    stream = GET.replace(b"/", b"/stream", 1)

    exchange = await ask(app, named + GET + stream + named + GET)

    assert [content for _, content in answered(exchange)] == [
        b"nobody",
        b"nobody",
        b"nobody stream",
        b"nobody",
        b"nobody",
    ]
    assert len(app["tasks"]) == 4  # The second answer changed nothing.


@right_steps
async def test_stop_waits_for_a_task_with_another_context(step, ask):
    app = naming_app(step)
    begun, go_on = asyncio.Event(), asyncio.Event()

    @app.route("/wait")
    async def wait(request, response):
        begun.set()
        await go_on.wait()
        response.body = NAME.get()

    requests = [GET.replace(b"/", path, 1) for path in (b"/ada", b"/wait")]
    async with app.serve(port=0) as server:
        asking = asyncio.create_task(ask(server.url, b"".join(requests)))
        await begun.wait()
        asyncio.get_running_loop().call_soon(go_on.set)
    exchange = await asking

    assert answered(exchange) == [(200, b"nobody")] * 2
    assert exchange.end == "closed"


@right_steps
async def test_handler_in_another_context_ends_with_its_connection(step):
    app = naming_app(step)
    begun, ended = asyncio.Event(), asyncio.Event()

    @app.route("/wait")
    async def wait(request, response):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with app.serve(port=0) as server:
        address = server.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(*address)
        for path in (b"/ada", b"/wait"):
            writer.write(GET.replace(b"/", path, 1))
        await begun.wait()
        (connection,) = app.connections
        connection.transport.abort()
        async with asyncio.timeout(5):
            await ended.wait()
            await asyncio.wait([connection.task])
        writer.close()

    assert connection.task.cancelled()


@server_steps
async def test_startup_waits_until_the_port_is_taken(step):
    app = step.Pico()
    trace = []

    async with app.serve(port=0) as other:
        app.listen("startup")(lambda: trace.append("startup"))
        with pytest.raises(OSError, match=str(other.port)):
            async with app.serve(port=other.port):
                pytest.fail("two servers share a port")

    assert trace == []
