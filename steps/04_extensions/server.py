"""Listen, and stop with grace.

Knows: the listening socket, signals, the end of connections.
Does not know: requests.
"""

import asyncio
import contextlib
import os
import signal

try:
    from uvloop import new_event_loop
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    from asyncio import new_event_loop


class Server:
    """Serves one app, as long as its block lasts; `url` says where."""

    grace = 10  # seconds for requests that are running

    def __init__(self, app, host=None, port=None):
        self.app = app
        self.host = host or os.environ.get("HOST", "127.0.0.1")
        self.port = int(
            os.environ.get("PORT", "8000") if port is None else port
        )

    async def __aenter__(self):
        """Take the port, let the app start, then accept connections."""
        self.listener = await asyncio.get_running_loop().create_server(
            lambda: self.app.Protocol(self.app),
            self.host,
            self.port,
            start_serving=False,
        )
        self.host, self.port = self.listener.sockets[0].getsockname()[:2]
        self.url = f"http://{self.host}:{self.port}"
        try:
            await self.app.startup()
            await self.listener.start_serving()
        except BaseException:
            self.listener.close()
            raise
        return self

    async def __aexit__(self, *error):
        """Answer what was asked, but not for ever; then say goodbye."""
        self.listener.close()
        tasks = [connection.task for connection in self.app.connections]
        for connection in set(self.app.connections):
            connection.stop()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=self.grace)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        await self.app.shutdown()

    def run(self):
        """Serve until Ctrl-C or SIGTERM; a second one does not wait."""
        runner = asyncio.Runner(loop_factory=new_event_loop)
        interrupts = (KeyboardInterrupt, asyncio.CancelledError)
        try:
            with runner, contextlib.suppress(*interrupts):
                runner.run(self.serve_forever())
        except OSError as error:
            raise SystemExit(f"{error}. Try PORT=0 for a free one.") from None

    async def serve_forever(self):
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # on Windows
            stop = asyncio.current_task().cancel
            loop.add_signal_handler(signal.SIGTERM, stop)
        async with self:
            print(f"Listening on {self.url}", flush=True)
            await asyncio.Event().wait()
