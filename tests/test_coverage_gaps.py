"""What only another machine or another Python would come across."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import sys

import pytest

from workshop.steps import load

pytestmark = pytest.mark.steps("04", "05")


async def until(condition):
    async with asyncio.timeout(10):  # or else it would hang, not fail
        while not condition():  # noqa: ASYNC110 (nobody tells us)
            await asyncio.sleep(0)


def test_server_does_without_uvloop_and_without_limits(step, monkeypatch):
    for name in ("uvloop", "resource"):
        monkeypatch.setitem(sys.modules, name, None)

    server = load(step.folder).modules["server"]

    assert server.new_event_loop is asyncio.new_event_loop
    assert server.workers.descriptors() == 2**31


@pytest.mark.steps("05")
def test_json_is_encoded_without_the_encoder_in_c(step, monkeypatch):
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)

    assert step.pico.json_encoder()([1, "a"]) == '[1,"a"]'


def test_content_that_was_not_read_is_not_there(step):
    request = step.Pico.Request(step.Pico(), "POST", "/", "1.1", {})
    request.content = None

    with pytest.raises(RuntimeError, match="The route is lazy"):
        _ = request.body


def test_files_come_with_an_extension(step):
    request = step.Pico.Request(step.Pico(), "POST", "/", "1.1", {})

    with pytest.raises(RuntimeError, match="extension forms"):
        _ = request.files


def test_windows_shares_no_socket(step, monkeypatch):
    monkeypatch.delattr("socket.AF_UNIX")
    supervisor = step.modules["workers"].Supervisor
    monkeypatch.setattr(supervisor, "run", lambda self: None)

    with pytest.raises(SystemExit, match="one worker"):
        step.Pico().run(port=0, workers=2)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="it has none")
def test_windows_renews_no_workers(step, monkeypatch):
    told = []

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(signal, "signal", lambda *words: told.append(words))
    monkeypatch.setattr("time.sleep", interrupt)
    monkeypatch.delattr(signal, "SIGHUP")
    supervisor = step.modules["workers"].Supervisor(None, 0, True)

    with pytest.raises(KeyboardInterrupt):
        supervisor.run()
    assert told == [(signal.SIGTERM, signal.default_int_handler)]


def test_worker_on_windows_inherits_no_socket(step, monkeypatch, capfd):
    source = "import os; print(os.environ['PICO_SOCKET'])"
    words = [sys.executable, "-c", source]
    monkeypatch.setattr(sys, "orig_argv", words)

    supervisor = step.modules["workers"].Supervisor(None, 1, False)
    os.close(supervisor.start())
    (worker,) = supervisor.workers

    assert worker.wait() == 0
    assert capfd.readouterr().out.strip() == "0"


async def test_windows_leaves_accepting_to_the_loop(step, fetch, monkeypatch):
    app = step.Pico()

    @app.route("/")
    async def index(request, response):
        response.body = "hello"

    def refuse(*words):
        raise NotImplementedError

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_reader", refuse)

    assert (await fetch(app, "/")).content == b"hello"


class Listening:
    """A socket whose `accept` fails."""

    def __init__(self, real, error):
        self.real, self.error = real, error

    def accept(self):
        raise self.error

    def __getattr__(self, name):
        return getattr(self.real, name)


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (BlockingIOError(), True),
        (ConnectionAbortedError(), True),
        (OSError(errno.EMFILE, "too many"), False),
    ],
)
async def test_server_pauses_if_it_cannot_let_in(step, caplog, error, goes_on):
    async with step.Pico().serve(port=0) as server:
        server.socket = Listening(server.socket, error)
        server.accept()
        listening, server.socket = server.listening, server.socket.real

    assert listening is goes_on
    assert ("too many" in caplog.text) is not goes_on


async def test_server_that_is_full_looks_again_and_stays_full(step):
    app, turns = step.Pico(), asyncio.Event()

    class Watched:
        def expire(self, now):
            if self in app.connections:
                turns.set()

    async with contextlib.AsyncExitStack() as stack:
        server = app.serve(port=0)
        server.interval = 0.001
        await stack.enter_async_context(server)
        watched = Watched()
        server.max_connections = 1
        server.unlisten()
        app.connections.add(watched)
        for _ in range(3):
            turns.clear()
            await turns.wait()
        full = server.listening
        app.connections.clear()
        await until(lambda: server.listening)

    assert full is False


async def test_plain_function_answers_behind_a_listener(step, fetch):
    app = step.Pico()
    app.listen("request")(lambda request, response: None)

    @app.route("/")
    def index(request, response):
        response.body = "hello"

    assert (await fetch(app, "/")).content == b"hello"


async def test_content_that_was_read_can_be_read_again(step, fetch):
    app = step.Pico()

    @app.route("/", methods=["POST"])
    async def index(request, response):
        response.body = await request.read() + await request.read()

    answer = await fetch(app, "/", method="POST", content=b"hi")
    assert answer.content == b"hihi"


class Transport:
    """Takes what is written; the last chunk is one too many for it."""

    def __init__(self):
        self.said = b""

    def write(self, data):
        self.said += data
        if data.endswith(b"\r\n0\r\n\r\n") or data == b"0\r\n\r\n":
            self.connection.pause_writing()

    def can_write_eof(self):
        return False

    def get_extra_info(self, name):
        return None  # It is nowhere.

    def close(self):
        self.connection.connection_lost(None)


async def test_stream_ends_when_its_last_chunk_has_room(step):
    app = step.Pico()

    async def pieces():
        yield b"hello"

    @app.route("/")
    async def index(request, response):
        response.body = pieces()

    connection, transport = app.Protocol(app), Transport()
    transport.connection = connection
    connection.connection_made(transport)
    connection.data_received(
        b"GET / HTTP/1.1\r\nHost: pico\r\nConnection: close\r\n\r\n"
    )
    await until(lambda: connection.room)
    waiting = not connection.task.done()
    connection.resume_writing()
    with contextlib.suppress(asyncio.CancelledError):
        await connection.task

    assert waiting
    assert transport.said.endswith(b"hello\r\n0\r\n\r\n")


async def test_room_for_who_does_not_wait_any_more_is_no_error(step):
    app = step.Pico()
    connection = app.Protocol(app)
    connection.connection_made(Transport())
    connection.pause_writing()
    connection.room.cancel()
    connection.resume_writing()

    assert connection.room is None
    connection.connection_lost(None)
    with contextlib.suppress(asyncio.CancelledError):
        await connection.task


async def test_connection_that_is_gone_is_not_closed_again(step):
    connection = step.Pico.Protocol(step.Pico())
    connection.transport, connection.gone = None, True

    await connection.leave(alive=False)

    assert not connection.parser.finished
