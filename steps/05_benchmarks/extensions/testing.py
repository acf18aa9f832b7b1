"""Give the tests of an app a client: fixtures of pytest.

Knows: pytest, the fixture `app`.
Does not know: how bytes are read; how an app answers.
"""

import asyncio
import inspect

from extensions.testing_client import Client, read

try:
    import pytest
except ImportError as error:
    raise ImportError("testing needs pytest: pip install pytest") from error

RUNNER: pytest.StashKey = pytest.StashKey()
NO_APP = "Declare a fixture `app` that returns your Pico, in conftest.py."


class LiveClient(Client):
    """Asks an app over a socket, at `url`."""

    async def __aenter__(self):
        self.loop = asyncio.get_running_loop()
        self.server = await self.app.serve("127.0.0.1", 0).__aenter__()
        self.url = self.server.url
        return self

    async def __aexit__(self, *error):
        await self.server.__aexit__(*error)

    async def exchange(self, reader, data):
        address = self.server.host, self.server.port
        stream, writer = await asyncio.open_connection(*address)
        try:
            writer.write(data)
            return await read(reader, stream)
        finally:
            writer.close()
            await writer.wait_closed()


def runner_of(item):
    """Return the runner of a test; it closes with the test."""
    if RUNNER not in item.stash:
        item.stash[RUNNER] = asyncio.Runner()
        item.addfinalizer(item.stash[RUNNER].close)
    return item.stash[RUNNER]


def given(kind, request):
    """Yield a client of the fixture `app`, in a loop that the test shares."""
    try:
        app = request.getfixturevalue("app")
    except pytest.FixtureLookupError:
        pytest.fail(NO_APP, pytrace=False)
    runner = runner_of(request.node)
    made = kind(app)
    runner.run(made.__aenter__())
    yield made
    runner.run(made.__aexit__(None, None, None))


@pytest.fixture
def client(request):
    """Return a client that needs no socket."""
    yield from given(Client, request)


@pytest.fixture
def liveclient(request):
    """Return a client of a server on a port."""
    yield from given(LiveClient, request)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run an `async def` test, in the loop of its clients."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    values = {name: pyfuncitem.funcargs[name] for name in names}
    runner_of(pyfuncitem).run(pyfuncitem.obj(**values))
    return True
