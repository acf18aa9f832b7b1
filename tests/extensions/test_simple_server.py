"""What the extension `simple_server` does, on the steps that have it."""

import asyncio
import sys
import urllib.request
from subprocess import PIPE

import pytest

pytestmark = pytest.mark.steps("04", "05")


def recorded(step):
    """Return an app that tells with what it was run."""

    class Recorded(step.Pico):
        def run(self, *args):
            self["ran"] = args

    return Recorded()


def test_simple_server_takes_the_port_first_as_roll_does(step):
    app = recorded(step)

    step.modules["extensions.simple_server"].simple_server(app, 8001, "::1")

    assert app["ran"] == ("::1", 8001)


def test_simple_server_has_the_defaults_of_roll(step):
    app = recorded(step)

    step.modules["extensions.simple_server"].simple_server(app)

    assert app["ran"] == ("127.0.0.1", 3579)


async def test_simple_server_serves_the_app(step):
    program = (
        "from app import app;"
        "from extensions.simple_server import simple_server;"
        "simple_server(app, port=0)"
    )
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=step.folder, stdout=PIPE
    )
    try:
        url = (await server.stdout.readline()).decode().split()[-1]
        page = await asyncio.to_thread(urllib.request.urlopen, url)
        with page:
            content = page.read()
    finally:
        server.terminate()
        await server.communicate()

    assert content == b'{"message":"Hello world"}'
