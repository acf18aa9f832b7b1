"""What the tests of the engine share."""

import json

import pytest

from workshop.bench import Case
from workshop.bench.arms import Arm
from workshop.bench.results import SCHEMA

TINY = Case("tiny", b"GET / HTTP/1.1\r\n\r\n", 200, {}, b"hi")
PROGRAM = """
import asyncio

ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi"

class Protocol(asyncio.Protocol):
    every = seen = 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        Protocol.every += 1
        self.seen += 1
        answers = ANSWER * max(1, data.count(b"GET "))
        self.transport.write({lie} if {when} else answers)

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"Listening on http://127.0.0.1:{{port}}", flush=True)
    await server.serve_forever()

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture
def tiny():
    """Return `tiny(folder, lie, when)`: an arm that can lie.

    `when` is Python: `self.seen` counts the requests of a connection,
    `self.every` those of all. It answers as many as are pipelined.
    """

    def arm(folder, lie=b"", when="False"):
        folder.mkdir(exist_ok=True)
        program = PROGRAM.format(lie=repr(lie), when=when)
        (folder / "pico.py").write_text(program, "utf-8")
        return Arm(folder.name, folder, TINY)

    return arm


@pytest.fixture
def validate():
    """Return a function that raises unless a result of arms has its shape."""
    return validator(SCHEMA)


@pytest.fixture
def validate_study():
    """Return the same for an experiment that measures in its own way."""
    return validator(SCHEMA.with_name("study.schema.json"))


def validator(path):
    import jsonschema  # It takes a second, and few of these tests need it.

    schema = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).validate
