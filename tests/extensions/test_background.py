"""What the extension `background` does."""

import asyncio
import contextvars
import functools
import threading

import pytest

pytestmark = pytest.mark.steps("04", "05")

NAME = contextvars.ContextVar("name")


def background_app(step, **options):
    app = step.Pico()
    step.modules["extensions.background"].background(app, **options)
    return app


async def test_background_works_when_the_answer_is_there(step):
    app = background_app(step)
    go, done = asyncio.Event(), []

    async def work(*args, **kwargs):
        await go.wait()
        done.append((args, kwargs))

    @app.route("/")
    async def home(request, response):
        response.after(work, 1, to="ada")
        response.after(work, 2)
        response.body = "done soon"

    async with app.serve(port=0) as server:
        reader, writer = await asyncio.open_connection(
            server.host, server.port
        )
        writer.write(b"GET / HTTP/1.1\r\nhost: pico\r\n\r\n")
        answer = await reader.readuntil(b"done soon")
        before = list(done)
        go.set()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert (before, done) == ([], [((1,), {"to": "ada"}), ((2,), {})])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_background_works_behind_a_stream(step, fetch, method):
    app = background_app(step)
    calls = []

    async def work():
        calls.append("work")

    async def pieces():
        yield b"a"
        await asyncio.sleep(0)
        calls.append("streamed")
        yield b"b"

    @app.route("/")
    async def home(request, response):
        response.after(work)
        response.body = pieces()

    if method == "HEAD":
        async with app.serve(port=0) as server:
            reader, writer = await asyncio.open_connection(
                server.host, server.port
            )
            writer.write(b"HEAD / HTTP/1.1\r\nhost: pico\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
    else:
        await fetch(app, "/")

    assert calls == {"GET": ["streamed", "work"], "HEAD": ["work"]}[method]


async def test_background_closes_a_stream_before_it_works(step):
    app = background_app(step)
    calls = []

    async def work():
        calls.append("work")

    async def pieces():
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            calls.append("closed")

    @app.route("/")
    async def home(request, response):
        response.after(work)
        response.body = pieces()

    async with app.serve(port=0) as server:
        reader, writer = await asyncio.open_connection(
            server.host, server.port
        )
        writer.write(b"GET / HTTP/1.1\r\nhost: pico\r\n\r\n")
        await reader.readuntil(b"a\r\n")
        next(iter(app.connections)).transport.abort()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()

    assert calls == ["closed", "work"]


async def test_background_forgets_work_if_an_error_is_answered(step, fetch):
    app = background_app(step)
    done = []

    @app.route("/")
    async def home(request, response):
        response.after(done.append, 1)
        raise step.messages.HttpError(409)

    answer = await fetch(app, "/")

    assert (answer.status, done) == (409, [])


@pytest.mark.parametrize(("begun", "status"), [(False, 500), (True, 200)])
async def test_background_forgets_work_if_a_stream_fails_at_once(
    step, ask, begun, status
):
    app = background_app(step)
    done = []

    async def pieces():
        if begun:
            yield b"a"
        raise RuntimeError("cannot go on")

    @app.route("/")
    async def home(request, response):
        response.after(done.append, 1)
        response.body = pieces()

    exchange = await ask(app, b"GET / HTTP/1.1\r\nhost: pico\r\n\r\n")

    assert exchange.answers[0].status == status
    assert done == [1] * begun


async def test_background_logs_what_fails(step, fetch, caplog):
    app = background_app(step)

    async def work():
        raise RuntimeError("secret")

    @app.route("/")
    async def home(request, response):
        response.after(work)

    answer = await fetch(app, "/")

    assert answer.status == 200
    [record] = [r for r in caplog.records if "work" in r.getMessage()]
    assert str(record.exc_info[1]) == "secret"


async def test_background_lets_functions_run_in_a_thread(step, fetch):
    app = background_app(step)
    threads = []

    @app.route("/")
    async def home(request, response):
        response.after(lambda: threads.append(threading.current_thread()))

    await fetch(app, "/")

    assert threads != [threading.main_thread()]
    assert len(threads) == 1


class Mailer:
    """What can be called, and awaited then."""

    def __init__(self, done):
        self.done = done

    async def __call__(self, to):
        await asyncio.sleep(0)
        self.done.append((to, threading.current_thread()))


@pytest.mark.parametrize(
    "later",
    [
        lambda mailer: (mailer, "ada"),
        lambda mailer: (lambda: mailer("ada"),),
        lambda mailer: (functools.partial(mailer, "ada"),),
        lambda mailer: (mailer.__call__, "ada"),
    ],
    ids=["object", "lambda", "partial", "method"],
)
async def test_background_awaits_what_work_returns(step, fetch, later):
    app = background_app(step)
    done = []

    @app.route("/")
    async def home(request, response):
        response.after(*later(Mailer(done)))

    await fetch(app, "/")

    assert done == [("ada", threading.main_thread())]


async def test_background_logs_what_fails_in_what_work_returns(
    step, fetch, caplog
):
    app = background_app(step)

    async def work(to):
        raise RuntimeError("secret")

    @app.route("/")
    async def home(request, response):
        response.after(lambda: work("ada"))

    await fetch(app, "/")

    [record] = [r for r in caplog.records if "Behind" in r.getMessage()]
    assert str(record.exc_info[1]) == "secret"


@pytest.mark.parametrize("kind", ["coroutine", "function"])
async def test_background_sees_the_context_of_the_handler(step, fetch, kind):
    app = background_app(step)
    seen = []

    async def work():
        seen.append(NAME.get())

    @app.route("/")
    async def home(request, response):
        NAME.set("ada")
        later = (
            work if kind == "coroutine" else lambda: seen.append(NAME.get())
        )
        response.after(later)

    await fetch(app, "/")

    assert seen == ["ada"]


async def test_background_waits_at_shutdown_also_for_what_work_begins(step):
    app = background_app(step)
    done = []

    async def second():
        await asyncio.sleep(0)
        done.append("second")

    async def first():
        await asyncio.sleep(0)
        app.background(second)
        done.append("first")

    async with app.serve(port=0):
        app.background(first)

    assert done == ["first", "second"]


async def test_background_does_not_wait_for_ever(step, caplog):
    app = background_app(step, grace=0)
    ends = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    async with app.serve(port=0):
        app.background(work)
        await asyncio.sleep(0)

    assert ends == ["cancelled"]
    assert "1 tasks did not end in time" in caplog.messages


async def test_background_does_only_so_much_at_once(step):
    app = background_app(step, at_once=2)
    running, most = set(), []

    async def work(number):
        running.add(number)
        most.append(len(running))
        await asyncio.sleep(0)
        running.discard(number)

    async with app.serve(port=0):
        for number in range(10):
            app.background(work, number)

    assert (len(most), max(most)) == (10, 2)


async def test_background_wants_a_function_and_not_its_call(step, fetch):
    app = background_app(step)

    async def work():
        """Do nothing."""

    @app.route("/")
    async def home(request, response):
        with pytest.raises(TypeError, match="not mail"):
            response.after(work())
        with pytest.raises(TypeError, match="not mail"):
            app.background(work())
        response.body = "seen"

    answer = await fetch(app, "/")

    assert answer.content == b"seen"
