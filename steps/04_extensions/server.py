"""Listen, and stop with grace.

Knows: the listening socket, the sweeper, signals, TLS.
Does not know: requests.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from pathlib import Path
from ssl import Purpose, create_default_context

from workers import INHERITED, Supervisor, inherited

try:
    from uvloop import new_event_loop
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    from asyncio import new_event_loop

try:
    import resource

    FILES, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
except ImportError:  # Windows counts no descriptors.
    FILES = -1

logger = logging.getLogger("pico")


class Server:
    """Serves one app, as long as its block lasts; `url` says where."""

    grace = 10  # seconds for requests that are running
    interval = 1  # seconds from one look of the sweeper to the next

    def __init__(self, app, host=None, port=None, ssl=None, unix=None):
        self.app = app
        self.host = host or os.environ.get("HOST", "127.0.0.1")
        port = os.environ.get("PORT", "8000") if port is None else port
        self.port = int(port)
        self.unix = unix and str(unix)
        if isinstance(ssl, tuple):  # the files of certificate and key
            files, ssl = ssl, create_default_context(Purpose.CLIENT_AUTH)
            ssl.load_cert_chain(*files)
        self.ssl = ssl
        self.worker = INHERITED in os.environ
        self.socket = self.listener = None
        self.max_connections = descriptors()

    async def __aenter__(self):
        """Take the port, let the app start, then accept connections."""
        self.socket = self.bind()
        try:
            await self.app.startup()
            await self.listen()
        except BaseException:
            self.release()
            raise
        self.sweeper = asyncio.create_task(self.sweep())
        return self

    async def __aexit__(self, *error):
        """Answer what was asked, but not for ever; then say goodbye."""
        self.unlisten()
        self.release()
        tasks = [connection.task for connection in self.app.connections]
        for connection in set(self.app.connections):
            connection.stop()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=self.grace)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        self.sweeper.cancel()
        await self.app.shutdown()

    def bind(self):
        """Return the listening socket; a worker has inherited it."""
        self.parent, *descriptor = inherited()
        if descriptor:
            listening = socket.socket(fileno=descriptor[0])
        elif self.unix:
            clear(self.unix)
            listening = socket.create_server(self.unix, family=socket.AF_UNIX)
        else:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            address = self.host, self.port
            listening = socket.create_server(address, family=family)
            # Connections inherit it; asyncio's loop would not ask for it.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"unix:{self.unix}"
        if not self.unix:
            self.host, self.port = listening.getsockname()[:2]
            host = f"[{self.host}]" if ":" in self.host else self.host
            self.url = f"http{'s' * bool(self.ssl)}://{host}:{self.port}"
        return listening

    def release(self):
        """Close the socket, and remove its file unless others need it."""
        self.socket.close()
        if self.unix and not self.worker:
            Path(self.unix).unlink(missing_ok=True)

    async def listen(self):
        """Accept connections, on a copy: the socket outlives a pause."""
        self.listener = await asyncio.get_running_loop().create_server(
            self.accept, sock=self.socket.dup(), ssl=self.ssl
        )

    def unlisten(self):
        """Accept no more: who comes now waits, as long as the socket."""
        if self.listener:
            self.listener.close()
            self.listener = None

    def accept(self):
        """Return the protocol of a connection; the last one may be it."""
        number = len(self.app.connections) + 1
        if number >= self.max_connections and self.listener:
            logger.error("%d connections are open: more must wait.", number)
            self.unlisten()
        return self.app.Protocol(self.app)

    async def sweep(self):
        """Look at every clock, and whether there is room again."""
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(self.interval)
            if self.parent not in (0, os.getppid()):
                signal.raise_signal(signal.SIGTERM)  # nobody looks after us
            for connection in set(self.app.connections):
                connection.expire(now())
            if not self.listener and self.socket.fileno() >= 0:
                if len(self.app.connections) < self.max_connections:
                    with contextlib.suppress(OSError):  # No: a file took it.
                        await self.listen()

    def run(self, workers=1, reload=False):
        """Serve until Ctrl-C or SIGTERM; a second one does not wait."""
        interrupts = (KeyboardInterrupt, asyncio.CancelledError)
        try:
            with contextlib.suppress(*interrupts):
                if not self.worker and (workers > 1 or reload):
                    self.supervise(workers, reload)
                else:
                    with asyncio.Runner(loop_factory=new_event_loop) as runner:
                        runner.run(self.serve_forever())
        except OSError as error:
            if self.socket:
                raise  # It is the app's.
            advice = "" if self.unix else " Try PORT=0 for a free one."
            raise SystemExit(f"{error}.{advice}") from None

    def supervise(self, workers, reload):
        """Let workers serve, on a socket that is bound here."""
        if not hasattr(socket, "AF_UNIX"):  # Windows
            if workers > 1:
                raise SystemExit("Windows cannot share a socket: one worker.")
            return Supervisor(None, workers, reload).run()
        self.socket = self.bind()
        print(f"Listening on {self.url}", flush=True)
        try:
            Supervisor(self.socket, workers, reload).run()
        finally:
            self.release()

    async def serve_forever(self):
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # on Windows
            stop = asyncio.current_task().cancel
            loop.add_signal_handler(signal.SIGTERM, stop)
        async with self:
            if not self.parent:
                print(f"Listening on {self.url}", flush=True)
            await asyncio.Event().wait()


def clear(path):
    """Remove a Unix socket that nobody listens at."""
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
        raise OSError(f"Somebody listens at {path}")
    if Path(path).is_socket():
        Path(path).unlink()


def descriptors():
    """Return how many connections may be open; some files are, too."""
    return max(FILES - 128, FILES // 2) if FILES > 0 else 2**31
