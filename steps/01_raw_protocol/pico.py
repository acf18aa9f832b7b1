"""Answer every request with the same bytes: the smallest server.

Knows: one response, written out by hand.
Does not know: what the client asked for.
"""

import asyncio
import contextlib
import os

try:
    from uvloop import new_event_loop
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    from asyncio import new_event_loop

RESPONSE = (
    b"HTTP/1.1 200 OK\r\n"
    b"content-length: 25\r\n"
    b"content-type: application/json\r\n"
    b"\r\n"
    b'{"message":"Hello bench"}'
)


class Protocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(RESPONSE)


async def main(host, port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, host, port)
    host, port = server.sockets[0].getsockname()
    print(f"Listening on http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    host = os.environ.get("HOST", "127.0.0.1")
    port = int(os.environ.get("PORT", "8000"))
    runner = asyncio.Runner(loop_factory=new_event_loop)
    with runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(main(host, port))
