"""What step 04 promises: hooks, parts that can be replaced, a server.

Knows: listeners, and when they are called.
Does not know: what an extension does with them.
"""

import asyncio
import os
import sys
from signal import SIGINT, SIGTERM
from subprocess import PIPE

import pytest

HOOKS = ["startup", "headers", "request", "error", "response", "shutdown"]
PARTS = ["Protocol", "Request", "Response", "Router", "Server"]


def answered(exchange):
    return [(answer.status, answer.content) for answer in exchange.answers]


def new_app(step):
    """Return an app; a step without hooks fails here, by an assertion."""
    assert hasattr(step.Pico, "listen"), f"{step.folder.name} has no hooks"
    return step.Pico()


async def turns():
    """Let the loop turn until every task waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


def traced(app):
    """Return a list that tells which hooks are called from now on."""
    trace = []
    for name in HOOKS:
        app.listen(name)(lambda *args, name=name: trace.append(name))
    return trace


# The order of hooks


@pytest.mark.parametrize(
    ("path", "hooks"),
    [
        ("/", "headers request handler response"),
        ("/nowhere", "headers error response"),
        ("/refuse", "headers request error response"),
        ("/raise", "headers request error response"),
        ("/?at=headers", "headers response"),
        ("/?at=request", "headers request response"),
    ],
    ids=["answer", "404", "refusal", "exception", "at headers", "at request"],
)
async def test_hooks_are_called_in_their_order(step, fetch, path, hooks):
    app = new_app(step)
    trace = traced(app)

    @app.listen("headers")
    def answer_at_headers(request, response):
        return request.query.get("at", "") == "headers"

    @app.listen("request")
    def answer_at_request(request, response):
        return request.query.get("at", "") == "request"

    @app.route("/")
    async def index(request, response):
        trace.append("handler")

    @app.route("/refuse")
    async def refuse(request, response):
        raise step.messages.HttpError(400)

    @app.route("/raise")
    async def fail(request, response):
        raise RuntimeError

    await fetch(app, path)

    assert trace == ["startup", *hooks.split(), "shutdown"]


async def test_headers_come_before_content_and_request_comes_after(
    step, fetch
):
    app = new_app(step)
    seen = []

    @app.listen("headers")
    def before(request, response):
        seen.append(request.content)

    @app.listen("request")
    def after(request, response):
        seen.append(request.content)

    @app.route("/", methods=["POST"])
    async def store(request, response):
        pass

    await fetch(app, "/", method="POST", content=b"hello")

    assert seen == [None, b"hello"]


async def test_listener_sees_the_route(step, fetch):
    app = new_app(step)
    seen = []

    @app.listen("headers")
    def login(request, response):
        seen.append(request.route and request.route.payload)

    @app.route("/", login=True)
    async def index(request, response):
        pass

    for path in ("/", "/nowhere"):
        await fetch(app, path)

    assert seen == [{"login": True}, None]


async def test_first_true_result_answers_at_once(step, fetch):
    app = new_app(step)

    @app.listen("request")
    def login(request, response):
        response.status = 401
        return True

    @app.listen("request")
    def never(request, response):
        response.status = 500

    @app.route("/")
    async def index(request, response):
        response.body = "secret"

    answer = await fetch(app, "/")

    assert (answer.status, answer.content) == (401, b"")


async def test_listener_may_refuse_as_a_handler_does(step, fetch):
    app = new_app(step)

    @app.listen("headers")
    def login(request, response):
        raise step.messages.HttpError(401, "Who are you?")

    answer = await fetch(app, "/")

    assert (answer.status, answer.content) == (401, b"Who are you?")


async def test_error_listener_sees_the_exception_and_may_answer(step, fetch):
    app = new_app(step)

    @app.listen("error")
    async def explain(request, response, error):
        response.status = 418
        response.json = repr(error)

    @app.route("/")
    async def index(request, response):
        raise RuntimeError("no coffee")

    answer = await fetch(app, "/")

    assert answer.status == 418
    assert answer.content == b"\"RuntimeError('no coffee')\""


async def test_response_listener_sees_every_answer(step, fetch):
    app = new_app(step)

    @app.listen("response")
    async def sign(request, response):
        response.headers["x-status"] = f"{response.status:d}"

    answer = await fetch(app, "/nowhere")

    assert (answer.status, answer.field("x-status")) == (404, "404")


@pytest.mark.parametrize("hook", ["headers", "request", "error", "response"])
async def test_listener_that_raises_is_a_500_that_tells_nothing(
    step, fetch, caplog, hook
):
    app = new_app(step)

    @app.listen(hook)
    def fail(*args):
        raise RuntimeError("the password is 1234")

    @app.route("/")
    async def index(request, response):
        raise step.messages.HttpError(400)

    answer = await fetch(app, "/")

    assert answer.status == 500
    assert b"password" not in answer.content
    assert "RuntimeError: the password is 1234" in caplog.text


# Hooks of your own


def test_listen_returns_its_function_so_that_hooks_stack(step):
    app = new_app(step)

    def listener():
        pass

    stacked = app.listen("startup")(app.listen("shutdown")(listener))

    assert stacked is listener
    assert app.listeners == {"startup": [listener], "shutdown": [listener]}


def test_listener_is_that_of_one_app(step):
    new_app(step).listen("startup")(print)

    assert new_app(step).listeners == {}


async def test_hook_of_your_own_returns_the_first_true_result(step):
    app = new_app(step)
    asked = []

    @app.listen("price")
    def unknown(drone, currency):
        asked.append("unknown")

    @app.listen("price")
    async def unsure(drone, currency):
        asked.append("unsure")

    @app.listen("price")
    async def known(drone, currency):
        asked.append("known")
        return f"{drone} costs 5 {currency}"

    @app.listen("price")
    def too_late(drone, currency):
        asked.append("too late")

    price = await app.hook("price", "A7", currency="euro")

    assert price == "A7 costs 5 euro"
    assert asked == ["unknown", "unsure", "known"]


async def test_hook_without_listeners_returns_nothing(step):
    app = new_app(step)

    assert await app.hook("price", "A7") is None


# Handlers


async def test_plain_functions_are_handlers_too(step, fetch):
    app = new_app(step)

    @app.route("/hello/{name}")
    def hello(request, response, name):
        response.json = name

    answer = await fetch(app, "/hello/ada")

    assert answer.content == b'"ada"'


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_class_answers_by_its_methods(step, fetch, method):
    app = new_app(step)

    class Base:
        async def on_get(self, request, response, name):
            response.body = f"GET {name}"

    @app.route("/users/{name}")
    class Users(Base):
        def on_post(self, request, response, name):
            response.body = f"POST {name}"

    answer = await fetch(app, "/users/ada", method=method)

    assert answer.content.decode() == f"{method} ada"


async def test_class_allows_no_other_method(step, fetch):
    app = new_app(step)

    @app.route("/")
    class Index:
        def on_post(self, request, response):
            pass

    answer = await fetch(app, "/", method="PUT")

    assert (answer.status, answer.field("allow")) == (405, "OPTIONS, POST")


def test_class_without_methods_is_refused(step):
    app = new_app(step)

    with pytest.raises(ValueError, match="Users needs on_get"):

        @app.route("/")
        class Users:
            def get(self, request, response):
                pass


def test_class_whose_methods_are_said_twice_is_refused(step):
    app = new_app(step)

    with pytest.raises(ValueError, match="Users needs on_get"):

        @app.route("/", methods=["GET"])
        class Users:
            def on_get(self, request, response):
                pass


def test_adding_a_route_is_told_to_whoever_listens(step):
    app = new_app(step)
    told = []

    @app.listen("route:add")
    def note(path, view, **payload):
        told.append((path, view.__name__, payload))

    @app.route("/drones/{id}", methods=["GET", "PUT"], name="drone")
    async def drone(request, response, id):  # noqa: A002
        pass

    assert told == [("/drones/{id}", "drone", {"name": "drone"})]


async def test_protocol_makes_handlers_of_views_and_of_classes(step, fetch):
    app = new_app(step)

    def shout(view):
        def handler(request, response):
            response.body = view().upper()

        return handler

    assert hasattr(app, "protocols"), "a view is always a handler here"
    app.protocols["shout"] = shout

    @app.route("/view", protocol="shout")
    def view():
        return "ada"

    @app.route("/class", protocol="shout")
    class Loud:
        def on_get(self):
            return "grace"

    answers = [await fetch(app, path) for path in ("/view", "/class")]

    assert [answer.content for answer in answers] == [b"ADA", b"GRACE"]


def test_protocol_that_nobody_speaks_is_refused(step):
    app = new_app(step)

    with pytest.raises(ValueError, match="Activate 'websocket' before"):
        app.route("/chat", protocol="websocket")


# Parts


async def test_each_part_can_be_replaced_by_a_subclass(step, fetch):
    new_app(step)
    made = []

    def noting(name):
        class Part(getattr(step.Pico, name)):
            def __init__(self, *args, **kwargs):
                made.append(name)
                super().__init__(*args, **kwargs)

        return Part

    class MyPico(step.Pico):
        Protocol = noting("Protocol")
        Request = noting("Request")
        Response = noting("Response")
        Router = noting("Router")
        Server = noting("Server")

    answer = await fetch(MyPico(), "/nowhere")

    assert answer.status == 404
    assert sorted(set(made)) == PARTS


async def test_refusal_is_a_response_of_the_app(step, fetch):
    app = new_app(step)

    class Signed(app.Response):
        def __init__(self, app):
            super().__init__(app)
            self.headers["x-by"] = "us"

    app.Response = Signed

    answer = await fetch(app, "/nowhere")

    assert (answer.status, answer.field("x-by")) == (404, "us")


# The server


async def test_nobody_is_answered_before_startup_has_ended(step):
    app = new_app(step)
    trace, streams = [], []
    server = app.serve(port=0)

    @app.listen("startup")
    async def connect():
        address = "127.0.0.1", server.port
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        streams.extend([reader, writer])
        await turns()
        trace.append("startup")

    @app.route("/")
    async def index(request, response):
        trace.append("handler")

    async with server:
        reader, writer = streams
        await reader.read()
        writer.close()
        await writer.wait_closed()

    assert trace == ["startup", "handler"]


async def test_shutdown_waits_for_the_last_answer(step, ask):
    app = new_app(step)
    trace = traced(app)
    begun, go_on = asyncio.Event(), asyncio.Event()

    @app.route("/")
    async def index(request, response):
        begun.set()
        await go_on.wait()
        trace.append("handler")

    async with app.serve(port=0) as server:
        request = b"GET / HTTP/1.1\r\nHost: pico\r\n\r\n"
        asking = asyncio.create_task(ask(server.url, request))
        await begun.wait()
        # Once it stops, and not before.
        asyncio.get_running_loop().call_soon(go_on.set)
    exchange = await asking

    assert answered(exchange) == [(200, b"")]
    assert trace == [
        "startup",
        "headers",
        "request",
        "handler",
        "response",
        "shutdown",
    ]


async def test_stop_ends_a_handler_after_its_grace(step, ask):
    app = new_app(step)
    begun = asyncio.Event()

    class Hasty(app.Server):
        grace = 0

    @app.route("/")
    async def wait(request, response):
        begun.set()
        await asyncio.Event().wait()

    app.Server = Hasty
    async with app.serve(port=0) as server:
        request = b"GET / HTTP/1.1\r\nHost: pico\r\n\r\n"
        asking = asyncio.create_task(ask(server.url, request))
        await begun.wait()
    exchange = await asking

    assert (exchange.answers, exchange.raw) == ([], b"")


def test_run_tells_the_server_all_that_it_was_told(step):
    app = new_app(step)
    told = []

    class Noting(app.Server):
        def __init__(self, app, host=None, port=None, ssl=None, unix=None):
            told.append([host, port, ssl, unix])

        def run(self, number, reload):
            told.append([number, reload])

    app.Server = Noting
    app.run("::1", 80, workers=2, ssl=("a", "b"), unix="c", reload=True)

    assert told == [["::1", 80, ("a", "b"), "c"], [2, True]]


async def test_startup_that_fails_lets_nobody_in(step):
    app = new_app(step)

    @app.listen("startup")
    async def connect():
        raise RuntimeError("no database")

    server = app.serve(port=0)
    with pytest.raises(RuntimeError, match="no database"):
        async with server:
            pytest.fail("it was let in")

    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", server.port)


PROGRAM = """
import asyncio
import signal
from pico import Pico

app = Pico()

@app.listen("shutdown")
async def goodbye():
    print("goodbye", flush=True)

@app.route("/signal/{number:int}")
async def end(request, response, number):
    signal.raise_signal(number)
    for _ in range(100):
        await asyncio.sleep(0)
    response.body = "answered"

app.run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
async def test_signal_ends_the_program_with_grace(step, ask, number):
    variables = {"PYTHONPATH": str(step.folder), "HOST": "", "PORT": "0"}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", PROGRAM),
        env={**os.environ, **variables},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(20):
            line = (await program.stdout.readline()).decode()
            assert line.startswith("Listening on http://"), line
            request = b"GET /signal/%d HTTP/1.1\r\nHost: pico\r\n\r\n" % number
            exchange = await ask(line.split()[-1], request)
            said, errors = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.communicate()

    assert answered(exchange) == [(200, b"answered")]
    assert (program.returncode, said, errors) == (0, b"goodbye\n", b"")
