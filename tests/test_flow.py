"""How long a connection waits: its clock, looked at without one.

Time is what the test says it is: `expire(now)` is called by hand, and
nobody else looks.
"""

import asyncio
import contextlib
import re
import socket
import struct

import pytest

pytestmark = pytest.mark.steps("04", "05")

TURNS = 20  # of a loop, in which a task comes to its next wait
PATIENCE = 5  # seconds until we believe no more that something will come
GET = b"GET / HTTP/1.1\r\nhost: pico\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: pico\r\ncontent-length: 9\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: pico\r\nconnection: close\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d+) ")


class FakeTransport:
    """What a client would see, and how it reads."""

    def __init__(self, protocol, halves=True):
        self.protocol, self.halves = protocol, halves
        self.pieces, self.unread = [], 0
        self.end, self.open, self.reading = None, True, True

    def write(self, data):
        assert self.end is None, f"written behind the end: {data}"
        self.pieces.append(data)

    @property
    def written(self):
        return b"".join(self.pieces)

    def get_write_buffer_size(self):
        return self.unread

    def can_write_eof(self):
        return self.halves

    def get_extra_info(self, name):
        return None  # It is nowhere.

    def is_closing(self):
        return not self.open

    def write_eof(self):
        self.end = "eof"

    def set_protocol(self, protocol):
        self.protocol = protocol

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def close(self):
        self.finish("closed")

    def abort(self):
        self.finish("aborted")

    def finish(self, end):
        if self.open:
            self.open, self.end = False, end
            loop = asyncio.get_running_loop()
            loop.call_soon(self.protocol.connection_lost, None)

    # What the client does.

    def holds(self, size):
        """Leave so many bytes unread; more than none is too many."""
        held, self.unread = self.unread, size
        if size and not held:
            self.protocol.pause_writing()
        if held and not size:
            self.protocol.resume_writing()

    @property
    def statuses(self):
        return [int(status) for status in STATUS.findall(self.written)]


async def settled():
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def until(condition):
    """Let the loop turn until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - it is nobody's event
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def connected(app, *received, halves=True):
    """Yield a connection whose transport is a fake."""
    connection = app.Protocol(app)
    transport = FakeTransport(connection, halves)
    connection.connection_made(transport)
    try:
        for data in received:
            connection.data_received(data)
        await settled()
        yield connection
    finally:
        transport.abort()
        await asyncio.wait([connection.task])


async def at(connection, now):
    """Say what time it is, and let the connection act on it."""
    connection.expire(now)
    await settled()


def reading_app(step):
    """Return an app whose answer needs the content."""
    app = step.Pico()

    @app.route("/", methods=["GET", "POST"])
    async def index(request, response):
        response.body = b"got " + request.body

    return app


def state(connection):
    """Return what the client has been told, and how that ended."""
    return connection.transport.statuses, connection.transport.end


# Answers that go together


def waiting_app(step):
    """Return an app that answers `/wait` when its event is set."""
    app = step.Pico()
    app["event"] = asyncio.Event()

    @app.route("/{size:int}")
    async def index(request, response, size):
        response.body = "x" * size

    @app.route("/wait")
    async def wait(request, response):
        await app["event"].wait()

    return app


def gets(*paths):
    return b"".join(GET.replace(b"/", path, 1) for path in paths)


async def test_answer_does_not_wait_for_the_next_one(step):
    app = waiting_app(step)

    async with connected(app, gets(b"/1", b"/2", b"/wait")) as connection:
        before = state(connection)
        app["event"].set()
        await settled()

        assert (before, state(connection)) == (
            ([200] * 2, None),
            ([200] * 3, None),
        )


async def test_answers_that_are_long_are_not_kept_for_the_next(step):
    app = waiting_app(step)

    async with connected(
        app, gets(b"/5000", b"/5000", b"/5000")
    ) as connection:
        assert len(connection.transport.pieces) == 3


async def test_continue_stands_behind_the_answers_before_it(step):
    app = reading_app(step)
    expecting = POST.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")

    async with connected(app, GET + GET + expecting) as connection:
        assert connection.transport.statuses == [200, 200, 100]


async def test_who_takes_over_writes_behind_the_answers_before_it(step):
    app = waiting_app(step)

    @app.route("/mine")
    async def mine(request, response):
        app["transport"] = request.source.transport
        request.source.hand_over(asyncio.Protocol())
        app["transport"].write(b"mine")

    async with connected(app, gets(b"/1", b"/2", b"/mine", b"/3")):
        transport = app["transport"]

        assert transport.statuses == [200, 200]
        assert transport.pieces[-1] == b"mine"


async def test_nothing_is_written_for_a_client_that_is_gone(step, caplog):
    app = waiting_app(step)

    @app.route("/leave")
    async def leave(request, response):
        request.source.transport.abort()
        await app["event"].wait()

    async with connected(app, gets(b"/1", b"/2", b"/leave", b"/3")):
        assert caplog.messages == []


# A head


async def test_head_must_come_in_time_though_it_drips(step):
    async with connected(step.Pico(), GET[:1]) as connection:
        for now in range(10):
            await at(connection, now)
            connection.data_received(GET[now + 1 : now + 2])
            await settled()
            assert state(connection) == ([], None)
        await at(connection, 10)

        assert state(connection) == ([408], "eof")
        assert b"\r\nconnection: close\r\n" in connection.transport.written


async def test_head_behind_an_answer_has_its_own_time(step):
    async with connected(reading_app(step), GET) as connection:
        await at(connection, 0)
        await at(connection, 4)
        connection.data_received(GET[:9])
        await settled()
        await at(connection, 8)
        await at(connection, 17)
        assert state(connection) == ([200], None)
        await at(connection, 18)

        assert state(connection) == ([200, 408], "eof")


async def test_head_that_is_whole_in_time_is_answered(step):
    async with connected(reading_app(step), GET[:9]) as connection:
        await at(connection, 0)
        await at(connection, 9)
        connection.data_received(GET[9:])
        await settled()

        assert state(connection) == ([200], None)


# Content


@pytest.mark.parametrize("lazy", [False, True])
async def test_content_must_go_on_but_each_piece_gives_it_time(step, lazy):
    app = step.Pico()

    @app.route("/", methods=["POST"], lazy_body=lazy)
    async def index(request, response):
        response.body = await request.read() if lazy else request.body

    async with connected(app, POST) as connection:
        await at(connection, 0)
        for now in (29, 58, 87):
            connection.data_received(b"x")
            await settled()
            await at(connection, now)
        await at(connection, 116)
        assert state(connection) == ([], None)
        await at(connection, 117)

        assert state(connection) == ([408], "eof")


async def test_content_that_nobody_wants_must_go_on_as_well(step):
    async with connected(step.Pico(), POST) as connection:
        await at(connection, 0)
        await at(connection, 29)
        assert state(connection) == ([404], None)
        await at(connection, 30)

        assert state(connection) == ([404], "eof")


# Nothing


@pytest.mark.parametrize("received", [b"", GET], ids=["new", "answered"])
async def test_idle_connection_is_closed_quietly(step, received):
    async with connected(reading_app(step), received) as connection:
        before = connection.transport.written
        await at(connection, 0)
        await at(connection, 4.9)
        assert connection.transport.end is None
        await at(connection, 5)

        assert connection.transport.end == "eof"
        assert connection.transport.written == before


async def test_blank_lines_keep_no_connection_alive(step):
    """RFC 9112, 2.2 lets them come before a request; that is all."""
    async with connected(reading_app(step), LAST[:-2]) as connection:
        connection.data_received(b"\r\n")
        await settled()
        assert connection.transport.statuses == [200]
    async with connected(reading_app(step)) as connection:
        for now in range(5):
            await at(connection, now)
            connection.data_received(b"\r\n")
            await settled()
        assert state(connection) == ([], None)
        await at(connection, 5)

        assert state(connection) == ([], "eof")


async def test_next_request_comes_in_time_and_resets_the_clock(step):
    async with connected(reading_app(step), GET) as connection:
        for now in (0, 4, 8, 12):
            await at(connection, now)
            connection.data_received(GET)
            await settled()

        assert state(connection) == ([200] * 5, None)


async def test_client_that_never_closes_is_left_to_itself(step):
    async with connected(step.Pico()) as connection:
        for now in (0, 5, 5, 9.9):
            await at(connection, now)
        assert connection.transport.end == "eof"
        await at(connection, 10)

        assert connection.transport.end == "aborted"
        assert connection.task.done()


@pytest.mark.parametrize("received", [b"nonsense", GET[:9], LAST])
async def test_client_that_talks_on_after_the_end_is_left_to_itself(
    step, received
):
    async with connected(step.Pico(), received) as connection:
        for now in range(100):
            await at(connection, now)
            connection.data_received(b"x")
            await settled()
            if not connection.transport.open:
                break

        assert connection.transport.end == "aborted"
        assert connection.task.done()


# Answers


def streaming_app(step):
    """Return an app that streams for ever, and a list of how it ended."""
    app, ends = step.Pico(), []

    async def numbers():
        try:
            while True:
                yield b"7" * 100
                await asyncio.sleep(0)
        finally:
            ends.append("closed")

    @app.route("/")
    async def index(request, response):
        response.body = numbers()

    return app, ends


async def test_client_that_reads_nothing_is_left_to_itself(step):
    app, ends = streaming_app(step)

    async with connected(app, GET) as connection:
        connection.transport.holds(70_000)
        await settled()
        for now in (0, 10, 20, 29.9):
            await at(connection, now)
        assert state(connection) == ([200], None)
        await at(connection, 30)

        assert state(connection) == ([200], "aborted")
        assert connection.task.done()
    await until(lambda: ends)


async def test_client_that_reads_slowly_is_served(step):
    app, _ = streaming_app(step)

    async with connected(app, GET) as connection:
        connection.transport.holds(70_000)
        await settled()
        for now in range(0, 200, 29):
            connection.transport.holds(70_000 - now)
            await at(connection, now)

        assert state(connection) == ([200], None)


async def test_client_that_reads_just_what_is_written_is_served(step):
    """As much is unread as before, and all of it is new."""
    app, _ = streaming_app(step)

    async with connected(app, GET) as connection:
        for now in range(0, 200, 29):
            connection.transport.holds(70_000)
            await settled()
            await at(connection, now)
            connection.transport.holds(0)
            await settled()

        assert state(connection) == ([200], None)


async def test_client_that_reads_the_end_slowly_gets_it_all(step):
    """The handler is done long ago, and nobody waits for room."""
    async with connected(reading_app(step), GET) as connection:
        for now in range(0, 100, 4):
            connection.transport.unread = 1000 - now
            await at(connection, now)
        assert state(connection) == ([200], None)
        for now in (100, 125.9):
            await at(connection, now)
        assert state(connection) == ([200], None)
        await at(connection, 126)

        assert state(connection) == ([200], "aborted")


async def test_last_answer_is_read_slowly_to_its_end(step):
    async with connected(reading_app(step), LAST) as connection:
        for now in range(0, 100, 4):
            connection.transport.unread = 1000 - now
            await at(connection, now)

        assert state(connection) == ([200], "eof")


# Handlers


async def test_busy_handler_is_never_expired(step):
    app, go_on = step.Pico(), asyncio.Event()

    @app.route("/")
    async def index(request, response):
        await go_on.wait()

    async with connected(app, GET) as connection:
        for now in (0, 100, 10_000):
            await at(connection, now)
        assert state(connection) == ([], None)
        go_on.set()
        await settled()

        assert state(connection) == ([200], None)


async def test_time_of_a_handler_is_no_time_of_the_client(step):
    """Half a request lies there while the one before is answered."""
    app, go_on = step.Pico(), asyncio.Event()

    @app.route("/")
    async def index(request, response):
        await go_on.wait()

    async with connected(app, GET + GET[:9]) as connection:
        await at(connection, 0)
        await at(connection, 100)
        go_on.set()
        await settled()
        await at(connection, 101)
        await at(connection, 110.9)
        assert state(connection) == ([200], None)
        await at(connection, 111)

        assert state(connection) == ([200, 408], "eof")


@pytest.mark.parametrize(
    ("request_line", "asked"),
    [(b"GET / HTTP/1.1", [100, 100]), (b"GET / HTTP/1.0", [])],
)
async def test_client_that_sends_no_more_is_asked_if_it_is_there(
    step, request_line, asked
):
    app, go_on = step.Pico(), asyncio.Event()

    @app.route("/")
    async def index(request, response):
        await go_on.wait()

    request = request_line + b"\r\nhost: pico\r\n\r\n"
    async with connected(app, request) as connection:
        await at(connection, 0)
        assert state(connection) == ([], None)
        assert connection.eof_received()
        await at(connection, 1)
        await at(connection, 2)
        go_on.set()
        await settled()

        assert state(connection) == ([*asked, 200], "closed")


async def test_client_that_is_not_read_is_asked_if_it_is_there(step):
    """We would not hear its end, as long as we read nothing."""
    app = waiting_app(step)
    many = gets(b"/wait", *[b"/1"] * 200)

    async with connected(app, many) as connection:
        assert not connection.transport.reading
        await at(connection, 0)
        asked = state(connection)
        app["event"].set()
        await until(lambda: len(connection.transport.statuses) == 202)

        assert asked == ([100], None)
        assert connection.transport.reading


async def test_nobody_is_asked_in_the_midst_of_an_answer(step):
    app, _ = streaming_app(step)

    async with connected(app, GET) as connection:
        connection.eof_received()
        await at(connection, 0)

        assert connection.transport.statuses == [200]


async def test_without_half_closes_the_end_is_the_end(step):
    """TLS knows none, and its transport says so aloud if asked for one."""
    async with connected(step.Pico(), halves=False) as connection:
        assert not connection.eof_received()
        await settled()

        assert connection.transport.end == "closed"


async def test_without_half_closes_the_end_may_last_as_long_as_a_write(step):
    async with connected(step.Pico(), halves=False) as connection:
        transport = connection.transport
        transport.close = lambda: None  # It has something left, but hides it.
        connection.eof_received()
        await settled()
        await at(connection, 0)
        await at(connection, connection.write_timeout - 1)
        assert transport.end is None
        await at(connection, connection.write_timeout)

        assert transport.end == "aborted"


async def test_fault_of_the_client_is_no_error_of_ours(step, caplog):
    app = step.Pico()

    @app.route("/", methods=["POST"])
    async def echo(request, response):
        response.body = request

    chunked = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n"
    app.route("/lazy", methods=["POST"], lazy_body=True)(echo)
    begun = chunked.replace(b"/", b"/lazy", 1) + b"\r\n3\r\nabc\r\n"
    async with connected(app, begun) as connection:
        assert connection.transport.statuses == [200]
        connection.data_received(b"ZZ\r\n")
        await settled()

        assert connection.transport.end == "aborted"
    assert caplog.messages == []


async def test_head_of_what_has_no_end_is_written_before_the_end(step):
    """Of HTTP/1.0 only the end of the connection tells the content's."""
    app, _ = streaming_app(step)
    head = b"HEAD / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"

    async with connected(app, gets(b"/x") + head + LAST) as connection:
        await settled()

        assert connection.transport.statuses == [404, 200]


# Real sockets


class Raw:
    """A client that says how it ends."""

    def __init__(self, port, data):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.sendall(data)

    def leave(self):
        """Close as a program that ends does."""
        self.socket.close()

    def reset(self):
        """Close as a program that crashes with unread bytes does."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()


@pytest.mark.parametrize("end", ["leave", "reset"])
async def test_handler_of_a_client_that_left_is_cancelled(step, end, caplog):
    app, cancelled = step.Pico(), asyncio.Event()

    class Server(step.Pico.Server):
        interval = 0.01

    app.Server = Server

    @app.route("/")
    async def index(request, response):
        getattr(client, end)()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with app.serve(port=0) as server, asyncio.timeout(PATIENCE):
        client = Raw(server.port, GET)
        await cancelled.wait()
        await until(lambda: not app.connections)

    assert caplog.messages == []


@pytest.mark.parametrize(
    ("limit", "sent", "status"),
    [
        ("head_timeout", GET[:9], b"408"),
        ("content_timeout", POST, b"408"),
        ("keep_alive_timeout", b"", b""),
    ],
)
async def test_sweeper_looks_at_the_clock(step, limit, sent, status):
    app = reading_app(step)
    app.Server = type("Server", (app.Server,), {"interval": 0.01})
    app.Protocol = type("Protocol", (app.Protocol,), {limit: 0.02})

    async with app.serve(port=0) as server, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(port=server.port)
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answer[9:12] == status


# Who asks


async def test_connection_knows_the_address_of_its_client(step):
    app, seen = step.Pico(), []

    @app.route("/")
    async def index(request, response):
        seen.append(request.source.peer)

    async with app.serve(port=0) as server:
        address = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(*address)
        ours = writer.get_extra_info("sockname")
        writer.write(GET + LAST)
        await reader.read()
        writer.close()
        await writer.wait_closed()

    assert seen == [ours, ours]


async def test_stop_ends_a_connection_behind_the_stream_that_it_was_sent(step):
    app, go_on = step.Pico(), asyncio.Event()

    @app.route("/")
    async def index(request, response):
        async def pieces():
            yield b"a"
            await go_on.wait()
            yield b"b"

        response.body = pieces()

    async with connected(app, GET) as connection:
        connection.stop()
        connection.stop()
        go_on.set()
        await until(lambda: connection.transport.end)
        ended = connection.transport.end

    assert ended == "eof"
