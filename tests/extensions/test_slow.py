"""What the extension `slow` does; time is what the test says it is."""

import asyncio

import pytest

pytestmark = pytest.mark.steps("04", "05")


class Clock:
    """Seconds that pass when somebody says so."""

    now = 0.0

    def __call__(self):
        return self.now

    def passes(self, seconds):
        self.now += seconds


def slow_app(step, **options):
    app, clock = step.Pico(), Clock()
    step.modules["extensions.slow"].slow(app, clock=clock, **options)
    return app, clock


def reports(caplog):
    return [m.rpartition(".<locals>.")[2] for m in caplog.messages]


async def test_slow_names_a_handler_that_holds_the_loop(step, fetch, caplog):
    app, clock = slow_app(step, threshold=0.5)

    @app.route("/{seconds:float}")
    async def sum_up(request, response, seconds):
        await asyncio.sleep(0)
        clock.passes(seconds)
        response.body = "sum"

    quick = await fetch(app, "/0.5")
    late = await fetch(app, "/0.75")

    assert [quick.content, late.content] == [b"sum", b"sum"]
    assert reports(caplog) == ["sum_up held the loop for 0.750 seconds"]


async def test_slow_does_not_count_what_a_handler_waits_for(
    step, fetch, caplog
):
    app, clock = slow_app(step)

    @app.route("/")
    async def home(request, response):
        loop = asyncio.get_running_loop()
        for _ in range(3):
            loop.call_soon(clock.passes, 1)
            await asyncio.sleep(0)

    await fetch(app, "/")

    assert caplog.messages == []


async def test_slow_sees_plain_functions(step, fetch, caplog):
    app, clock = slow_app(step)

    @app.route("/")
    def home(request, response):
        clock.passes(0.25)
        response.body = "home"

    answer = await fetch(app, "/")

    assert answer.content == b"home"
    assert reports(caplog) == ["home held the loop for 0.250 seconds"]


async def test_slow_sees_handlers_that_raise(step, fetch, caplog):
    app, clock = slow_app(step)

    @app.route("/")
    async def home(request, response):
        await asyncio.sleep(0)
        clock.passes(2)
        raise step.messages.HttpError(409)

    answer = await fetch(app, "/")

    assert answer.status == 409
    assert reports(caplog) == ["home held the loop for 2.000 seconds"]


async def test_slow_lets_errors_and_cancellation_through(step, fetch, caplog):
    app, _ = slow_app(step)
    seen = []

    @app.route("/")
    async def home(request, response):
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            seen.append("timeout")
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(KeyError("a"))
        try:
            await failed
        except KeyError:
            seen.append("error")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(0, "value"))
        seen.append(task.result())

    await fetch(app, "/")

    assert seen == ["timeout", "error", "value"]


async def test_slow_watches_websockets_and_leaves_generators_alone(
    step, fetch, caplog
):
    app, clock = step.Pico(), Clock()
    step.modules["extensions.sse"].sse(app)
    step.modules["extensions.slow"].slow(app, clock=clock)

    @app.route("/", protocol="sse")
    async def news(request, response):
        clock.passes(2)
        yield "a"

    answer = await fetch(app, "/")

    assert (answer.content, caplog.messages) == (b"data: a\n\n", [])


async def test_slow_keeps_the_name_of_a_handler(step):
    app, _ = slow_app(step)
    url_for = step.modules["extensions.named_url"].named_url(app)

    @app.route("/ada")
    async def home(request, response):
        """Answer nothing."""

    assert url_for("home") == "/ada"


async def test_slow_names_what_has_no_name(step, fetch, caplog):
    app, clock = step.Pico(), Clock()
    step.modules["extensions.slow"].slow(app, clock=clock)

    class Handler:
        async def __call__(self, request, response):
            clock.passes(1)

    app.route("/")(Handler())

    answer = await fetch(app, "/")

    assert answer.status == 200
    assert "Handler object at" in caplog.text
