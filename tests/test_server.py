"""How a server listens, shares its port, and stops.

What a signal or a limit does to a process is tried on one of its own.
"""

import asyncio
import contextlib
import functools
import http.client
import inspect
import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from workshop.plugin import without_rest
from workshop.serving import environment, launched

try:
    import uvloop
except ImportError:  # on Windows
    uvloop = None

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError:  # `openssl` makes a certificate as well.
    x509 = None

pytestmark = pytest.mark.steps("04", "05")
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")

PATIENCE = 10  # seconds until we believe no more that something will come
GET = b"GET / HTTP/1.1\r\nhost: pico\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: pico\r\nconnection: upgrade\r\n"
    b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LAST = b"GET / HTTP/1.1\r\nhost: pico\r\nconnection: close\r\n\r\n"
LOOPS = {"asyncio": asyncio.new_event_loop}
if uvloop:
    LOOPS["uvloop"] = uvloop.new_event_loop
EACH_LOOP = pytest.mark.parametrize("loop", LOOPS)


def on_each_loop(test):
    """Run a test that is a coroutine on asyncio's loop and on uvloop."""
    given = inspect.signature(test).parameters.values()
    loop = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)

    @functools.wraps(test)
    def run(loop, **fixtures):
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(without_rest(watched(test(**fixtures))))

    run.__signature__ = inspect.Signature([*given, loop])
    return EACH_LOOP(run)


async def watched(test):
    async with asyncio.timeout(3 * PATIENCE):
        await test


# Apps and clients


def hello_app(step, **limits):
    """Return an app that says hello; `limits` are those of its server."""
    app = step.Pico()
    app.Server = type("Server", (app.Server,), limits)

    @app.route("/")
    async def index(request, response):
        response.body = "hello"

    return app


async def connect(server, ssl=None):
    if server.unix:
        return await asyncio.open_unix_connection(server.unix)
    return await asyncio.open_connection("127.0.0.1", server.port, ssl=ssl)


async def until(condition):
    """Let the loop turn until something holds."""
    while not condition():  # noqa: ASYNC110 - it is nobody's event
        await asyncio.sleep(0)


async def hang_up(writer):
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def told(server, request=LAST, ssl=None):
    """Return all that is said on a new connection, to its end."""
    reader, writer = await connect(server, ssl)
    writer.write(request)
    said = await reader.read()
    await hang_up(writer)
    return said


def content(said):
    return said.partition(b"\r\n\r\n")[2]


# TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Return the files of a certificate for 127.0.0.1 and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    make = with_openssl if x509 is None else with_cryptography
    make(*files)
    return files


def with_openssl(certificate, key):
    if not shutil.which("openssl"):
        pytest.skip("neither cryptography nor openssl is here")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    command += ["-subj", "/CN=pico", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-days", "2", "-out", certificate, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)


def with_cryptography(certificate, key):
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pico")])
    here = x509.IPAddress(ip_address("127.0.0.1"))
    now, day = datetime.now(UTC), timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture
def trust(certificate):
    """Return what a client believes, if it believes this certificate."""
    return ssl.create_default_context(cafile=certificate[0])


@on_each_loop
async def test_certificate_and_key_are_enough_for_tls(
    step, certificate, trust, caplog
):
    app = hello_app(step)

    async with app.serve(port=0, ssl=certificate) as server:
        said = await told(server, ssl=trust)
        await until(lambda: not app.connections)

    assert server.url == f"https://127.0.0.1:{server.port}"
    assert content(said) == b"hello"
    assert caplog.messages == []


@on_each_loop
async def test_small_answers_are_sent_at_once(step):
    app = hello_app(step)

    async with app.serve(port=0) as server:
        _, writer = await connect(server)
        await until(lambda: app.connections)
        (connection,) = app.connections
        ours = connection.transport.get_extra_info("socket")
        option = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await hang_up(writer)

    assert option


@on_each_loop
async def test_context_for_tls_may_be_your_own(step, certificate, trust):
    app = hello_app(step)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_3

    async with app.serve(port=0, ssl=context) as server:
        reader, writer = await connect(server, trust)
        writer.write(GET + LAST)
        said = await reader.read()
        version = writer.get_extra_info("ssl_object").version()
        await hang_up(writer)

    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert version == "TLSv1.3"


@on_each_loop
async def test_who_speaks_no_tls_hurts_nobody(step, certificate, trust):
    app = hello_app(step)

    async with app.serve(port=0, ssl=certificate) as server:
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in await told(server)

        assert content(await told(server, ssl=trust)) == b"hello"


@on_each_loop
async def test_who_never_agrees_on_tls_is_not_waited_for(
    step, certificate, caplog
):
    app = hello_app(step)
    app.Server.handshake_timeout = 0.05

    async with app.serve(port=0, ssl=certificate) as server:
        reader, writer = await connect(server)
        writer.write(b"\x16\x03\x01")  # as if it began
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await until(lambda: not server.entering)
        await hang_up(writer)


@on_each_loop
async def test_who_agrees_on_tls_after_the_end_is_not_let_in(
    step, certificate
):
    app = hello_app(step, interval=0.01)

    async with app.serve(port=0, ssl=certificate) as server:
        reader, writer = await connect(server)
        await until(lambda: server.entering)
    for _ in range(10):
        await asyncio.sleep(0)

    assert server.entering == {}
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    await hang_up(writer)


@pytest.mark.parametrize("missing", ["certificate", "key", "nothing"])
def test_certificate_that_is_none_is_told_in_a_sentence(
    step, certificate, tmp_path, missing
):
    files = {"certificate": certificate[0], "key": certificate[1]}
    files[missing] = tmp_path / "nope.pem"
    if missing == "nothing":  # but they are the wrong way round
        files = {"certificate": certificate[1], "key": certificate[0]}
    pair = files["certificate"], files["key"]

    with pytest.raises(SystemExit) as ended:
        hello_app(step).serve(ssl=pair)

    begin = f"{pair!r} is no certificate and its key: "
    assert str(ended.value).startswith(begin)


@pytest.mark.parametrize("given", ["both.pem", ["one.pem"], True])
def test_what_is_no_pair_of_files_is_told_before_anybody_connects(step, given):
    with pytest.raises(SystemExit, match="no certificate and its key"):
        step.Pico().serve(port=0, ssl=given)


async def test_pair_of_files_may_be_a_list(step, certificate):
    async with step.Pico().serve(port=0, ssl=[*certificate]) as server:
        assert isinstance(server.tls["ssl"], ssl.SSLContext)


# Where it listens


@pytest.mark.parametrize("port", ["abc", "-1", "65536", "8000.0", -1, 65536])
def test_port_that_is_none_is_told_in_a_sentence(step, monkeypatch, port):
    monkeypatch.setenv("PORT", str(port))
    for given in (port, None):
        with pytest.raises(SystemExit, match="A port is a number up to 65535"):
            hello_app(step).serve(port=given)


def test_empty_variables_are_none(step, monkeypatch):
    monkeypatch.setenv("HOST", "")
    monkeypatch.setenv("PORT", "")
    server = hello_app(step).serve()

    assert (server.host, server.port) == ("127.0.0.1", 8000)


async def connect_slowly(server, trust):
    """Return streams of a client for which the system keeps little."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
    client.setblocking(False)
    here = server.host, server.port
    await asyncio.get_running_loop().sock_connect(client, here)
    return await asyncio.open_connection(
        sock=client, ssl=trust, server_hostname=server.host, limit=2**14
    )


@on_each_loop
async def test_who_reads_slowly_over_tls_gets_it_all(step, certificate, trust):
    app, size = hello_app(step), 2**22

    @app.route("/big")
    async def big(request, response):
        response.body = bytes(size)

    async with app.serve(port=0, ssl=certificate) as server:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**14)
        reader, writer = await connect_slowly(server, trust)
        writer.write(LAST.replace(b"/", b"/big", 1))
        said = await reader.read(2**14)
        (connection,) = app.connections
        now = asyncio.get_running_loop().time()
        for second in range(100):
            connection.expire(now + second)
            said += await reader.read(2**14)
        while data := await reader.read(2**14):
            said += data
        await hang_up(writer)

    assert len(content(said)) == size


@on_each_loop
async def test_websocket_that_reads_slowly_over_tls_gets_it_all(
    step, certificate, trust
):
    app, size = step.Pico(), 2**22
    step.modules["extensions.websocket"].websocket(app, compress=False)

    @app.route("/", protocol="websocket")
    async def big(request, ws):
        await ws.send(bytes(size))

    async with app.serve(port=0, ssl=certificate) as server:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**14)
        reader, writer = await connect_slowly(server, trust)
        writer.write(UPGRADE)
        said = await reader.readuntil(b"\r\n\r\n")
        (ws,) = app.connections
        now, said = asyncio.get_running_loop().time(), b""
        for second in range(100):
            ws.expire(now + second)
            said += await reader.read(2**14)
        while len(said) < size and (data := await reader.read(2**14)):
            said += data
        writer.transport.abort()

    assert len(said) >= size


BIG = """
import asyncio, server, sys
from pico import Pico

app = Pico()
server.new_event_loop = {loop}
files = {files}

@app.route("/")
async def index(request, response):
    response.body = bytes(3_000_000)

app.run(ssl=files)
"""


@on_posix
@EACH_LOOP
def test_answer_over_tls_is_whole_though_the_server_stops(
    step, certificate, trust, program, loop
):
    files = tuple(str(file) for file in certificate)

    with program(BIG, loop, files=files) as running:
        here = running.host, running.port
        with (
            socket.create_connection(here, PATIENCE) as plain,
            trust.wrap_socket(plain, server_hostname=running.host) as client,
        ):
            client.sendall(GET)
            said = client.recv(4096)
            running.process.terminate()
            gone(running.port)
            while data := client.recv(65536):
                said += data
        ended = running.process.wait(PATIENCE), running.log()

    assert len(content(said)) == 3_000_000
    assert ended == (0, "")


# Unix sockets

unix = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets"
)


@pytest.fixture
def path(tmp_path_factory):
    """Return a path that is short enough for a socket."""
    return str(tmp_path_factory.mktemp("unix") / "pico")


def there(path):
    return Path(path).exists()


def read(path):
    return Path(path).read_text()


def write(path, text):
    Path(path).write_text(text)


@unix
@on_each_loop
async def test_unix_socket_is_served_and_removed(step, path):
    app = hello_app(step)

    async with app.serve(unix=path) as server:
        said = await told(server)

    assert server.url == f"unix:{path}"
    assert content(said) == b"hello"
    assert not there(path)


@unix
@on_each_loop
async def test_unix_socket_that_was_left_behind_is_replaced(step, path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)

    async with hello_app(step).serve(unix=path) as server:
        said = await told(server)

    assert content(said) == b"hello"


@unix
@on_each_loop
async def test_unix_socket_where_somebody_listens_is_refused(step, path):
    app = hello_app(step)

    async with app.serve(unix=path) as server:
        with pytest.raises(OSError, match=f"Somebody listens at {path}"):
            await hello_app(step).serve(unix=path).__aenter__()

        assert content(await told(server)) == b"hello"


@unix
@on_each_loop
async def test_file_that_is_no_socket_is_never_replaced(step, path):
    write(path, "diary")

    with pytest.raises(OSError):
        await hello_app(step).serve(unix=path).__aenter__()

    assert read(path) == "diary"


@unix
@on_each_loop
async def test_unix_socket_is_removed_if_the_app_cannot_start(step, path):
    app = hello_app(step)

    @app.listen("startup")
    def start():
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        await app.serve(unix=path).__aenter__()

    assert not there(path)


# Stop with grace


class Stopped(contextlib.AsyncExitStack):
    """A server in a block, which may be stopped before its end."""

    async def serve(self, app):
        self.app, self.server = app, app.serve(port=0)
        await self.enter_async_context(self.server)
        self.close = self.pop_all()
        return self

    async def connect(self, data):
        """Send something on a new connection, and see that it came."""
        before = set(self.app.connections)
        reader, writer = await connect(self.server)
        await until(lambda: self.app.connections != before)
        (connection,) = self.app.connections - before
        writer.write(data)
        await until(lambda: not data or connection.parser.target is not None)
        await until(lambda: not self.server.entering)
        self.push_async_callback(hang_up, writer)
        return reader, writer

    def stop(self):
        return asyncio.create_task(self.close.aclose())


@on_each_loop
async def test_idle_connections_are_closed_by_a_stop(step):
    async with Stopped() as block:
        await block.serve(hello_app(step, interval=60))
        reader, writer = await block.connect(GET)
        await reader.readuntil(b"hello")
        stopping = block.stop()

        assert await reader.read() == b""
        await hang_up(writer)
        await stopping


@on_each_loop
async def test_stop_answers_who_has_just_connected(step):
    async with Stopped() as block:
        await block.serve(hello_app(step, interval=60))
        reader, writer = await block.connect(b"")
        stopping = block.stop()
        await asyncio.sleep(0)
        writer.write(GET)
        said = await reader.read()
        await hang_up(writer)
        await stopping

    assert b"\r\nconnection: close\r\n" in said
    assert content(said) == b"hello"


@on_each_loop
async def test_stop_does_not_wait_long_for_a_first_request(step):
    async with Stopped() as block:
        await block.serve(hello_app(step, interval=0.01, grace=60))
        reader, writer = await block.connect(b"")
        stopping = block.stop()

        assert await reader.read() == b""
        await hang_up(writer)
        await stopping


@on_each_loop
async def test_stop_lets_nobody_else_in(step):
    app, go_on = hello_app(step), asyncio.Event()

    @app.route("/slow")
    async def slow(request, response):
        await go_on.wait()

    async with Stopped() as block:
        await block.serve(app)
        reader, _ = await block.connect(GET.replace(b"/", b"/slow", 1))
        stopping = block.stop()
        await asyncio.sleep(0)
        with pytest.raises(OSError):
            await connect(block.server)
        go_on.set()
        said = await reader.read()
        await block.aclose()
        await stopping

    assert said.startswith(b"HTTP/1.1 200 OK")


@on_each_loop
async def test_what_runs_and_what_was_begun_is_answered_by_a_stop(step):
    app, go_on, trace = hello_app(step), asyncio.Event(), []
    slow_get = GET.replace(b"/", b"/slow", 1)

    @app.route("/slow")
    async def slow(request, response):
        await go_on.wait()
        trace.append("handler")

    @app.listen("shutdown")
    def shutdown():
        trace.append("shutdown")

    async with Stopped() as block:
        await block.serve(app)
        begun = await block.connect(GET[:1])
        running = await block.connect(slow_get)
        pipelined = await block.connect(slow_get + GET + GET)
        stopping = block.stop()
        await asyncio.sleep(0)
        begun[1].write(GET[1:])
        said = [await begun[0].read()]
        go_on.set()
        said += [await running[0].read(), await pipelined[0].read()]
        await block.aclose()
        await stopping

    answers = [one.count(b"HTTP/1.1 200 OK") for one in said]
    lasts = [one.count(b"\r\nconnection: close\r\n") for one in said]
    assert (answers, lasts) == ([1, 1, 3], [1, 1, 1])
    assert trace == ["handler", "handler", "shutdown"]


@on_each_loop
async def test_stop_does_not_wait_for_ever(step, caplog):
    app, trace = hello_app(step, grace=0.01), []

    @app.route("/slow")
    async def slow(request, response):
        try:
            await asyncio.Event().wait()
        finally:
            trace.append("cancelled")

    @app.listen("shutdown")
    def shutdown():
        trace.append("shutdown")

    async with Stopped() as block:
        await block.serve(app)
        reader, _ = await block.connect(GET.replace(b"/", b"/slow", 1))
        await block.stop()
        said = await reader.read()

    assert said == b""
    assert trace == ["cancelled", "shutdown"]
    assert caplog.messages == []


# Programs


@pytest.fixture
def program(step, tmp_path):
    """Return what runs a program on the rooms of a step."""

    @contextlib.contextmanager
    def running(source, loop=None, env=None, **values):
        loop = loop or ("uvloop" if uvloop else "asyncio")
        values["loop"] = "asyncio.new_event_loop"
        if loop == "uvloop":
            values["loop"] = "server.new_event_loop"
        file = tmp_path / "program.py"
        file.write_text(filled(source, values))
        with launched(step.folder, file, env) as running:
            yield running

    return running


def filled(source, values):
    for name, value in values.items():
        text = value if name == "loop" else repr(value)
        source = source.replace("{" + name + "}", text)
    return source


def ask(running, path="/"):
    """Return what a program answers on a new connection."""
    here = http.client.HTTPConnection(running.host, running.port, PATIENCE)
    with contextlib.closing(here):
        here.request("GET", path)
        return here.getresponse().read().decode()


def soon(condition):
    """Wait until something holds that nobody tells us of."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
    return found


def gone(port):
    """Wait until nobody listens at a port."""

    def refused():
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            return False
        return True

    soon(refused)


def asleep(pid):
    """Wait until a process waits: in the midst of a step, a second Ctrl-C
    may be told with a traceback."""
    process = psutil.Process(pid)
    soon(lambda: process.status() == psutil.STATUS_SLEEPING)


STUBBORN = """
import asyncio, server
from pico import Pico

app = Pico()
server.new_event_loop = {loop}
server.Server.grace = 3600

@app.route("/")
async def index(request, response):
    await asyncio.Event().wait()

app.run()
"""


@on_posix
@EACH_LOOP
@pytest.mark.parametrize(
    "signals",
    list(itertools.product([signal.SIGINT, signal.SIGTERM], repeat=2)),
    ids=lambda pair: "-".join(number.name for number in pair),
)
def test_second_signal_does_not_wait(step, program, loop, signals):
    with program(STUBBORN, loop) as running:
        here = running.host, running.port
        with (
            socket.create_connection(here, PATIENCE) as busy,
            socket.create_connection(here, PATIENCE) as idle,
        ):
            busy.sendall(GET)
            idle.sendall(b"OPTIONS * HTTP/1.1\r\nhost: pico\r\n\r\n")
            assert idle.recv(4096).startswith(b"HTTP/1.1 204")
            running.process.send_signal(signals[0])
            assert idle.recv(4096) == b""
            asleep(running.process.pid)
            assert running.process.poll() is None
            running.process.send_signal(signals[1])
            ended = running.process.wait(PATIENCE), running.log()

    assert ended == (0, "")


RUNS = """
from pico import Pico

app = Pico()
app.run({arguments})
"""


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        pytest.param("workers=2", marks=on_posix),
        pytest.param("reload=True", marks=on_posix),
    ],
)
def test_port_in_use_is_told_in_a_sentence(step, tmp_path, arguments):
    file = tmp_path / "program.py"
    file.write_text(RUNS.replace("{arguments}", arguments))

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-P", file],
            env=environment(step.folder, {"PORT": port}),
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=PATIENCE,
        )

    assert (done.returncode, done.stdout) == (1, "")
    taken = "[Errno 10048]" if sys.platform == "win32" else "in use"
    assert taken in done.stderr and "PORT=0" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@unix
def test_unix_socket_in_use_is_told_in_a_sentence(step, tmp_path, path):
    file = tmp_path / "program.py"
    file.write_text(RUNS.replace("{arguments}", f"unix={path!r}"))

    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(path)
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-P", file],
            env=environment(step.folder, {}),
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=PATIENCE,
        )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Somebody listens at {path}.\n"


def test_error_of_the_app_is_not_taken_for_one_of_the_port(step):
    app = hello_app(step)

    @app.listen("startup")
    def start():
        raise FileNotFoundError("drones.csv")

    with pytest.raises(FileNotFoundError, match=r"drones\.csv"):
        app.run(port=0)


# Descriptors

FEW = """
import asyncio, resource, server
from pico import Pico

resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
server.new_event_loop = {loop}
server.Server.interval = 0.05
app, files = Pico(), []

@app.route("/")
async def index(request, response):
    response.body = "hello"

@app.route("/take")
async def take(request, response):
    try:
        while True:
            files.append(open("/dev/null"))
    except OSError:
        response.body = "none is left"

@app.route("/free")
async def free(request, response):
    while files:
        files.pop().close()

app.run()
"""


def crowd(running, number, stack):
    """Return so many connections, each with a request."""
    here = running.host, running.port
    sockets = []
    for _ in range(number):
        one = stack.enter_context(socket.create_connection(here, PATIENCE))
        one.sendall(GET)
        sockets.append(one)
    return sockets


@on_posix
@EACH_LOOP
@pytest.mark.parametrize("limit", [64, 256])
def test_more_connections_than_descriptors_have_to_wait(
    step, program, loop, limit
):
    with (
        program(FEW, loop, limit=limit) as running,
        contextlib.ExitStack() as stack,
    ):
        first, *others = crowd(running, limit // 2 + 60, stack)
        soon(lambda: "must wait" in running.log())
        assert first.recv(4096).endswith(b"hello")
        held = running.log()
        first.close()
        for older, newer in zip([first, *others], others, strict=False):
            older.close()
            assert newer.recv(4096).endswith(b"hello")
        log = running.log()

    assert held.count("must wait") == 1
    assert [line for line in log.splitlines() if "must wait" not in line] == []


@on_posix
@on_each_loop
async def test_who_is_on_the_way_in_is_counted_once(step, caplog):
    async with hello_app(step).serve(port=0) as server:
        server.max_connections = 9
        here = "127.0.0.1", server.port
        # The backlog takes them all before the loop turns.
        crowd = [socket.create_connection(here, PATIENCE) for _ in range(8)]
        await until(lambda: len(server.app.connections) == 8)
        told_of_eight = caplog.messages
        crowd.append(socket.create_connection(here, PATIENCE))
        await until(lambda: len(server.app.connections) == 9)
        for one in crowd:
            one.close()

    assert told_of_eight == []
    assert caplog.messages == ["9 connections are open: more must wait."]


@on_posix
@on_each_loop
async def test_error_of_one_clock_does_not_stop_the_others(step, caplog):
    app = hello_app(step, interval=0.01)
    seen = []

    class Broken(app.Protocol):
        def expire(self, now):
            seen.append(now)
            raise RuntimeError("no clock")

    app.Protocol = Broken
    async with app.serve(port=0) as server:
        _, writer = await connect(server)
        await until(lambda: len(seen) > 2)
        await hang_up(writer)

    assert "no clock" in caplog.text


@on_each_loop
async def test_who_could_not_be_let_in_is_no_longer_counted(
    step, certificate, trust
):
    class Refusing(step.Pico.Protocol):
        def connection_made(self, transport):
            raise RuntimeError("refused")

    app = hello_app(step)
    app.Protocol = Refusing
    async with app.serve(port=0, ssl=certificate) as server:
        with contextlib.suppress(OSError):
            _, writer = await connect(server, trust)
            await hang_up(writer)
        await until(lambda: not server.entering)
        left = server.connected()

    assert left == 0


@on_posix
@EACH_LOOP
def test_server_that_ran_out_of_descriptors_recovers(step, program, loop):
    with (
        program(FEW, loop, limit=64) as running,
        contextlib.ExitStack() as stack,
    ):
        first, *others = crowd(running, 40, stack)
        soon(lambda: "must wait" in running.log())
        first.sendall(GET.replace(b"/", b"/take", 1))
        said = b""
        while b"none is left" not in said:
            said += first.recv(4096)
        for one in others[:20]:
            one.close()
        first.sendall(GET.replace(b"/", b"/take", 1))
        while said.count(b"none is left") < 2:
            said += first.recv(4096)
        first.sendall(GET.replace(b"/", b"/free", 1))

        assert others[-1].recv(4096).endswith(b"hello")
        assert ask(running) == "hello"


# Workers

WORKERS = """
import asyncio, os, socket
import workers
from pico import Pico

app = Pico()
workers.Supervisor.patience = {patience}

@app.route("/")
async def index(request, response):
    response.body = str(os.getpid())

@app.route("/block/{port:int}")
async def block(request, response, port):
    with socket.create_connection(("127.0.0.1", port)) as whoever:
        whoever.recv(1)
    response.body = str(os.getpid())

@app.route("/wait/{port:int}")
async def wait(request, response, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    response.body = await reader.read()
    writer.close()

app.run(workers={number})
"""


@contextlib.contextmanager
def family(program, number=2, patience=15):
    """Yield a program with workers, and those, once they all answer."""
    with program(WORKERS, number=number, patience=patience) as running:
        parent = psutil.Process(running.process.pid)
        yield running, parent


@contextlib.contextmanager
def busy(running):
    """Yield the id of a worker that cannot do anything else."""
    with (
        socket.create_server(("127.0.0.1", 0)) as gate,
        socket.create_connection(
            (running.host, running.port), PATIENCE
        ) as client,
    ):
        gate.settimeout(PATIENCE)
        path = b"/block/%d" % gate.getsockname()[1]
        client.sendall(GET.replace(b"/", path, 1))
        inside, _ = gate.accept()
        with inside:
            pid = soon(lambda: blocked(running, inside.getpeername()[1]))
            yield pid


def blocked(running, port):
    """Return the worker whose connection leaves from a port."""
    for child in psutil.Process(running.process.pid).children():
        for connection in child.net_connections("tcp"):
            if connection.laddr.port == port:
                return child.pid
    return None


@on_posix
def test_workers_share_the_port_and_the_work(step, program):
    with family(program) as (running, parent), busy(running) as pid:
        other = int(ask(running))

        assert {pid, other} == {child.pid for child in parent.children()}


@on_posix
def test_worker_that_was_killed_is_replaced(step, program):
    with family(program) as (running, parent), busy(running) as pid:
        other = int(ask(running))
        os.kill(other, signal.SIGKILL)
        new = int(ask(running))

        assert new not in (pid, other)
        assert new in {child.pid for child in parent.children()}
        assert running.log() == f"Worker {other} died: another starts.\n"


@on_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_all_workers(step, program, number):
    with family(program) as (running, parent):
        ask(running)
        workers = parent.children()
        running.process.send_signal(number)
        ended = running.process.wait(PATIENCE), running.log()
        _, alive = psutil.wait_procs(workers, timeout=0)

    assert len(workers) == 2
    assert alive == []
    assert ended == (0, "")


@on_posix
def test_second_signal_kills_workers_that_hang(step, program):
    with family(program, 2, 3600) as (running, _), busy(running) as pid:
        other = int(ask(running))
        running.process.terminate()
        soon(lambda: not psutil.pid_exists(other) or zombie(other))
        running.process.terminate()
        status = running.process.wait(PATIENCE)

        assert (status, psutil.pid_exists(pid)) == (0, False)


def zombie(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


@on_posix
def test_workers_end_if_nobody_looks_after_them(step, program):
    with family(program) as (running, parent):
        ask(running)
        workers = parent.children()
        running.process.kill()
        running.process.wait(PATIENCE)
        _, alive = psutil.wait_procs(workers, timeout=PATIENCE)

    assert len(workers) == 2
    assert alive == []


LONELY = """
import asyncio, os
import server
from pico import Pico

app = Pico()
server.Server.interval = 0.05

@app.route("/")
async def index(request, response):
    response.body = str(os.getpid())

@app.route("/slow")
async def slow(request, response):
    await asyncio.sleep(0.5)  # Ten times, the sweeper sees that it is alone.
    response.body = "done"

@app.listen("shutdown")
def shutdown():
    print("shutdown", flush=True)

app.run(workers=1, reload=True)
"""


@on_posix
def test_worker_that_nobody_looks_after_answers_what_was_asked(step, program):
    with program(LONELY) as running:
        here = running.host, running.port
        (worker,) = soon(psutil.Process(running.process.pid).children)
        with socket.create_connection(here, PATIENCE) as client:
            client.sendall(LAST.replace(b"/", b"/slow", 1))
            soon(lambda: worker.net_connections("tcp")[1:])
            running.process.kill()
            said = b"".join(iter(lambda: client.recv(4096), b""))
        psutil.wait_procs([worker], timeout=PATIENCE)

    assert content(said) == b"done"


@on_posix
def test_worker_that_is_renewed_ends_its_work_though_all_stop(step, program):
    with (
        family(program, 2, 3600) as (running, parent),
        socket.create_server(("127.0.0.1", 0)) as gate,
        socket.create_connection(
            (running.host, running.port), PATIENCE
        ) as client,
    ):
        gate.settimeout(PATIENCE)
        path = b"/wait/%d" % gate.getsockname()[1]
        client.sendall(LAST.replace(b"/", path, 1))
        inside, _ = gate.accept()
        with inside:
            worker = psutil.Process(blocked(running, inside.getpeername()[1]))
            running.process.send_signal(signal.SIGHUP)
            soon(lambda: not listens(worker))
            others = [one for one in parent.children() if one != worker]
            running.process.terminate()
            soon(lambda: all(zombie(other.pid) for other in others))
            inside.sendall(b"done")
        said = b"".join(iter(lambda: client.recv(4096), b""))
        client.close()

        assert content(said) == b"done"
        assert (running.process.wait(PATIENCE), running.log()) == (0, "")


def listens(process):
    """Return whether a process still accepts connections."""
    found = process.net_connections("tcp")
    return psutil.CONN_LISTEN in {one.status for one in found}


@on_posix
def test_worker_that_hangs_is_killed_when_it_is_renewed(step, program):
    with family(program, 2, 0.1) as (running, parent):
        with busy(running) as pid:
            old = parent.children()
            running.process.send_signal(signal.SIGHUP)
            psutil.wait_procs(old, timeout=PATIENCE)

            assert not psutil.pid_exists(pid)
        assert int(ask(running)) not in {child.pid for child in old}
        soon(lambda: len(parent.children()) == 2)
        assert running.log() == ""
        assert running.process.poll() is None


class Load(threading.Thread):
    """Asks and asks until it is told to end; remembers what went wrong."""

    def __init__(self, running, keep):
        super().__init__()
        self.running, self.keep = running, keep
        self.wrong, self.answers, self.ending = [], 0, False

    def run(self):
        make = functools.partial(
            http.client.HTTPConnection,
            self.running.host,
            self.running.port,
            PATIENCE,
        )
        connection, used = make(), False
        while not self.ending:
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException) as error:
                if not used:
                    self.wrong.append(repr(error))
                connection.close()
                used = False
                continue
            self.answers += 1
            used = self.keep
            if not self.keep:
                connection.close()
        connection.close()


@contextlib.contextmanager
def loaded(running):
    """Yield clients: two that keep their connections, two that do not."""
    clients = [Load(running, keep) for keep in (True, False) * 2]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.ending = True
        for client in clients:
            client.join()


@on_posix
def test_rolling_restart_refuses_nobody(step, program):
    with family(program) as (running, parent), loaded(running) as clients:
        ask(running)
        old = parent.children()
        running.process.send_signal(signal.SIGHUP)
        _, alive = psutil.wait_procs(old, timeout=PATIENCE)
        ask(running)
        new = parent.children()

    assert (len(old), alive, len(new)) == (2, [], 2)
    assert all(client.answers for client in clients)
    assert [error for client in clients for error in client.wrong] == []


SLOW_TO_START = """
import asyncio, os, pathlib, socket, sys
import server, workers
from pico import Pico

app = Pico()
workers.Supervisor.starting = property(
    lambda self: {starting} if len(self.workers) > 2 else 60
)

@app.listen("startup")
async def startup():
    exec(pathlib.Path({startup}).read_text())

@app.route("/")
async def index(request, response):
    response.body = str(os.getpid())

app.run(workers=2)
"""


@on_posix
@pytest.mark.parametrize(
    ("wrong", "starting"), [("1 / 0", 60), ("await asyncio.sleep(3600)", 0.1)]
)
def test_workers_stay_if_the_new_program_does_not_start(
    step, program, tmp_path, wrong, starting
):
    startup = tmp_path / "startup.py"
    # One write: of two, another worker's may come in between.
    startup.write_text("sys.stderr.write('began\\n')")
    values = {"startup": str(startup), "starting": starting}

    with program(SLOW_TO_START, **values) as running:
        soon(lambda: running.log() == "began\n" * 2)
        parent = psutil.Process(running.process.pid)
        old = {child.pid for child in parent.children()}
        startup.write_text(wrong)
        running.process.send_signal(signal.SIGHUP)
        told = "The new program does not start: the old one stays.\n"
        soon(lambda: running.log().count(told) == 2)
        still = {int(ask(running)) for _ in range(9)}
        running.process.terminate()
        status = running.process.wait(PATIENCE)

    assert status == 0
    assert still <= old


@on_posix
def test_program_that_does_not_start_ends(step, program, tmp_path):
    startup = tmp_path / "startup.py"
    startup.write_text("1 / 0")
    values = {"startup": str(startup), "starting": 60}

    with program(SLOW_TO_START, **values) as running:
        status, log = running.process.wait(PATIENCE), running.log()

    assert status == 1
    assert log.endswith("The program does not start.\n")
    assert "ZeroDivisionError" in log


# Reload

RELOADS = """
from words import TEXT
from pico import Pico

app = Pico()

@app.route("/")
async def index(request, response):
    response.body = TEXT

app.run(reload=True)
"""


def says(running, text):
    """Return whether a program answers this; it may be about to start."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(running) == text
    return False


def test_folder_beside_the_environment_is_not_installed(step):
    file = f"{sys.prefix}-app{os.sep}program.py"

    assert not file.startswith(step.modules["workers"].PREFIXES)
    assert os.__file__.startswith(step.modules["workers"].PREFIXES)


@on_posix
def test_terminal_that_is_closed_ends_what_reloads(step, program, tmp_path):
    (tmp_path / "words.py").write_text("TEXT = 'one'")
    path = os.pathsep.join([str(step.folder), str(tmp_path)])

    with program(RELOADS, env={"PYTHONPATH": path}) as running:
        assert ask(running) == "one"
        (worker,) = psutil.Process(running.process.pid).children()
        running.process.send_signal(signal.SIGHUP)

        assert running.process.wait(PATIENCE) == 0
        assert not worker.is_running()


@on_posix
def test_changed_program_is_reloaded_whatever_was_wrong(
    step, program, tmp_path
):
    words = tmp_path / "words.py"
    words.write_text("TEXT = 'one'")
    path = os.pathsep.join([str(step.folder), str(tmp_path)])

    with program(RELOADS, env={"PYTHONPATH": path}) as running:
        assert ask(running) == "one"
        words.write_text("TEXT = 'two'")
        soon(lambda: says(running, "two"))
        words.write_text("TEXT = ")
        soon(lambda: "SyntaxError" in running.log())
        (tmp_path / "more.py").write_text("TEXT = 'three'")
        words.write_text("from more import TEXT")
        assert ask(running) == "three"
        (tmp_path / "more.py").write_text("TEXT = 'four'")
        soon(lambda: says(running, "four"))
        running.process.terminate()

        assert running.process.wait(PATIENCE) == 0
