"""Listen, and stop with grace.

Knows: the listening socket, the sweeper, signals, TLS.
Does not know: requests.
"""

import asyncio
import logging
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import workers

try:
    from uvloop import new_event_loop
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    from asyncio import new_event_loop

logger = logging.getLogger("pico")


class Server:
    """Serves one app, as long as its block lasts; `url` says where."""

    grace = 10  # seconds for requests that are running
    interval = 1  # seconds from one look of the sweeper to the next
    handshake_timeout = 10  # seconds for a client to agree on TLS

    def __init__(self, app, host=None, port=None, ssl=None, unix=None):
        self.app = app
        self.protocol = lambda: app.Protocol(app)
        self.host = host or os.environ.get("HOST") or "127.0.0.1"
        self.port = workers.number_of(port)
        self.unix = unix and str(unix)
        self.tls = workers.secured(ssl, self.handshake_timeout)
        self.worker = workers.INHERITED in os.environ
        self.socket, self.listener, self.entering = None, None, {}
        self.max_connections = workers.descriptors()

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
        if self.entering:
            await asyncio.wait(self.entering.values(), timeout=self.interval)
        for task in self.entering.values():
            task.cancel()
        # A client that has just connected has asked nothing yet: wait a bit.
        await self.stop_connections(self.interval)
        pending = await self.stop_connections(self.grace)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        self.sweeper.cancel()
        await self.app.shutdown()

    async def stop_connections(self, patience):
        """Return the tasks that still run when the time is up."""
        for connection in set(self.app.connections):
            connection.stop()
        tasks = [connection.task for connection in self.app.connections]
        return tasks and (await asyncio.wait(tasks, timeout=patience))[1]

    def bind(self):
        """Return the listening socket; a worker has inherited it."""
        found = workers.bind(self.host, self.port, self.unix)
        listening, self.parent, self.says = found
        listening.setblocking(False)
        self.url = f"unix:{self.unix}"
        if not self.unix:
            self.host, self.port = listening.getsockname()[:2]
            host = f"[{self.host}]" if ":" in self.host else self.host
            self.url = f"http{'s' * bool(self.tls)}://{host}:{self.port}"
        return listening

    def release(self):
        """Close the socket, and remove its file unless others need it."""
        self.socket.close()
        if self.unix and not self.worker:
            Path(self.unix).unlink(missing_ok=True)

    async def listen(self):
        """Let clients in one by one, so that they can be counted."""
        loop, self.listening = asyncio.get_running_loop(), True
        try:
            loop.add_reader(self.socket, self.accept)
        except NotImplementedError:  # Windows counts no descriptors.
            self.listener = await loop.create_server(
                self.protocol, sock=self.socket.dup(), **self.tls
            )

    def unlisten(self):
        """Let nobody in: clients wait as long as the socket is open."""
        self.listening = False
        if self.listener:
            self.listener.close()
        else:
            asyncio.get_running_loop().remove_reader(self.socket)

    def accept(self):
        """Let a client in; if there is no room for another, those wait."""
        try:
            client, _ = self.socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # Another worker was faster, or the client has left.
        except OSError as error:
            logger.error("Nobody else can connect for now: %s", error)
            self.unlisten()
            return
        protocol = self.protocol()
        task = asyncio.create_task(self.enter(protocol, client))
        self.entering[protocol] = task
        task.add_done_callback(lambda _: self.entering.pop(protocol))
        if (number := self.connected()) >= self.max_connections:
            logger.error("%d connections are open: more must wait.", number)
            self.unlisten()

    async def enter(self, protocol, client):
        """Connect a protocol to its client, unless they disagree on TLS."""
        connect = asyncio.get_running_loop().connect_accepted_socket
        with suppress(OSError):
            await connect(lambda: protocol, client, **self.tls)

    def connected(self):
        """Return how many clients are connected, or on their way in."""
        inside = self.app.connections
        return len(inside) + len(self.entering.keys() - inside)

    async def sweep(self):
        """Look at every clock, and whether there is room again."""
        while True:
            await asyncio.sleep(self.interval)
            if self.parent not in (0, os.getppid()):
                self.parent = 0  # A second signal would not wait.
                signal.raise_signal(signal.SIGTERM)  # nobody looks after us
            for connection in set(self.app.connections):
                try:
                    connection.expire(asyncio.get_running_loop().time())
                except Exception:  # The others must keep their clocks.
                    logger.exception("A connection has no clock")
            room = self.max_connections - self.connected()
            if room > 0 and not self.listening and self.socket.fileno() >= 0:
                await self.listen()

    def run(self, number, reload):
        """Serve until Ctrl-C or SIGTERM; a second one does not wait."""
        try:
            with suppress(KeyboardInterrupt, asyncio.CancelledError):
                if not self.worker and (number > 1 or reload):
                    self.supervise(number, reload)
                else:
                    with asyncio.Runner(loop_factory=new_event_loop) as runner:
                        runner.run(self.serve_forever())
        except OSError as error:
            if self.socket:
                raise  # It is the app's.
            advice = "" if self.unix else " Try another HOST, or PORT=0."
            raise SystemExit(f"{error}.{advice}") from None

    def supervise(self, number, reload):
        """Let workers serve, on a socket that is bound here."""
        if not hasattr(socket, "AF_UNIX"):  # Windows shares no socket.
            return workers.Supervisor(None, number, reload).run()
        self.socket = self.bind()
        print(f"Listening on {self.url}", flush=True)
        try:
            workers.Supervisor(self.socket, number, reload).run()
        finally:
            self.release()

    async def serve_forever(self):
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        with suppress(NotImplementedError):  # on Windows
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
        async with self:
            workers.announce(self.says, self.url)
            await asyncio.Event().wait()
