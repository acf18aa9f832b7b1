"""What the extension `testing` does, in a project of its own."""

import asyncio
import subprocess
import sys

import pytest

from workshop.serving import environment

pytestmark = pytest.mark.steps("04", "05")

CONFTEST = """
import pytest

from extensions.testing import client, liveclient, pytest_pyfunc_call
from extensions.websocket import websocket
from pico import Pico


@pytest.fixture
def app():
    app = Pico()
    app["told"] = []

    @app.listen("startup")
    async def start():
        app["told"].append("started")

    @app.route("/hello/{name}")
    async def hello(request, response, name):
        response.cookies.set("seen", name)
        response.json = {"hello": name, "told": app["told"]}

    @app.route("/echo", methods=["POST"])
    async def echo(request, response):
        response.headers["content-type"] = request.content_type
        response.body = request.body

    @app.route("/stream")
    async def stream(request, response):
        async def pieces():
            yield b"a"
            yield b"da"

        response.body = pieces()

    websocket(app)

    @app.route("/talk", protocol="websocket")
    async def talk(request, ws):
        await ws.send("ada")

    @app.route("/split")
    async def split(request, response):
        async def pieces():
            yield b"begin"
            raise RuntimeError

        response.body = pieces()

    return app
"""
PROJECT = """
import asyncio

import pytest


@pytest.fixture(params=["client", "liveclient"])
def either(request):
    return request.getfixturevalue(request.param)


async def test_get(either):
    answer = await either.get("/hello/a b")

    assert answer.status == 200
    assert answer.json == {"hello": "a b", "told": ["started"]}
    assert answer.headers["content-type"] == "application/json"
    assert "seen" in answer.cookies


async def test_json_and_form(either):
    answer = await either.post("/echo", body={"a": [1]})
    assert (answer.json, answer.headers["content-type"]) == (
        {"a": [1]}, "application/json"
    )

    kind = "application/x-www-form-urlencoded"
    answer = await either.post("/echo", body={"a": "b c"}, content_type=kind)
    assert (answer.body, answer.headers["content-type"]) == (b"a=b+c", kind)

    answer = await either.post(
        "/echo", body={"a": "b c"}, headers={"Content-Type": kind}
    )
    assert (answer.body, answer.headers["content-type"]) == (b"a=b+c", kind)

    answer = await either.post(
        "/echo", body="ada", headers={"Content-Type": "text/plain"}
    )
    assert (answer.body, answer.headers["content-type"]) == (
        b"ada", "text/plain"
    )


async def test_head_stream_and_errors(either):
    assert (await either.head("/hello/ada")).body == b""
    assert (await either.get("/stream")).body == b"ada"
    assert (await either.query("GET", "/nowhere")).status == 404
    assert (await either.delete("/stream")).status == 405


async def test_broken_answer(either):
    with pytest.raises(ConnectionError, match="No whole answer"):
        await either.get("/split")


async def test_websocket_needs_a_socket(client):
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert (await client.get("/talk", headers=headers)).status == 501


async def test_both(client, liveclient):
    assert (await client.get("/stream")).body == b"ada"
    assert (await liveclient.get("/stream")).body == b"ada"
    assert liveclient.url.startswith("http://127.0.0.1:")


async def test_nothing_is_left(client):
    await client.get("/hello/ada")
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_plain():
    pass
"""


def run_pytest(target, folder, tests, conftest=CONFTEST):
    """Run the tests of a project; return how it ended, and its words."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_app.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=environment(
            target.folder, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_testing_serves_the_tests_of_a_project(target, tmp_path):
    status, words = run_pytest(target, tmp_path, PROJECT)

    assert (status, "12 passed" in words) == (0, True), words


def test_testing_says_that_there_is_no_app(target, tmp_path):
    conftest = "from extensions.testing import client, pytest_pyfunc_call\n"
    tests = "async def test_get(client):\n    pass\n"

    status, words = run_pytest(target, tmp_path, tests, conftest)

    assert status == 1
    assert "Declare a fixture `app` that returns your Pico" in words


def test_testing_says_that_a_test_has_another_loop(target, tmp_path):
    tests = (
        "import asyncio\n\n\ndef test_get(client):\n"
        "    asyncio.run(client.get('/stream'))\n"
    )

    status, words = run_pytest(target, tmp_path, tests)

    assert status == 1
    assert "The test has another loop." in words


async def test_client_is_a_block_for_other_runners(step):
    app = step.Pico()
    told = []
    app.listen("startup")(lambda: told.append("started"))
    app.listen("shutdown")(lambda: told.append("stopped"))

    @app.route("/")
    async def index(request, response):
        response.body = "ada"

    client = step.modules["extensions.testing_client"].Client

    async with client(app) as asked:
        answer = await asked.get("/")

    assert (answer.body, told) == (b"ada", ["started", "stopped"])


async def test_client_that_is_cancelled_hangs_up(step):
    app, asked = step.Pico(), asyncio.Event()

    @app.route("/")
    async def index(request, response):
        asked.set()
        await asyncio.Event().wait()

    client = step.modules["extensions.testing_client"].Client

    async with client(app) as one:
        task = asyncio.create_task(one.get("/"))
        await asked.wait()
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)

    assert task in done
    assert app.connections == set()
